"""Sound, texts and images through networks of `transformers`.

A vector depends on its window, text or image alone, bit for bit: rows of one shape go through the
network together, in batches that are filled up to one size. On a processor the size is fixed.
"""

import threading
from contextlib import nullcontext

import numpy as np
import torch

from ..nets._devices import inference_device, one_thread, own_settings
from ..utils import BadItem, SetupError

# Rows at once on a processor: small encoders of texts (16 to 128 tokens) take 1.4 to 3 times as
# long one by one as in eights, and no less in batches of 32.
_ROWS_ON_CPU = 8
_TOKENS_ON_CPU = 256  # in a batch of texts
_WINDOWS_ON_CPU = 1  # ten seconds of sound are enough for a product
_WINDOWS = 8  # on other devices
_BUCKET = 32  # tokens; texts are padded to a multiple
_UNLIMITED = 100_000  # tokenizers without a limit name a huge one
# As sentence-transformers names them, in the order in which it joins them.
_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
}


class _RandomStates:
    """Leave numpy's and torch's global generators as they are found, whatever is drawn inside.

    The last thread to leave puts back what the first one found: if each put back its own, what
    another had drawn before it entered would stay.
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


# CLAP's processor draws which window to call long, and wav2vec 2.0 which layers to leave out, of
# which there are none.
random_states = _RandomStates()


class _HubEncoder:
    """What the encoders have in common: a folder, a network, and batches of one size."""

    eager = False
    rows_on_cpu = _ROWS_ON_CPU
    threads = nullcontext()  # as many as torch has

    def __init__(self, folder, *, layer, device, batch_size):
        self.folder, self.layer = folder, layer
        self.device = inference_device(device)
        self.n_rows = self.rows_on_cpu if self.device.type == "cpu" else batch_size

    @property
    def fingerprint(self):
        """What vectors depend on beside what is encoded, as text; no path is in it."""
        rows = "" if self.device.type == "cpu" else f" {self.n_rows} rows"
        return (
            f"{self.folder.digest} layer {self.layer} {self.device.type}{rows} torch "
            f"{torch.__version__} transformers {self.folder._transformers.__version__}"
        )

    @property
    def network(self):
        return self.folder.read_network(self.device, eager=self.eager)

    def forward(self, inputs):
        """Return the vectors of inputs, each a dict of arrays; those of one shape go together."""
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
                    # The last one fills the batch: it is an input that the network knows.
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
        """Return how many rows of one shape go together, and are filled up to."""
        return self.n_rows

    def hidden(self, network, batch):
        """Return the chosen hidden layer, before pooling."""
        states = network(**batch, output_hidden_states=True).hidden_states
        if not -len(states) <= self.layer < len(states):
            raise SetupError(
                f"layer={self.layer}: {self.folder.name} has the layers 0 to {len(states) - 1}, "
                "0 being the input of the first."
            )
        return states[self.layer]

    def pooled(self, network, batch):
        """Return the model's own summary, else the mean over positions."""
        answer = _encoder_of(network)(**batch)
        pooled = getattr(answer, "pooler_output", None)
        if pooled is None:
            if not hasattr(answer, "last_hidden_state"):  # such as a codec
                raise SetupError(
                    f"{self.folder.name}: {type(network).__name__} returns no vectors that can be "
                    "averaged. Pass another model, or a function that makes vectors with this one."
                )
            return _mean_over_places(answer.last_hidden_state)
        if network.lacks_pooler:  # the first token is what the pooler would have got
            return answer.last_hidden_state[:, 0]
        return pooled


