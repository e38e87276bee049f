"""Stages: their order, what their networks depend on, and what refinement starts from."""

from types import SimpleNamespace

import pytest
import torch
from attrs import evolve

from crosscade.framework import Catalogue, InputError, Pair
from crosscade.framework.bundle.networks import Networks
from crosscade.framework.setup import Setup
from crosscade.framework.support import ranks
from crosscade.framework.support.device import Compute
from crosscade.framework.training.loop import TrainState
from crosscade.framework.training.stages import build_stage
from crosscade.plugins.losses.consistency import Cycle
from tests.framework.tiny import tiny_recipe

NONE = Pair(None, None)


@pytest.fixture(scope="module")
def tiny():
    """What the tiny recipe's stages are built from, no data among it."""
    return Setup.of(tiny_recipe(), Catalogue.discover(), Compute.as_it_is())


def changed(setup, *settings):
    return evolve(setup, recipe=tiny_recipe(*settings))


def weights(stage):
    return {k: v for k, v in stage.networks.modules.state_dict().items() if v.is_floating_point()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_inversion_first_then_deep_to_shallow_then_refinement(tiny):
    assert list(tiny_recipe().places) == ["$.invert[0]", "$.translate[0]", "$.translate[1]", "$.refine"]
    assert list(tiny_recipe("refine=none").places)[-1] == "$.translate[1]"
    names = [build_stage(tiny, k).name for k in range(4)]
    assert names == ["0-invert-level4", "1-translate-level5", "2-translate-level4", "3-refine"]


def test_fresh_weights_depend_on_seed_and_stage_alone(tiny):
    alone = weights(build_stage(tiny, 2))
    build_stage(tiny, 0)
    torch.manual_seed(123)
    assert equal(weights(build_stage(tiny, 2)), alone)
    assert not equal(weights(build_stage(changed(tiny, "training.seed=1"), 2)), alone)


def test_the_two_domains_start_with_weights_of_their_own(tiny):
    pair = build_stage(tiny, 1).networks.translators[5]
    assert not torch.equal(next(pair.into.a.parameters()), next(pair.into.b.parameters()))


def test_refinement_starts_from_the_trained_networks(tiny):
    before = Networks()
    for k in range(3):
        before = before.with_stage(build_stage(tiny, k).networks)
    found = weights(build_stage(tiny, 3, before))
    trained = before.modules.state_dict()
    assert found.keys() <= trained.keys()
    assert all(torch.equal(v, trained[k]) for k, v in found.items())


def test_refining_two_levels_lets_the_deeper_one_learn_slower(tiny):
    stage = build_stage(changed(tiny, "refine.levels=2", "refine.deeper_rate=0.25"), 3)
    assert list(stage.networks.modules) == ["translators5", "translators4", "inverter4_a", "inverter4_b"]
    groups = TrainState.of(stage).optimiser.param_groups
    assert [g["scale"] for g in groups] == [0.25, 1.0, 1.0]


def test_refinement_reads_what_the_deepest_level_had_decided_even_where_that_learns_on(tiny):
    read, blank = [], Pair(torch.zeros(1), torch.zeros(1))
    data = SimpleNamespace(normalise=NONE, images=lambda rows: blank, features=lambda number, rows: blank)
    data.translated = lambda number, rows: read.append(number) or NONE
    build_stage(changed(tiny, "refine.levels=2"), 3).view(data, NONE)
    assert read == [5]


def test_a_loss_that_needs_what_is_called_otherwise_now_is_told_so(tiny, monkeypatch):
    monkeypatch.setattr(Cycle, "needs", frozenset({"same", "features"}))
    with pytest.raises(InputError, match=r"found it needs same, which .*\. `same` is called `identity` now\.$"):
        build_stage(tiny, 1)


def test_networks_are_compiled_where_that_is_wanted_and_what_is_kept_is_called_as_ever(tiny, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **how: compiled.append((type(self).__name__, how)))
    plain = build_stage(tiny, 2)
    assert (compiled, plain.graphs) == ([], False)
    stage = build_stage(changed(tiny, "training.compile=graphs"), 2)
    assert compiled == [("Adain", {"mode": "reduce-overhead", "dynamic": False})] * 2
    assert stage.graphs
    assert equal(weights(stage), weights(plain))


class Stranger(torch.nn.Module):
    """A critic with the library's batch norm."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(3)


@pytest.mark.parametrize(
    ("world", "settings", "complaint"),
    [
        (3, (), "invert level 4, 3 processes: found a schedule.batch of 2; expected at least a row for each"),
        (
            3,
            ("invert[0].schedule.batch=4",),
            "level 4, 3 processes, loss 'lsgan': a batch norm: found batches of 4",
        ),
        (2, ("invert[0].schedule.batch=3", "invert[0].losses[lsgan].norm=instance"), ""),
    ],
)
def test_shares_that_would_teach_something_else_are_refused(tiny, world, settings, complaint):
    setup = changed(tiny, *settings)
    with ranks.acting(ranks.Group(1, world)):
        if complaint:
            with pytest.raises(InputError, match=complaint):
                build_stage(setup, 0)
        else:
            build_stage(setup, 0)


def test_half_of_the_rows_must_be_shared_out_evenly_too(tiny):
    setup = changed(tiny, "refine.schedule.batch=4", "refine.reconstruct=0.25")
    with ranks.acting(ranks.Group(0, 2)), pytest.raises(InputError, match=r"refine, 2 processes: found 1 of 4 rows"):
        build_stage(setup, 3, Networks())


def test_a_strangers_batch_norm_would_see_a_share_only(tiny, monkeypatch):
    monkeypatch.setattr(Cycle, "named_modules", lambda self: Stranger().named_modules())
    with ranks.acting(ranks.Group(0, 2)), pytest.raises(InputError) as refused:
        build_stage(tiny, 1)
    assert "translate level 5, 2 processes, loss 'cycle': 'norm': found BatchNorm2d, whose statistics" in str(
        refused.value
    )
    assert "`over_all`" in str(refused.value)
