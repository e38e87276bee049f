"""Statistics agree with a plain computation, and the clamp is where the recipe says."""

import torch

from crosscade.framework.features.normalise import Normalise, Statistics, participation_ratio


def test_streaming_statistics_equal_those_of_everything_at_once():
    torch.manual_seed(0)
    batches = [torch.randn(n, 3, 4, 4) * torch.tensor([1.0, 5.0, 0.1])[:, None, None] + 7 for n in (2, 5, 1)]
    streamed = Statistics()
    for batch in batches:
        streamed.add(batch)
    whole = torch.cat(batches).double().transpose(0, 1).flatten(1)
    assert torch.allclose(streamed.mean, whole.mean(1), rtol=1e-10)
    assert torch.allclose(streamed.deviation, whole.std(1, correction=0), rtol=1e-10)


def test_a_dead_channel_does_not_divide_by_zero():
    streamed = Statistics()
    features = torch.randn(4, 2, 3, 3)
    features[:, 0] = 2.0
    streamed.add(features)
    norm = Normalise({4: streamed.mean}, {4: streamed.deviation}, 1.0)
    assert torch.isfinite(norm.one(4, features)).all()


def test_values_are_clamped_at_clip_sigma_deviations():
    norm = Normalise({5: torch.tensor([10.0])}, {5: torch.tensor([2.0])}, clip_sigma=1.5)
    values = torch.tensor([10.0, 11.5, 13.0, 100.0, -100.0]).view(5, 1, 1, 1)
    assert torch.allclose(norm.one(5, values).flatten(), torch.tensor([0.0, 0.5, 1.0, 1.0, -1.0]))


def test_a_level_without_statistics_passes_through_clamped():
    images = torch.tensor([-2.0, 0.25]).view(2, 1, 1, 1)
    assert Normalise({}, {}, 1.0).one(0, images).flatten().tolist() == [-1.0, 0.25]


def test_participation_ratio_counts_directions():
    torch.manual_seed(0)
    isotropic, rank_one = torch.randn(500, 8, 2, 2), torch.randn(500, 1, 2, 2) * torch.randn(8)[:, None, None]
    assert 7.5 < participation_ratio(isotropic) <= 8.0
    assert abs(participation_ratio(rank_one) - 1.0) < 1e-6
