"""What can be known about the synthetic albums: the exact posterior of their genres."""

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score, log_loss

from ...metrics import ranking_scores
from ._genres import MODALITIES

_ROWS_AT_ONCE = 1024  # bounds the memory of rows x genres x genres


class AlbumOracle:
    """The genres that the modalities of `make_albums` were rendered from.

    Parameters
    ----------
    classes : ndarray of str, shape (n_genres,)
        Leaf genres, sorted; the columns of every matrix.
    prior : ndarray of shape (n_genres,)
        Share of each genre.
    confusion : dict of ndarray of shape (n_genres, n_genres)
        See the attribute.
    complementarity : float
        In [0, 1]; see the attribute.
    perceived : ndarray of int, shape (n_albums, 3)
        Codes of the genres that the cells were rendered from; columns audio, text, cover.
    present : ndarray of bool, shape (n_albums, 3)
        Which cells are there.
    y : ndarray of str, shape (n_albums,)
        Main genres.
    Y : DataFrame of 0 and 1, shape (n_albums, n_labels)
        Labels of each album.
    label_probability : ndarray of shape (n_genres, n_labels)
        P(label | main genre).
    index : Index
        That of the table.
    cover_size : int, default=128
        Pixels a side of each cover.
    boxes : ndarray of int, shape (n_albums, 4), default=None
        Left, top, right and bottom in pixels of the place that shows the genre; None if the whole
        cover does.

    Attributes
    ----------
    classes : ndarray of str, shape (n_genres,)
        Leaf genres, sorted; the columns of every matrix.
    prior : ndarray of shape (n_genres,)
        Share of each genre.
    confusion : dict of ndarray of shape (n_genres, n_genres)
        "shared", "audio", "text", "cover": P(perceived genre | genre), `genre_strength`
        included. Rows: the genre.
    complementarity : float
        Probability that a modality draws for itself instead of copying the shared draw.
    perceived : DataFrame of shape (n_albums, 3)
        Genre that each cell was rendered from (that of emptied cells too).
    present : DataFrame of bool, shape (n_albums, 3)
        Which cells are there.
    y : ndarray of str, shape (n_albums,)
        Main genres.
    labels : ndarray of str, shape (n_labels,)
        Columns of `Y`.
    label_probability : ndarray of shape (n_genres, n_labels)
        P(label | main genre).
    cover_boxes : DataFrame of int, shape (n_albums, 4), or None
        With ``cover_cue="patch"``, the place of each cover that shows the genre: left, top, right,
        bottom in pixels, the latter two outside of it.

    Notes
    -----
    The posterior is that of one album given its own cells. It knows nothing of the artist's
    other albums, so a model that has seen the artist (a random split) can pass the ceiling;
    with a split by artist no model can, but by chance.
    """

    def __init__(
        self,
        *,
        classes,
        prior,
        confusion,
        complementarity,
        perceived,
        present,
        y,
        Y,
        label_probability,
        index,
        cover_size=128,
        boxes=None,
    ):
        self.classes = classes
        self.prior = prior
        self.confusion = confusion
        self.complementarity = complementarity
        self.perceived = pd.DataFrame(
            {m: classes[perceived[:, i]] for i, m in enumerate(MODALITIES)},
            index=index,
            dtype=object,
        )
        self.present = pd.DataFrame(present, columns=list(MODALITIES), index=index)
        self.y = y
        self.labels = np.array(Y.columns, dtype=object)
        self.label_probability = label_probability
        self.cover_boxes = None
        if boxes is not None:
            edges = ["left", "top", "right", "bottom"]
            self.cover_boxes = pd.DataFrame(boxes, columns=edges, index=index)
        self._cover_size = cover_size
        self._perceived = perceived
        self._Y = Y.to_numpy()

    def posterior(self, modalities=MODALITIES, rows=None):
        """P(genre | what the given modalities perceived), exact.

        Parameters
        ----------
        modalities : str or sequence of str
            Any of "audio", "text", "cover". A row uses those of them that it has; a row that
            has none gets the prior.
        rows : array of int or bool, default=None
            Positions in the table; all by default.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_genres) |
            Rows sum to 1; columns as in `classes`.
        """
        columns = self._columns(modalities)
        rows = self._rows(rows)
        return np.concatenate(
            [
                self._posterior(columns, rows[start : start + _ROWS_AT_ONCE])
                for start in range(0, len(rows), _ROWS_AT_ONCE)
            ]
            or [np.empty((0, len(self.classes)))]
        )

    def label_posterior(self, modalities=MODALITIES, rows=None):
        """P(label | what the given modalities perceived), exact, shape (n_rows, n_labels).

        Parameters
        ----------
        modalities : str or sequence of str, default=("audio", "text", "cover")
            As in `posterior`.
        rows : array of int or bool, default=None
            Positions in the table; all by default.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_labels)
            In [0, 1], with columns as in `labels`. Rows need not sum to 1.
        """
        return self.posterior(modalities, rows) @ self.label_probability

    def predict(self, modalities=MODALITIES, rows=None):
        """The most probable genre of each row: no rule is right more often.

        Parameters
        ----------
        modalities : str or sequence of str, default=("audio", "text", "cover")
            As in `posterior`.
        rows : array of int or bool, default=None
            Positions in the table; all by default.

        Returns
        -------
        genres : ndarray of str, shape (n_rows,)
            One genre per row.
        """
        return self.classes[self.posterior(modalities, rows).argmax(axis=1)]

    def ceiling(self, modalities=MODALITIES, rows=None, metric="accuracy"):
        """What the posterior reaches.

        Parameters
        ----------
        modalities : str or sequence of str
            Any of "audio", "text", "cover". A row uses those of them that it has.
        rows : array of int or bool, default=None
            For example the test rows.
        metric : str, default="accuracy"
            - "expected_accuracy": the mean of the highest posterior; the best accuracy
              attainable, averaged over genres drawn anew for these perceived genres.
            - "accuracy", "macro_f1": those of `predict` on the true genres of the rows. For
              accuracy, chance aside, this is the best; for macro F1 it is what the most
              probable genre gives, and a rule made for it may reach more. F1 is the mean
              over all genres of the table, as elsewhere.
            - "log_loss": of the posterior, in nats; the lowest attainable, chance aside.
            - one of `label_metrics`, with any number for k: "macro_auc",
              "macro_average_precision", "precision@1", "diversity@3", ...

        Returns
        -------
        value : float
            The metric of the posterior over these rows.
        """
        rows = self._rows(rows)
        y = self.y[rows]
        if metric == "expected_accuracy":
            return float(self.posterior(modalities, rows).max(axis=1).mean())
        if metric == "accuracy":
            return float(accuracy_score(y, self.predict(modalities, rows)))
        if metric == "macro_f1":
            macro = {"labels": np.unique(self.y), "average": "macro", "zero_division": 0}
            return float(f1_score(y, self.predict(modalities, rows), **macro))
        if metric == "log_loss":
            return float(log_loss(y, self.posterior(modalities, rows), labels=self.classes))
        k = metric.partition("@")[2]
        metrics = self.label_metrics(modalities, rows, (int(k) if k.isdecimal() else 1,))
        if metric in metrics:
            return float(metrics[metric])
        raise ValueError(
            f"Unknown metric {metric!r}. Choose from 'accuracy', 'expected_accuracy', "
            f"'macro_f1', 'log_loss', {', '.join(map(repr, metrics.index))} (any k)."
        )

    def label_metrics(self, modalities=MODALITIES, rows=None, ks=(1, 3, 5)):
        """What `label_posterior` reaches on `Y`.

        Parameters
        ----------
        modalities : str or sequence of str
            Any of "audio", "text", "cover". A row uses those of them that it has.
        rows : array of int or bool, default=None
            For example the test rows.
        ks : sequence of int, default=(1, 3, 5)
            How many labels of each album are looked at; at most n_labels.

        Returns
        -------
        metrics : Series
            As `skmmgenre.metrics.ranking_scores` names them.

        Notes
        -----
        No order of the albums has a higher expected AUC for a label, and no choice of k
        labels a higher expected precision, given each album's own cells; so the AUC, the
        average precision and precision@k are ceilings, chance aside. The diversities are
        not: they tell how many labels come up when every album is answered as well as can be,
        and a scorer may name more of them at the price of precision.
        """
        rows = self._rows(rows)
        scores = self.label_posterior(modalities, rows)
        return ranking_scores(self._Y[rows], scores, ks, references=False).loc["scores"]

    def cover_masks(self, rows=None):
        """Return which pixels of each cover show its genre.

        Parameters
        ----------
        rows : array of int or bool, default=None
            Positions in the table; all by default.

        Returns
        -------
        masks : ndarray of bool, shape (n_rows, cover_size, cover_size)
            True within the boxes of `cover_boxes`, and everywhere with ``cover_cue="whole"``;
            that of a missing cover is the one it would have.
        """
        rows = self._rows(rows)
        shape = (len(rows), self._cover_size, self._cover_size)
        if self.cover_boxes is None:
            return np.ones(shape, dtype=bool)
        masks = np.zeros(shape, dtype=bool)
        boxes = self.cover_boxes.to_numpy()[rows]
        for mask, (left, top, right, bottom) in zip(masks, boxes, strict=True):
            mask[top:bottom, left:right] = True
        return masks

    def _columns(self, modalities):
        modalities = (modalities,) if isinstance(modalities, str) else tuple(modalities)
        for modality in modalities:
            if modality not in MODALITIES:
                raise ValueError(f"Unknown modality {modality!r}. Choose from {list(MODALITIES)}.")
        return sorted({MODALITIES.index(modality) for modality in modalities})

    def _rows(self, rows):
        return np.arange(len(self.y)) if rows is None else np.arange(len(self.y))[rows]

    def _posterior(self, columns, rows):
        # P(y | g) is proportional to prior[y] sum_s C_0[y, s] prod_m P(g_m | s, y), where
        # P(g_m | s, y) = (1 - c) 1{g_m = s} + c C_m[y, g_m].
        n_genres = len(self.classes)
        c = self.complementarity
        present = self.present.to_numpy()[rows]
        joint = np.broadcast_to(self.confusion["shared"], (len(rows), n_genres, n_genres)).copy()
        for column in columns:
            perceived = self._perceived[rows, column]
            factor = (
                c * self.confusion[MODALITIES[column]].T[perceived][:, :, None]
                + (1.0 - c) * np.eye(n_genres)[perceived][:, None, :]
            )
            joint *= np.where(present[:, column, None, None], factor, 1.0)
        weights = self.prior * joint.sum(axis=2)
        return weights / weights.sum(axis=1, keepdims=True)
