"""Embed texts with a pretrained encoder."""

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
    """Encode texts with a frozen pretrained model.

    The model is a sentence encoder from the Hugging Face Hub, a folder, or any function from texts
    to vectors. It is not fine-tuned, and calling `fit` is optional. Add a classifier after it:
    vectors are computed once and can be kept in a `cache`.

    Parameters
    ----------
    model : str or callable, default="sentence-transformers/all-MiniLM-L6-v2"
        Name on the hub, or a folder written by ``save_pretrained`` of the transformers model and
        of its tokenizer, or by that of sentence-transformers; both need
        ``pip install "skmmgenre[pretrained]"``. Weights are read from safetensors only.
        Alternatively, a function that takes a list of str and returns an array of shape (n, d).
    revision : str or None, default=None
        Branch, tag or commit of a hub model. Pass a commit for reproducible results.
    layer : int or None, default=None
        Hidden layer to pool: 0 is the input of the first layer, -1 the last layer. None uses the
        output of the model.
    pooling : {"auto", "mean", "cls", "max"}, default="auto"
        How the tokens of a text are pooled into one vector. "auto" follows the
        sentence-transformers configuration in the model folder, including normalization; if
        there is none, it is "mean" over all tokens of the text.
    max_length : int or None, default=None
        Window length in tokens. Longer texts are split into several windows, whose vectors are
        averaged, weighted by their numbers of tokens. None uses the maximum length of the model
        (512 if it has none), or the smaller one of its sentence-transformers configuration.
    batch_size : int, default=32
        Number of windows per forward pass on a GPU (on a CPU it is fixed, so that results do not
        depend on it), or number of texts passed to a function at once.
    trust_remote_code : bool, default=False
        Whether to run code that comes with a hub model. Read the code first, and pin `revision`.
    cache : str, path or None, default=None
        File in which vectors are stored; it is created if it does not exist. A text that this
        model has already encoded is not encoded again.
    name : str or None, default=None
        Name that identifies a function in the `cache`; change it whenever the function changes.
    on_error : {"raise", "missing"}, default="raise"
        What to do with a cell that is not text. "raise" raises an error that names its row;
        "missing" treats the cell as missing and lists it in `errors_`.
    device : str, default="auto"
        Torch device of a hub model; "auto" uses a GPU if there is one.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    errors_ : DataFrame
        One row per cell that the last `transform` treated as missing because of
        ``on_error="missing"`` or because its vector was not finite, with the columns row, item,
        reason and remedy.

    See Also
    --------
    ReviewVectorizer : Word weights fitted on the texts of the table.
    ReviewTruncator : Join and truncate the reviews of an item.

    Notes
    -----
    A cell may be a list of texts: its vector is the mean of their vectors. Apply a
    `ReviewTruncator` first to join and truncate them instead.

    The vector of a hub model depends only on its text, bit for bit. A function receives the texts
    of several rows at once; pass ``batch_size=1`` if its result for a text depends on the others.

    Examples
    --------
    >>> from skmmgenre.text import TextEmbedder
    >>> def count(texts):  # placeholder for a model
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
        """Encode the texts.

        Parameters
        ----------
        X : Series, list, array, or DataFrame of one column
            A cell is a text or a list of texts; None, NaN, "" and blank texts are missing.

        Returns
        -------
        vectors : ndarray of float32, shape (n, d)
            Rows of missing cells are NaN.

        Raises
        ------
        BadItem
            If a cell is neither a str nor a list of str and ``on_error="raise"``.
        SetupError
            If the model is rejected (pickled weights, custom code, files that do not match), or
            is not available locally and cannot be downloaded.
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
                f"expected a text, got {type(odd).__name__}", "Pass a str or a list of str."
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
        # With the lengths, because ("ab", "c") and ("a", "bc") have the same bytes.
        return ("texts", [len(text) for text in texts]), b"".join(texts)


def _texts_of(cell):
    """Return the texts of a cell, None if all are blank, or the cell if it is something else.

    Even a single text is returned as a tuple, because the store would treat a str as a path.
    """
    texts = list(cell) if isinstance(cell, (list, tuple, np.ndarray)) else [cell]
    if not all(isinstance(text, str) or is_missing(text) for text in texts):
        return cell
    texts = [text for text in texts if not is_missing(text) and text.strip()]
    # Lone surrogates cannot be encoded.
    return tuple(text.encode(errors="replace").decode() for text in texts) or None


def _is_read(cell):
    """Return whether a cell is a tuple of texts as made by `_texts_of`."""
    return isinstance(cell, tuple) and all(isinstance(text, str) for text in cell)
