"""The training loop: who gets which gradient, and what a step depends on."""

import math
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from attrs import evolve

from crosscade.framework import Loss, Pair, RunError
from crosscade.framework.training.loop import TrainState, check_finite, draw, set_rates, train_stage
from tests.framework.training.duel import DATA, SIZES, Duel, Same, stage, steps


def test_a_critic_step_moves_no_translator(monkeypatch):
    duel = Duel()
    state = TrainState.of(stage((duel, 1.0)))
    before = [[p.clone() for p in module.parameters()] for module in (state.stage.networks.modules, duel)]
    monkeypatch.setattr(state.optimiser, "step", lambda: None)
    steps(state, 1)
    after = [list(module.parameters()) for module in (state.stage.networks.modules, duel)]
    assert all(torch.equal(p, q) for p, q in zip(before[0], after[0]))
    assert not any(torch.equal(p, q) for p, q in zip(before[1], after[1]))


def test_a_translator_step_adds_nothing_to_the_critics_gradient(monkeypatch):
    duel = Duel()
    state = TrainState.of(stage((duel, 1.0)))
    kept = []
    step = state.critic_optimisers[0].step
    monkeypatch.setattr(
        state.critic_optimisers[0], "step", lambda: (kept.extend(p.grad.clone() for p in duel.parameters()), step())
    )
    steps(state, 1)
    assert all(torch.equal(p.grad, k) for p, k in zip(duel.parameters(), kept))


def test_critics_have_their_own_number_of_turns_and_a_count_of_updates():
    twice, once = Duel(steps=3), Duel(steps=1)
    state = TrainState.of(stage((twice, 1.0), (once, 1.0)))
    values = steps(state, 2)
    assert twice.seen == [0, 1, 2, 3, 4, 5]
    assert len(once.seen) == 2
    assert (state.step, state.critic_step) == (2, 6)
    assert {"loss0", "loss1", "critic/critic", "critic1/critic"} <= set(values[0])


def test_a_critics_turns_alone_make_what_it_needs_without_a_graph_and_nothing_else():
    class Both(Duel):
        """Needs what is real, and what is translated to where it is."""

        needs = frozenset({"real", "identity"})

        def terms(self, view):
            return {"adversarial": view.identity.a[1].mean() + view.identity.b[1].mean()}

        def critic_terms(self, view, step):
            self.made = view  # what was made before anybody asked

            while "_view" in vars(self.made):
                self.made = self.made._view
            assert {"identity", "fake"} & set(vars(self.made)) == ({"identity"} if step % 3 < 2 else set())
            assert step % 3 == 2 or not self.made.identity.a[1].requires_grad
            a, b = self.critics.zip(lambda d, x: (d(x) - 1).square().mean(), view.real)
            return {"critic": a + b}

    state = TrainState.of(stage((Both(steps=3), 1.0)))
    steps(state, 2)
    assert state.critic_step == 6


def test_one_critic_of_both_domains_is_updated_once():
    class One(Duel):
        def __init__(self):
            super().__init__()
            self.critics = Pair(self.nets[0], self.nets[0])

    (optimiser,) = TrainState.of(stage((One(), 1.0))).critic_optimisers
    assert len(optimiser.param_groups[0]["params"]) == 2, "a weight and a bias"


def test_a_step_depends_on_seed_stage_and_step_alone():
    first = draw(SIZES, 4, 5, 2, 7, 0)
    torch.manual_seed(1), np.random.seed(1)
    again = draw(SIZES, 4, 5, 2, 7, 0)
    assert first.a.tolist() == again.a.tolist()
    assert first.b.tolist() == again.b.tolist()
    others = [(6, 2, 7, 0), (5, 3, 7, 0), (5, 2, 8, 0), (5, 2, 7, 1)]
    assert all(draw(SIZES, 4, *other).a.tolist() != first.a.tolist() for other in others)
    rows = draw(SIZES, 5000, 0, 0, 0, 0)
    assert set(rows.a.tolist()) == set(range(20))
    assert set(rows.b.tolist()) == set(range(30))


def test_the_rates_ramp_warm_up_hold_and_fall():
    made = stage((Duel(), 1.0), images=400, ramp_steps=4, warm_up=0.25, warm_up_rate=5e-2, decay_from=0.5)
    made.rates = {1: 0.5}
    state = TrainState.of(made)

    def rate(step):
        state.step = step
        set_rates(state, step / made.schedule.steps)
        return state.optimiser.param_groups[0]["lr"] / 0.5, state.critic_optimisers[0].param_groups[0]["lr"]

    expected = {0: (0.0125, 0.0025), 3: (0.05, 0.01), 24: (0.05, 0.01), 25: (0.01, 0.01), 50: (0.01, 0.01),
                75: (0.00525, 0.00525), 100: (0.0005, 0.0005)}  # fmt: skip
    for step, rates in expected.items():
        assert rate(step) == pytest.approx(rates), step


def test_what_is_kept_is_a_moving_average():
    state = TrainState.of(stage((Same(), 1.0), ema=0.3))
    name, weight = next(iter(state.stage.networks.modules.named_parameters()))
    average = weight.detach().clone()
    for step in range(1, 8):
        steps(state, 1)
        decay = min(0.3, step / (step + 10))  # quicker at first
        average = decay * average + (1 - decay) * weight.detach()
        torch.testing.assert_close(dict(state.average.modules.named_parameters())[name], average)
    none = TrainState.of(stage((Same(), 1.0), ema=0.0))
    steps(none, 2)
    assert all(
        torch.equal(p, q) for p, q in zip(none.average.modules.parameters(), none.stage.networks.modules.parameters())
    )


def test_a_loss_starts_when_it_is_told_and_one_without_weight_never():
    class Forbidden(Loss):
        def terms(self, view):
            raise AssertionError("nobody asked")

    late = Duel()
    made = stage((Same(), 1.0), (late, 2.0, 0.5), (Forbidden(), 0.0))
    values = steps(TrainState.of(made), made.schedule.steps)
    assert ["loss1" in v for v in values] == [False] * 5 + [True] * 5
    assert len(late.seen) == 5, "its critics wait as well"


def test_losses_of_one_name_keep_values_of_their_own():
    made = stage((Same(), 1.0), (Same(), 3.0))
    made.losses = [(evolve(use, use="same"), loss) for use, loss in made.losses]
    (values,) = steps(TrainState.of(made), 1)
    assert values["same#2"] == pytest.approx(3 * values["same"])


def test_a_value_that_is_no_number_stops_the_run():
    made = stage((Same(), 1.0))
    check_finite(made, 3, {"same": 1.0})
    with pytest.raises(RunError, match=r"translate level 1, step 3: 'bad': found nan.*The last checkpoint is kept"):
        check_finite(made, 3, {"same": 1.0, "bad": math.nan})


def test_a_stage_ends_after_its_images():
    class Count:
        seen: list[int] = []
        stopping = False

        def after(self, state, values, stop):
            assert (list(values), stop) == ([state.step], False), "a processor's steps are read one by one"
            self.seen.append(state.step)

    state = TrainState.of(stage((Same(), 1.0), images=43))
    train_stage(state, DATA, 0, nullcontext, Count())
    assert Count.seen == list(range(1, 11))
