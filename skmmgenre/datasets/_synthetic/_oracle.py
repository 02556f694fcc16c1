"""The exact posterior of the genres of synthetic albums, and its scores."""

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score, log_loss

from ...metrics import ranking_scores
from ._genres import MODALITIES

_ROWS_AT_ONCE = 1024  # bounds the memory of rows x genres x genres


class AlbumOracle:
    """The exact posterior of the genres of `make_albums`, and what its cells were rendered from.

    Parameters
    ----------
    classes : ndarray of str, shape (n_genres,)
        Leaf genres, sorted; the columns of every matrix.
    prior : ndarray of shape (n_genres,)
        Prior probability of each genre.
    confusion : dict of ndarray of shape (n_genres, n_genres)
        See the attribute.
    complementarity : float
        In [0, 1]; see the attribute.
    perceived : ndarray of int, shape (n_albums, 3)
        Codes of the genres that the cells were rendered from; columns audio, text, cover.
    present : ndarray of bool, shape (n_albums, 3)
        Whether each cell is present.
    y : ndarray of str, shape (n_albums,)
        Main genres.
    Y : DataFrame of 0 and 1, shape (n_albums, n_labels)
        Labels of each album.
    label_probability : ndarray of shape (n_genres, n_labels)
        P(label | main genre).
    index : Index
        Index of the table.
    cover_size : int, default=128
        Width and height of each cover in pixels.
    boxes : ndarray of int, shape (n_albums, 4), default=None
        Left, top, right and bottom in pixels of the part that shows the genre; None if the whole
        cover does.

    Attributes
    ----------
    classes : ndarray of str, shape (n_genres,)
        Leaf genres, sorted; the columns of every matrix.
    prior : ndarray of shape (n_genres,)
        Prior probability of each genre.
    confusion : dict of ndarray of shape (n_genres, n_genres)
        "shared", "audio", "text", "cover": P(perceived genre | genre), including the effect of
        `genre_strength`. Rows are the true genre.
    complementarity : float
        Probability that a modality makes its own draw instead of copying the shared draw.
    perceived : DataFrame of shape (n_albums, 3)
        Genre that each cell was rendered from (also for removed cells).
    present : DataFrame of bool, shape (n_albums, 3)
        Whether each cell is present.
    y : ndarray of str, shape (n_albums,)
        Main genres.
    labels : ndarray of str, shape (n_labels,)
        Columns of `Y`.
    label_probability : ndarray of shape (n_genres, n_labels)
        P(label | main genre).
    cover_boxes : DataFrame of int, shape (n_albums, 4), or None
        With ``cover_cue="patch"``, the part of each cover that shows the genre: left, top, right,
        bottom in pixels, with right and bottom exclusive.

    Notes
    -----
    The posterior is that of one album given its own cells. It does not use the artist's other
    albums, so a model that has seen the artist (with a random split) can exceed the ceiling; with
    a split by artist, a model can exceed it only by chance.
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
        """Return the exact posterior P(genre | perceived genres of the given modalities).

        Parameters
        ----------
        modalities : str or sequence of str
            Any of "audio", "text", "cover". A row uses those of them that it has; a row without
            any gets the prior.
        rows : array of int or bool, default=None
            Positions in the table; all by default.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_genres)
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
        """Return the exact posterior P(label | perceived genres of the given modalities).

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
        """Return the most probable genre of each row, which has the highest expected accuracy.

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
        """Return the score of the posterior.

        Parameters
        ----------
        modalities : str or sequence of str
            Any of "audio", "text", "cover". A row uses those of them that it has.
        rows : array of int or bool, default=None
            For example the test rows.
        metric : str, default="accuracy"
            - "expected_accuracy": the mean of the highest posterior; the best attainable accuracy,
              averaged over new draws of the true genres given these perceived genres.
            - "accuracy", "macro_f1": those of `predict` on the true genres of the rows. Apart from
              chance, this is the best accuracy. It is not the best macro F1: a decision rule
              optimized for F1 may reach a higher one. F1 is averaged over all genres of the
              table.
            - "log_loss": that of the posterior, in nats; the lowest one, apart from chance.
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
        """Return the scores of `label_posterior` on `Y`.

        Parameters
        ----------
        modalities : str or sequence of str
            Any of "audio", "text", "cover". A row uses those of them that it has.
        rows : array of int or bool, default=None
            For example the test rows.
        ks : sequence of int, default=(1, 3, 5)
            Numbers of top-ranked labels per album for the metrics at k; at most n_labels.

        Returns
        -------
        metrics : Series
            The metrics, named as by `skmmgenre.metrics.ranking_scores`.

        Notes
        -----
        Given each album's own cells, no ranking of the albums has a higher expected AUC for a
        label, and no choice of k labels has a higher expected precision. The AUC, the average
        precision and precision@k are therefore ceilings, apart from chance. The diversities are
        not: they show how many labels occur with the best possible predictions for every album,
        and a model may predict more of them at the price of precision.
        """
        rows = self._rows(rows)
        scores = self.label_posterior(modalities, rows)
        return ranking_scores(self._Y[rows], scores, ks, references=False).loc["scores"]

    def cover_masks(self, rows=None):
        """Return a mask of the pixels of each cover that show its genre.

        Parameters
        ----------
        rows : array of int or bool, default=None
            Positions in the table; all by default.

        Returns
        -------
        masks : ndarray of bool, shape (n_rows, cover_size, cover_size)
            True inside the boxes of `cover_boxes`, or everywhere with ``cover_cue="whole"``. A
            missing cover has the mask that it would have if it were present.
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
            # Axes: row, true genre y, shared draw s.
            factor = (
                c * self.confusion[MODALITIES[column]].T[perceived][:, :, None]
                + (1.0 - c) * np.eye(n_genres)[perceived][:, None, :]
            )
            # Cells are removed independently of the genre, so a missing one tells nothing.
            joint *= np.where(present[:, column, None, None], factor, 1.0)
        weights = self.prior * joint.sum(axis=2)
        return weights / weights.sum(axis=1, keepdims=True)
