"""Train a module with skorch: early stopping, best weights restored, random draws of our own."""

import warnings

import numpy as np
import torch
from sklearn import config_context
from skorch.callbacks import Callback, EarlyStopping, ProgressBar
from skorch.helper import predefined_split

from ..utils import TrainingInterrupted, progress_bar
from ._modules import use_generator
from ._skorch_net import AcceleratedNet, Batches, Net, Rows
from .targets import METRICS


class _ValidationMetric(Callback):
    """Record a metric of the same outputs that the validation loss is computed from."""

    def __init__(self, name, measure, y):
        self.name, self.measure, self.y = name, measure, y
        self.outputs = []

    def on_epoch_begin(self, net, **kwargs):
        self.outputs = []

    def on_batch_end(self, net, batch, training, y_pred=None, **kwargs):
        if not training:
            # Macro F1 and AUC of an epoch are not means over batches, so all outputs are collected.
            _, (*_, n_rows) = batch
            self.outputs.append(net.of_whole_batch(y_pred, n_rows))

    def on_epoch_end(self, net, **kwargs):
        output = torch.cat(self.outputs).cpu().numpy()
        net.history.record(self.name, self.measure(self.y, output))


class _EpochBar(Callback):
    """Advance the progress bar by one epoch and show the losses and the metric."""

    def __init__(self, advance):
        self.advance = advance

    def on_epoch_end(self, net, **kwargs):
        last = net.history[-1]
        note = f"loss {last['train_loss']:.3f}"
        if "valid_loss" in last:
            note += f", validation {last['valid_loss']:.3f}"
        for key, name in METRICS.items():
            if key in last:
                note += f", {name} {last[key]:.3f}"
        self.advance(1, note)


class _StopOnNaN(Callback):
    def on_epoch_end(self, net, **kwargs):
        last = net.history[-1]
        for name in ("train_loss", "valid_loss"):
            if not np.isfinite(last.get(name, 0)):
                raise ValueError(
                    f"The loss became {last[name]} ({name}) in epoch {len(net.history)}. "
                    "Decrease lr, or check X for very large values."
                )


