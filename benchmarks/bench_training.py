"""Training speed of the networks, compared with handwritten PyTorch loops in the same run.

All variants run in turn; times are medians over rounds. "ours" is the second epoch of `fit`. The
audio loops get standardised patches. All use fused Adam unless noted otherwise.

    python benchmarks/bench_training.py [--only audio text disk] [--rounds 5] [--clock process]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from skmmgenre.audio import AudioCNN
from skmmgenre.nets import draw_seeds
from skmmgenre.nets._modules import build_empty, initialize
from skmmgenre.text import TextMLP

NETS = [("time", "low")] + [
    (name, width) for name in ("3x3", "4x96", "4x70") for width in ("low", "high")
]
LAYOUTS = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BATCH = 32


def take_turns(contenders, rounds, clock):
    """Return the seconds of every variant in every round, after a warm-up round."""
    seconds = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            start = clock()
            told = run()
            taken = clock() - start if told is None else told
            if number:
                seconds[name].append(taken)
    return {name: np.array(taken) for name, taken in seconds.items()}


def one_epoch(model, X, Y, clock):
    """Return the seconds of the second of three epochs of `fit`, on the given clock."""
    starts = []
    draw = np.random.default_rng

    # The order of the rows is drawn when an epoch begins.
    def watched(seed=None):
        if isinstance(seed, list) and len(seed) == 2:
            starts.append(clock())
        return draw(seed)

    np.random.default_rng = watched
    try:
        model.set_params(max_epochs=3).fit(X, Y)
        return starts[2] - starts[1]
    finally:
        np.random.default_rng = draw


# ---- sound ---------------------------------------------------------------------------


def by_hand(layers, n_features, n_outputs, dropout):
    """Network of Table 5 or section 6.2 in straightforward PyTorch, frequency before time."""
    blocks, channels = [], 1
    for filters, (frames, bins), pool in layers:
        blocks += [nn.Conv2d(channels, filters, (bins, frames)), nn.ReLU(inplace=True)]
        if pool is not None:
            blocks.append(nn.MaxPool2d((pool[1], pool[0])))
        if dropout:
            blocks.append(nn.Dropout(dropout))
        channels = filters
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(n_features, n_outputs))


def loop_of(net, layout, dtype, patches, truth):
    """Train one epoch in a handwritten loop."""
    net.to(memory_format=layout)
    optimizer = torch.optim.Adam(net.parameters(), fused=True)

    def epoch():
        total = 0.0
        for rows in torch.randperm(len(patches)).split(BATCH):
            x, y = patches[rows].to(memory_format=layout), truth[rows]
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype != torch.float32):
                output = net(x)
            loss = binary_cross_entropy_with_logits(output.float(), y)
            loss.backward()
            optimizer.step()
            total += loss.item()

    return epoch


def bench_audio(arguments):
    """Compare each of the seven networks with four loops."""
    rng = np.random.default_rng(0)
    n_outputs, n_bins, n_frames = 250, 96, 323
    print("AudioCNN, clips a second: ours, and loops by hand")
    for architecture, width in NETS:
        if arguments.nets and f"{architecture}-{width}" not in arguments.nets:
            continue
        n = BATCH * (2 if width == "high" else 4)
        X = rng.normal(-40, 10, (n, n_bins, n_frames)).astype(np.float32)
        Y = (rng.random((n, n_outputs)) < 0.02).astype(int)
        model = AudioCNN(
            architecture=architecture,
            width=width,
            preset="paper",
            batch_size=BATCH,
            validation_fraction=0,
            random_state=0,
        )
        recipe = model._recipe((n_bins, n_frames), n_outputs)
        shape = {name: recipe[name] for name in ("layers", "n_features", "n_outputs", "dropout")}
        scaled = torch.from_numpy((X + 40) / 10).unsqueeze(1)
        truth = torch.from_numpy(Y.astype(np.float32))
        contenders = {"ours": lambda: one_epoch(model, X, Y, arguments.clock)}  # noqa: B023
        for precision, dtype in PRECISIONS.items():
            for name, layout in LAYOUTS.items():
                contenders[f"{precision} {name}"] = loop_of(
                    by_hand(**shape), layout, dtype, scaled, truth
                )
        seconds = take_turns(contenders, arguments.rounds, arguments.clock)
        rate = {name: n / np.median(taken) for name, taken in seconds.items()}
        loops = [name for name in contenders if name != "ours"]
        best = np.min([seconds[name] for name in loops], axis=0)
        told = ", ".join(f"{name} {rate[name]:.0f}" for name in contenders)
        print(
            f"  {architecture}-{width}: {told}; ours / best loop "
            f"{np.median(best / seconds['ours']):.2f}, ours / plain loop "
            f"{np.median(seconds['float32 contiguous'] / seconds['ours']):.2f}",
            flush=True,
        )


# ---- text ----------------------------------------------------------------------------


def draw_texts(n, n_words, words_a_text, rng):
    """Return rows with the same number of distinct, equally likely words."""
    columns = np.concatenate([rng.choice(n_words, words_a_text, replace=False) for _ in range(n)])
    values = rng.random(len(columns)).astype(np.float32)
    values /= np.repeat(
        np.sqrt(np.add.reduceat(values**2, range(0, len(columns), words_a_text))), words_a_text
    )
    starts = np.arange(0, len(columns) + 1, words_a_text)
    return sparse.csr_array((values, columns, starts), shape=(n, n_words))


def dense_loop(model, X, Y, **adam):
    """Train one epoch over dense batches with the same initial weights and order."""
    init_seed, shuffle_seed, _ = draw_seeds(model.random_state, 3)
    module = build_empty(model._make_module, model._recipe(X.shape[1:], Y.shape[1]))
    initialize(module, init_seed)
    state = module.state_dict()
    widths = [X.shape[1], *model.hidden_units, Y.shape[1]]
    layers = [nn.Linear(a, b) for a, b in zip(widths, widths[1:], strict=False)]
    for layer, name in zip(layers, ["hidden.1", "hidden.4", "head"], strict=True):
        layer.weight.data.copy_(state[f"{name}.weight"])
        layer.bias.data.copy_(state[f"{name}.bias"])
    net = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.Adam(net.parameters(), lr=model.lr, **adam)
    truth = torch.from_numpy(Y.astype(np.float32))
    losses = []

    def epoch():
        order = np.random.default_rng([shuffle_seed, len(losses)]).permutation(len(Y))
        total = 0.0
        for start in range(0, len(Y), BATCH):
            rows = order[start : start + BATCH]
            optimizer.zero_grad()
            loss = binary_cross_entropy_with_logits(
                net(torch.from_numpy(X[rows].toarray())), truth[rows]
            )
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(Y))

    epoch.losses = losses
    return epoch


def bench_text(arguments):
    """Compare on 10,000 words, two layers of 2048, 250 genres, 150 words per text."""
    rng = np.random.default_rng(0)
    n, epochs = 10 * BATCH, arguments.rounds + 1
    X = draw_texts(n, 10_000, 150, rng)
    Y = (rng.random((n, 250)) < 0.02).astype(int)
    shared = {"batch_size": BATCH, "validation_fraction": 0, "random_state": 0, "preset": "paper"}
    model = TextMLP(dropout=0, **shared)
    loops = {
        "dense loop, Adam": dense_loop(model, X, Y),
        "dense loop, fused Adam": dense_loop(model, X, Y, fused=True),
    }
    with_dropout = TextMLP(dropout=0.5, **shared)
    contenders = {
        "ours": lambda: one_epoch(model, X, Y, arguments.clock),
        "ours with dropout": lambda: one_epoch(with_dropout, X, Y, arguments.clock),
        **loops,
    }
    seconds = take_turns(contenders, arguments.rounds, arguments.clock)
    rates = ", ".join(f"{name} {n / np.median(taken):.0f}" for name, taken in seconds.items())
    print(f"TextMLP, texts a second: {rates}")
    for name in loops:
        ratios = {
            our: np.median(seconds[name] / seconds[our]) for our in contenders if "ours" in our
        }
        print(f"  against {name}: " + ", ".join(f"{our} {r:.2f}" for our, r in ratios.items()))
    ours = TextMLP(dropout=0, max_epochs=epochs, **shared).fit(X, Y).history_
    for name, loop in loops.items():
        differences = [abs(e["train_loss"] - t) for e, t in zip(ours, loop.losses, strict=True)]
        print(
            f"  losses of {epochs} epochs without dropout differ from those of {name} by "
            f"{max(differences):.1e} at most"
        )


# ---- disk ----------------------------------------------------------------------------


def write_patches(path, n):
    """Write a file of random patches: a few hundred, repeated with an offset."""
    shape = (n, 96, 323)
    file = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    block = np.random.default_rng(0).normal(-40, 10, (min(n, 250), *shape[1:])).astype(np.float32)
    for start in range(0, n, len(block)):
        part = block[: n - start]
        file[start : start + len(part)] = part + 1e-4 * start
    file.flush()


_PEAK = """
import sys
import numpy as np
from skmmgenre.audio import AudioCNN
X = np.load(sys.argv[1], mmap_mode="r")[: int(sys.argv[2])]
y = np.arange(len(X)) % 10
net = AudioCNN(architecture="time", preset="paper", max_epochs=1, random_state=0)
net.fit(X, y).transform(X[-1000:])
with open("/proc/self/status") as status:  # getrusage would count the parent's peak too
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


