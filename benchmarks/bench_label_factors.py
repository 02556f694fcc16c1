"""Speed and memory of PPMILabelFactorizer.fit on 1,000,000 items by 500 labels, sparse.

It is compared with the same equations in dense numpy, on as many items as fit into memory
(100,000), which also checks the factors.

    python benchmarks/bench_label_factors.py
"""

import resource
import time

import numpy as np
from scipy import sparse

from skmmgenre.labels import PPMILabelFactorizer

N_LABELS, N_COMPONENTS, LABELS_PER_ITEM = 500, 50, 6


def make_labels(n, random_state=0):
    """Return random labels: a main label with a long-tailed distribution, and others near it."""
    rng = np.random.default_rng(random_state)
    share = 1 / np.arange(2, N_LABELS + 2)
    main = rng.choice(N_LABELS, size=(n, 1), p=share / share.sum())
    further = main + rng.geometric(0.1, size=(n, LABELS_PER_ITEM - 1))
    columns = np.hstack([main, further % N_LABELS])
    rows = np.repeat(np.arange(n), LABELS_PER_ITEM)
    Y = sparse.csr_array((np.ones(rows.size, np.int8), (rows, columns.ravel())), (n, N_LABELS))
    Y.data[:] = 1  # an item may have drawn a label twice
    return Y


def plain_dense(Y):
    """Compute equation 1 and its decomposition on a dense float64 matrix."""
    Y = Y.toarray().astype(float)
    count = Y.sum(axis=0)
    ratio = (Y.T @ Y) * len(Y) / np.outer(count, count)
    u, s, _ = np.linalg.svd(np.log(np.maximum(ratio, 1)))
    return u[:, :N_COMPONENTS] * np.sqrt(s[:N_COMPONENTS])


def peak_memory():
    """Return the peak memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main():
    """Print seconds, memory and the ratio."""
    Y = make_labels(1_000_000)
    before = peak_memory()
    start = time.perf_counter()
    PPMILabelFactorizer(n_components=N_COMPONENTS).fit(Y)
    seconds = time.perf_counter() - start
    print(
        f"1,000,000 x {N_LABELS} sparse: fit {seconds:.2f} s; peak memory of the process "
        f"{peak_memory():.2f} GB ({before:.2f} GB before fit)"
    )
    Y = make_labels(100_000)
    start = time.perf_counter()
    ours = PPMILabelFactorizer(n_components=N_COMPONENTS).fit(Y).label_factors_
    middle = time.perf_counter()
    plain = plain_dense(Y)
    end = time.perf_counter()
    difference = np.abs(ours - plain * np.sign((ours * plain).sum(axis=0))).max()
    print(
        f"100,000 x {N_LABELS}: fit {middle - start:.2f} s, plain dense {end - middle:.2f} s, "
        f"ratio {(end - middle) / (middle - start):.1f}; largest difference {difference:.1e}"
    )


if __name__ == "__main__":
    main()
