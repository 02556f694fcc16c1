"""Fit a linear layer to convergence: L-BFGS on a penalized loss.

The loss is that of all rows at once, in double precision, plus an l2 penalty on the weights but not
on the biases, as in scikit-learn's logistic regression. skorch runs it; an epoch is 20 iterations.

Few iterations are needed, because the problem is preconditioned. Columns are rotated to the
principal axes of the rows, which removes their correlation, and every weight is divided by its own
unit, such that the curvature of the loss is about the same along all weights:
1 / sqrt(curvature by the output * mean square of the column + penalty).
"""

import contextlib
import warnings

import numpy as np
import torch
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import nn

from ._devices import one_thread
from ._feeds import ArrayFeed
from ._forward import to_tensor
from ._skorch_net import Batches, Net, Rows

_ITERATIONS = 20  # per epoch
_EPOCHS = 100
# Stop after an iteration that reduces the loss by less than this share of the class prior's loss:
# in the final solution, and in a trial, where a rougher solution is enough to compare penalties.
_GAIN, _GAIN_OF_TRIAL = 1e-9, 1e-5
_MOST_VALUES = 30_000_000  # cells of a sparse X that is made dense, and of an X that is rotated
_FEW_VALUES = 100_000  # cells of an X so small that threads take longer to meet than to compute
_MOST_TO_TURN = 3000  # rows or columns, whichever are fewer: rotating n takes O(n^3) operations
_SMALLEST_AXIS = 1e-10  # axes with a smaller share of the variance are rounding errors
_WORSE = 2  # consecutive worse trials after which weaker penalties are not tried


class _SolvedNet(Net):
    """A net with an l2 penalty on the weights of its only layer, in double precision."""

    def __init__(self, *args, penalty, **kwargs):
        self.penalty = penalty
        super().__init__(*args, **kwargs)

    _batch = _as_taken = None

    def infer(self, x, **fit_params):
        if x is not self._batch:  # L-BFGS evaluates the same batch many times in an epoch
            self._batch, self._as_taken = x, _in_double(x, self.device)
        # Not `Net.infer`, which would return float32.
        return NeuralNet.infer(self, self._as_taken, **fit_params)

    def get_loss(self, y_pred, y_true, X=None, training=False):
        truth, *others = y_true
        truth = truth.to(y_pred.dtype) if truth.is_floating_point() else truth
        loss = super().get_loss(y_pred, (truth, *others), X=X, training=training)
        return loss + self.penalty / 2 * self.module_.real_weight().square().sum()


def _in_double(x, device):
    """Return a batch in double precision, a sparse one with its transpose, for the layer."""
    x = x.double().to(device)
    if not x.is_sparse:
        return x
    with warnings.catch_warnings():  # "Sparse CSR tensor support is in beta state"
        warnings.simplefilter("ignore", UserWarning)
        return x.to_sparse_csr(), x.mT.to_sparse_csr()


class _Layer(nn.Module):
    """A linear layer with scaled parameters (`unit`), for dense and sparse batches.

    Parameters
    ----------
    bias : Tensor of float64, shape (n_outputs,)
        Initial bias; the initial weights are 0.
    curvature : Tensor of float64, shape (n_outputs,)
        Curvature of the loss by each output.
    power : Tensor of float64, shape (n_features,)
        Mean square of each column.
    """

    def __init__(self, bias, curvature, power):
        super().__init__()
        self.weight = nn.Parameter(bias.new_zeros(len(bias), len(power)))
        self.bias = nn.Parameter(bias)
        self.register_buffer("unit", torch.ones_like(self.weight))
        self.register_buffer("unit_of_bias", torch.ones_like(bias))
        self.register_buffer("curvature", curvature)
        self.register_buffer("power", power)

    @torch.no_grad()
    def count_in_units(self, penalty):
        """Rescale the parameters to the units for a penalty; the layer's output stays the same."""
        unit = (torch.outer(self.curvature, self.power) + penalty).rsqrt()
        # The bias is not penalized; here the penalty only keeps its unit finite.
        unit_of_bias = (self.curvature + penalty).rsqrt()
        self.weight.mul_(self.unit / unit)
        self.bias.mul_(self.unit_of_bias / unit_of_bias)
        self.unit, self.unit_of_bias = unit, unit_of_bias

    def real_weight(self):
        return self.weight * self.unit

    def real_bias(self):
        return self.bias * self.unit_of_bias

    def forward(self, x):
        if isinstance(x, (tuple, list)):  # a sparse batch; skorch turns tuples into lists
            return _SparseProduct.apply(*x, self.real_weight()) + self.real_bias()
        return nn.functional.linear(x, self.real_weight(), self.real_bias())


class _SparseProduct(torch.autograd.Function):
    """Product of a sparse batch and weights.

    torch's own product would transpose the batch again for every gradient.
    """

    @staticmethod
    def forward(ctx, x, transposed, weight):
        ctx.transposed = transposed
        return x @ weight.mT

    @staticmethod
    def backward(ctx, upstream):
        return None, None, (ctx.transposed @ upstream).mT


