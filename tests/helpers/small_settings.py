"""Options of `skmmgenre train` that make a model small."""

SMALL = {
    "audio__architecture": "time",
    "audio__width": (8, 8, 8),
    "audio__duration": 2.3,
    "audio__hop_length": 512,
    "audio__n_bins": 12,
    "audio__fmin": 261.6,
    "audio__max_epochs": 3,
    "audio__lr": 1e-2,
    "text__hidden_units": (16, 16),
    "text__max_epochs": 6,
    "text__lr": 1e-2,
    "fusion__max_epochs": 15,
    "fusion__lr": 5e-2,
}


def settings(*parts):
    """The options that make a model of some parts small."""
    chosen = {name: value for name, value in SMALL.items() if name.partition("__")[0] in parts}
    return [word for name, value in chosen.items() for word in ("--set", f"{name}={value}")]