def train(
    module,
    plan,
    *,
    feed,
    train_rows,
    valid_rows,
    optimizer,
    optimizer_params,
    max_epochs,
    batch_size,
    patience,
    device,
    dtype,
    verbose,
    description,
    even_batches=False,
    accelerator=None,
):
    """Train `module` in place and leave its best weights in it.

    Parameters
    ----------
    module : torch.nn.Module
    plan : Plan
    feed : feed
        Input of `module`, which may be a part of the network.
    train_rows, valid_rows : ndarray of int
        Without validation rows all epochs run and the last weights are kept.
    optimizer : type
    optimizer_params : dict
    dtype : torch.dtype
        Data type in which layers compute.
    description : str
        Label of the progress bar.
    even_batches : bool
        See `Batches`.
    accelerator : accelerate.Accelerator or None
        Distributes a batch over several processes; each of them calls this function with
        the same arguments.

    Returns
    -------
    history : list of dict
        Epoch, train_loss, valid_loss, the metric of the plan and duration (seconds) of each
        epoch; valid_loss and the metric only with validation rows.
    best_epoch : int
        Counted from 1.

    Raises
    ------
    ValueError
        If the loss becomes NaN or infinite.
    """
    _, shuffle_seed, module_seed = plan.seeds
    net_class, process, n_processes, extra = Net, 0, 1, {}
    if accelerator is not None:
        net_class = AcceleratedNet
        extra = {
            "accelerator": accelerator,
            # skorch would unwrap the module before early stopping restores the best weights.
            "unwrap_after_train": False,
            "callbacks__print_log__sink": print,  # prints nothing if verbose is 0
        }
        process, n_processes = accelerator.process_index, accelerator.num_processes
        verbose = verbose if accelerator.is_main_process else 0
    # Processes have different rows of a batch, so each needs its own dropout masks.
    use_generator(module, module_seed + process, device)
    stopping = None
    with progress_bar(max_epochs, description, verbose=verbose) as advance:
        callbacks = [("stop_on_nan", _StopOnNaN()), ("epoch_bar", _EpochBar(advance))]
        validation = None
        if len(valid_rows):
            if plan.metric is not None:
                metric = _ValidationMetric(*plan.metric, plan.y.values[valid_rows])
                # After the check for NaN, which reports it better than a metric of NaN outputs
                # would, and before the progress bar, which shows the metric.
                callbacks.insert(1, ("metric", metric))
            validation = predefined_split(Rows(feed, plan.truth, plan.weight, valid_rows))
            # Any decrease of the loss counts, and the best weights are restored also if all epochs
            # were run. (The authors' code keeps the weights of the last epoch.)
            stopping = EarlyStopping(patience=patience, threshold=0, load_best=True)
            # After the callbacks above: it stops training by raising KeyboardInterrupt, and
            # callbacks after it would miss the last epoch.
            callbacks.append(("early_stopping", stopping))
        if verbose > 1:
            callbacks.append(("batch_bar", ProgressBar()))
        net = net_class(
            module,
            criterion=object,  # not used: get_loss calls the target's loss
            loss=plan.loss,
            dtype=dtype,
            optimizer=optimizer,
            **{f"optimizer__{name}": value for name, value in optimizer_params.items()},
            max_epochs=max_epochs,
            batch_size=batch_size,
            iterator_train=Batches,
            iterator_train__seed=shuffle_seed,
            iterator_train__even=even_batches,
            iterator_valid=Batches,
            **{
                f"iterator_{kind}__{name}": value
                for kind in ("train", "valid")
                for name, value in (("share", (process, n_processes)), ("device", device))
            },
            train_split=validation,
            callbacks=callbacks,
            device=device,
            verbose=max(0, verbose - 1),
            **extra,
        )
        # The estimator has consumed the metadata; skorch must not route them once more.
        with config_context(enable_metadata_routing=False):
            net.fit(Rows(feed, plan.truth, plan.weight, train_rows))
        if accelerator is not None:
            share_buffers(module)
        stopped_early = stopping is not None and stopping.misses_ >= patience
        if stopped_early:
            n_epochs, best = len(net.history), stopping.best_epoch_
            advance(0, f"stopped early, epoch {best} was best", total=n_epochs)
    return _told(net, stopping, max_epochs, stopped_early)


def share_buffers(module):
    """Give all processes the buffers of the first one."""
    from accelerate.utils import broadcast

    # Each process computes the statistics of batch norm on its part of a batch. DDP copies those of
    # the first process before a forward pass, so after the last step they differ.
    for buffer in module.buffers():
        broadcast(buffer)


def _told(net, stopping, max_epochs, stopped_early):
    """Return the history as plain Python and the best epoch; warn if Ctrl-C ended the training.

    skorch catches KeyboardInterrupt and returns as if training were complete. So an interruption
    is recognized by a history that is too short, and its last epoch, without a duration, is
    dropped: it is incomplete.
    """
    kept = ("train_loss", "valid_loss", *METRICS)
    history = [
        {"epoch": epoch["epoch"]}
        | {name: float(epoch[name]) for name in kept if name in epoch}
        | {"duration": epoch["dur"]}
        for epoch in net.history
        if "dur" in epoch
    ]
    if len(history) < max_epochs and not stopped_early:
        # Not even one epoch was completed, so there are no weights to keep.
        if not history:
            raise KeyboardInterrupt
        warnings.warn(
            f"Training was interrupted after epoch {len(history)} of {max_epochs}; "
            "the best weights so far are kept.",
            TrainingInterrupted,
            stacklevel=3,
        )
    # The loss of a step is computed before the weights are updated, so the last update may have
    # spoiled them although all losses are finite.
    for value in net.module_.state_dict().values():
        if not torch.isfinite(value).all():
            raise ValueError(
                "A weight became NaN or infinite. Decrease lr, or check X for very large values."
            )
    return history, stopping.best_epoch_ if stopping is not None else len(history)
