"""Rule 5: the same bits for the same seed, and for a row in whatever company."""

import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from slow_cases import few_slow

from skmmgenre.audio import AudioCNN
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.text import TextMLP

# An odd size of batch: rows fall on every place of it.
TRAINING = {"max_epochs": 2, "validation_fraction": 0, "batch_size": 7, "random_state": 0}
N = 40
GROUPS = np.arange(N) // 2


def vectors(n_features, seed=0):
    return np.random.default_rng(seed).normal(size=(N, n_features))


def patches(n_frames):
    return np.random.default_rng(0).normal(-40, 20, (N, 96, n_frames)).astype(np.float32)


def audio(architecture, n_frames, **params):
    def make():
        model = AudioCNN(architecture=architecture, **params, **TRAINING)
        return model, patches(n_frames), np.arange(N) % 3

    return make


def words():
    return sparse.random_array((N, 700), density=0.1, rng=np.random.default_rng(0), format="csr")


def text_sparse():
    return TextMLP(hidden_units=(65, 33), **TRAINING), words(), np.arange(N) % 3


def text_bfloat16():
    model = TextMLP(hidden_units=(65, 33), precision="bfloat16", **TRAINING)
    return model, words(), np.arange(N) % 3


def text_dense():
    return TextMLP(hidden_units=(65, 33), **TRAINING), words().toarray(), np.arange(N) % 3


def text_several():
    Y = (np.random.default_rng(1).random((N, 5)) < 0.4).astype(int)
    return TextMLP(hidden_units=(65, 33), cross_fit=2, **TRAINING), words(), Y


def with_gaps(X, columns):
    X[::5, columns:] = np.nan
    X[1::5, :columns] = np.nan
    return X


def fusion():
    model = FusionClassifier(blocks={"audio": 300, "text": 201}, modality_dropout=0.3, **TRAINING)
    return model, with_gaps(vectors(501), 300), np.arange(N) % 3


def fusion_table():
    """Columns of a block that do not lie side by side, as float32."""
    X, y = with_gaps(vectors(400).astype(np.float32), 200), np.arange(N) % 2
    names = [f"audio__{i}" for i in range(200)] + [f"text__{i}" for i in range(200)]
    return FusionClassifier(solver="adam", **TRAINING), pd.DataFrame(X, columns=names), y


def joint():
    model = JointSpaceProjector(
        n_components=33, hidden_units=65, blocks={"audio": 300, "image": 201}, **TRAINING
    )
    return model, with_gaps(vectors(501), 300), None


def by_default(make):
    """The same estimator where inner folds choose what there is to choose."""

    def made():
        model, X, y = make()
        return model.set_params(validation_fraction=0.1), X, y

    return made


def solved():
    """A layer whose best weights are found: nothing is drawn."""
    model = FusionClassifier(blocks={"audio": 30, "text": 21}, random_state=0)
    return model, with_gaps(vectors(51), 30), np.arange(N) % 3


MAKERS = {
    "time by default": by_default(audio("time", 323, width=(4, 8, 16), augment=True)),
    "text by default": by_default(text_sparse),
    "text dense by default": by_default(text_dense),
    "fusion by default": solved,
    "time": audio("time", 323, width=(16, 32, 256)),
    "4x70": audio("4x70", 130, width=(16, 32, 32, 16)),
    "3x3": audio("3x3", 300, width=(4, 8, 8, 8)),
    "4x70 in bfloat16": audio("4x70", 130, width=(16, 32, 32, 16), precision="bfloat16"),
    "3x3 in bfloat16": audio("3x3", 300, width=(4, 8, 8, 8), precision="bfloat16"),
    "time in float32": audio("time", 323, width=(16, 32, 256), precision="float32"),
    "text in bfloat16": text_bfloat16,
    "text sparse": text_sparse,
    "text dense": text_dense,
    "text several": text_several,
    "fusion": fusion,
    "fusion table": fusion_table,
    "joint": joint,
}
SLOW = ("4x70 in bfloat16", "3x3 in bfloat16", "text dense by default")
every = pytest.mark.parametrize("maker", few_slow(MAKERS, *SLOW))
QUICK = {name: MAKERS[name] for name in ("text several", "text by default", "fusion", "joint")}
quick = pytest.mark.parametrize("maker", few_slow(QUICK, "text by default"))


def take(X, rows):
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


def answers(model, X):
    methods = [m for m in ("transform", "decision_function") if hasattr(model, m)]
    return [np.asarray(getattr(model, method)(X)) for method in methods]


def fit(maker, **params):
    """Weights, and what fit_transform gave of the training rows."""
    model, X, y = maker()
    model.set_params(**params)
    vectors = []
    if hasattr(model, "fit_transform"):
        vectors = [np.asarray(model.fit_transform(X, y, groups=GROUPS))]
    else:
        model.fit(X, y, groups=GROUPS)
    return [*model.weights_.values(), *vectors]


def same(ours, theirs):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(ours, theirs, strict=True))


@every
def test_a_row_answers_the_same_in_any_company(maker):
    model, X, y = maker()
    model.fit(X, y, groups=GROUPS)
    whole = answers(model, X)
    rng = np.random.default_rng(0)
    alone = rng.choice(N, size=5, replace=False)
    order = rng.permutation(N)
    subset = np.sort(rng.choice(N, size=17, replace=False))
    for rows in [*([row] for row in alone), order, subset, np.repeat(order[:9], 3)]:
        for found, expected in zip(answers(model, take(X, rows)), whole, strict=True):
            np.testing.assert_array_equal(found, expected[rows])


@every
def test_the_same_seed_gives_the_same_bits(maker):
    first = fit(maker)
    assert same(first, fit(maker))
    assert same(first, fit(maker, random_state=1)) == (maker is solved)


@quick
def test_no_seed_draws_fresh_entropy(maker):
    assert not same(fit(maker, random_state=None), fit(maker, random_state=None))


@quick
def test_two_fits_in_two_threads_are_as_one_after_the_other(maker):
    seeds = [0, 1, 0, 2]
    expected = [fit(maker, random_state=seed, max_epochs=5) for seed in seeds]
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda seed: fit(maker, random_state=seed, max_epochs=5), seeds)
        assert all(map(same, expected, found))


def test_two_audio_networks_in_two_threads():
    maker = audio("4x96", 130, width=(8, 8, 8, 8), dropout=0.5)
    expected = [fit(maker, random_state=seed) for seed in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda seed: fit(maker, random_state=seed), (0, 1))
        assert all(map(same, expected, found))


@quick
def test_the_global_state_is_neither_read_nor_written(maker):
    import torch

    saved = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        fitted = []
        for seed in (0, 1):
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
            fitted.append(fit(maker))
            model, X, y = maker()
            answers(model.fit(X, y, groups=GROUPS), X)
            assert random.getstate() == before[0]
            np.testing.assert_array_equal(np.random.get_state()[1], before[1])
            assert torch.equal(torch.get_rng_state(), before[2])
        assert same(*fitted)
    finally:
        random.setstate(saved[0])
        np.random.set_state(saved[1])
        torch.set_rng_state(saved[2])
