"""What layers compute in."""

import numpy as np
import pytest
import torch
from scipy import sparse

from skmmgenre.audio import AudioCNN
from skmmgenre.nets import _devices
from skmmgenre.text import TextMLP


def dtypes_of_layers(model, X, y):
    """Kind of each layer that answered, and the dtypes it answered with, in training and after."""
    seen = {True: {}, False: {}}

    def note(module, inputs, output):
        if not list(module.children()):
            seen[module.training].setdefault(type(module).__name__, set()).add(output.dtype)

    hook = torch.nn.modules.module.register_module_forward_hook(note)
    try:
        model.set_params(max_epochs=1, validation_fraction=0, random_state=0).fit(X, y)
        answers = model.predict_proba(X), model.transform(X), *model.weights_.values()
    finally:
        hook.remove()
    assert [answer.dtype for answer in answers] == [np.float64] + [np.float32] * (len(answers) - 1)
    return seen[True], seen[False]


@pytest.mark.parametrize("native", [True, False])
def test_auto_precision_on_a_processor(native, monkeypatch):
    """bfloat16 for networks of convolutions, in training, if the processor has it."""
    monkeypatch.setattr(_devices, "processor_has_bfloat16", lambda: native)
    y = np.arange(8) % 2
    patches = np.random.default_rng(0).normal(-40, 10, (8, 96, 130)).astype(np.float32)
    cnn = AudioCNN(architecture="time", width=(4, 4, 4), device="cpu")
    learning, answering = dtypes_of_layers(cnn, patches, y)
    assert learning["Conv2d"] == {torch.bfloat16 if native else torch.float32}
    assert learning["Linear"] == learning["Conv2d"] and learning["Standardize"] == {torch.float32}
    assert set().union(*answering.values()) == {torch.float32}
    mlp = TextMLP(hidden_units=(8, 8), device="cpu")
    for seen in dtypes_of_layers(mlp, sparse.eye_array(8, format="csr"), y):
        assert set().union(*seen.values()) == {torch.float32}


def test_bfloat16_is_for_training_and_answers():
    mlp = TextMLP(hidden_units=(8, 8), device="cpu", precision="bfloat16")
    learning, answering = dtypes_of_layers(mlp, sparse.eye_array(8, format="csr"), np.arange(8) % 2)
    assert learning["Linear"] == answering["Linear"] == {torch.bfloat16}
    assert learning["WordLinear"] == {torch.float32}
    assert answering["WordLinear"] == {torch.bfloat16}
