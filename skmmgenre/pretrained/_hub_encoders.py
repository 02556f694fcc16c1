"""Encode sound, texts and images with networks of `transformers`.

Each vector depends only on its window, text or image, bit for bit: rows of the same shape are
batched together, and batches are padded to a constant size. On a CPU the size is fixed.
"""

import threading
from contextlib import nullcontext

import numpy as np
import torch

from ..nets._devices import inference_device, one_thread, own_settings
from ..utils import BadItem, SetupError

# Batch size on a CPU: small text encoders (16 to 128 tokens) take 1.4 to 3 times as long with
# single rows as with batches of 8, and batches of 32 are not faster.
_ROWS_ON_CPU = 8
_TOKENS_ON_CPU = 256  # in a batch of texts
_WINDOWS_ON_CPU = 1  # ten seconds of sound are enough work for a matrix product
_WINDOWS = 8  # on other devices
_BUCKET = 32  # tokens; texts are padded to a multiple
_UNLIMITED = 100_000  # tokenizers without a limit have a huge model_max_length
# Names of sentence-transformers, in the order in which it concatenates them.
_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
}


class _RandomStates:
    """Context manager that restores the global random states of numpy and torch on exit.

    The last thread to exit restores the states that the first thread saved. If each thread
    restored its own, draws that another thread made before it entered would persist.
    """

    def __init__(self):
        self._lock, self._inside, self._found = threading.Lock(), 0, None

    def __enter__(self):
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._found = np.random.get_state(), torch.get_rng_state()

    def __exit__(self, *exception):
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                np.random.set_state(self._found[0])
                torch.set_rng_state(self._found[1])


# The processor of CLAP draws which window is marked as long; wav2vec 2.0 draws which layers to drop
# (none, at inference).
random_states = _RandomStates()


class _HubEncoder:
    """Base class of the encoders: a folder, a network, and batches of constant size."""

    eager = False
    rows_on_cpu = _ROWS_ON_CPU
    threads = nullcontext()  # the default number of threads of torch

    def __init__(self, folder, *, layer, device, batch_size):
        self.folder, self.layer = folder, layer
        self.device = inference_device(device)
        self.n_rows = self.rows_on_cpu if self.device.type == "cpu" else batch_size

    @property
    def fingerprint(self):
        """A str of everything besides the input that vectors depend on, without paths."""
        rows = "" if self.device.type == "cpu" else f" {self.n_rows} rows"
        return (
            f"{self.folder.digest} layer {self.layer} {self.device.type}{rows} torch "
            f"{torch.__version__} transformers {self.folder._transformers.__version__}"
        )

    @property
    def network(self):
        return self.folder.read_network(self.device, eager=self.eager)

    def forward(self, inputs):
        """Compute the vectors of inputs (dicts of arrays), batching those of the same shape."""
        groups = {}
        for i, arrays in enumerate(inputs):
            shape = tuple((name, array.shape) for name, array in sorted(arrays.items()))
            groups.setdefault(shape, []).append(i)
        vectors, network = [None] * len(inputs), self.network
        with own_settings(), self.threads, torch.inference_mode(), random_states:
            for group in groups.values():
                n_rows = self.rows_at_once(inputs[group[0]])
                for start in range(0, len(group), n_rows):
                    chosen = group[start : start + n_rows]
                    # Pad the batch with copies of its last row, which is a valid input.
                    filled = chosen + chosen[-1:] * (n_rows - len(chosen))
                    batch = {
                        name: torch.from_numpy(np.stack([inputs[i][name] for i in filled])).to(
                            self.device
                        )
                        for name in inputs[chosen[0]]
                    }
                    answers = self.answer(network, batch).float().cpu().numpy()
                    for i, vector in zip(chosen, answers, strict=False):
                        vectors[i] = vector.ravel()
        return vectors

    def rows_at_once(self, arrays):
        """Return the batch size for rows of this shape, to which batches are padded."""
        return self.n_rows

    def hidden(self, network, batch):
        """Compute the selected hidden layer, before pooling."""
        states = network(**batch, output_hidden_states=True).hidden_states
        if not -len(states) <= self.layer < len(states):
            raise SetupError(
                f"layer={self.layer} is out of range: {self.folder.name} has the layers 0 (the "
                f"input of the first layer) to {len(states) - 1}."
            )
        return states[self.layer]

    def pooled(self, network, batch):
        """Compute the pooled output of the model, or else the mean over positions."""
        answer = _encoder_of(network)(**batch)
        pooled = getattr(answer, "pooler_output", None)
        if pooled is None:
            if not hasattr(answer, "last_hidden_state"):  # for example a codec
                raise SetupError(
                    f"{self.folder.name}: {type(network).__name__} does not return hidden states "
                    "that can be averaged. Pass another model, or a function that computes vectors "
                    "with this one."
                )
            return _mean_over_places(answer.last_hidden_state)
        if network.lacks_pooler:  # the input of the missing pooler
            return answer.last_hidden_state[:, 0]
        return pooled


