"""Vectors of training rows from networks that have not seen their artists."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from skmmgenre.nets import ArrayFeed
from skmmgenre.text import TextMLP


def net(**params):
    defaults = {"hidden_units": (32,), "dropout": 0, "validation_fraction": 0, "random_state": 0}
    return TextMLP(**{"preset": "paper", "max_epochs": 60, "lr": 3e-3, **defaults, **params})


@pytest.fixture(scope="module")
def noise():
    """Labels of artists that nothing in X tells: what is learned is memorised."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(160, 120))
    artists = np.arange(160) // 2
    y = rng.permutation(np.arange(80) % 2)[artists]
    return X, y, artists


def separable(vectors, y):
    return cross_val_score(LogisticRegression(max_iter=1000), vectors, y, cv=4).mean()


def test_memorised_vectors_are_not_handed_on(noise):
    X, y, artists = noise
    memorised = net().fit_transform(X, y, groups=artists)
    crossed = net(cross_fit=5).fit_transform(X, y, groups=artists)
    assert separable(memorised, y) > 0.95
    assert separable(crossed, y) < 0.7


def test_fit_transform_without_cross_fit_is_transform(noise):
    X, y, artists = noise
    model = net(max_epochs=3)
    np.testing.assert_array_equal(model.fit_transform(X, y, groups=artists), model.transform(X))


def test_transform_does_not_depend_on_cross_fit(noise):
    X, y, artists = noise
    plain, crossed = net(max_epochs=3), net(max_epochs=3, cross_fit=3)
    plain.fit(X, y, groups=artists)
    vectors = crossed.fit_transform(X, y, groups=artists)
    np.testing.assert_array_equal(plain.transform(X), crossed.transform(X))
    np.testing.assert_array_equal(plain.predict_proba(X), crossed.predict_proba(X))
    assert plain.history_[-1]["train_loss"] == crossed.history_[-1]["train_loss"]
    assert (vectors != crossed.transform(X)).any(axis=1).all()


def test_validation_and_missing_rows(noise):
    X, y, artists = noise
    X = X.copy()
    X[::7] = 0  # no known word
    validation = artists % 5 == 0
    model = net(max_epochs=4, cross_fit=2)
    vectors = model.fit_transform(X, y, groups=artists, validation=validation)
    np.testing.assert_array_equal(vectors[validation], model.transform(X)[validation])
    np.testing.assert_array_equal(np.isnan(vectors).all(axis=1), np.arange(160) % 7 == 0)
    seen = ~validation & (np.arange(160) % 7 != 0)
    assert (vectors[seen] != model.transform(X)[seen]).any(axis=1).all()


class Watched(TextMLP):
    """Writes down who learned from what, and who answered for what."""

    def _train(self, plan, *, train, **options):
        log.append((np.flatnonzero(train), None))
        return super()._train(plan, train=train, **options)

    def _hidden(self, feed, rows, weights=None):
        if weights is not None:
            learned = log[-1][0]
            if not np.isin(rows, learned).any():  # else they are asked for to align the answers
                log[-1] = (learned, rows)
        return super()._hidden(feed, rows, weights)


log = []


def watch(noise, *, validation, **params):
    """Who learned from what and answered for what; the groups."""
    X, y, artists = noise
    artists = [None if artist == 3 else f"artist {artist}" for artist in artists]
    log.clear()
    Watched(hidden_units=(4,), max_epochs=1, random_state=0, **params).fit_transform(
        X, y, groups=artists, validation=validation
    )
    return list(log), artists


@pytest.mark.parametrize("preset", ["paper", "auto"])
@pytest.mark.parametrize("marked", [True, False])
def test_no_fold_network_has_seen_the_artists_it_answers_for(noise, preset, marked):
    validation = np.arange(160) < 24
    params = {"preset": preset, "cross_fit": 3}
    if not marked:
        params["validation_fraction"], validation = 0, None
    trained, artists = watch(noise, validation=validation, **params)
    first = 24 if marked else 0
    folds = [(learned, rows) for learned, rows in trained if rows is not None and rows[0] >= first]
    # One network more learns from all rows that are not marked.
    assert [first, 159] in [[learned[0], learned[-1]] for learned, _ in trained]
    assert len(folds) == 3
    answered = np.concatenate([rows for _, rows in folds])
    assert sorted(answered) == list(range(first, 160))
    for learned, rows in folds:
        known = {artists[row] for row in learned} - {None}
        assert not known & {artists[row] for row in rows}
        assert sorted([*learned, *rows]) == list(range(first, 160))


def test_what_is_chosen_is_chosen_on_artists_that_were_not_learned_from(noise):
    """At the defaults the networks of the folds choose, and answer for the rows of `vectors`."""
    trained, artists = watch(noise, validation=None)
    assert [len(learned) for learned, _ in trained if len(learned) == 160] == [160]
    folds = [(learned, rows) for learned, rows in trained if rows is not None]
    assert sorted(np.concatenate([rows for _, rows in folds])) == list(range(160))
    for learned, rows in folds:
        assert not {artists[row] for row in learned} - {None} & {artists[row] for row in rows}


