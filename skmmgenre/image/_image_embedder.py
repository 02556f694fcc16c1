"""Cover embeddings by pretrained encoders."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import PIL

from .._typing import Column, FilePath, Float32Array, OnError
from ..pretrained._hub import load_hub_image
from ..pretrained._hub_embedder import HubEmbedder
from ._decode import content_of_image, decode_image


class ImageEmbedder(HubEmbedder):
    """Cover embeddings from a pretrained model, which is not trained further.

    The model is one of the Hugging Face hub, one in a folder, or any function from images to
    vectors. The estimator is stateless, so `fit` is not required. Use a classifier on top of it;
    vectors can be kept in a `cache` so that they are only computed once.

    Parameters
    ----------
    model : str or callable, default="openai/clip-vit-base-patch32"
        Name on the hub, or a folder written by ``save_pretrained`` of the transformers model and
        of its image processor; both require ``pip install "skmmgenre[pretrained]"``. Weights are
        only read from safetensors files. Alternatively, a function that takes a list of PIL images
        in mode RGB and returns an array of shape (n, d).
    revision : str or None, default=None
        Branch, tag or commit of a hub model. Pass a commit for reproducible results.
    layer : int or None, default=None
        Hidden layer to average over patches; 0 is the input of the first layer, -1 the last layer.
        None uses the output that the model was trained to return: the image features of CLIP, or
        the pooled output of ViT and DINO.
    batch_size : int, default=32
        Number of images per batch on a GPU or for a function. On a CPU the number is fixed, so
        that results do not depend on it.
    trust_remote_code : bool, default=False
        Whether code that comes with a hub model may run. Review the code first, and pin `revision`.
    cache : str, path or None, default=None
        File of a vector store, created if it does not exist. An image that this model encoded
        before is not decoded again.
    name : str or None, default=None
        Name that identifies a function in the `cache`. Change it whenever the function changes.
    on_error : {"raise", "missing"}, default="raise"
        Whether an image that cannot be used raises an error that names it, or is treated as
        missing and listed in `errors_`.
    device : str, default="auto"
        Torch device of a hub model; "auto" is the GPU if there is one, else the CPU.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    errors_ : DataFrame
        One line per image that the last `transform` treated as missing because of
        ``on_error="missing"`` or because its vector was not finite: row, item, reason, remedy.

    See Also
    --------
    ResNetEmbedder : Network trained on the image itself.
    ColorStatistics : Baseline without a network.

    Notes
    -----
    Images are scaled, cropped and normalized by the model's own processor. A vector of a hub model
    depends only on its image, bit for bit. A function gets the images of several rows at once;
    pass ``batch_size=1`` if the vector of one image depends on the others.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.image import ImageEmbedder
    >>> def mean_color(images):  # in place of a model
    ...     return [np.asarray(image).mean(axis=(0, 1)) for image in images]
    >>> red = np.zeros((100, 100, 3), dtype=np.uint8)
    >>> red[..., 0] = 255
    >>> ImageEmbedder(model=mean_color).transform([red, None])
    array([[255.,   0.,   0.],
           [ nan,  nan,  nan]], dtype=float32)
    """

    _noun = "image"

    def __init__(
        self,
        *,
        model: str | Callable[[list[Any]], Any] = "openai/clip-vit-base-patch32",
        revision: str | None = None,
        layer: int | None = None,
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
        self.batch_size = batch_size
        self.trust_remote_code = trust_remote_code
        self.cache = cache
        self.name = name
        self.on_error = on_error
        self.device = device
        self.verbose = verbose

    def transform(self, X: Column) -> Float32Array:
        """Encode each image.

        Parameters
        ----------
        X : column of paths, of the content of files, PIL images or uint8 arrays, length n
            Same inputs as :meth:`ResNetEmbedder.transform`. A cell that is None, NaN or "" is
            missing.

        Returns
        -------
        vectors : ndarray of float32, shape (n, d)
            Rows of missing images are NaN.

        Raises
        ------
        BadItem
            If an image cannot be used and ``on_error="raise"``.
        SetupError
            If the model is refused (pickled weights, custom code, files that do not fit), or is not
            on this machine and cannot be downloaded.
        """
        return self._encode(X)

    @staticmethod
    def _read(cell):
        return [decode_image(cell)]

    @staticmethod
    def _probe():
        return np.full((64, 64, 3), 128, dtype=np.uint8)

    _load = staticmethod(load_hub_image)
    _content_of = staticmethod(content_of_image)

    @staticmethod
    def _versions():
        try:  # if installed, its kernels scale the images
            torchvision = version("torchvision")
        except PackageNotFoundError:
            torchvision = None
        return {"pillow": PIL.__version__, "torchvision": torchvision}
