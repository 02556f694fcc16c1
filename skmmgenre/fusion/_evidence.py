"""What each block says on its own, added to what all of them say together.

The layer of all blocks has one penalty for all of them, and learns what a block says beside the
others, which a row that lacks them cannot use. The layer of a block alone has its own penalty and
learns from all rows with that block. The evidence of a layer is what it adds to the outputs of the
class prior. The evidence of all these layers is added up, each weighted by how well unseen rows
bear it out; a block that is missing brings none. A sum of linear layers is a linear layer, of the
columns and of which blocks are there.
"""

import numpy as np
import torch
from scipy.optimize import minimize

from ..nets._linear_path import STRENGTH
from ..nets._solver import LayerSolver


class TriedLayer:
    """A layer of some columns whose penalty has been chosen on unseen rows.

    Parameters
    ----------
    plan : Plan
    columns : slice or list of int
    splits : list of Split
        Without any, the penalty is not chosen.
    strengths : sequence of float
    target : target
    device : torch.device

    Attributes
    ----------
    splits : list of (ndarray of int, ndarray of int)
        Rows that were learned from, and unseen rows.
    tried : list of dict
        ``C`` and ``valid_loss`` of each strength that was tried.
    C : float
        The best of them.
    unseen : ndarray of int, or None without splits
        The unseen rows of all splits.
    output, prior : ndarray of float32, shape (n_unseen, n_outputs), or None
        Outputs for these rows, and those of the class prior of the rows that were learned from.
    """

    def __init__(self, plan, columns, splits, strengths, *, target, device):
        X = plan.feed.X[:, columns]
        self._solver = LayerSolver(X, plan.truth, plan.weight, target=target, device=device)
        self._prior = lambda rows: target.prior_output(plan.truth[rows], plan.weight[rows])
        self.splits = [
            (np.flatnonzero(split.learned), np.flatnonzero(split.judged)) for split in splits
        ]
        self.tried, outputs = self._solver.choose(self.splits, strengths)
        strength = strengths[0] if len(strengths) == 1 else STRENGTH
        best = min(self.tried, key=lambda one: one["valid_loss"], default={"C": strength})
        self.C = float(best["C"])
        self.unseen = self.output = self.prior = None
        if splits:
            self.unseen = np.concatenate([unseen for _, unseen in self.splits])
            self.output = np.concatenate(outputs).astype(np.float32)
            self.prior = np.concatenate(
                [np.tile(self._prior(learned), (len(unseen), 1)) for learned, unseen in self.splits]
            )

    def evidence(self, n_rows):
        """Return what is added to the prior of each of `n_rows` rows: 0, unless it is unseen."""
        evidence = np.zeros((n_rows, self.output.shape[1]), dtype=np.float32)
        evidence[self.unseen] = self.output - self.prior
        return evidence

    def solve(self, rows):
        """Solve on some rows; return weight, bias, history and the outputs of the prior."""
        return *self._solver.solve(rows, self.C), self._prior(rows)


def weigh(target, truth, row_weight, prior, evidence):
    """Return how much the evidence of each layer counts, by the mean loss of unseen rows.

    Where rows are few, or tell all, the weights stay near those of the first layer alone: going
    away from them costs as much as one row of loss 1/2 for a distance of 1.

    Parameters
    ----------
    target : target
    truth, row_weight : ndarray of shape (n_rows, ...), (n_rows,)
    prior : ndarray of float32, shape (n_rows, n_outputs)
    evidence : ndarray of float32, shape (n_layers, n_rows, n_outputs)

    Returns
    -------
    weights : ndarray of float64, shape (n_layers,)
        None is below 0.
    """
    share = torch.from_numpy(row_weight / row_weight.sum(dtype=np.float64))
    truth, prior, evidence = (torch.from_numpy(part) for part in (truth, prior, evidence))
    first = torch.zeros(len(evidence), dtype=torch.float64)
    first[0] = 1

    def loss(weights):
        weights = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
        output = prior + torch.tensordot(weights.float(), evidence, dims=1)
        mean = (target.loss(output, truth).double() * share).sum()
        mean = mean + (weights - first).square().sum() / (2 * len(truth) * target.n_terms)
        mean.backward()
        return mean.item(), weights.grad.numpy()

    bounds = [(0, None)] * len(evidence)
    return minimize(loss, first.numpy(), jac=True, method="L-BFGS-B", bounds=bounds).x