def test_fold_vectors_are_in_the_coordinates_of_transform():
    rng = np.random.default_rng(0)
    y = rng.integers(4, size=240)
    X = np.eye(4)[y] @ rng.normal(size=(4, 20)) + rng.normal(size=(240, 20))
    model = net(hidden_units=(64,), max_epochs=20, cross_fit=3)
    crossed = model.fit_transform(X, y)
    own = model.transform(X)
    off = np.linalg.norm(crossed - own, axis=1) / np.linalg.norm(own, axis=1)
    assert np.median(off) < 0.3


@pytest.mark.parametrize("preset", ["auto", "paper"])
@pytest.mark.parametrize("there", [[1], [0, 2]])
def test_a_fold_without_a_row_is_left_out(noise, preset, there):
    """As where few albums have a text, and all of these are in one fold."""
    X, y, artists = noise
    folds = artists % 3
    X = np.where(np.isin(folds, there)[:, np.newaxis], X, 0)  # others: no known word
    model = net(preset=preset, cross_fit=3, max_epochs=3)
    vectors = model.fit_transform(X, y, groups=artists, folds=folds)
    own = model.transform(X)
    np.testing.assert_array_equal(np.isnan(vectors).all(axis=1), ~np.isin(folds, there))
    crossed = (vectors != own).any(axis=1)[np.isin(folds, there)]
    assert crossed.all() if len(there) == 2 else not crossed.any()


def test_without_groups_a_row_is_an_artist(noise):
    X, y, _ = noise
    vectors = net(max_epochs=1, cross_fit=2).fit_transform(X, y)
    assert np.isfinite(vectors).all()


def test_several_genres(noise):
    X, y, artists = noise
    vectors = net(max_epochs=1, cross_fit=2).fit_transform(X, np.eye(2)[y], groups=artists)
    assert vectors.shape == (160, 32)


def test_ctrl_c_in_a_fold_ends_the_call(noise, monkeypatch):
    X, y, artists = noise
    batch, n_asked = ArrayFeed.batch, iter(range(10_000))

    def interrupted(self, rows, epoch=None):
        if epoch == 1 and next(n_asked) == 5:  # 5 batches an epoch: in the first fold
            raise KeyboardInterrupt
        return batch(self, rows, epoch)

    monkeypatch.setattr(ArrayFeed, "batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        net(max_epochs=3, cross_fit=3).fit_transform(X, y, groups=artists)


def test_one_fold_is_refused(noise):
    X, y, _ = noise
    with pytest.raises(ValueError, match="cross_fit"):
        net(cross_fit=1).fit_transform(X, y)


@pytest.mark.parametrize("n_folds", [5, 200])
def test_more_folds_than_artists(noise, n_folds):
    X, y, _ = noise
    with pytest.raises(ValueError, match="artists"):
        net(max_epochs=1, cross_fit=n_folds).fit_transform(X, y, groups=np.arange(160) % 3)


@pytest.mark.parametrize("missing", [0, 60])
def test_fold_networks_learn_in_as_many_steps_as_the_network_itself(noise, missing):
    """Not for the epochs that early stopping waits in vain; steps are of rows that are there."""
    X, y, artists = noise
    X = X.copy()
    X[100 : 100 + missing] = 0  # no word, no review
    there = X.any(axis=1)
    epochs = []

    class Watched(TextMLP):
        def _train(self, plan, *, train, max_epochs=None, **others):
            epochs.append((int((train & there).sum()), max_epochs))
            return super()._train(plan, train=train, max_epochs=max_epochs, **others)

    params = {"hidden_units": (16,), "lr": 1e-2, "batch_size": 8, "random_state": 0}
    model = Watched(max_epochs=40, patience=5, **params)
    model.fit_transform(X, y, groups=artists, validation=np.arange(160) < 40)
    assert model.best_iter_ < model.n_iter_
    assert len(epochs) == 4 and epochs[0][1] is None
    n_steps = model.best_iter_ * -(-(120 - missing) // 8)
    for n_learned, n_epochs in epochs[1:]:
        assert n_epochs == max(1, round(n_steps / -(-n_learned // 8)))


# ---- genres of which a fold has no row to learn from -------------------------------------


@pytest.fixture(scope="module")
def rare_genres():
    """Three genres of 30 rows that one column each tells, and eight of one row."""
    rng = np.random.default_rng(0)
    y = np.r_[np.repeat(np.arange(3), 30), 3 + np.arange(8)]
    X = rng.normal(size=(98, 20))
    X[np.arange(98), y] += 2
    asked = np.arange(600) % 3
    X_asked = rng.normal(size=(600, 20))
    X_asked[np.arange(600), asked] += 2
    return X, y, X_asked, asked


@pytest.mark.parametrize("class_weight", [None, pytest.param("balanced", marks=pytest.mark.slow)])
def test_rare_genres_have_no_say_in_how_much_is_learned(rare_genres, class_weight):
    X, y, X_asked, asked = rare_genres
    model = TextMLP(class_weight=class_weight, random_state=0).fit(X, y, groups=np.arange(98))
    among_clear = model.predict_proba(X_asked)[:, :3].argmax(axis=1)
    assert np.mean(among_clear == asked) > 0.75  # .67 and .60 if they have


@pytest.mark.slow
def test_rows_of_rare_genres_get_vectors_of_networks_that_have_not_seen_them(rare_genres):
    X, y, *_ = rare_genres
    model = TextMLP(random_state=0)
    crossed = model.fit_transform(X, y, groups=np.arange(98))
    assert model.share_ > 0
    assert (crossed != model.transform(X)).any(axis=1).all()
