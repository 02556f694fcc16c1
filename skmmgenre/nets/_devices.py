"""Devices, and what a network computes in on them."""

import warnings
from numbers import Integral

import torch

from ..utils import processor_has_bfloat16


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
        fast = device.type == "cpu" and convolutional and processor_has_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def inference_dtype(precision):
    """Return the dtype to answer in: float32 unless another is asked for."""
    return torch.float32 if precision == "auto" else getattr(torch, precision)


def computing_in(dtype, device):
    """Return the context in which layers compute in `dtype`; parameters stay float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype != torch.float32)


def to_device(module, device):
    """Move a module, its convolutions' weights with their channels last.

    Processors and graphics cards convolve fastest so, in either precision.
    """
    return module.to(device=device, memory_format=torch.channels_last)
