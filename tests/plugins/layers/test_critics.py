import pytest
import torch
from torch import nn

from crosscade.framework import InputError, LevelSpec
from crosscade.plugins.layers.critics import CALIBRATION, FeatureCritic, PatchCritic, ProjectedCritic

LEVELS = [LevelSpec(1, "", 4, 2), LevelSpec(2, "", 6, 4), LevelSpec(3, "", 8, 8)]


def strided(net):
    return sum(isinstance(m, nn.Conv2d) and m.stride == (2, 2) for m in net.modules())


@pytest.mark.parametrize(
    ("size", "halvings", "left"), [(14, 3, 2), (28, 4, 2), (12, 2, 3), (6, 1, 3), (4, 1, 2), (3, 0, 3)]
)
def test_feature_critic_halves_down_to_3x3(size, halvings, left):
    critic = FeatureCritic(5, size, 7)
    assert strided(critic) == halvings
    assert critic.layers[-1].in_features == 7 * left * left


@pytest.mark.parametrize("head", ["flatten", "mean"])
def test_feature_critic_gives_one_float32_number_a_sample(head):
    critic = FeatureCritic(5, 6, 8, head)
    with torch.autocast("cpu", torch.bfloat16):
        y = critic(torch.randn(3, 5, 6, 6))
    assert y.shape == (3,)
    assert y.dtype == torch.float32


def test_feature_critic_judges_samples_alone():
    critic, x = FeatureCritic(5, 6, 8), torch.randn(3, 5, 6, 6)
    torch.testing.assert_close(critic(x)[1:2], critic(x[1:2]))


def test_patch_critic_is_the_papers():
    critic = PatchCritic(3, 224, 64)
    assert strided(critic) == 4
    assert sum(isinstance(m, nn.BatchNorm2d) for m in critic.modules()) == 3
    assert not isinstance(critic.layers[1], nn.BatchNorm2d)
    assert critic(torch.zeros(2, 3, 224, 224)).shape == (2, 1, 14, 14)
    assert not list(critic.buffers())  # batch statistics only: nothing to keep


@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_patch_critic_without_batch_norm(norm):
    critic = PatchCritic(3, 32, 8, strided=3, norm=norm)
    assert critic(torch.randn(2, 3, 32, 32)).shape == (2, 1, 4, 4)
    if norm == "spectral":
        critic.train()
        for _ in range(30):
            critic(torch.randn(1, 3, 32, 32))
        assert torch.linalg.matrix_norm(critic.layers[0].weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)


def test_patch_critic_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="Use fewer layers"):
        PatchCritic(8, 6, 8)


def features(batch=4, image=96):
    return {v.number: 5 + 3 * torch.randn(batch, v.channels, image // v.stride, image // v.stride) for v in LEVELS}


def test_projected_critic_has_patches_8_px_apart_or_one_halving():
    maps = ProjectedCritic(LEVELS, 96, 8)(features())
    assert [tuple(m.shape) for m in maps] == [(4, 1, 12, 12), (4, 1, 12, 12), (4, 1, 6, 6)]


def test_projected_critic_standardises_by_the_first_real_batches():
    critic = ProjectedCritic(LEVELS, 96, 8)
    batches = [features() for _ in range(3)]
    for batch in batches:
        critic.observe(batch)
    for level in LEVELS:
        values = torch.cat([b[level.number] for b in batches]).transpose(0, 1).flatten(1)
        mean, square = critic.get_buffer(f"mean{level.number}"), critic.get_buffer(f"square{level.number}")
        torch.testing.assert_close(mean.flatten(), values.mean(1), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(square.flatten(), values.square().mean(1), rtol=1e-4, atol=1e-5)


def test_projected_critic_stops_gathering_and_keeps_it_in_its_state():
    critic = ProjectedCritic(LEVELS, 32, 8)
    for _ in range(CALIBRATION):
        critic.observe(features(1, 32))
    before = critic.get_buffer("mean2").clone()
    critic.observe({i: f + 100 for i, f in features(1, 32).items()})
    assert torch.equal(before, critic.get_buffer("mean2"))
    other = ProjectedCritic(LEVELS, 32, 8)
    other.load_state_dict(critic.state_dict())
    given = features(2, 32)
    assert all(torch.equal(a, b) for a, b in zip(critic(given), other(given)))


def test_mixing_shows_each_head_the_deeper_levels_and_is_never_learnt():
    given = features(2)
    plain, mixed = ProjectedCritic(LEVELS, 96, 8), ProjectedCritic(LEVELS, 96, 8, mixing=True)
    deepest = LEVELS[-1].number
    changed = given | {deepest: given[deepest] + 1}
    assert [torch.equal(a, b) for a, b in zip(plain(given), plain(changed))] == [True, True, False]
    assert [torch.equal(a, b) for a, b in zip(mixed(given), mixed(changed))] == [False, False, False]
    learnt = {name.split(".")[0] for name, p in mixed.named_parameters() if p.requires_grad}
    assert learnt == {"heads"}


def test_projected_critic_refuses_a_level_without_space():
    with pytest.raises(InputError, match="Leave this level out"):
        ProjectedCritic([LevelSpec(5, "", 8, 32)], 32, 8)
