"""How many labels active learning saves."""

import evaluate_active_learning as evaluation
import numpy as np
import pandas as pd
import pytest


def test_labels_until_the_goal():
    """Random order needs 60 and 40 labels, entropy 20 less, and rare never gets there."""
    aucs = {
        "random": ([0.5, 0.6, 0.9], [0.5, 0.86, 0.9]),
        "entropy": ([0.5, 0.85, 0.9], [0.9, 0.5, 0.9]),
        "rare": ([0.5, 0.6, 0.7], [0.5, 0.6, 0.7]),
    }
    lines = pd.DataFrame(
        [
            {"order": order, "seed": seed, "labels": 20 * (place + 1), "macro_auc": auc}
            for order, seeds in aucs.items()
            for seed, values in enumerate(seeds)
            for place, auc in enumerate(values)
        ]
    )
    table = evaluation.tabulate(lines).set_index("order")
    assert table["labels"].to_dict() == {"random": 50, "entropy": 30, "rare": 60}
    assert table["never"].to_dict() == {"random": 0, "entropy": 0, "rare": 2}
    entropy = table.loc["entropy"]
    assert entropy[["estimate", "low", "high"]].tolist() == [-20, -20, -20]
    assert entropy["verdict"] == "better" and table.loc["rare", "verdict"] == "open"


@pytest.mark.slow
def test_every_order_begins_with_the_same_items_and_ends_with_all():
    rng = np.random.default_rng(0)
    Y = np.eye(3, dtype=int)[rng.integers(3, size=100)]
    X = pd.DataFrame(Y + rng.normal(size=Y.shape)).add_prefix("audio__")
    artists = np.arange(100).astype(str)
    found = {
        order: pd.DataFrame(evaluation.label_in_order(X, Y, artists, order, 0))
        for order in evaluation.ORDERS
    }
    for lines in found.values():
        assert lines["labels"].tolist() == [20, 40, 60, 80]
        assert lines["macro_auc"].iloc[0] == found["random"]["macro_auc"].iloc[0]
        assert lines["macro_auc"].between(0.5, 1).all()
