"""Devices, the precision of computations on them, and torch's settings during computations."""

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
    """Return the Accelerator of the processes that train together."""
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise ImportError(
            "device='accelerate' needs the package accelerate: "
            'pip install "skmmgenre[distributed]"'
        ) from error
    # We set the precision ourselves (`computing_in`), and skorch moves batches to the device.
    accelerator = Accelerator(
        mixed_precision="no",
        device_placement=False,
        cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
    )
    if accelerator.num_processes > 1 and not isinstance(random_state, Integral):
        raise ValueError(
            f"random_state={random_state!r} cannot be used with several processes, which must "
            "make the same random draws. Pass an integer."
        )
    return accelerator


def is_device_name(name):
    """Return whether torch knows this device name; the device may not be available."""
    try:
        return torch.device(name).type != "meta"  # a meta device has no values
    except RuntimeError:
        return False


def resolve_device(device):
    """Return the torch device for "auto" or a name; raise if it is not available."""
    if device != "auto":
        try:
            # torch.device accepts the names of absent devices; allocating a tensor does not.
            found = torch.zeros(1, device=device)
            found.tolist()  # fails for the device "meta", which has no values
            return found.device
        # ImportError if torch needs a vendor's package for this device.
        except (RuntimeError, AssertionError, ImportError) as error:
            reason = re.split(r"\.\s|\n", str(error))[0].rstrip(".")
            raise ValueError(
                f"device={device!r} is not available: {reason}. Use device='auto' or 'cpu'."
            ) from error
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def inference_device(device):
    """Return the device to predict on: the CPU, with a warning, if `device` is not available.

    A model trained on several devices predicts on the device of this process.
    """
    if device == "accelerate":
        if not torch.distributed.is_initialized():
            return resolve_device("auto")
        from accelerate import PartialState

        return PartialState().device
    try:
        return resolve_device(device)
    except ValueError as error:
        warnings.warn(f"{error} Predicting on the CPU.", stacklevel=5)
        return torch.device("cpu")


def training_dtype(precision, device, *, convolutional):
    """Return the dtype to train in; it depends only on the device and on the kind of network.

    "auto" is bfloat16 on GPUs that support it natively, and on such CPUs for convolutional
    networks. For a dense layer on a CPU, converting its weights costs more than it saves, as
    batches are small.
    """
    if precision != "auto":
        return getattr(torch, precision)
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = device.type == "cpu" and convolutional and processor_has_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def inference_dtype(precision):
    """Return the dtype to predict in: float32 unless `precision` is another."""
    return torch.float32 if precision == "auto" else getattr(torch, precision)


@contextmanager
def computing_in(dtype, device):
    """Let layers compute in `dtype`; parameters stay float32."""
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype != torch.float32):
        yield
    # Autocast caches weights in bfloat16 until the outermost context ends. That may be a context
    # of the caller's, and by then the weights have changed with every batch.
    torch.clear_autocast_cache()


@contextmanager
def own_settings():
    """Compute with torch's default settings, whatever the calling program has set.

    Gradients, autocast, the default device and the flushing of denormal numbers are settings of
    a thread; the precision of float32 products is a setting of the process. The default dtype is
    also a setting of the process, on which other threads may rely: it is not changed here, and
    all code that makes a tensor names the dtype. The number of threads and the libraries that
    torch may call are left as they are, since they are the user's choice for this machine.
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
    """Return whether this thread flushes denormal numbers to 0; torch has no function for it."""
    return _SMALLEST * 1.0 == 0.0


class _Float32Products:
    """Compute float32 products in full float32 precision while any thread is inside.

    The setting is global, so entries are counted: the first thread saves it, the last one to
    leave restores it.
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

    Entries are counted: the first thread saves the setting, the last one to leave restores it.
    """

    def __init__(self):
        self._lock, self._inside, self._found = threading.Lock(), 0, 1

    def __enter__(self):
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._found = torch.get_num_threads()
            torch.set_num_threads(1)  # in every thread: the setting may be per thread

    def __exit__(self, *exception):
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                torch.set_num_threads(self._found)


# The last bits of a product depend on the number of threads, and workers have fewer of them.
one_thread = _OneThread()


def _lowered_precisions():
    """Return the settings that lower float32 precision: (setter, exact value, current value)."""
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
    """Move a module to a device, with the weights of convolutions in channels-last format.

    CPUs and GPUs convolve fastest in this format, in either precision.
    """
    return module.to(device=device, memory_format=torch.channels_last)
