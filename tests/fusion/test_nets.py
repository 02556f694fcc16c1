"""The fusion layer, the two networks of the joint space and its loss, as modules."""

import numpy as np
import pytest
import torch

from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.fusion._nets import MarginLoss, RankingLoss


def build(estimator, **recipe):
    """Build a network; the weights that torch draws leave the global state alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return estimator._make_module(**recipe)


def dropped(p, there, n=20_000):
    """Share of rows in which each block was dropped, and whether a row lost all."""
    sizes = {"block_of_column": [0, 0, 1, 2, 2], "n_outputs": 2, "dropout": 0}
    net = build(FusionClassifier, **sizes, modality_dropout=p)
    net.drop[0].generator = torch.Generator().manual_seed(0)
    x = torch.ones((n, 5)) * torch.tensor(there, dtype=torch.float32)
    kept = net.embed(x).numpy()
    assert set(np.unique(kept)) <= {0, 1}  # dropped or as it was, not scaled
    np.testing.assert_array_equal(kept[:, 0], kept[:, 1])  # a block as a whole
    np.testing.assert_array_equal(kept[:, 3], kept[:, 4])
    assert (kept[:, np.array(there) == 0] == 0).all()
    assert net.eval().embed(x) is x
    return 1 - kept[:, [0, 2, 3]].mean(axis=0), (kept == 0).all(axis=1).any()


def test_block_dropout_drops_at_its_rate_and_never_all():
    rate, lost_all = dropped(0.3, [1, 1, 1, 1, 1])
    # A block stays where all three would have gone, and in a third of these it is this one.
    np.testing.assert_allclose(rate, 0.3 - 0.3**3 / 3, atol=0.012)
    assert not lost_all
    assert not dropped(0.95, [1, 1, 1, 1, 1])[1]


def test_block_dropout_spares_the_only_block_of_a_row():
    rate, lost_all = dropped(0.9, [0, 0, 1, 0, 0])
    assert rate[1] == 0 and not lost_all
    rate, lost_all = dropped(0.5, [1, 1, 0, 1, 1])
    np.testing.assert_allclose(rate[[0, 2]], 0.5 - 0.5**2 / 2, atol=0.012)
    assert not lost_all
    assert dropped(0.5, [0, 0, 0, 0, 0])[1]  # nothing stays nothing


def test_fusion_is_one_layer():
    net = build(
        FusionClassifier, block_of_column=[0, 0, 1], n_outputs=4, dropout=0.5, modality_dropout=0.5
    ).eval()
    assert [tuple(part.shape) for part in net.parameters()] == [(4, 3), (4,)]
    x = torch.randn((5, 3), generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(net(x).detach(), net.head(x).detach())


def test_each_view_and_its_negative_go_through_the_network_of_the_view():
    net = build(JointSpaceProjector, widths=[3, 2], hidden_units=6, n_components=4)
    generator = torch.Generator().manual_seed(0)
    views = [torch.randn((7, width), generator=generator) for width in (3, 2, 3, 2)]
    embeddings = net(torch.hstack(views))
    assert embeddings.shape == (7, 4, 4)
    for number, (x, part) in enumerate(zip(views, [net.first, net.second] * 2, strict=True)):
        W1, b1, W2, b2 = part.parameters()
        expected = torch.tanh(x @ W1.T + b1) @ W2.T + b2
        torch.testing.assert_close(embeddings[:, number], expected)


def test_a_standardized_network_sees_columns_of_mean_0_and_deviation_1():
    sizes = {"widths": [3, 2], "hidden_units": 6, "n_components": 4}
    plain = build(JointSpaceProjector, **sizes)
    net = build(JointSpaceProjector, **sizes, standardized=True, dropout=0.5).eval()
    for part, other in zip((net.first, net.second), (plain.first, plain.second), strict=True):
        part[0].mean.fill_(0.5)
        part[0].scale.fill_(2.0)
        for weight, known in zip(part.parameters(), other.parameters(), strict=True):
            weight.data.copy_(known)
    x = torch.randn((7, 5), generator=torch.Generator().manual_seed(0))
    found = net(x * 2 + 0.5)
    torch.testing.assert_close(found, plain(x))
    assert found.shape == (7, 2, 4)  # without negatives


def cos(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@pytest.mark.parametrize("margin", [0, 0.5, 1])
def test_loss_known_answer(margin):
    a, v = np.array([1.0, 0.0]), np.array([3.0, 4.0])
    r_a, r_v = np.array([2.0, 2.0]), np.array([5.0, -12.0])
    embeddings = torch.tensor(np.array([[a, v, r_a, r_v]] * 4))
    has = torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    push_a, push_v = max(0, cos(r_a, v) - margin), max(0, cos(a, r_v) - margin)
    pull = 1 - 0.6
    np.testing.assert_allclose(
        MarginLoss(margin)(embeddings, has),
        [pull + push_a + push_v, pull + push_a, pull + push_v, pull],
    )


def ranking_loss(embeddings, codes, margin):
    """The definition, written out."""
    losses = []
    for i, (a, v) in enumerate(embeddings):
        pushes = [
            max(0, 1 - margin + cos(a, other[1]) - cos(a, v))
            for other, code in zip(embeddings, codes, strict=True)
            if code[1] != codes[i][1]
        ] + [
            max(0, 1 - margin + cos(v, other[0]) - cos(a, v))
            for other, code in zip(embeddings, codes, strict=True)
            if code[0] != codes[i][0]
        ]
        losses.append(np.mean(pushes) if pushes else 0)
    return losses


@pytest.mark.parametrize("margin", [0, 0.5, 1])
def test_ranking_loss_is_its_definition(margin):
    embeddings = np.random.default_rng(0).normal(size=(6, 2, 3))
    codes = np.array([[0, 0], [1, 0], [2, 1], [2, 2], [3, 3], [4, 4]])
    found = RankingLoss(margin)(torch.tensor(embeddings), torch.tensor(codes))
    np.testing.assert_allclose(found, ranking_loss(embeddings, codes, margin))


def test_ranking_loss_of_a_space_that_knows_nothing():
    """All in one place, or all sounds in one and all covers in another: 1 - m, never less."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.arange(9)[:, None].expand(9, 2)
    for angle in (0.0, 0.5, 1.0):
        one = torch.randn((1, 1, 3), generator=generator).expand(9, 1, 3)
        other = (1 - angle) * one + angle * torch.randn((1, 1, 3), generator=generator)
        loss = RankingLoss(0.3)(torch.cat([one, other.expand(9, 1, 3)], dim=1), codes)
        torch.testing.assert_close(loss, torch.full((9,), 0.7))


@pytest.mark.parametrize("codes", [[[0, 0]], [[0, 0], [0, 0]]])
def test_rows_without_a_negative_have_no_ranking_loss(codes):
    embeddings = torch.ones((len(codes), 2, 3), requires_grad=True)
    loss = RankingLoss(0.5)(embeddings, torch.tensor(codes))
    loss.sum().backward()
    assert (loss == 0).all() and (embeddings.grad == 0).all()
