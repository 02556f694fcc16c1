"""Slopes of a network's scores, by torch. A file of its own keeps torch out of the import."""

import numpy as np
import torch

from ..nets._devices import inference_device, own_settings

_ROWS_AT_ONCE = 16  # always as many, so that a row has the same bits alone as among others


@own_settings()
def slope_times_input(network, patches, slopes):
    """Return what each cell of a patch adds to a score: the score's slope times the input.

    Parameters
    ----------
    network : AudioCNN
        Its module has `standardize`, `blocks` and `head`.
    patches : ndarray of float32, shape (n_patches, n_bins, n_frames)
    slopes : ndarray of float32, shape (n_patches, n_outputs)
        How the score rises with the outputs.

    Returns
    -------
    parts : ndarray of float32, shape (n_patches, n_bins, n_frames)
        Slope times the standardized input.
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
        x.requires_grad_()
        output = module.head(module.blocks(x.unsqueeze(1)).flatten(1))
        score = (output * torch.from_numpy(weight).to(device)).sum()
        (slope,) = torch.autograd.grad(score, x)
        parts[some] = (slope * x.detach())[:n_some].cpu().numpy()
    return parts
