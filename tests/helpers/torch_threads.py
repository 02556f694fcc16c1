"""Threads of torch, for a while."""

from contextlib import contextmanager

import torch


@contextmanager
def torch_threads(n_threads):
    """Let torch have so many threads inside."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
