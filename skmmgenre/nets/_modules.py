"""Building modules whose every draw comes from a generator of our own."""

import warnings
from numbers import Integral

import numpy as np
import torch
from scipy import sparse
from torch import nn

from ._feeds import read_batches

# Rows of a batch, and inputs of a dense layer, are filled up with zeros to multiples of it.
# Matrix products treat the last few rows, and rows that are not aligned in memory, by other
# kernels with other last bits (measured on MKL: 501 inputs to 3 outputs, in any batch).
_MULTIPLE = 16


class Linear(nn.Linear):
    """Dense layer whose answer to a row does not depend on the row's place in the batch."""

    def forward(self, x):
        return self.dense(x, self.weight)

    def dense(self, x, weight):
        """Product with a weight of shape (out_features, in_features), plus the bias."""
        lacking = -self.in_features % _MULTIPLE
        if lacking and not self.training:
            pad = nn.functional.pad
            x, weight = pad(x, (0, lacking)), pad(weight, (0, lacking))
        return nn.functional.linear(x, weight, self.bias)


class Dropout(nn.Module):
    """Dropout that draws from `generator` (set by `use_generator`), not from the global state."""

    generator = None

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        # Four times as fast as torch's bernoulli_ of a single generator.
        draws = torch.empty_like(x, dtype=torch.float32).uniform_(generator=self.generator)
        return x * (draws >= self.p).to(x.dtype).mul_(1 / (1 - self.p))


class Standardize(nn.Module):
    """Subtract a mean and divide by a scale, both learned before training starts."""

    _answer = None

    def __init__(self, shape):
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))

    def forward(self, x):
        answer = None
        if self.training:
            # A network in training is one thread's own: it may write over its last answer.
            # To get fresh memory from the system would take longer than all the arithmetic.
            if self._answer is None or self._answer.shape != x.shape:
                self._answer = torch.empty_like(x)
            answer = self._answer
        return torch.sub(x, self.mean, out=answer).div_(self.scale)


def use_generator(module, seed, device):
    """Let every part of `module` that draws in training draw from one seeded generator."""
    generator = torch.Generator(device).manual_seed(seed)
    for part in module.modules():
        if hasattr(part, "generator"):
            part.generator = generator


def build_empty(make_module, recipe):
    """Build a module without drawing a number: on the meta device, then unfilled on the CPU."""
    with torch.device("meta"):
        module = make_module(**recipe)
    return module.to_empty(device="cpu")


def count_parameters(make_module, recipe):
    """Number of parameters of a module that is not built for it."""
    with torch.device("meta"):
        return sum(p.numel() for p in make_module(**recipe).parameters())


def initialize(module, seed):
    """Fill all parameters and buffers as torch does by default, from one seed.

    A part with a method ``initialize(generator)`` fills itself and all it holds.
    """
    _initialize_part(module, torch.Generator().manual_seed(seed))


@torch.no_grad()
def _initialize_part(part, generator):
    if hasattr(part, "initialize"):
        part.initialize(generator)
    elif isinstance(part, (nn.Linear, nn.Conv2d)):
        # Kaiming's uniform with a = sqrt(5), torch's default, is U(-1/sqrt(fan_in), ...).
        bound = 1 / np.sqrt(part.weight[0].numel())
        part.weight.uniform_(-bound, bound, generator=generator)
        if part.bias is not None:
            part.bias.uniform_(-bound, bound, generator=generator)
    elif isinstance(part, Standardize):
        part.mean.zero_()
        part.scale.fill_(1)
    elif not list(part.children()) and list(part.state_dict()):
        raise TypeError(f"{type(part).__name__} has weights and no way to initialize them.")
    else:
        for child in part.children():
            _initialize_part(child, generator)


def to_arrays(module):
    """Return the state of a module as a dict of numpy arrays."""
    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format).numpy()
        for name, value in module.state_dict().items()
    }


def from_arrays(make_module, recipe, arrays, device):
    """Rebuild a module for inference from what `to_arrays` returned."""
    with torch.device("meta"):
        module = make_module(**recipe)
    state = {
        name: torch.from_numpy(array if array.flags.writeable else array.copy())
        for name, array in arrays.items()
    }
    module.load_state_dict(state, assign=True)
    return to_device(module, device).eval()


