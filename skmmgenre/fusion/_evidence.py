"""Weighted sum of a layer of all blocks and a layer of each block.

The layer of all blocks has a single penalty, and its weights for one block assume that the other
blocks are present, which is wrong for a row that lacks them. The layer of a single block has its
own penalty and is trained on all rows with that block. The evidence of a layer is what it adds to
the outputs of the class prior. The evidence of all these layers is added up, weighted by how well
it predicts unseen rows; a missing block contributes none. The sum of linear layers is again a
linear layer, of the columns and of the presence of each block.
"""

import numpy as np
import torch
from scipy.optimize import minimize

from ..nets._linear_path import STRENGTH
from ..nets._solver import LayerSolver


class TriedLayer:
    """Linear layer of some columns, with a penalty chosen on unseen rows.

    Parameters
    ----------
    plan : Plan
    columns : slice or list of int
    splits : list of Split
        If empty, the penalty is not chosen.
    strengths : sequence of float
    target : target
    device : torch.device

    Attributes
    ----------
    splits : list of (ndarray of int, ndarray of int)
        Training rows and unseen rows of each split.
    tried : list of dict
        ``C`` and ``valid_loss`` of each strength that was tried.
    C : float
        Strength with the smallest loss.
    unseen : ndarray of int, or None without splits
        The unseen rows of all splits.
    output, prior : ndarray of float32, shape (n_unseen, n_outputs), or None
        Outputs for these rows, and the outputs of the class prior of the training rows.
    """

    def __init__(self, plan, columns, splits, strengths, *, target, device):
        X = plan.feed.X[:, columns]
        self._solver = LayerSolver(X, plan.truth, plan.weight, target=target, device=device)
        self._prior = lambda rows: target.prior_output(plan.truth[rows], plan.weight[rows])
        self.splits = [
            (np.flatnonzero(split.learned), np.flatnonzero(split.judged)) for split in splits
        ]
        self.tried, outputs = self._solver.choose(self.splits, strengths)
        # Without splits nothing is tried: a given C is used, and "auto" becomes STRENGTH.
        strength = strengths[0] if len(strengths) == 1 else STRENGTH
        best = min(self.tried, key=lambda one: one["valid_loss"], default={"C": strength})
        self.C = float(best["C"])
        self.unseen = self.output = self.prior = None
        if splits:
            self.unseen = np.concatenate([unseen for _, unseen in self.splits])
            self.output = np.concatenate(outputs).astype(np.float32)
            # Like its layer, the prior of a split is that of the training rows of the split.
            self.prior = np.concatenate(
                [np.tile(self._prior(learned), (len(unseen), 1)) for learned, unseen in self.splits]
            )

    def evidence(self, n_rows):
        """Return what the layer adds to the prior of each of `n_rows` rows, 0 for seen rows."""
        evidence = np.zeros((n_rows, self.output.shape[1]), dtype=np.float32)
        # All other rows, among them those without the block of this layer, get no evidence from it.
        evidence[self.unseen] = self.output - self.prior
        return evidence

    def solve(self, rows):
        """Solve on some rows; return weight, bias, history and the outputs of the prior."""
        return *self._solver.solve(rows, self.C), self._prior(rows)


def weigh(target, truth, row_weight, prior, evidence):
    """Return the weights of the layers' evidence that minimize the mean loss on unseen rows.

    A penalty keeps the weights close to those of the first layer alone if there are few rows or
    they are separable: a distance of 1 costs as much as one row with a loss of 1/2.

    Parameters
    ----------
    target : target
    truth, row_weight : ndarray of shape (n_rows, ...), (n_rows,)
    prior : ndarray of float32, shape (n_rows, n_outputs)
    evidence : ndarray of float32, shape (n_layers, n_rows, n_outputs)

    Returns
    -------
    weights : ndarray of float64, shape (n_layers,)
        All at least 0.
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
