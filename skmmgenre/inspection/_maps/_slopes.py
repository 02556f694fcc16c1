"""Gradients of a network's scores. A separate module, so that torch is imported lazily."""

from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from ...nets._devices import inference_device, own_settings

_ROWS_AT_ONCE = 16  # a fixed size, so that results are bit-identical for any selection of rows


@own_settings()
def slope_times_input(network, patches, slopes):
    """Compute gradient times input of each cell of a patch.

    Parameters
    ----------
    network : AudioCNN
        Its module has `standardize`, `blocks` and `head`.
    patches : ndarray of float32, shape (n_patches, n_bins, n_frames)
    slopes : ndarray of float32, shape (n_patches, n_outputs)
        Gradient of the score with respect to the outputs.

    Returns
    -------
    parts : ndarray of float32, shape (n_patches, n_bins, n_frames)
        Gradient times the standardized input: what each cell adds to the score.
    """
    device = inference_device(network.device)
    module = network._module(device)
    parts = np.empty((len(patches), *network.sample_shape_), dtype=np.float32)
    for start in range(0, len(patches), _ROWS_AT_ONCE):
        some = slice(start, start + _ROWS_AT_ONCE)
        n_some = len(patches[some])
        filled = np.zeros((_ROWS_AT_ONCE, *network.sample_shape_), dtype=np.float32)
        filled[:n_some] = patches[some]
        weight = np.zeros((_ROWS_AT_ONCE, slopes.shape[1]), dtype=np.float32)
        weight[:n_some] = slopes[some]
        with torch.no_grad():
            x = module.standardize(torch.from_numpy(filled).to(device))
        # After the standardization, so that a cell at its mean over the training set adds nothing.
        x.requires_grad_()
        output = module.head(module.blocks(x.unsqueeze(1)).flatten(1))
        score = (output * torch.from_numpy(weight).to(device)).sum()
        (slope,) = torch.autograd.grad(score, x)
        parts[some] = (slope * x.detach())[:n_some].cpu().numpy()
    return parts


@own_settings()
def parts_of_musicnn(encoder, patches, slope, part):
    """Compute gradient times input of each cell of the patches of a track, for musicnn.

    Parameters
    ----------
    encoder : MusicnnEncoder
    patches : list of ndarray of float32, shape (n_frames, n_bins)
    slope : ndarray of float32, shape (n_values,)
        Gradient of the score with respect to the values of a patch.
    part : slice
        Which values of the network's output these are.

    Returns
    -------
    parts : list of ndarray of float32, shape (n_frames, n_bins)
        Gradient times the output of the first batch norm, whose mean is that of musicnn's
        training data.
    """
    device, network = encoder.network()
    slope = torch.from_numpy(slope).to(device)
    parts = []
    for patch in patches:
        with torch.no_grad():
            x = network.input(torch.from_numpy(patch).to(device))
        x.requires_grad_()
        (gradient,) = torch.autograd.grad((network.answer(x)[part] * slope).sum(), x)
        parts.append((gradient * x.detach()).cpu().numpy())
    return parts


@own_settings()
def grad_cam(encoder, prepared, slope):
    """Compute Grad-CAM (Selvaraju et al. 2017) of an image for a hub encoder.

    Parameters
    ----------
    encoder : HubImage
    prepared : dict of ndarray
        The image, as `encoder.prepare` returns it.
    slope : ndarray of float32, shape (n_values,)
        Gradient of the score with respect to the image's vector.

    Returns
    -------
    shares : ndarray of float32, shape (height, width)
        One share per position of the last feature maps of a convolutional network, or per token
        that enters the last layer of a transformer. The tokens after the last layer cannot be
        used: the vector need not depend on all of them.
    """
    batch = {
        name: torch.from_numpy(values[np.newaxis]).to(encoder.device)
        for name, values in prepared.items()
    }
    with _noting_states(encoder.network) as (maps, tokens), torch.enable_grad():
        vector = encoder.answer(encoder.network, batch)
        score = (vector.flatten() * torch.from_numpy(slope).to(encoder.device)).sum()
    if len(tokens) < 2 and not maps:
        raise ValueError(
            f"{encoder.folder.name} has neither feature maps nor layers of tokens, so an "
            "activation map is not available. Use explain, which hides parts of the cover in turn."
        )
    # The output of the last layer but one is the input of the last.
    state = tokens[-2] if len(tokens) > 1 else maps[-1]
    (gradient,) = torch.autograd.grad(score, state)
    state, gradient = _places(state[0]), _places(gradient[0])
    return (state * gradient.mean(dim=(0, 1))).sum(dim=2).detach().cpu().numpy()


@contextmanager
def _noting_states(network):
    """Record the feature maps and the tokens of each layer during a forward pass."""
    maps, tokens = [], []
    lists = [module for module in network.modules() if isinstance(module, nn.ModuleList)]
    # Transformers keep their layers in lists. Other 3-D outputs are inside a layer.
    layers = {layer for of_list in lists for layer in of_list}

    def note(module, inputs, output):
        output = output[0] if isinstance(output, tuple) else output
        if not torch.is_tensor(output) or not output.requires_grad:
            return
        if output.ndim == 4 and min(output.shape[2:]) > 1:
            maps.append(output)
        elif output.ndim == 3 and module in layers:
            tokens.append(output)

    hooks = [module.register_forward_hook(note) for module in network.modules()]
    try:
        yield maps, tokens
    finally:
        for hook in hooks:
            hook.remove()


def _places(state):
    """Arrange maps (d, height, width) or tokens (n, d) by position, without class tokens."""
    if state.ndim == 3:
        return state.permute(1, 2, 0)
    # Class tokens and registers come first, then the patches of a square image.
    side = int(len(state) ** 0.5)
    return state[len(state) - side**2 :].unflatten(0, (side, side))