def make_accelerator(random_state):
    """Return what knows the processes that train together, and the device of this one."""
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise ImportError(
            "device='accelerate' needs the package accelerate: "
            'pip install "skmmgenre[distributed]"'
        ) from error
    # The precision is ours to set, and batches are put on the device by skorch.
    accelerator = Accelerator(
        mixed_precision="no",
        device_placement=False,
        cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
    )
    if accelerator.num_processes > 1 and not isinstance(random_state, Integral):
        raise ValueError(
            f"random_state={random_state!r}: processes that train together must draw alike. "
            "Pass an integer."
        )
    return accelerator


def resolve_device(device):
    """Return the torch device that "auto" or a name stands for; one that is there."""
    if device != "auto":
        try:
            return torch.empty(0, device=device).device
        except (RuntimeError, AssertionError) as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise ValueError(
                f"device={device!r} cannot be used here: {reason}. Use device='auto' or 'cpu'."
            ) from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def inference_device(device):
    """As `resolve_device`, but a model trained elsewhere answers on the CPU, with a warning.

    A model trained on several devices answers on the one of this process.
    """
    if device == "accelerate":
        if not torch.distributed.is_initialized():
            return resolve_device("auto")
        from accelerate import PartialState

        return PartialState().device
    try:
        return resolve_device(device)
    except ValueError as error:
        warnings.warn(f"{error} Answering on the CPU.", stacklevel=5)
        return torch.device("cpu")


def training_dtype(precision, device, *, convolutional):
    """Return the dtype to train in: a matter of the device and the network's kind alone.

    "auto" is bfloat16 where the device multiplies it natively: on a graphics card, and on a
    processor for convolutions. A batch is too small there for a dense layer to win back what
    it costs to convert its weights.
    """
    if precision != "auto":
        return getattr(torch, precision)
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = device.type == "cpu" and convolutional and _processor_has_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def inference_dtype(precision):
    """Return the dtype to answer in: float32 unless another is asked for."""
    return torch.float32 if precision == "auto" else getattr(torch, precision)


def _processor_has_bfloat16():
    """Tell whether there are instructions for it; without them it is emulated, and slow."""
    has = getattr(torch.cpu, "get_capabilities", dict)()
    if has:
        return any(has.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch before 2.10
    return any(getattr(torch.cpu, name, bool)() for name in names)


def computing_in(dtype, device):
    """Return the context in which layers compute in `dtype`; parameters stay float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype != torch.float32)


def to_device(module, device):
    """Move a module, its convolutions' weights with their channels last.

    Processors and graphics cards convolve fastest so, in either precision.
    """
    return module.to(device=device, memory_format=torch.channels_last)


def sparse_tensor(indices, values, shape):
    """Return a sparse tensor; `indices` are right, in order and none comes twice."""
    return torch.sparse_coo_tensor(
        indices, values, shape, is_coalesced=True, check_invariants=False
    )


def to_tensor(batch, n_rows):
    """Return a batch of a feed as a float32 tensor, filled up with zeros to `n_rows`.

    A batch in CSR becomes a sparse tensor.
    """
    shape = (n_rows, *batch.shape[1:])
    if sparse.issparse(batch):
        rows = np.repeat(np.arange(batch.shape[0]), np.diff(batch.indptr))
        indices = torch.from_numpy(np.stack([rows, batch.indices]).astype(np.int64))
        values = torch.from_numpy(batch.data)
        return sparse_tensor(indices, values, shape)
    if len(batch) == n_rows:
        return torch.from_numpy(batch)
    filled = torch.zeros(shape)
    filled[: len(batch)] = torch.from_numpy(batch)
    return filled


def padded(batch_size):
    """Return how many rows a batch outside of training is filled up to."""
    return -(-batch_size // _MULTIPLE) * _MULTIPLE


@torch.inference_mode()
def forward(function, feed, rows, *, batch_size, device, dtype, advance=None):
    """Apply `function` (a module or a method of one) to rows of a feed; float32 answers.

    `advance` is told the number of rows of each batch that is done.

    Every batch is padded with zeros to `batch_size`, rounded up to a multiple of 16: the
    kernels that torch chooses, and with them the last bits, depend on the shape, and a row
    must answer the same alone as among others (rule 5; see also `Linear`).
    """
    answers = []
    size = padded(batch_size)
    chunks = [rows[start : start + size] for start in range(0, len(rows), size)]
    for chosen, batch in read_batches(feed, chunks, device=device):
        with computing_in(dtype, device):
            answer = function(to_tensor(batch, size).to(device))
        answers.append(answer[: len(chosen)].float().cpu().numpy())
        if advance is not None:
            advance(len(chosen))
    return np.concatenate(answers)
