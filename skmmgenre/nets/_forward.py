"""Apply a module to the batches of a feed."""

import numpy as np
import torch
from scipy import sparse

from ._devices import computing_in, own_settings
from ._feeds import ArrayFeed, read_batches
from ._modules import MULTIPLE, Linear, tensor_of


def sparse_tensor(indices, values, shape):
    """Return a sparse tensor; `indices` must be valid, sorted and unique."""
    return torch.sparse_coo_tensor(
        indices, values, shape, is_coalesced=True, check_invariants=False
    )


def to_tensor(batch, n_rows):
    """Return a batch of a feed as a float32 tensor, padded with zero rows to `n_rows`.

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
    filled = torch.zeros(shape, dtype=torch.float32)
    filled[: len(batch)] = torch.from_numpy(batch)
    return filled


def padded(batch_size):
    """Return the number of rows that a batch is padded to outside of training."""
    return -(-batch_size // MULTIPLE) * MULTIPLE


@torch.inference_mode()
def forward(function, feed, rows, *, batch_size, device, dtype, advance=None):
    """Apply `function` (a module or a method of one) to rows of a feed; return float32 outputs.

    `advance` is called with the number of rows of each finished batch.

    Every batch is padded with zeros to `batch_size`, rounded up to a multiple of 16: the
    kernels that torch chooses, and with them the last bits, depend on the shape, and the output
    for a row must not depend on the other rows (see also `Linear`).
    """
    answers, first = None, 0
    size = padded(batch_size)
    chunks = [rows[start : start + size] for start in range(0, len(rows), size)]
    for chosen, batch in read_batches(feed, chunks, device=device):
        # The outputs for a sparse X must equal those for a dense one, bit for bit.
        batch = batch.toarray() if sparse.issparse(batch) else batch
        with computing_in(dtype, device):
            answer = function(to_tensor(batch, size).to(device))
        if answers is None:
            answers = np.empty((len(rows), *answer.shape[1:]), dtype=np.float32)
        answers[first : first + len(chosen)] = answer[: len(chosen)].float().cpu().numpy()
        first += len(chosen)
        if advance is not None:
            advance(len(chosen))
    return answers


@own_settings()
def apply_layer(X, weight, bias, *, batch_size=256):
    """Return ``X @ weight.T + bias`` as float32; the result for a row depends on no other row.

    Parameters
    ----------
    X : ndarray or CSR of float32, shape (n_rows, n_features)
    weight : ndarray of float32, shape (n_outputs, n_features)
    bias : ndarray of float32, shape (n_outputs,)
    """
    n_rows, n_features = X.shape
    # No memory is allocated here, and no weights are drawn from torch's global generator.
    with torch.device("meta"):
        layer = Linear(n_features, len(weight)).float()
    layer.load_state_dict({"weight": tensor_of(weight), "bias": tensor_of(bias)}, assign=True)
    # After loading, because it pads the weights that were loaded.
    layer.pad_inputs()
    # `forward` learns the shape of the outputs from the first batch, so it needs one.
    if not n_rows:
        return np.empty((0, len(weight)), dtype=np.float32)
    return forward(
        layer.eval(),
        ArrayFeed(X, np.zeros(n_rows, dtype=bool)),
        np.arange(n_rows),
        batch_size=batch_size,
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
