"""Vectors of covers by `ResNetEmbedder`, compared with a plain PyTorch loop over the same files.

The loop opens a file with Pillow, scales, crops and normalizes it, and runs torchvision's
network in float32: one cover at a time, and in batches of 50. All variants run in turn; times
are medians over rounds. The network has random weights, and batch norm statistics of these
covers. bfloat16 and float32 vectors are compared. Finally, all covers are written to a store
(``cache=``) and read from it.

    python benchmarks/bench_image.py [--depths 18 50 101] [--covers 64] [--rounds 3]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.models import get_model
from torchvision.transforms import functional

from skmmgenre.image import ResNetEmbedder

_MEAN, _STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def write_covers(folder, n, side=600):
    """Write JPEG files with shapes of many sizes, which decode at the speed of covers."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(n):
        picture = np.zeros((side, side, 3))
        for cells in (2, 5, 20, 100, 300):
            part = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
            part = Image.fromarray(part).resize((side, side), Image.Resampling.BICUBIC)
            picture += np.asarray(part) / cells**0.3
        picture = np.uint8(255 * picture / picture.max())
        paths.append(Path(folder) / f"{number}.jpg")
        Image.fromarray(picture).save(paths[-1], quality=90)
    return [str(path) for path in paths]


def read_plainly(path):
    """Return one cover as input of the network."""
    with Image.open(path) as image:
        x = functional.to_tensor(
            functional.center_crop(
                functional.resize(image.convert("RGB"), 256, functional.InterpolationMode.BICUBIC),
                224,
            )
        )
    return functional.normalize(x, _MEAN, _STD)


def make_network(depth, paths):
    """Return torchvision's network without its head, with batch norm statistics of some covers."""
    torch.manual_seed(0)
    net = get_model(f"resnet{depth}", weights=None)
    net.fc = torch.nn.Identity()
    net.train()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches
    with torch.no_grad():
        net(torch.stack([read_plainly(path) for path in paths[:16]]))
    return net.eval()


@torch.no_grad()
def plain_loop(net, paths, batch_size):
    """Return the vectors of all covers."""
    vectors = []
    for start in range(0, len(paths), batch_size):
        batch = torch.stack([read_plainly(path) for path in paths[start : start + batch_size]])
        vectors.append(net(batch))
    return torch.cat(vectors).numpy()


def bench(depth, paths, folder, arguments):
    """Compare all variants at one depth."""
    net = make_network(depth, paths)
    weights = Path(folder) / f"{depth}.pth"
    torch.save(net.state_dict(), weights)
    fitted = {}
    for precision in ("float32", "bfloat16"):
        fitted[precision] = ResNetEmbedder(
            depth=depth,
            weights=weights,
            fine_tune=False,
            preset="paper",
            validation_fraction=0,
            max_epochs=1,
            precision=precision,
            random_state=0,
        ).fit(paths[:4], [0, 1, 0, 1])
    contenders = {
        "float32": lambda: fitted["float32"].transform(paths),
        "bfloat16": lambda: fitted["bfloat16"].transform(paths),
        "loop, one by one": lambda: plain_loop(net, paths, 1),
        "loop, batches of 50": lambda: plain_loop(net, paths, 50),
    }
    seconds = {name: [] for name in contenders}
    vectors = {}
    for number in range(arguments.rounds + 1):  # the first one warms up
        for name, run in contenders.items():
            start = arguments.clock()
            vectors[name] = run()
            if number:
                seconds[name].append(arguments.clock() - start)
    seconds = {name: np.array(taken) for name, taken in seconds.items()}
    told = ", ".join(f"{name} {len(paths) / np.median(t):.1f}" for name, t in seconds.items())
    print(f"ResNet-{depth}, covers a second: {told}")
    for loop in ("loop, one by one", "loop, batches of 50"):
        ratios = [
            f"{name} {np.median(seconds[loop] / seconds[name]):.2f}"
            for name in ("float32", "bfloat16")
        ]
        print(f"  against {loop}: {', '.join(ratios)}")
    exact = vectors["loop, one by one"]
    for name in ("float32", "bfloat16"):
        ours = vectors[name]
        cosine = (
            (ours * exact).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(exact, axis=1)
        )
        error = np.linalg.norm(ours - exact, axis=1) / np.linalg.norm(exact, axis=1)
        print(
            f"  {name} and the loop: relative difference {np.median(error):.1e} (at most "
            f"{error.max():.1e}), cosine at least {cosine.min():.6f}",
            flush=True,
        )
    compare_passes(fitted["float32"], paths, Path(folder) / f"{depth}.sqlite", arguments)


def compare_passes(net, paths, store, arguments):
    """Print the speed-up of a pass that finds all vectors in a store."""
    net.set_params(cache=store)
    seconds = []
    for _ in range(1 + arguments.rounds):
        start = arguments.clock()
        vectors = net.transform(paths)
        seconds.append(arguments.clock() - start)
    assert np.array_equal(vectors, net.set_params(cache=None).transform(paths))
    first, second = np.array([seconds[0], np.median(seconds[1:])]) / len(paths)
    print(
        f"  store: first pass {1e3 * first:.1f} ms a cover, next {1e3 * second:.2f} ms, "
        f"{first / second:.0f} times as fast",
        flush=True,
    )


def main():
    """Run all depths."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depths", type=int, nargs="+", default=[18, 50, 101])
    parser.add_argument("--covers", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=["wall", "process"], default="wall")
    arguments = parser.parse_args()
    arguments.clock = {"wall": time.perf_counter, "process": time.process_time}[arguments.clock]
    print(f"{torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as folder:
        paths = write_covers(folder, arguments.covers)
        for depth in arguments.depths:
            bench(depth, paths, folder, arguments)


if __name__ == "__main__":
    main()
