"""skorch's net in several processes, each with a device and a part of every batch."""

from skorch.hf import AccelerateMixin

from ._skorch_net import Net


class AcceleratedNet(AccelerateMixin, Net):
    """A net whose processes know one loss: that of the whole batch.

    So they stop at the same epoch and keep the weights of the same epoch.
    """

    def train_step(self, batch, **fit_params):
        return self._with_common_loss(super().train_step(batch, **fit_params))

    def validation_step(self, batch, **fit_params):
        return self._with_common_loss(super().validation_step(batch, **fit_params))

    def _with_common_loss(self, step):
        return {**step, "loss": self.accelerator.reduce(step["loss"].detach(), "mean")}

    def on_batch_end(self, net, batch=None, training=False, **kwargs):
        # What skorch weights the loss with is the part's number of rows.
        _, (*_, n_rows) = batch
        self.history.record_batch(f"{'train' if training else 'valid'}_batch_size", n_rows)
        super().on_batch_end(net, batch=batch, training=training, **kwargs)