class HubAudio(_HubEncoder):
    """Encoder of windows of sound; see `load_hub_audio`."""

    rows_on_cpu = _WINDOWS_ON_CPU
    threads = one_thread  # tracks are encoded in parallel by the workers

    def __init__(self, folder, *, layer, device):
        super().__init__(folder, layer=layer, device=device, batch_size=_WINDOWS)
        self._processor = folder.read_processor("AutoFeatureExtractor")
        sr = getattr(self._processor, "sampling_rate", None)
        if sr is None:
            raise SetupError(
                f"{folder.name} is not an audio model: its processor has no sampling rate."
            )
        self.sr = int(sr)
        self.window = self._seconds()
        self._check_fusion()

    def embed(self, windows):
        """Compute the float32 vectors (n, d) of float32 windows (n, samples) at `sr`."""
        return np.stack(self.forward([self._input(window) for window in windows]))

    def answer(self, network, batch):
        """Compute the vectors of a batch."""
        if self.layer is not None:
            tower = getattr(network, "audio_model", None) or _encoder_of(network)
            return _mean_over_places(self.hidden(tower, batch))
        if hasattr(network, "get_audio_features"):
            return network.get_audio_features(**batch).pooler_output
        return self.pooled(network, batch)

    def _input(self, window):
        with random_states:
            found = self._processor(
                np.asarray(window, dtype=np.float32), sampling_rate=self.sr, return_tensors="np"
            )
        arrays = {name: np.asarray(value)[0] for name, value in found.items()}
        if "is_longer" in arrays:  # windows are never long
            arrays["is_longer"] = np.zeros_like(arrays["is_longer"], dtype=bool)
        arrays.pop("attention_mask", None)  # windows are not padded
        return arrays

    def _seconds(self):
        """Return the window length of the processor in seconds, or None."""
        processor = self._processor
        # If there is chunk_length_s, chunk_length is in samples.
        of_chunks = "chunk_length_s" if hasattr(processor, "chunk_length_s") else "chunk_length"
        for name in ("max_length_s", of_chunks):
            if getattr(processor, name, None):
                return float(getattr(processor, name))
        if self.folder.config.get("model_type") == "audio-spectrogram-transformer":
            return processor.max_length / 100  # frames of 10 ms
        return None

    def _check_fusion(self):
        if self.folder.config.get("model_type") != "clap":
            return
        audio = self.folder.config.get("audio_config", {})
        fuses, fused = audio.get("enable_fusion", False), self._processor.truncation == "fusion"
        if fuses != fused:
            raise SetupError(
                f"{self.folder.name}: its network has enable_fusion={fuses}, but its processor "
                f"has truncation={self._processor.truncation!r}. Set truncation to "
                f"{'fusion' if fuses else 'rand_trunc'!r} in preprocessor_config.json."
            )


