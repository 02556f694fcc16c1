"""A model that predicts genres without training, from the tags of musicnn."""

from numbers import Real

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.compose import ColumnTransformer
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from ..metrics import macro_auc_score
from ..model_selection import labels_above
from ..utils import as_pandas, read_labels_like
from ._genre_pipeline import GenrePipeline
from ._mean_over_tracks import MeanOverTracks

# Chosen by the names of the tags, before any score was seen. Decades, moods, voices and instruments
# are not genres.
_GENRES = {
    "Alternative Rock": ["alternative rock", "alternative"],
    "Ambient": ["ambient"],
    "Blues": ["blues"],
    "Chillout": ["chillout", "chill"],
    "Classic Rock": ["classic rock"],
    "Country": ["country"],
    "Dance": ["dance"],
    "Easy Listening": ["easy listening"],
    "Electronic": ["electronic", "electronica", "electro"],
    "Experimental": ["experimental"],
    "Folk": ["folk"],
    "Funk": ["funk"],
    "Hard Rock": ["hard rock"],
    "Hip-Hop": ["Hip-Hop"],
    "House": ["House"],
    "Indie Pop": ["indie pop"],
    "Indie Rock": ["indie rock", "indie"],
    "Jazz": ["jazz"],
    "Metal": ["metal", "heavy metal"],
    "Pop": ["pop"],
    "Progressive Rock": ["Progressive rock"],
    "Punk": ["punk"],
    "R&B": ["rnb"],
    "Rock": ["rock"],
    "Soul": ["soul"],
}

# Patches of a track that are used: as accurate as all of 20 seconds, and faster.
_N_PATCHES = 3
_N_SAMPLES = 64_000  # of a tone, more than musicnn needs

# Chosen on audio_text.csv for the genres in that table; the other genres use the threshold of all
# of these together. benchmarks/evaluate_ready_model.py chooses them, and reports scores on other
# artists.
_THRESHOLD = 0.158
_THRESHOLDS = {
    "Blues": 0.159,
    "Country": 0.087,
    "Electronic": 0.132,
    "Folk": 0.255,
    "Hip-Hop": 0.251,
    "Jazz": 0.316,
    "R&B": 0.124,
}


