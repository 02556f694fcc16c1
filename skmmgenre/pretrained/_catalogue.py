"""The models that can be fetched, with their licences and citations."""

from dataclasses import dataclass

import pandas as pd

_ISC = """\
Copyright (c) Music Technology Group, Universitat Pompeu Fabra 2019. Code developed by Jordi Pons
(www.jordipons.me).

Permission to use, copy, modify, and/or distribute this software for any purpose with or without
fee is hereby granted, provided that the above copyright notice and this permission notice appear in
all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS
SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE
AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES
WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT,
NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF
THIS SOFTWARE.
"""
_MUSICNN = (
    "Pons, J. and Serra, X. (2019). musicnn: pre-trained convolutional neural networks for music "
    "audio tagging. Late-breaking/demo session of the 20th ISMIR."
)

_MSD_TAGS = (
    "rock;pop;alternative;indie;electronic;female vocalists;dance;00s;alternative rock;jazz;"
    "beautiful;metal;chillout;male vocalists;classic rock;soul;indie rock;Mellow;electronica;80s;"
    "folk;90s;chill;instrumental;punk;oldies;blues;hard rock;ambient;acoustic;experimental;"
    "female vocalist;guitar;Hip-Hop;70s;party;country;easy listening;sexy;catchy;funk;electro;"
    "heavy metal;Progressive rock;60s;rnb;indie pop;sad;House;happy"
)
_MTT_TAGS = (
    "guitar;classical;slow;techno;strings;drums;electronic;rock;fast;piano;ambient;beat;violin;"
    "vocal;synth;female;indian;opera;male;singing;vocals;no vocals;harpsichord;loud;quiet;flute;"
    "woman;male vocal;no vocal;pop;soft;sitar;solo;man;classic;choir;voice;new age;dance;"
    "male voice;female vocal;beats;harp;cello;no voice;weird;country;metal;female voice;choral"
)


@dataclass(frozen=True)
class Model:
    """Description of a model that can be fetched.

    Parameters
    ----------
    name : str
        Name by which the model is requested.
    kind : {"audio", "text", "image"}
    size : int
        Download size in bytes.
    licence : str
        Short name of the licence.
    licence_text : str
        The notice that must be kept with every copy.
    commercial : bool
        Whether the licence allows commercial use.
    citation : str
    folder : str
        Folder of the model in the wheel.
    tags : tuple of str
        Names of the outputs, in their order.
    """

    name: str
    kind: str
    size: int
    licence: str
    licence_text: str
    commercial: bool
    citation: str
    folder: str
    tags: tuple


# The wheel that contains the weights. It is not installed: its dependencies cannot be.
PACKAGE, VERSION = "musicnn", "0.1.0"
WHEEL = f"{PACKAGE}-{VERSION}-py3-none-any.whl"
SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
SIZE = 29_292_476  # bytes

_SAME = {
    "kind": "audio",
    "size": SIZE,
    "licence": "ISC",
    "licence_text": _ISC,
    "commercial": True,
    "citation": _MUSICNN,
}
_MODELS = (
    Model("musicnn", folder="MSD_musicnn", tags=tuple(_MSD_TAGS.split(";")), **_SAME),
    Model("musicnn-mtt", folder="MTT_musicnn", tags=tuple(_MTT_TAGS.split(";")), **_SAME),
)
MODELS = {model.name: model for model in _MODELS}


def model_named(name):
    """Return a model that can be fetched.

    Raises
    ------
    ValueError
        If the name is unknown. The message lists the known names.
    """
    if name not in MODELS:
        raise ValueError(f"Unknown model {name!r}; available models: {', '.join(MODELS)}.")
    return MODELS[name]


def list_models() -> pd.DataFrame:
    """List the models that `fetch` can download.

    Returns
    -------
    models : DataFrame
        One row per model, with the columns name, kind ("audio"), size (of the download, in
        bytes), licence, commercial (whether the licence allows commercial use) and citation.

    See Also
    --------
    fetch : Download the weights of a model.

    Examples
    --------
    >>> from skmmgenre.pretrained import list_models
    >>> list_models()[["name", "kind", "licence", "commercial"]]
              name   kind licence  commercial
    0      musicnn  audio     ISC        True
    1  musicnn-mtt  audio     ISC        True
    """
    columns = ["name", "kind", "size", "licence", "commercial", "citation"]
    rows = [[getattr(model, column) for column in columns] for model in _MODELS]
    return pd.DataFrame(rows, columns=columns)
