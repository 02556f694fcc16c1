"""Texts to vectors by an encoder that others have trained."""

from collections.abc import Callable
from numbers import Integral
from typing import Any, Literal

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from .._typing import Column, FilePath, Float32Array, OnError
from ..pretrained._hub import load_hub_text
from ..pretrained._hub_embedder import HubEmbedder
from ..utils import BadType, is_missing


class TextEmbedder(HubEmbedder):
    """Encode texts with a pretrained model, which stays as it is.

    The model is a sentence encoder of the hub, a folder, or any function from texts to vectors.
    Needs no fit. Put a classifier behind it: vectors are computed once and can be kept in a
    `cache`.

    Parameters
    ----------
    model : str or callable, default="sentence-transformers/all-MiniLM-L6-v2"
        Name on the hub, or a folder as ``save_pretrained`` of transformers or sentence-transformers
        writes it; both need ``pip install "skmmgenre[pretrained]"``. Weights are read from
        safetensors only. Or a function that takes a list of str and returns an array of shape
        (n, d).
    revision : str or None, default=None
        Branch, tag or commit of a hub name. A commit makes results repeatable.
    layer : int or None, default=None
        Hidden layer that is pooled; 0 is the input of the first, -1 the last. None: the model's
        output.
    pooling : {"auto", "mean", "cls", "max"}, default="auto"
        How a text's tokens become one vector. "auto" follows the model folder's settings for
        sentence-transformers, normalization included; where it has none it is "mean", over all
        tokens of the text.
    max_length : int or None, default=None
        Tokens of a window. Longer texts are read in several, and their vectors averaged by
        the numbers of tokens. None: what the model is made for.
    batch_size : int, default=32
        Windows that a GPU takes at once (on a CPU their number is fixed, so that results do not
        depend on it), or texts that a function takes at once.
    trust_remote_code : bool, default=False
        Whether code that comes with a hub model may run. Read the code first, and fix `revision`.
    cache : str, path or None, default=None
        File of a store of vectors, made if it is not there: a text that this model has encoded
        before is not encoded again.
    name : str or None, default=None
        What the `cache` knows a function by; give it another name whenever it changes.
    on_error : {"raise", "missing"}, default="raise"
        Whether a cell that holds no text raises an error that names its row, or is treated as
        missing and listed in `errors_`.
    device : str, default="auto"
        Torch device of a hub model; "auto" takes a GPU if there is one.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    errors_ : DataFrame
        A line for every cell that the last `transform` treated as missing because of
        ``on_error="missing"`` or because its vector was not finite: row, item, reason, remedy.

    See Also
    --------
    ReviewVectorizer : Word weights of texts, learned from the table.
    ReviewTruncator : Joins and cuts the reviews of an item.

    Notes
    -----
    A cell may be a list of texts: its vector is the mean of theirs. Put a `ReviewTruncator` before
    it to have them joined and cut first.

    A vector of a hub model depends on its text alone, bit for bit. A function gets the texts of
    several rows at once; pass ``batch_size=1`` if what it returns depends on them.

    Examples
    --------
    >>> from skmmgenre.text import TextEmbedder
    >>> def count(texts):  # stands for a model
    ...     return [[len(text.split()), text.count("guitar")] for text in texts]
    >>> embedder = TextEmbedder(model=count)
    >>> embedder.transform(["A loud guitar.", None, ["Calm.", "A guitar, a voice."]])
    array([[3. , 1. ],
           [nan, nan],
           [2.5, 0.5]], dtype=float32)
    """

    _parameter_constraints: dict = {
        **HubEmbedder._parameter_constraints,
        "pooling": [StrOptions({"auto", "mean", "cls", "max"})],
        "max_length": [Interval(Integral, 8, None, closed="left"), None],
    }
    _of_hub_models = {**HubEmbedder._of_hub_models, "pooling": "auto", "max_length": None}
    _noun = "text"

    def __init__(
        self,
        *,
        model: str | Callable[[list[str]], Any] = "sentence-transformers/all-MiniLM-L6-v2",
        revision: str | None = None,
        layer: int | None = None,
        pooling: Literal["auto", "mean", "cls", "max"] = "auto",
        max_length: int | None = None,
        batch_size: int = 32,
        trust_remote_code: bool = False,
        cache: FilePath | None = None,
        name: str | None = None,
        on_error: OnError = "raise",
        device: str = "auto",
        verbose: int = 0,
    ):
        self.model = model
        self.revision = revision
        self.layer = layer
        self.pooling = pooling
        self.max_length = max_length
        self.batch_size = batch_size
        self.trust_remote_code = trust_remote_code
        self.cache = cache
        self.name = name
        self.on_error = on_error
        self.device = device
        self.verbose = verbose

    def transform(self, X: Column) -> Float32Array:
        """Encode each text.

        Parameters
        ----------
        X : Series, list, array, or DataFrame of one column
            A cell is a text, or a list of texts; None, NaN, "" and blank texts are missing.

        Returns
        -------
        vectors : ndarray of float32, shape (n, d)
            Rows of missing cells are NaN.

        Raises
        ------
        BadItem
            If a cell is neither str nor a list of str and ``on_error="raise"``.
        SetupError
            If the model is refused (pickled weights, code of its own, files that do not fit), or
            is not on this machine and cannot be fetched.
        """
        return self._encode(X)

    def _cells(self, X):
        return [_texts_of(cell) for cell in super()._cells(X)]

    def _read(self, cell):
        if not _is_read(cell):
            odd = cell
            if isinstance(cell, (list, tuple, np.ndarray)):
                odd = next(c for c in cell if not isinstance(c, str) and not is_missing(c))
            raise BadType(
                f"expected a text, got {type(odd).__name__}", "Give a str, or a list of str."
            )
        return list(cell)

    @staticmethod
    def _probe():
        return ("a",)

    _load = staticmethod(load_hub_text)

    @staticmethod
    def _content_of(cell):
        if not _is_read(cell):
            return None
        texts = [text.encode() for text in cell]
        return ("texts", [len(text) for text in texts]), b"".join(texts)


def _texts_of(cell):
    """Return the texts of a cell, None if all are blank, or the cell if it is something else.

    A tuple also of one text: a str would be a path for the store.
    """
    texts = list(cell) if isinstance(cell, (list, tuple, np.ndarray)) else [cell]
    if not all(isinstance(text, str) or is_missing(text) for text in texts):
        return cell
    texts = [text for text in texts if not is_missing(text) and text.strip()]
    # Halves of a pair, which are no characters, cannot be encoded.
    return tuple(text.encode(errors="replace").decode() for text in texts) or None


def _is_read(cell):
    """Return whether a cell is what `_texts_of` makes of texts."""
    return isinstance(cell, tuple) and all(isinstance(text, str) for text in cell)
