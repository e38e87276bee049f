"""A restored training goes on as if it had never stopped."""

from crosscade.framework.training import checkpoint
from crosscade.framework.training.loop import TrainState
from tests.framework.training.duel import Duel, Same, digest, stage, steps


def resumed(trainee: TrainState, path) -> TrainState:
    """A fresh trainee restored from a checkpoint file."""
    checkpoint.save(path, trainee.tensors(), trainee.meta())
    tensors, meta = checkpoint.load(path)
    fresh = TrainState.of(stage((Duel(), 1.0), (Same(), 1.0)))
    fresh.restore(tensors, meta)
    return fresh


def test_a_restored_training_goes_on_to_the_same_bits(tmp_path):
    trainee = TrainState.of(stage((Duel(), 1.0), (Same(), 1.0)))
    steps(trainee, 3)
    other = resumed(trainee, tmp_path)
    assert digest(other) == digest(trainee)
    assert steps(other, 3) == steps(trainee, 3)
    assert digest(other) == digest(trainee)


def test_moments_come_back_in_the_weights_memory_format(tmp_path, monkeypatch):
    """Fused Adam walks memory linearly: moments in another order than the weights are wrong updates, and no error."""
    trainee = TrainState.of(stage((Duel(), 1.0), (Same(), 1.0)))
    steps(trainee, 3)
    right = resumed(trainee, tmp_path)
    for optimiser in (right.optimiser, *right.critic_optimisers):
        for p, state in optimiser.state.items():
            assert state["exp_avg"].stride() == state["exp_avg_sq"].stride() == p.stride()

    def careless(prefix, optimiser, tensors):
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        for k, p in enumerate(parameters):
            start = f"{prefix}.{k}."
            optimiser.state[p] = {n[len(start) :]: v.clone() for n, v in tensors.items() if n.startswith(start)}

    monkeypatch.setattr(checkpoint, "restore_optimiser", careless)
    wrong = resumed(trainee, tmp_path)
    assert digest(wrong) == digest(right), "the values alone do not show it"
    steps(wrong, 1), steps(right, 1), steps(trainee, 1)
    assert digest(right) == digest(trainee)
    assert digest(wrong) != digest(trainee), "this is what the care is for"