class HubText(_HubEncoder):
    """Encoder of texts; see `TextEmbedder`."""

    eager = True

    def __init__(self, folder, *, layer, pooling, max_length, device, batch_size):
        super().__init__(folder, layer=layer, device=device, batch_size=batch_size)
        self._poolings, self._normalize = self._read_pooling(pooling)
        self._tokenizer = folder.read_processor("AutoTokenizer")
        self.max_length = self._limit(max_length)

    def rows_at_once(self, arrays):
        """Return a smaller batch size for long windows, where batching only costs padding."""
        if self.device.type != "cpu":
            return self.n_rows
        return max(1, min(self.n_rows, _TOKENS_ON_CPU // len(arrays["input_ids"])))

    def prepare(self, texts):
        """Tokenize the texts of a cell into windows: a list of dicts of arrays per text."""
        return [self._windows(text) for text in texts]

    def vectors(self, cells):
        """Compute the vector of each prepared cell."""
        inputs = [window for cell in cells for windows in cell for window in windows]
        # Consumed below in the order in which `inputs` was flattened.
        answers = iter(self.forward(inputs))
        return [
            np.mean(
                [self._mean([(next(answers), window) for window in windows]) for windows in cell],
                axis=0,
                dtype=np.float64,
            ).astype(np.float32)
            for cell in cells
        ]

    def answer(self, network, batch):
        """Compute the vectors of a batch."""
        encoder = _encoder_of(network)
        if self.layer is None:
            states = encoder(**batch).last_hidden_state
        else:
            states = self.hidden(encoder, batch)
        mask = batch["attention_mask"][:, :, None].to(states.dtype)
        pooled = []
        for pooling in self._poolings:
            if pooling == "cls":
                pooled.append(states[:, 0])
            elif pooling == "max":
                pooled.append(states.masked_fill(mask == 0, -torch.inf).amax(dim=1))
            else:
                pooled.append((states * mask).sum(dim=1) / mask.sum(dim=1))
        vectors = torch.cat(pooled, dim=1)
        return torch.nn.functional.normalize(vectors, dim=1) if self._normalize else vectors

    def _mean(self, answers):
        """Compute the vector of a text: the mean of its windows, weighted by number of tokens."""
        if len(answers) == 1:
            return answers[0][0]
        lengths = [window["attention_mask"].sum() for _, window in answers]
        mean = np.average([vector for vector, _ in answers], axis=0, weights=lengths)
        # The mean of unit vectors is shorter than they are.
        if self._normalize:
            mean /= max(np.linalg.norm(mean), np.finfo(np.float32).tiny)
        return mean

    def _windows(self, text):
        tokenizer = self._tokenizer
        if tokenizer.is_fast:
            found = tokenizer(
                text, truncation=True, max_length=self.max_length, return_overflowing_tokens=True
            )["input_ids"]
        else:
            tokens = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
            step = self.max_length - tokenizer.num_special_tokens_to_add()
            found = [
                tokenizer.build_inputs_with_special_tokens(tokens[start : start + step])
                for start in range(0, max(len(tokens), 1), step)
            ]
        if not all(map(len, found)):
            raise BadItem("the model has no token for this text", "Remove the text.")
        return [self._padded(tokens) for tokens in found]

    def _padded(self, tokens):
        length = min(-(-len(tokens) // _BUCKET) * _BUCKET, self.max_length)
        input_ids = np.full(length, self._tokenizer.pad_token_id or 0, dtype=np.int64)
        input_ids[: len(tokens)] = tokens
        mask = (np.arange(length) < len(tokens)).astype(np.int64)
        return {"input_ids": input_ids, "attention_mask": mask}

    def _limit(self, max_length):
        """Return the maximum number of tokens per window, including special tokens."""
        config = self.folder.config
        positions = config.get("max_position_embeddings") or _UNLIMITED
        # The positions of these models start after the padding index.
        if "roberta" in config.get("model_type", "") or config.get("model_type") in (
            "camembert",
            "mpnet",
            "longformer",
        ):
            positions -= (config.get("pad_token_id") or 1) + 1
        most = min(positions, self._tokenizer.model_max_length)
        if max_length is not None:
            if max_length > most:
                raise ValueError(
                    f"max_length={max_length} is too large: {self.folder.name} accepts at most "
                    f"{most} tokens. Longer texts are split into windows."
                )
            return max_length
        own = (self.folder.read_json("sentence_bert_config.json") or {}).get("max_seq_length")
        return min(most, own or most, 512 if most >= _UNLIMITED else most)

    def _read_pooling(self, pooling):
        """Return the poolings to concatenate, and whether to normalize the result."""
        if "text_config" in self.folder.config:
            raise SetupError(
                f"{self.folder.name} is not a text-only model. Pass a function that calls its "
                "get_text_features as model."
            )
        if pooling != "auto":
            return [pooling], False
        modules = self.folder.read_json("modules.json") or []
        kinds = [(module["type"].rpartition(".")[2], module["path"]) for module in modules]
        for kind, _ in kinds:
            if kind not in ("Transformer", "Pooling", "Normalize"):
                self._refuse(f"has a layer {kind!r} after the network")
        normalize = any(kind == "Normalize" for kind, _ in kinds)
        path = next((path for kind, path in kinds if kind == "Pooling"), "1_Pooling")
        settings = self.folder.read_json(f"{path}/config.json")
        if settings is None:
            return ["mean"], normalize
        if isinstance(settings.get("pooling_mode"), str):  # sentence-transformers 5
            modes = [settings["pooling_mode"]]
        else:
            modes = [
                _POOLINGS.get(name, name)
                for name, chosen in settings.items()
                if name.startswith("pooling_mode_") and chosen
            ]
        order = list(_POOLINGS.values())
        for mode in modes:
            if mode not in order:
                self._refuse(f"uses the pooling {mode!r}")
        return sorted(modes, key=order.index) or ["mean"], normalize

    def _refuse(self, what):
        raise SetupError(
            f"{self.folder.name} {what}, which pooling='auto' does not support. Pass "
            "pooling='mean', 'cls' or 'max', or sentence_transformers' "
            "SentenceTransformer(...).encode as model."
        )


class HubImage(_HubEncoder):
    """Encoder of images; see `ImageEmbedder`."""

    def __init__(self, folder, *, layer, device, batch_size):
        super().__init__(folder, layer=layer, device=device, batch_size=batch_size)
        self._processor = folder.read_processor("AutoImageProcessor")

    def prepare(self, images):
        """Preprocess the image of a cell, a PIL image of mode RGB, for the network."""
        (image,) = images
        found = self._processor(images=image, return_tensors="pt")
        return {name: value[0].numpy() for name, value in found.items()}

    def vectors(self, cells):
        """Compute the vector of each prepared image."""
        return self.forward(cells)

    def answer(self, network, batch):
        """Compute the vectors of a batch."""
        if self.layer is not None:
            tower = getattr(network, "vision_model", network)
            return _mean_over_places(self.hidden(tower, batch))
        if hasattr(network, "get_image_features"):
            return network.get_image_features(**batch).pooler_output
        return self.pooled(network, batch)


def _encoder_of(network):
    return network.get_encoder() if network.config.is_encoder_decoder else network


def _mean_over_places(states):
    """Average over the positions of (n, length, d) states or of (n, d, h, w) maps."""
    return states.mean(dim=(2, 3)) if states.ndim == 4 else states.mean(dim=1)