def peak_memory(path, n):
    """Return peak memory (GB) of a process that trains and predicts on `n` patches (Linux)."""
    command = [sys.executable, "-W", "ignore", "-c", _PEAK, str(path), str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout) * 1024 / 1e9


def bench_disk(arguments):
    """Compare speed from a mapped file with memory, and how memory grows with the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "patches.npy"
        write_patches(path, arguments.patches)
        mapped = np.load(path, mmap_mode="r")[:1600]
        in_memory = np.array(mapped)
        Y = (np.random.default_rng(0).random((len(mapped), 250)) < 0.02).astype(int)
        model = AudioCNN(architecture="time", preset="paper", validation_fraction=0, random_state=0)
        few, all_of_them = 500, arguments.patches
        peaks = {n: peak_memory(path, n) for n in (few, all_of_them)}
        size = path.stat().st_size / 1e9
        print(
            f"Peak memory of training from disk: {peaks[few]:.2f} GB on {few} patches, "
            f"{peaks[all_of_them]:.2f} GB on {all_of_them} ({size:.2f} GB): "
            f"{peaks[all_of_them] - peaks[few]:+.2f} GB"
        )
        contenders = {
            "memory": lambda: one_epoch(model, in_memory, Y, arguments.clock),
            "disk": lambda: one_epoch(model, mapped, Y, arguments.clock),
        }
        seconds = take_turns(contenders, arguments.rounds, arguments.clock)
        rates = ", ".join(f"{name} {len(Y) / np.median(t):.0f}" for name, t in seconds.items())
        ratio = np.median(seconds["memory"] / seconds["disk"])
        print(f"AudioCNN(time), clips a second: {rates}; disk / memory {ratio:.2f}")


BENCHES = {"audio": bench_audio, "text": bench_text, "disk": bench_disk}


def main():
    """Run the requested parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(BENCHES), default=list(BENCHES))
    parser.add_argument("--nets", nargs="+", default=None, help="of audio, such as 3x3-low")
    parser.add_argument("--patches", type=int, default=20_000, help="of disk, 124 kB each")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--clock",
        choices=["wall", "process"],
        default="wall",
        help="process: seconds of the processor, where others use the machine too",
    )
    arguments = parser.parse_args()
    arguments.clock = {"wall": time.perf_counter, "process": time.process_time}[arguments.clock]
    print(f"{torch.get_num_threads()} threads")
    for name in arguments.only:
        BENCHES[name](arguments)


if __name__ == "__main__":
    main()
