"""Seconds per song of `skmmgenre tag --model musicnn` (dry run), and of a plain implementation.

Songs, of four minutes by default, are joined from clips of a folder, or from synthetic tracks, and
encoded in turn as mp3, flac, m4a and ogg. The command runs in a new process, including its
start-up; then again with the predictions in the store, and again after --write has tagged the
songs. Then its parts (decoding three windows, the network) are measured song by song in processor
time; the remainder of the first run is reported as the rest: start-up, tags of files, store.

The plain implementation uses librosa.load on the whole file, librosa's mel spectrogram, and the
same network written with torch's conv2d, patch by patch: all patches of a song, or the three that
the command uses. It is measured on a few songs, without start-up and without m4a, which librosa
cannot read.

It requires the weights of musicnn: skmmgenre fetch musicnn.

    python benchmarks/bench_tag.py
    python benchmarks/bench_tag.py --songs 300 --clips FOLDER
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import joblib
import librosa
import numpy as np
import pandas as pd
import soundfile
import torch
from torch.nn.functional import conv2d, linear, pad

from skmmgenre.audio import AudioEmbedder
from skmmgenre.audio._audio_embedder import windows_of
from skmmgenre.audio._musicnn import (
    EPSILON,
    HOP,
    MIDDLE,
    N_FRAMES,
    SHAPES,
    SR,
    TEMPORAL,
    TIMBRAL,
    MusicnnEncoder,
)
from skmmgenre.compose._ready_model import _N_PATCHES
from skmmgenre.datasets import make_albums
from skmmgenre.pretrained._fetch import path_of, read_weights

FORMATS = ("mp3", "flac", "m4a", "ogg")
RATE = 44100
_CLIPS = (".mp3", ".flac", ".m4a", ".ogg", ".wav")


# ---- songs -------------------------------------------------------------------------------------


def read_clips(folder, n_synthetic, made):
    """Return stereo clips at 44.1 kHz: those of a folder, or synthetic ones."""
    if folder is None:
        albums = make_albums(
            n_synthetic,
            4,
            tracks_per_album=(1, 1),
            duration=30.0,
            audio_format="wav",
            directory=made,
            random_state=0,
        )
        paths = [cell if isinstance(cell, str) else cell[0] for cell in albums.table["audio"]]
    else:
        paths = sorted(str(p) for p in Path(folder).rglob("*") if p.suffix.lower() in _CLIPS)
    clips = (librosa.load(path, sr=RATE, mono=False)[0] for path in paths)
    return [np.broadcast_to(clip, (2, clip.shape[-1])).astype(np.float32) for clip in clips]


def write_song(path, clips, seconds, seed):
    """Join clips in a random order to a song of some length, and encode it."""
    rng, parts = np.random.default_rng(seed), []
    while sum(part.shape[1] for part in parts) < seconds * RATE:
        parts.append(clips[rng.integers(len(clips))])
    song = np.concatenate(parts, axis=1)[:, : seconds * RATE]
    if path.suffix != ".m4a":
        with soundfile.SoundFile(path, "w", RATE, 2) as file:
            for start in range(0, song.shape[1], RATE):  # Vorbis fails on long blocks
                file.write(song[:, start : start + RATE].T)
        return
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(song), "fltp", "stereo")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def write_songs(folder, clips, n_songs, seconds):
    """Write songs with different content into folders of ten."""
    paths = [
        folder / f"{row // 10:02}" / f"{row:03}.{FORMATS[row % len(FORMATS)]}"
        for row in range(n_songs)
    ]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
    joblib.Parallel(n_jobs=-1)(
        joblib.delayed(write_song)(path, clips, seconds, seed) for seed, path in enumerate(paths)
    )
    return [str(path) for path in paths]


# ---- the command and its parts -----------------------------------------------------------------


def run_command(words, home):
    """Return wall and processor seconds of a run of `skmmgenre`, and its output."""
    before, start = _of_children(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "skmmgenre", *words],
        env={**os.environ, "SKMMGENRE_DATA": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return time.perf_counter() - start, _of_children() - before, done.stdout


def _of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure_parts(paths):
    """Return processor seconds per song by format: decoding, network."""
    encoder = MusicnnEncoder("musicnn", None, "cpu")
    encoder.embed(np.zeros((1, encoder.n_samples), dtype=np.float32))
    rows = []
    for path in paths:
        start = time.process_time()
        windows = np.stack(list(windows_of(path, encoder, _N_PATCHES)))
        decoded = time.process_time()
        encoder.embed(windows)
        rows.append((Path(path).suffix, decoded - start, time.process_time() - decoded))
    return pd.DataFrame(rows, columns=["format", "decoding", "network"])


# ---- the plain way -----------------------------------------------------------------------------


class PlainNetwork:
    """musicnn as drawn in its paper: one convolution per layer."""

    def __init__(self):
        arrays = read_weights("musicnn", None, SHAPES).arrays
        self.arrays = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}

    def __call__(self, patch):
        """Return the 50 tag probabilities of a patch of shape (n_frames, 96)."""
        x = self._norm(torch.from_numpy(patch)[None, None], 0)
        front = []
        for number, name in enumerate(TIMBRAL, start=1):
            front.append(self._layer(pad(x, (0, 0, 3, 3)), name, number).amax(dim=3))
        for number, (name, taps) in enumerate(TEMPORAL.items(), start=3):
            before = (taps - 1) // 2
            padded = pad(x, (0, 0, before, taps - 1 - before))
            front.append(self._layer(padded, name, number).amax(dim=3))
        front = torch.cat(front, dim=1)
        found = [front]
        for number, name in enumerate(MIDDLE, start=6):
            y = self._layer(pad(found[-1], (3, 3))[..., None], name, number)[..., 0]
            found.append(y if len(found) == 1 else found[-1] + y)
        found = torch.cat(found, dim=1)
        pooled = torch.stack([found.amax(dim=2), found.mean(dim=2)], dim=2).flatten(1)
        hidden = torch.relu(self._dense(self._norm(pooled, 9), "dense"))
        return torch.sigmoid(self._dense(self._norm(hidden, 10), "dense_1"))[0]

    def _layer(self, x, name, number):
        kernel = self.arrays[f"{name}/kernel"]  # (taps, bins, channels, filters)
        if name in MIDDLE:
            kernel = kernel.reshape(kernel.shape[0], 1, -1, kernel.shape[-1])
        y = conv2d(x, kernel.permute(3, 2, 0, 1).contiguous(), self.arrays[f"{name}/bias"])
        return self._norm(torch.relu(y), number)

    def _dense(self, x, name):
        return linear(x, self.arrays[f"{name}/kernel"].T, self.arrays[f"{name}/bias"])

    def _norm(self, x, number):
        name = f"batch_normalization{f'_{number}' if number else ''}"
        beta, gamma, mean, variance = (
            self.arrays[f"{name}/{part}"].reshape(1, -1, *[1] * (x.ndim - 2))
            for part in ("beta", "gamma", "moving_mean", "moving_variance")
        )
        return (x - mean) / torch.sqrt(variance + EPSILON) * gamma + beta


@torch.inference_mode()
def tag_plainly(path, network, n_patches=None):
    """Return the mean tag probabilities of a song."""
    y, _ = librosa.load(path, sr=SR)
    mel = librosa.feature.melspectrogram(y=y, sr=SR, n_fft=512, hop_length=HOP, n_mels=96).T
    mel = np.log10(10000 * mel + 1).astype(np.float32)
    starts = np.arange(0, len(mel) - N_FRAMES + 1, N_FRAMES)
    if n_patches is not None:
        starts = starts[len(starts) * (2 * np.arange(n_patches) + 1) // (2 * n_patches)]
    patches = (np.ascontiguousarray(mel[start : start + N_FRAMES]) for start in starts)
    return np.mean([network(patch).numpy() for patch in patches], axis=0)


def measure_plain(paths, n_patches):
    """Return wall seconds per song."""
    network = PlainNetwork()
    tag_plainly(paths[0], network, 1)
    start = time.perf_counter()
    for path in paths:
        tag_plainly(path, network, n_patches)
    return (time.perf_counter() - start) / len(paths)


def largest_difference(path):
    """Return the largest difference in probability between the plain way and AudioEmbedder."""
    tags = AudioEmbedder(output="tags").transform([path])[0]
    return float(np.abs(tags - tag_plainly(path, PlainNetwork())).max())


def main():
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--songs", type=int, default=60)
    parser.add_argument("--seconds", type=int, default=240, help="length of a song")
    parser.add_argument("--clips", metavar="FOLDER", help="clips to join; by default synthetic")
    parser.add_argument("--jobs", type=int, help="of the command; by default its own")
    parser.add_argument("--plain", type=int, default=8, help="songs of the plain way")
    arguments = parser.parse_args()
    weights = path_of("musicnn")
    if not weights.exists():
        parser.error("the weights of musicnn are not there; run: skmmgenre fetch musicnn")
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        songs, home = folder / "songs", folder / "home"
        songs.mkdir()
        (home / "pretrained").mkdir(parents=True)
        shutil.copy(weights, home / "pretrained")
        clips = read_clips(arguments.clips, 24, folder / "clips")
        paths = write_songs(songs, clips, arguments.songs, arguments.seconds)
        n = len(paths)
        print(f"{n} songs of {arguments.seconds} s, {os.cpu_count()} cores; seconds a song")
        words = ["tag", "--model", "musicnn", str(songs), "--quiet"]
        words += [] if arguments.jobs is None else ["--jobs", str(arguments.jobs)]
        first, busy, told = run_command(words, home)
        second, _, again = run_command(words, home)
        run_command([*words, "--write"], home)
        finished, _, _ = run_command(words, home)
        if told != again:
            raise SystemExit("the second run says something else")
        print(f"  first run            {first / n:.3f} by the clock, {busy / n:.3f} processor")
        parts = measure_parts(paths)
        decoding, network = parts["decoding"].mean(), parts["network"].mean()
        print(f"    decoding           {decoding:.3f} processor")
        for name, seconds in parts.groupby("format")["decoding"].mean().items():
            print(f"      {name:<17}{seconds:.3f}")
        print(f"    network            {network:.3f}")
        print(f"    rest               {busy / n - decoding - network:.3f}")
        print(f"  second run           {second / n:.4f}, {first / second:.0f} times as fast")
        print(f"  of a tagged library  {finished / n:.4f}, {first / finished:.0f} times as fast")
        some = [path for path in paths if not path.endswith("m4a")]  # not read by librosa
        some = some[: arguments.plain]
        print(f"  plain, all patches   {measure_plain(some, None):.3f} by the clock")
        print(f"  plain, three patches {measure_plain(some, _N_PATCHES):.3f}")
        print(f"{told.splitlines()[-2]}; plain and AudioEmbedder differ by at most "
              f"{largest_difference(paths[1]):.0e} in the tags of a song")  # fmt: skip


if __name__ == "__main__":
    main()