class _StopWhenSolved(Callback):
    """Stop training after an epoch in which the optimizer converged.

    L-BFGS reports convergence only by doing fewer iterations than it may.
    """

    def on_train_begin(self, net, **kwargs):
        self.n_iterations, self.solved = 0, False

    def on_epoch_end(self, net, **kwargs):
        # L-BFGS has a single state, whose number of iterations is counted over all epochs.
        (state,) = net.optimizer_.state.values()
        self.solved = state["n_iter"] - self.n_iterations < _ITERATIONS
        self.n_iterations = state["n_iter"]
        if self.solved:
            raise KeyboardInterrupt  # how callbacks stop training in skorch


class LayerSolver:
    """Solver for the weights of a linear layer on subsets of rows, for several penalties.

    A sparse X of up to 30 million cells is made dense; a larger one stays sparse.

    Parameters
    ----------
    X : ndarray or csr_array of shape (n_rows, n_features)
    truth, weight : ndarray of shape (n_rows, ...), (n_rows,)
    target : target
    device : torch.device
    """

    def __init__(self, X, truth, weight, *, target, device):
        self.truth, self.weight = truth, weight
        self.loss, self.convex_loss = target.loss, target.convex_loss
        self.prior = target.prior_output
        self.n_terms = target.n_terms
        # Apple's GPUs do not support double precision.
        self.device = torch.device("cpu") if device.type == "mps" else device
        if sparse.issparse(X) and X.shape[0] * X.shape[1] <= _MOST_VALUES:
            X = X.toarray()  # for the same result as a dense X, bit for bit
        self.mean = self.axes = None
        if not sparse.issparse(X):
            X = np.ascontiguousarray(X)  # one order of summation, hence one result
            # Biases are not penalized and absorb the mean, so centering does not change the
            # solution; it is taken back in `solve`.
            self.mean = X.mean(axis=0)
            X = X - self.mean
            # The mean and the axes are those of all rows, including unseen ones. This is not a
            # leak: they change the coordinates, not the solution.
            self.axes = _principal_axes(X)
            if self.axes is not None:
                X = X @ self.axes
        self.feed = ArrayFeed(X, np.zeros(X.shape[0], dtype=bool))
        self.threads = one_thread if X.size <= _FEW_VALUES else contextlib.nullcontext()

    def choose(self, splits, strengths):
        """Try strengths on unseen rows, in increasing order, while the loss decreases.

        Nothing is tried if there are no splits.

        Parameters
        ----------
        splits : list of (ndarray of int, ndarray of int)
            Training rows and unseen rows.
        strengths : sequence of float
            Values of C: the penalty of a weight w is ``w**2 / (2 * C)``, added to the sum of the
            rows' losses.

        Returns
        -------
        tried : list of dict
            C and the mean loss of the unseen rows of all splits.
        outputs : list of ndarray of float64
            Outputs of the best strength for the unseen rows of each split.
        """
        # A net keeps its weights from one strength to the next (a warm start). Weak penalties take
        # most iterations; they come last, and are skipped after two in a row without a lower loss.
        nets = [self._net(rows, _GAIN_OF_TRIAL) for rows, _ in splits]
        tried, outputs, worse = [], [], 0
        strengths = strengths if splits else ()
        for strength in strengths:
            for net, (rows, _) in zip(nets, splits, strict=True):
                self._solve(net, rows, strength)
            answers = [
                self._answer(net, unseen) for net, (_, unseen) in zip(nets, splits, strict=True)
            ]
            loss = self._loss_of(answers, [unseen for _, unseen in splits])
            worse = 0 if not tried or loss < min(one["valid_loss"] for one in tried) else worse + 1
            tried.append({"C": float(strength), "valid_loss": loss})
            if not worse:
                outputs = answers
            if worse == _WORSE:
                break
        return tried, outputs

    def solve(self, rows, strength):
        """Fit the layer on some rows.

        Parameters
        ----------
        rows : ndarray of int
        strength : float
            C; see `choose`.

        Returns
        -------
        weight : ndarray of float32, shape (n_outputs, n_features)
        bias : ndarray of float32, shape (n_outputs,)
        history : list of dict
        """
        net = self._net(rows, _GAIN)
        if not self._solve(net, rows, strength):
            warnings.warn(
                f"The solver of a linear layer did not converge in {_EPOCHS * _ITERATIONS} "
                "iterations. Pass a smaller C, or standardize the columns of X.",
                ConvergenceWarning,
                stacklevel=2,
            )
        weight = net.module_.real_weight().detach().cpu().numpy()
        bias = net.module_.real_bias().detach().cpu().numpy()
        # In reverse order of `__init__`, which centers the columns before it rotates them.
        if self.axes is not None:
            weight = weight @ self.axes.T
        if self.mean is not None:
            bias = bias - weight @ self.mean
        history = [
            {"epoch": number, "train_loss": float(epoch["train_loss"]), "duration": epoch["dur"]}
            for number, epoch in enumerate(net.history, start=1)
        ]
        return weight.astype(np.float32), bias.astype(np.float32), history

    @torch.no_grad()
    def _answer(self, net, rows):
        batch = to_tensor(self.feed.batch(rows), len(rows))
        return net.module_(_in_double(batch, self.device)).cpu().numpy()

    def _loss_of(self, answers, rows):
        rows = np.concatenate(rows)
        weight = self.weight[rows].astype(np.float64)
        truth = torch.from_numpy(self.truth[rows])
        output = torch.from_numpy(np.concatenate(answers))
        truth = truth.to(output.dtype) if truth.is_floating_point() else truth
        return float(np.average(self.loss(output, truth).numpy(), weights=weight))

    def _net(self, rows, gain):
        # The solution for an infinite penalty; the strongest penalties are tried first.
        start = self.prior(self.truth[rows], self.weight[rows])
        loss, curvature = self._around(start, rows)
        module = _Layer(torch.from_numpy(start).double(), curvature, self._power(rows))
        return _SolvedNet(
            module,
            criterion=object,  # not used: get_loss calls the target's loss
            loss=self.convex_loss,
            dtype=torch.float64,
            penalty=0.0,
            optimizer=torch.optim.LBFGS,
            optimizer__max_iter=_ITERATIONS,
            optimizer__max_eval=25 * _ITERATIONS,  # 25 is the limit of a line search
            optimizer__history_size=_ITERATIONS,
            optimizer__tolerance_grad=1e-9,
            # torch's tolerance is absolute, so it is multiplied by the loss of the prior.
            optimizer__tolerance_change=gain * loss,
            optimizer__line_search_fn="strong_wolfe",
            max_epochs=_EPOCHS,
            # One batch, because L-BFGS compares the losses of successive iterations.
            batch_size=len(rows),
            iterator_train=Batches,
            iterator_train__device=self.device,
            train_split=None,
            callbacks=[("solved", _StopWhenSolved())],
            callbacks__print_log=None,
            device=self.device,
            verbose=0,
        ).initialize()

    def _around(self, output, rows):
        """Return the loss of rows if all have the same output, and its curvature by each output.

        The curvature is the Fisher information: the mean square of the gradient.
        """
        truth, weight = torch.from_numpy(self.truth[rows]), torch.from_numpy(self.weight[rows])
        output = torch.from_numpy(np.tile(output, (len(rows), 1))).requires_grad_()
        loss = self.convex_loss(output, truth)
        loss.sum().backward()
        share = (weight / weight.sum()).double()
        # The loss of a row is the mean of n_terms terms, one per output if there are several. The
        # curvature of the mean is that of a term divided by n_terms, and its squared gradient that
        # of a term divided by the square of n_terms; hence the factor.
        square = self.n_terms * output.grad.double().square()
        return float(share @ loss.detach().double()), share @ square

    def _power(self, rows):
        X = self.feed.X[rows]
        power = X.multiply(X).mean(axis=0) if sparse.issparse(X) else np.square(X).mean(axis=0)
        return torch.from_numpy(np.asarray(power, dtype=np.float64))

    def _solve(self, net, rows, strength):
        n_counted = max(1, (self.weight[rows] > 0).sum())
        # As in scikit-learn, C multiplies a sum of losses, but this loss is a mean over rows and
        # terms. With several labels, C is then that of one logistic regression per label. Rows of
        # weight 0 do not count.
        net.penalty = 1 / (strength * n_counted * self.n_terms)
        net.module_.count_in_units(net.penalty)
        net.initialize_optimizer()  # its curvature estimates belong to the loss of the last penalty
        net.initialize_history()
        with self.threads:
            net.partial_fit(Rows(self.feed, self.truth, self.weight, rows))
        stop = dict(net.callbacks_)["solved"]
        n_epochs = len(net.history)
        if not stop.solved and n_epochs < _EPOCHS:  # Ctrl-C, which skorch has swallowed
            raise KeyboardInterrupt
        return stop.solved


def _principal_axes(X):
    """Return orthonormal axes of the span of the rows, the longest last; None if X is too large.

    The optimal weights are a linear combination of rows, whatever the penalty, so restricting them
    to this span loses nothing.
    """
    n_rows, n_columns = X.shape
    if min(n_rows, n_columns) > _MOST_TO_TURN or n_rows * n_columns > _MOST_VALUES:
        return None
    # X X^T and X^T X have the same non-zero eigenvalues, the squared lengths of the axes; the
    # smaller matrix is decomposed. Small squares need float64.
    wide = n_rows < n_columns
    X = X.astype(np.float64)
    power, directions = np.linalg.eigh(X @ X.T if wide else X.T @ X)
    kept = power > _SMALLEST_AXIS * max(power[-1], 1e-300)
    if wide:
        # The eigenvectors of X X^T are left singular vectors of X; this gives the right ones.
        return X.T @ (directions[:, kept] / np.sqrt(power[kept]))
    return directions[:, kept]
