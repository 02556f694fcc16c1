"""Check the installed skmmgenre: a sound that PyAV decodes, a cover, and the demo.

    python -I tools/check_wheel.py FOLDER_OF_THE_TESTS

Everything runs in an empty folder, and -I prevents imports from other folders.
"""

import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import skmmgenre
from skmmgenre.audio import CQTExtractor
from skmmgenre.image import ResNetEmbedder


def main(tests):
    assert sys.flags.isolated, "Run it with python -I."
    assert Path(sys.prefix) in Path(skmmgenre.__file__).parents, skmmgenre.__file__
    files = Path(tests).resolve() / "data" / "golden"
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        patch = CQTExtractor(duration=1.0).transform([files / "sound.m4a"])
        assert np.isfinite(patch).all() and patch.std() > 1, "no sound in the M4A"
        covers = [files / "cover.jpg", files / "cover.webp"] * 4
        embedder = ResNetEmbedder(
            depth=18, weights=None, image_size=32, max_epochs=1, random_state=0
        )
        vectors = embedder.fit(covers, ["a", "b"] * 4, groups=range(8)).transform(covers)
        assert vectors.shape == (8, 512) and np.isfinite(vectors).all()
        demo = [sys.executable, "-I", "-m", "skmmgenre", "demo", "--albums", "60"]
        subprocess.run(demo, check=True)


if __name__ == "__main__":
    main(sys.argv[1])
