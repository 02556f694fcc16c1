"""Training a module with skorch: early stopping on the best weights, own random draws."""

import warnings

import numpy as np
import torch
from sklearn import config_context
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, ProgressBar
from skorch.helper import predefined_split
from torch.utils.data import Dataset

from ..items import progress_bar
from ._feeds import read_batches
from ._interruption import TrainingInterrupted
from ._modules import computing_in, to_tensor, use_generator


class _Rows(Dataset):
    """Some rows of a feed with their truth and weight, as skorch takes them."""

    def __init__(self, feed, truth, weight, rows):
        self.feed, self.truth, self.weight, self.rows = feed, truth, weight, rows

    def __len__(self):
        return len(self.rows)


class _Batches:
    """Iterate over the batches of an epoch; in training shuffled by a generator of its own."""

    def __init__(self, rows, batch_size, seed=None):
        self.set, self.batch_size, self.seed = rows, batch_size, seed
        self.epoch = 0

    def __iter__(self):
        rows, epoch = self.set.rows, None
        if self.seed is not None:
            epoch = self.epoch
            self.epoch += 1
            rows = np.random.default_rng([self.seed, epoch]).permutation(rows)
        chunks = [rows[i : i + self.batch_size] for i in range(0, len(rows), self.batch_size)]
        for chosen, batch in read_batches(self.set.feed, chunks, epoch):
            yield (
                to_tensor(batch, len(chosen)),
                (
                    torch.from_numpy(self.set.truth[chosen]),
                    torch.from_numpy(self.set.weight[chosen]),
                ),
            )


class _Net(NeuralNet):
    """skorch's net with a weighted loss and a choice of precision."""

    def __init__(self, *args, loss, dtype, **kwargs):
        self.loss = loss
        self.dtype = dtype
        super().__init__(*args, **kwargs)

    def infer(self, x, **fit_params):
        with computing_in(self.dtype, torch.device(self.device)):
            return super().infer(x, **fit_params).float()

    def get_loss(self, y_pred, y_true, X=None, training=False):
        truth, weight = (part.to(y_pred.device) for part in y_true)
        return (self.loss(y_pred, truth) * weight).mean()


class _EpochBar(Callback):
    """Move the progress bar by one epoch and say how the losses stand."""

    def __init__(self, advance):
        self.advance = advance

    def on_epoch_end(self, net, **kwargs):
        last = net.history[-1]
        note = f"loss {last['train_loss']:.3f}"
        if "valid_loss" in last:
            note += f", validation {last['valid_loss']:.3f}"
        self.advance(1, note)


class _StopOnNaN(Callback):
    def on_epoch_end(self, net, **kwargs):
        last = net.history[-1]
        for name in ("train_loss", "valid_loss"):
            if not np.isfinite(last.get(name, 0)):
                raise ValueError(
                    f"The loss became {last[name]} ({name}) in epoch {len(net.history)}. "
                    "Lower lr, or look for huge values in X."
                )


def train(
    module,
    *,
    loss,
    feed,
    truth,
    weight,
    train_rows,
    valid_rows,
    optimizer,
    optimizer_params,
    max_epochs,
    batch_size,
    patience,
    device,
    dtype,
    seeds,
    verbose,
    description,
):
    """Train `module` in place and leave its best weights in it.

    Parameters
    ----------
    module : torch.nn.Module
    loss : callable
        ``loss(output, truth)`` answers with one loss a row.
    feed : feed
    truth : ndarray of shape (n_rows, ...)
    weight : ndarray of float32, shape (n_rows,)
    train_rows, valid_rows : ndarray of int
        Without validation rows all epochs run and the last weights are kept.
    optimizer : type
    optimizer_params : dict
    dtype : torch.dtype
        What layers compute in.
    seeds : tuple of two int
        For the order of the rows, and for what the module draws.
    description : str
        What the progress bar says.

    Returns
    -------
    history : list of dict
        Epoch, train_loss, valid_loss and duration (seconds) of each epoch.
    best_epoch : int
        Counted from 1.

    Raises
    ------
    ValueError
        If the loss becomes NaN or infinite.
    """
    shuffle_seed, module_seed = seeds
    use_generator(module, module_seed, device)
    stopping = None
    with progress_bar(max_epochs, description, verbose=verbose) as advance:
        callbacks = [("stop_on_nan", _StopOnNaN()), ("epoch_bar", _EpochBar(advance))]
        validation = None
        if len(valid_rows):
            validation = predefined_split(_Rows(feed, truth, weight, valid_rows))
            stopping = EarlyStopping(patience=patience, threshold=0, load_best=True)
            callbacks.append(("early_stopping", stopping))
        if verbose > 1:
            callbacks.append(("batch_bar", ProgressBar()))
        net = _Net(
            module,
            criterion=torch.nn.Identity,  # the loss is the target's, see get_loss
            loss=loss,
            dtype=dtype,
            optimizer=optimizer,
            **{f"optimizer__{name}": value for name, value in optimizer_params.items()},
            max_epochs=max_epochs,
            batch_size=batch_size,
            iterator_train=_Batches,
            iterator_train__seed=shuffle_seed,
            iterator_valid=_Batches,
            train_split=validation,
            callbacks=callbacks,
            device=device,
            verbose=max(0, verbose - 1),
        )
        with config_context(enable_metadata_routing=False):
            net.fit(_Rows(feed, truth, weight, train_rows))
    return _told(net, stopping, max_epochs, patience)


def _told(net, stopping, max_epochs, patience):
    """The history as plain Python, and the best epoch; tell when Ctrl-C ended the training."""
    kept = ("train_loss", "valid_loss")
    history = [
        {"epoch": epoch["epoch"]}
        | {name: float(epoch[name]) for name in kept if name in epoch}
        | {"duration": epoch["dur"]}
        for epoch in net.history
        if "dur" in epoch
    ]
    stopped_early = stopping is not None and stopping.misses_ >= patience
    if len(history) < max_epochs and not stopped_early:
        if not history:
            raise KeyboardInterrupt
        warnings.warn(
            f"Training was interrupted after epoch {len(history)} of {max_epochs}; "
            "the best weights so far are kept.",
            TrainingInterrupted,
            stacklevel=3,
        )
    for value in net.module_.state_dict().values():
        if not torch.isfinite(value).all():
            raise ValueError("A weight became NaN or infinite. Lower lr.")
    return history, stopping.best_epoch_ if stopping is not None else len(history)
