"""Stages: their order, what their networks depend on, and what refinement starts from."""

from contextlib import nullcontext

import pytest
import torch

from crosscade.framework import Catalogue, ImageSpec, Pair
from crosscade.framework.features import prepare
from crosscade.framework.features.training_data import Materials
from crosscade.framework.training.loop import Trainee
from crosscade.framework.training.stages import build_stage, stage_names
from tests.framework.tiny import tiny_recipe

NONE = Pair(None, None)


@pytest.fixture(scope="module")
def encoder():
    return prepare.build_encoder(tiny_recipe(), Catalogue.discover(), torch.device("cpu"))


def materials(encoder, *settings):
    """Materials to build stages with; there are no data, and building reads none."""
    recipe, cpu = tiny_recipe(*settings), torch.device("cpu")
    return Materials(
        recipe, Catalogue.discover(), ImageSpec(64), encoder, NONE, NONE, NONE, cpu, nullcontext
    )  # fmt: skip


def weights(stage):
    return {k: v for k, v in stage.modules.state_dict().items() if v.is_floating_point()}


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_inversion_first_then_deep_to_shallow_then_refinement(encoder):
    assert stage_names(tiny_recipe()) == [("invert", 0), ("translate", 0), ("translate", 1), ("refine", 0)]
    assert stage_names(tiny_recipe("refine=none"))[-1] == ("translate", 1)
    names = [build_stage(materials(encoder), k, {}).name for k in range(4)]
    assert names == ["0-invert-level4", "1-translate-level5", "2-translate-level4", "3-refine"]


def test_fresh_weights_depend_on_seed_and_stage_alone(encoder):
    m = materials(encoder)
    alone = weights(build_stage(m, 2, {}))
    build_stage(m, 0, {})
    torch.manual_seed(123)
    assert equal(weights(build_stage(m, 2, {})), alone)
    assert not equal(weights(build_stage(materials(encoder, "training.seed=1"), 2, {})), alone)


def test_the_two_domains_start_with_weights_of_their_own(encoder):
    pair = build_stage(materials(encoder), 1, {}).modules["translators5"]
    assert not torch.equal(next(pair.into.a.parameters()), next(pair.into.b.parameters()))


def test_refinement_starts_from_the_trained_networks(encoder):
    m = materials(encoder)
    before = {s.key: s.modules for s in (build_stage(m, k, {}) for k in range(3))}
    found = weights(build_stage(m, 3, before))
    trained = {**before["translate-4"].state_dict(), **before["invert-4"].state_dict()}
    assert found.keys() <= trained.keys()
    assert all(torch.equal(v, trained[k]) for k, v in found.items())


def test_refining_two_levels_lets_the_deeper_one_learn_slower(encoder):
    m = materials(encoder, "refine.levels=2", "refine.deeper_rate=0.25")
    stage = build_stage(m, 3, {})
    assert list(stage.modules) == ["translators5", "translators4", "inverter4_a", "inverter4_b"]
    groups = Trainee.of(stage).optimiser.param_groups
    assert [g["scale"] for g in groups] == [0.25, 1.0, 1.0, 1.0]


def test_refinement_reads_what_the_deepest_level_had_decided_even_where_that_learns_on(encoder, monkeypatch):
    read = []
    monkeypatch.setattr(Materials, "translated", lambda self, number, rows: read.append(number) or NONE)
    for name in ("images", "features"):
        monkeypatch.setattr(Materials, name, lambda self, *_: Pair(torch.zeros(1), torch.zeros(1)))
    build_stage(materials(encoder, "refine.levels=2"), 3, {}).view(NONE)
    assert read == [5]
