"""The skorch net, its batches of a feed, and the training of one net by several processes.

Each process has its own device and a part of every batch.
"""

import numpy as np
import torch
from scipy import sparse
from skorch import NeuralNet
from skorch.hf import AccelerateMixin
from torch.utils.data import Dataset

from ..utils import TrainingSetOnce
from ._devices import computing_in
from ._feeds import read_batches
from ._forward import to_tensor


class Rows(Dataset):
    """Rows of a feed with their training targets and weights, as a data set for skorch."""

    def __init__(self, feed, truth, weight, rows):
        self.feed, self.truth, self.weight, self.rows = feed, truth, weight, rows

    def __len__(self):
        return len(self.rows)


class Batches:
    """Iterate over the batches of an epoch; in training in an order drawn from `seed`.

    Parameters
    ----------
    rows : Rows
    batch_size : int
        Batch size of all processes together.
    seed : int or None
        Seed of the order of the rows; None keeps their order.
    even : bool
        Whether the batches of an epoch are equally large, give or take a row. If not, the last
        one has the remaining rows. (A step on a single row is as large as a step on any batch.)
    share : tuple of two int
        Index of this process, and the number of processes.
    device : torch.device
        Device of the network.
    """

    def __init__(self, rows, batch_size, *, device, seed=None, even=False, share=(0, 1)):
        self.set, self.batch_size, self.seed, self.share = rows, batch_size, seed, share
        self.device, self.even = device, even
        self.epoch = 0

    def __iter__(self):
        rows, epoch = self.set.rows, None
        if self.seed is not None:
            # skorch iterates over one such object in every epoch, so it can count them.
            epoch = self.epoch
            self.epoch += 1
            # The order depends on seed and epoch only, so all processes draw the same one.
            rows = np.random.default_rng([self.seed, epoch]).permutation(rows)
        starts = np.arange(0, len(rows), self.batch_size)
        # Given a number, array_split makes parts of equal size; given positions, it makes parts of
        # `batch_size` rows and a last part with the rest.
        wholes = np.array_split(rows, len(starts) if self.even else starts[1:])
        shares = [_share_of(whole, *self.share) for whole in wholes]
        own_rows = [own for own, _ in shares]
        # The epoch is None in validation, where feeds must not augment their rows.
        batches = read_batches(self.set.feed, own_rows, epoch, device=self.device)
        for (chosen, batch), (_, counts), whole in zip(batches, shares, wholes, strict=True):
            if sparse.issparse(batch) and self.device.type == "mps":
                batch = batch.toarray()  # torch 2.6 does not support sparse tensors on MPS
            yield (
                to_tensor(batch, len(chosen)),
                (
                    torch.from_numpy(self.set.truth[chosen]),
                    torch.from_numpy(self.set.weight[chosen] * counts),
                    len(whole),
                ),
            )


def _share_of(rows, process, n_processes):
    """Return the rows of a batch for one of several processes, and their weights.

    Every process gets the same number of rows, since a process without a row would skip the step
    and the others would wait for it. Padding rows have weight 0, and the weights of the others are
    such that the mean over processes of the mean over rows is the mean over the batch.
    """
    own = rows[process::n_processes]
    n = -(-len(rows) // n_processes)
    counts = np.zeros(n, dtype=np.float32)
    counts[: len(own)] = n * n_processes / len(rows)
    return np.concatenate([own, np.repeat(rows[:1], n - len(own))]), counts


class Net(TrainingSetOnce, NeuralNet):
    """A skorch NeuralNet with a weighted loss and a choice of precision."""

    def __init__(self, *args, loss, dtype, **kwargs):
        self.loss = loss
        self.dtype = dtype
        super().__init__(*args, **kwargs)

    def infer(self, x, **fit_params):
        # Layers may compute in bfloat16; the loss and the metric are computed in float32.
        with computing_in(self.dtype, torch.device(self.device)):
            return super().infer(x, **fit_params).float()

    def get_loss(self, y_pred, y_true, X=None, training=False):
        truth, weight = (part.to(y_pred.device) for part in y_true[:2])
        # Divided by the number of rows, not by the sum of their weights, which would increase the
        # influence of each row in a batch of low weights.
        return (self.loss(y_pred, truth) * weight).mean()

    def of_whole_batch(self, output, n_rows):
        """Return the outputs for all rows of a batch, in the order of the rows."""
        return output


class AcceleratedNet(AccelerateMixin, Net):
    """A net whose processes all record the loss of the whole batch.

    So they stop at the same epoch and keep the weights of the same epoch.
    """

    def train_step(self, batch, **fit_params):
        return self._with_common_loss(super().train_step(batch, **fit_params))

    def validation_step(self, batch, **fit_params):
        return self._with_common_loss(super().validation_step(batch, **fit_params))

    def of_whole_batch(self, output, n_rows):
        # A process has every n-th row; padding rows come last (see `_share_of`).
        parts = self.accelerator.gather(output.contiguous())
        parts = parts.reshape(self.accelerator.num_processes, *output.shape)
        return parts.transpose(0, 1).flatten(0, 1)[:n_rows]

    def _with_common_loss(self, step):
        # Weighted as in `_share_of`, the mean over the processes is the loss of the whole batch.
        return {**step, "loss": self.accelerator.reduce(step["loss"].detach(), "mean")}

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        # skorch would weight the loss by the number of rows in this process's part of the batch.
        _, (*_, n_rows) = batch
        self.history.record_batch(f"{'train' if training else 'valid'}_batch_size", n_rows)
        super().on_batch_end(net, batch=batch, training=training, **kwargs)
