"""Devices, what a network computes in on them, and torch's settings while it does."""

import math
import re
import threading
import warnings
from contextlib import ExitStack, contextmanager
from functools import partial
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


def is_device_name(name):
    """Return whether torch has devices of this name, which may be absent here."""
    try:
        return torch.device(name).type != "meta"  # which holds no numbers
    except RuntimeError:
        return False


def resolve_device(device):
    """Return the torch device that "auto" or a name stands for; one that is there."""
    if device != "auto":
        try:
            found = torch.zeros(1, device=device)
            found.tolist()  # the device "meta" has no numbers
            return found.device
        # ImportError where torch needs the package of a manufacturer.
        except (RuntimeError, AssertionError, ImportError) as error:
            reason = re.split(r"\.\s|\n", str(error))[0].rstrip(".")
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


@contextmanager
def computing_in(dtype, device):
    """Let layers compute in `dtype`; parameters stay float32."""
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype != torch.float32):
        yield
    # Weights in bfloat16 are kept until the outermost autocast ends. That may be the program's
    # own, and the next batch has other weights.
    torch.clear_autocast_cache()


@contextmanager
def own_settings():
    """Compute as if the program had left torch's settings as they are when it is imported.

    Gradients, autocast, the default device and the flushing of denormal numbers are settings of
    a thread; the precision of products of float32 is one of the process. The default dtype is
    one of the process, too, and other threads may rely on it: it is not changed here, and
    whatever makes a tensor names the dtype. Left as they are, because they say what the machine
    is to be used for: the number of threads, and which libraries torch may call.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.empty(0).device.type != "cpu":  # get_default_device of torch 2.6 may fail
            stack.enter_context(torch.device("cpu"))
        if _flushes_denormals():
            torch.set_flush_denormal(False)
            stack.callback(torch.set_flush_denormal, True)
        stack.enter_context(_float32_products)
        yield


_SMALLEST = math.ulp(0.0)


def _flushes_denormals():
    """Return whether this thread takes the smallest numbers for 0; torch does not tell."""
    return _SMALLEST * 1.0 == 0.0


class _Float32Products:
    """Let products of float32 be computed in float32 while any thread is inside.

    The last one to leave puts back what the first one found.
    """

    def __init__(self):
        self._lock, self._inside, self._found = threading.Lock(), 0, {}

    def __enter__(self):
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._found = _lowered_precisions()
                for setting, exact, _ in self._found:
                    setting(exact)

    def __exit__(self, *exception):
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                for setting, _, found in self._found:
                    setting(found)


class _OneThread:
    """Let torch compute in one thread while any thread is inside.

    The last one to leave puts back what the first one found.
    """

    def __init__(self):
        self._lock, self._inside, self._found = threading.Lock(), 0, 1

    def __enter__(self):
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._found = torch.get_num_threads()
            torch.set_num_threads(1)  # of this thread, too

    def __exit__(self, *exception):
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                torch.set_num_threads(self._found)


# Products have other last bits with another number of threads, and workers have fewer of them.
one_thread = _OneThread()


def _lowered_precisions():
    """Return what lowers the precision of float32: how to set it, its exact value, the found."""
    backends = [
        getattr(torch.backends.mkldnn, "matmul", None),
        getattr(torch.backends.mkldnn, "conv", None),
        torch.backends.cuda.matmul,
    ]
    if not hasattr(backends[0], "fp32_precision"):  # torch before 2.9 has one setting for all
        found = torch.get_float32_matmul_precision()
        lowered = found != "highest"
        return [(torch.set_float32_matmul_precision, "highest", found)] if lowered else []
    return [
        (partial(setattr, backend, "fp32_precision"), "ieee", backend.fp32_precision)
        for backend in backends
        if backend.fp32_precision not in ("none", "ieee")
    ]


_float32_products = _Float32Products()


def to_device(module, device):
    """Move a module, its convolutions' weights with their channels last.

    Processors and graphics cards convolve fastest so, in either precision.
    """
    return module.to(device=device, memory_format=torch.channels_last)
