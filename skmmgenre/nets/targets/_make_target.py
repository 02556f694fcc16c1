"""From a parameter to a target."""

from ._cosine import CosineTarget
from ._logistic import LogisticTarget
from ._softmax import SoftmaxTarget


def make_target(name, names, label_factorizer=None):
    """Return the target that a name stands for.

    Parameters
    ----------
    name : {"auto", "softmax", "logistic", "cosine"}
    names : ndarray or None
        The labels if y is an indicator matrix.
    label_factorizer : estimator or None
        Of target "cosine".
    """
    if name == "auto":
        name = "softmax" if names is None else "logistic"
    if name == "softmax":
        if names is not None:
            raise ValueError(
                "target='softmax' takes one genre a row, y is an indicator matrix. "
                "Use target='logistic' or 'cosine', or 'auto'."
            )
        return SoftmaxTarget()
    if names is None:
        raise ValueError(
            f"target={name!r} takes an indicator matrix of two or more labels, y is one column. "
            "Of one genre a row use target='softmax' or 'auto', or pass pandas.get_dummies(y)."
        )
    if name == "cosine":
        return CosineTarget(names, label_factorizer)
    return LogisticTarget(names)