class TagClassifier(ClassifierMixin, BaseEstimator):
    """Classifier that maps the probabilities of tags to genres by a fixed table.

    The probability of a genre is that of its most probable tag. Nothing is learned from data.

    Parameters
    ----------
    genres : dict of str to list of str, or None, default=None
        The tags of each genre. None uses the table for musicnn; see ``genres_``.
    thresholds : float, dict of str to float, or None, default=None
        `predict` returns each genre whose probability is above its threshold: one threshold for all
        genres, or one per genre. None uses the thresholds fitted for the table of musicnn.

    Attributes
    ----------
    genres_ : dict of str to list of str
        The tags of each genre.
    classes_ : ndarray of str, shape (n_genres,)
        The genres, in the order of the table.
    thresholds_ : ndarray of float64, shape (n_genres,)
        Probability above which each genre is predicted.
    n_features_in_ : int
        Number of columns of X.
    feature_names_in_ : ndarray of str objects, shape (n_tags,)
        Names of these columns.

    See Also
    --------
    load_ready_model : Return a pipeline from audio to genres that ends in this classifier.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmmgenre.compose import TagClassifier
    >>> tags = pd.DataFrame({"audio__jazz": [0.6, 0.1], "audio__metal": [0.0, 0.1]})
    >>> table = {"Jazz": ["jazz"], "Metal": ["metal"]}
    >>> model = TagClassifier(genres=table, thresholds=0.2).fit(tags)
    >>> model.predict(tags).tolist()
    [[1, 0], [0, 0]]
    """

    _parameter_constraints: dict = {
        "genres": [dict, None],
        "thresholds": [Interval(Real, 0, 1, closed="both"), dict, None],
    }

    def __init__(self, *, genres=None, thresholds=None):
        self.genres = genres
        self.thresholds = thresholds

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Look up the tags of each genre among the columns.

        Parameters
        ----------
        X : DataFrame of shape (n_items, n_tags)
            Probabilities. The columns are named after the tags, with or without the prefix of a
            block (``audio__jazz``).
        y : None
            Ignored.

        Returns
        -------
        self : TagClassifier
            The classifier, ready to use.

        Raises
        ------
        ValueError
            If a tag of the table is not among the columns, a genre has no tag, or genres and
            thresholds do not match.
        """
        X = self._read(X, reset=True)
        columns = getattr(self, "feature_names_in_", None)
        if columns is None:
            raise ValueError(
                "TagClassifier identifies tags by their column names. Pass a DataFrame."
            )
        places = {name.partition("__")[2] or name: place for place, name in enumerate(columns)}
        self.genres_ = {
            genre: [tags] if isinstance(tags, str) else list(tags)
            for genre, tags in (_GENRES if self.genres is None else self.genres).items()
        }
        for genre, tags in self.genres_.items():
            absent = [tag for tag in tags if tag not in places]
            if absent or not tags:
                fault = f"the unknown tag {absent[0]!r}" if absent else "no tag"
                raise ValueError(
                    f"Genre {genre!r} has {fault}. Available tags: {', '.join(places)}."
                )
        if not self.genres_:
            raise ValueError(
                "genres is empty. Pass at least one genre, or None for musicnn's table."
            )
        self.classes_ = np.array(list(self.genres_))
        self._places = [[places[tag] for tag in tags] for tags in self.genres_.values()]
        self.thresholds_ = self._thresholds_of_genres()
        return self

    def _thresholds_of_genres(self):
        given = self.thresholds
        if isinstance(given, dict):
            for genre in {**given, **self.genres_}:
                if genre not in given or genre not in self.genres_:
                    raise ValueError(
                        f"thresholds and genres differ: {genre!r} is in one of them only. Give one "
                        "threshold to each genre."
                    )
                if not 0 <= given[genre] <= 1:
                    raise ValueError(
                        f"The threshold of {genre!r} is {given[genre]!r}, not a probability from 0 "
                        "to 1."
                    )
        elif given is None:
            given = {genre: _THRESHOLDS.get(genre, _THRESHOLD) for genre in self.genres_}
        else:
            given = dict.fromkeys(self.genres_, given)
        return np.array([given[genre] for genre in self.genres_], dtype=np.float64)

    def _read(self, X, *, reset):
        return validate_data(
            self,
            as_pandas(X),
            reset=reset,
            dtype=[np.float32, np.float64],
            ensure_all_finite="allow-nan",
        )

    def predict_proba(self, X):
        """Return the probability of each genre.

        Parameters
        ----------
        X : DataFrame of shape (n_items, n_tags)
            The columns of `fit`.

        Returns
        -------
        probabilities : ndarray of float64, shape (n_items, n_genres)
            Genres are independent: rows do not sum to 1. Zeros for an item without tags.
        """
        check_is_fitted(self)
        tags = np.nan_to_num(self._read(X, reset=False)).astype(np.float64)
        return np.column_stack([tags[:, places].max(axis=1) for places in self._places])

    def predict(self, X):
        """Return an indicator matrix of the genres above their threshold.

        Parameters
        ----------
        X : DataFrame of shape (n_items, n_tags)
            The columns of `fit`.

        Returns
        -------
        genres : ndarray of int, shape (n_items, n_genres)
            An item may have no genre.
        """
        probabilities = self.predict_proba(X)
        return labels_above(probabilities, self.thresholds_, at_least_one=False)

    def score(self, X, y):
        """Return the macro AUC over the genres with both a positive and a negative item.

        Parameters
        ----------
        X : DataFrame of shape (n_items, n_tags)
            Probabilities of the tags, with the columns of `fit`.
        y : DataFrame of shape (n_items, n_genres)
            Indicator with the columns of `classes_`.

        Returns
        -------
        score : float
            Macro AUC, in [0, 1].
        """
        return macro_auc_score(read_labels_like(y, self.classes_).values, self.predict_proba(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.required = False
        tags.input_tags.allow_nan = True
        return tags


def load_ready_model(name="musicnn", *, genres=None, thresholds=None, column="audio", **params):
    """Return a model that predicts genres from audio without any training.

    A pretrained network predicts tags from three patches of each track, and a table that can be
    changed maps these tags to genres. The weights of the network must be downloaded once, with
    ``skmmgenre fetch musicnn``.

    Parameters
    ----------
    name : "musicnn", default="musicnn"
        The network.
    genres : dict of str to list of str, or None, default=None
        The tags of each genre. None uses the table of 25 genres that :class:`TagClassifier` stores
        as ``genres_``.
    thresholds : float, dict of str to float, or None, default=None
        The probability above which `predict` returns a genre; see :class:`TagClassifier`.
    column : str, default="audio"
        Column of paths, or of lists of paths (an album: the mean over its tracks is used).
    **params : dict
        Parameters of :class:`~skmmgenre.audio.AudioEmbedder`, such as ``cache``, ``n_jobs``,
        ``on_error`` or ``n_patches``.

    Returns
    -------
    model : GenrePipeline
        Fitted model that takes a table with this column.

    Raises
    ------
    SetupError
        If the weights have not been downloaded.
    ValueError
        If there is no ready model called `name`, or a genre has a tag that the network does not
        predict.

    See Also
    --------
    skmmgenre.audio.AudioEmbedder : The network.
    make_genre_classifier : Train a model of your own genres on vectors of the same network, with
        ``audio_model="musicnn"``.

    Notes
    -----
    The network was trained on the Million Song Dataset with tags of Last.fm, and many of these tags
    are genres. Scores on songs of that dataset are therefore too optimistic. Genres that are not
    among the tags (Classical, Latin, Reggae) are never predicted.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmmgenre.compose import load_ready_model
    >>> model = load_ready_model("musicnn")  # doctest: +SKIP
    >>> model.predict(pd.DataFrame({"audio": ["song.mp3"]}))  # doctest: +SKIP
    """
    from ..audio import AudioEmbedder

    if name != "musicnn":
        raise ValueError(f"Unknown model {name!r}. Available: 'musicnn'.")
    embedder = AudioEmbedder(model=name, output="tags", **{"n_patches": _N_PATCHES, **params})
    tags = ColumnTransformer([("audio", MeanOverTracks(embedder), column)])
    classifier = TagClassifier(genres=genres, thresholds=thresholds)
    model = GenrePipeline(
        [("modalities", tags.set_output(transform="pandas")), ("genres", classifier)]
    )
    # Nothing is learned, but `fit` of the steps needs a track (here a tone) and labels.
    tone = 0.1 * np.sin(np.arange(_N_SAMPLES) / 10, dtype=np.float32)
    return model.fit(pd.DataFrame({column: [tone]}), pd.DataFrame([[1, 1]]))