class HubAudio(_HubEncoder):
    """Windows of sound to vectors; see `load_hub_audio`."""

    rows_on_cpu = _WINDOWS_ON_CPU
    threads = one_thread  # workers compute as many tracks at a time as there are

    def __init__(self, folder, *, layer, device):
        super().__init__(folder, layer=layer, device=device, batch_size=_WINDOWS)
        self._processor = folder.read_processor("AutoFeatureExtractor")
        sr = getattr(self._processor, "sampling_rate", None)
        if sr is None:
            raise SetupError(
                f"{folder.name} is not a model of sound: its processor names no sampling rate."
            )
        self.sr = int(sr)
        self.window = self._seconds()
        self._check_fusion()

    def embed(self, windows):
        """Return the vectors of windows, float32 (n, samples) at `sr`, as float32 (n, d)."""
        return np.stack(self.forward([self._input(window) for window in windows]))

    def answer(self, network, batch):
        """Return the vectors of a batch."""
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
        if "is_longer" in arrays:  # a window never is
            arrays["is_longer"] = np.zeros_like(arrays["is_longer"], dtype=bool)
        arrays.pop("attention_mask", None)  # no window is padded
        return arrays

    def _seconds(self):
        """Seconds that the processor takes at once, or None."""
        processor = self._processor
        # Where there is chunk_length_s, chunk_length counts samples.
        of_chunks = "chunk_length_s" if hasattr(processor, "chunk_length_s") else "chunk_length"
        for name in ("max_length_s", of_chunks):
            if getattr(processor, name, None):
                return float(getattr(processor, name))
        if self.folder.config.get("model_type") == "audio-spectrogram-transformer":
            return processor.max_length / 100  # frames, of 10 ms
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
    """Texts to vectors; see `TextEmbedder`."""

    eager = True

    def __init__(self, folder, *, layer, pooling, max_length, device, batch_size):
        super().__init__(folder, layer=layer, device=device, batch_size=batch_size)
        self._tokenizer = folder.read_processor("AutoTokenizer")
        self._poolings, self._normalize = self._read_pooling(pooling)
        self.max_length = self._limit(max_length)

    def rows_at_once(self, arrays):
        """Return fewer for long windows, which gain nothing in a batch and are slow to fill up."""
        if self.device.type != "cpu":
            return self.n_rows
        return max(1, min(self.n_rows, _TOKENS_ON_CPU // len(arrays["input_ids"])))

    def prepare(self, texts):
        """Return the windows of tokens of a cell's texts: a list of dicts of arrays a text."""
        return [self._windows(text) for text in texts]

    def vectors(self, cells):
        """Return the vector of each prepared cell."""
        inputs = [window for cell in cells for windows in cell for window in windows]
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
        """Return the vectors of a batch."""
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
        """Return the vector of a text: the mean of its windows by their numbers of tokens."""
        if len(answers) == 1:
            return answers[0][0]
        lengths = [window["attention_mask"].sum() for _, window in answers]
        mean = np.average([vector for vector, _ in answers], axis=0, weights=lengths)
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
            raise BadItem("the model has no token for it", "Remove the text.")
        return [self._padded(tokens) for tokens in found]

    def _padded(self, tokens):
        length = min(-(-len(tokens) // _BUCKET) * _BUCKET, self.max_length)
        input_ids = np.full(length, self._tokenizer.pad_token_id or 0, dtype=np.int64)
        input_ids[: len(tokens)] = tokens
        mask = (np.arange(length) < len(tokens)).astype(np.int64)
        return {"input_ids": input_ids, "attention_mask": mask}

    def _limit(self, max_length):
        """Return how many tokens a window has, special ones included."""
        config = self.folder.config
        positions = config.get("max_position_embeddings") or _UNLIMITED
        # Positions of these begin behind that of padding.
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
                    f"max_length={max_length}: {self.folder.name} takes {most} tokens at most. "
                    "Longer texts are read in windows."
                )
            return max_length
        own = (self.folder.read_json("sentence_bert_config.json") or {}).get("max_seq_length")
        return min(most, own or most, 512 if most >= _UNLIMITED else most)

    def _read_pooling(self, pooling):
        """Return the poolings whose results stand side by side, and whether to normalize them."""
        if "text_config" in self.folder.config:
            raise SetupError(
                f"{self.folder.name} is a model of texts and something else. Pass a function that "
                "calls its get_text_features as model."
            )
        if pooling != "auto":
            return [pooling], False
        modules = self.folder.read_json("modules.json") or []
        kinds = [(module["type"].rpartition(".")[2], module["path"]) for module in modules]
        for kind, _ in kinds:
            if kind not in ("Transformer", "Pooling", "Normalize"):
                self._refuse(f"has a layer {kind!r} behind the network")
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
                self._refuse(f"pools by {mode!r}")
        return sorted(modes, key=order.index) or ["mean"], normalize

    def _refuse(self, what):
        raise SetupError(
            f"{self.folder.name} {what}, which pooling='auto' does not know. Pass pooling='mean', "
            "'cls' or 'max', or sentence_transformers' SentenceTransformer(...).encode as model."
        )


class HubImage(_HubEncoder):
    """Images to vectors; see `ImageEmbedder`."""

    def __init__(self, folder, *, layer, device, batch_size):
        super().__init__(folder, layer=layer, device=device, batch_size=batch_size)
        self._processor = folder.read_processor("AutoImageProcessor")

    def prepare(self, images):
        """Return what the network takes of the one image of a cell, a PIL image of mode RGB."""
        (image,) = images
        found = self._processor(images=image, return_tensors="pt")
        return {name: value[0].numpy() for name, value in found.items()}

    def vectors(self, cells):
        """Return the vector of each prepared image."""
        return self.forward(cells)

    def answer(self, network, batch):
        """Return the vectors of a batch."""
        if self.layer is not None:
            tower = getattr(network, "vision_model", network)
            return _mean_over_places(self.hidden(tower, batch))
        if hasattr(network, "get_image_features"):
            return network.get_image_features(**batch).pooler_output
        return self.pooled(network, batch)


def _encoder_of(network):
    return network.get_encoder() if network.config.is_encoder_decoder else network


def _mean_over_places(states):
    """Return the mean over positions (n, length, d), or over the places of maps (n, d, h, w)."""
    return states.mean(dim=(2, 3)) if states.ndim == 4 else states.mean(dim=1)
