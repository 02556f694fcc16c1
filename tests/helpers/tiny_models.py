"""Tiny models of the real classes of transformers, saved to folders as the hub has them."""

import json
from contextlib import contextmanager

import numpy as np

WORDS = "a the loud calm guitar voice sax piano drum night red blue and of in ##s , .".split()


@contextmanager
def _drawn(seed=0):
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def save_bert(folder, *, modules=(), pooling=None, max_length=40, **config):
    """A BERT of two layers of 16 units and its tokenizer; with sentence-transformers' settings."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    ids = {word: i for i, word in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=max_length,
    ).save_pretrained(folder)
    size = {
        "vocab_size": len(vocabulary),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 64,
    }
    with _drawn():
        BertModel(BertConfig(**{**size, **config})).save_pretrained(folder)
    if modules:
        paths = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
        lines = [
            {
                "idx": i,
                "path": paths.get(kind, kind),
                "type": f"sentence_transformers.models.{kind}",
            }
            for i, kind in enumerate(modules)
        ]
        (folder / "modules.json").write_text(json.dumps(lines))
    if pooling is not None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


def _image_processor(folder, name, **options):
    import transformers

    size = {"height": 32, "width": 32}
    getattr(transformers, name)(size=size, crop_size=size, **options).save_pretrained(folder)


def save_clip(folder):
    """A CLIP whose images of 32 pixels have four patches, and its image processor."""
    from transformers import CLIPConfig, CLIPModel

    text = {"vocab_size": 30, "max_position_embeddings": 16}
    vision = {"image_size": 32, "patch_size": 16}
    size = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    config = CLIPConfig(
        text_config={**size, **text}, vision_config={**size, **vision}, projection_dim=12
    )
    with _drawn():
        CLIPModel(config).save_pretrained(folder)
    _image_processor(folder, "CLIPImageProcessor")
    return folder


def save_vit(folder, *, classifier=False):
    """A ViT and its image processor; with `classifier` it lacks the pooling layer, as many do."""
    from transformers import ViTConfig, ViTForImageClassification, ViTModel

    config = ViTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=16,
    )
    with _drawn():
        (ViTForImageClassification if classifier else ViTModel)(config).save_pretrained(folder)
    _image_processor(folder, "ViTImageProcessor")
    return folder


def save_resnet(folder):
    """A ResNet of two stages, whose last feature maps have 8 x 8 places, and its processor."""
    from transformers import ResNetConfig, ResNetModel, ViTImageProcessor

    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    with _drawn():
        ResNetModel(config).save_pretrained(folder)
    size = {"height": 64, "width": 64}
    ViTImageProcessor(size=size, image_mean=[0.5] * 3, image_std=[0.5] * 3).save_pretrained(folder)
    return folder


def save_clap(folder, *, fusion=False, truncation=None, seconds=1):
    """A CLAP of 48 kHz and one second, and its feature extractor."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    audio = {
        "spec_size": 64,
        "num_mel_bins": 16,
        "patch_size": 4,
        "patch_stride": [4, 4],
        "patch_embeds_hidden_size": 8,
        "hidden_size": 16,
        "depths": [1, 1],
        "num_attention_heads": [2, 2],
        "window_size": 4,
        "enable_fusion": fusion,
        "aff_block_r": 2,
        "num_classes": 3,
    }
    text = {
        "vocab_size": 30,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "projection_dim": 12,
    }
    config = ClapConfig(
        audio_config={**audio, "projection_dim": 12}, text_config=text, projection_dim=12
    )
    with _drawn():
        ClapModel(config).save_pretrained(folder)
    ClapFeatureExtractor(
        feature_size=16,
        max_length_s=seconds,
        truncation=truncation or ("fusion" if fusion else "rand_trunc"),
    ).save_pretrained(folder)
    return folder


def save_ast(folder):
    """An AST of 16 kHz and 1.1 seconds, and its feature extractor."""
    from transformers import ASTConfig, ASTFeatureExtractor, ASTForAudioClassification

    config = ASTConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        patch_size=8,
        frequency_stride=8,
        time_stride=8,
        max_length=110,
        num_mel_bins=32,
    )
    with _drawn():
        ASTForAudioClassification(config).save_pretrained(folder)
    ASTFeatureExtractor(max_length=110, num_mel_bins=32).save_pretrained(folder)
    return folder


def save_wav2vec2(folder):
    """A wav2vec 2.0 of 16 kHz without window, and its feature extractor."""
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    config = Wav2Vec2Config(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        conv_dim=(8, 8),
        conv_kernel=(10, 8),
        conv_stride=(5, 4),
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
    )
    with _drawn():
        Wav2Vec2Model(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(return_attention_mask=False).save_pretrained(folder)
    return folder


def save_encodec(folder):
    """An EnCodec, whose output is not vectors but codes and sound, and its feature extractor."""
    from transformers import EncodecConfig, EncodecFeatureExtractor, EncodecModel

    chunks = {"sampling_rate": 16000, "chunk_length_s": 1.0, "overlap": 0.1}
    config = EncodecConfig(
        num_filters=4,
        hidden_size=8,
        upsampling_ratios=[4, 2],
        codebook_size=16,
        codebook_dim=8,
        num_lstm_layers=1,
        target_bandwidths=[8.0],
        **chunks,
    )
    with _drawn():
        EncodecModel(config).save_pretrained(folder)
    EncodecFeatureExtractor(**chunks).save_pretrained(folder)
    return folder


def vectors_by_transformers(folder, windows, sr):
    """What transformers itself returns for windows of sound, of CLAP, AST or wav2vec 2.0."""
    import torch
    import transformers

    processor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    state = np.random.get_state()  # CLAP's draws
    inputs = processor(list(windows), sampling_rate=sr, return_tensors="pt")
    np.random.set_state(state)
    with torch.inference_mode(), torch.random.fork_rng():
        model = transformers.AutoModel.from_pretrained(folder).eval()
        if model.config.model_type == "clap":
            inputs["is_longer"] = torch.zeros(len(windows), 1, dtype=torch.bool)
            return model.get_audio_features(**inputs).pooler_output.numpy()
        answer = model(**inputs)
        if model.config.model_type == "audio-spectrogram-transformer":
            return answer.pooler_output.numpy()
        return answer.last_hidden_state.mean(dim=1).numpy()


def windows_of_noise(n, seconds, sr):
    """Windows of sound, float32 (n, samples)."""
    rng = np.random.default_rng(0)
    return (0.1 * rng.normal(size=(n, int(seconds * sr)))).astype(np.float32)
