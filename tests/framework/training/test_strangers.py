"""A stranger's loss that breaks its contract is refused at the first step; critics in a pair are in checkpoints."""

import pytest
import torch
from torch import nn

from crosscade.framework import AdversarialLoss, InputError, Loss, Pair
from crosscade.framework.contracts import refuse_lost_critics
from crosscade.framework.training import checkpoint
from crosscade.framework.training.loop import TrainState
from tests.framework.training.duel import Same, digest, stage, steps


class Paired(AdversarialLoss):
    """Critics as the contract has them, and nowhere else."""

    needs = frozenset({"real", "fake"})
    learning_rate, betas = 1e-2, (0.5, 0.9)

    def __init__(self) -> None:
        super().__init__()
        self.critics = Pair(nn.Conv2d(8, 1, 3), nn.Conv2d(8, 1, 3))

    def terms(self, view):
        a, b = self.critics.zip(lambda d, x: (d(x) - 1).square().mean(), view.fake)
        return {"adversarial": a + b}

    def critic_terms(self, view, step):
        a, b = self.critics.zip(lambda d, x, y: (d(x) - 1).square().mean() + d(y).square().mean(), view.real, view.fake)
        return {"critic": a + b}


def test_critics_in_a_pair_go_on_to_the_same_bits(tmp_path):
    trainee = TrainState.of(stage((Paired(), 1.0)))
    steps(trainee, 3)
    assert any(name.startswith("loss0.critics_a") for name in trainee.tensors())
    checkpoint.save(tmp_path, trainee.tensors(), trainee.meta())
    other = TrainState.of(stage((Paired(), 1.0)))
    other.restore(*checkpoint.load(tmp_path))
    steps(trainee, 2), steps(other, 2)
    assert digest(other) == digest(trainee)


def test_one_critic_for_both_domains_is_one_module():
    loss = Paired()
    loss.critics = Pair(loss.critics.a, loss.critics.a)
    assert {id(c) for c in loss.critics} == {id(loss.critics_a)}
    refuse_lost_critics(loss, "loss")


class Hidden(Paired):
    """Critics that torch cannot see."""

    def __init__(self) -> None:
        super().__init__()
        del self.critics_a

    @property
    def critics(self):
        return Pair(*self.kept)

    @critics.setter
    def critics(self, pair):
        self.kept = list(pair)


@pytest.mark.parametrize(
    ("critics", "found"),
    [(None, "critics = None; expected a Pair of modules"), ([nn.Identity()], r"critics = \[Identity")],
)
def test_critics_that_are_no_pair_are_refused(critics, found):
    loss = Paired()
    loss.critics = critics
    with pytest.raises(InputError, match=f"loss 'mine': found {found}"):
        refuse_lost_critics(loss, "loss 'mine'")


def test_critics_that_no_checkpoint_would_have_are_refused():
    with pytest.raises(InputError, match="2 tensors of its critics that are in no submodule"):
        refuse_lost_critics(Hidden(), "loss 'mine'")


class Says(Loss):
    """A loss that returns what it is told to."""

    def __init__(self, terms, needs=("identity",), title="loss 'says' of strangers"):
        super().__init__()
        self.returned, self.needs, self.title = terms, frozenset(needs), title

    def terms(self, view):
        return self.returned(view)


@pytest.mark.parametrize(
    ("terms", "line"),
    [
        (lambda view: {"x": view.identity.a[1]}, r"Tensor of shape \(4, 8, 6, 6\) among its terms"),
        (lambda view: {"x": view.identity.a[1].mean().item()}, "float among its terms"),
        (lambda view: [view.identity.a[1].mean()], r"\[tensor"),
        (lambda view: None, "None; expected a mapping of names to scalar tensors"),
        (
            lambda view: {"x": view.cycled.a[1].mean()},
            r"it reads view\.cycled and does not declare it; expected `needs`",
        ),
        (lambda view: {"x": view.identty.a[1].mean()}, r"view\.identty, which is not there\. did you"),
    ],
)
def test_a_loss_that_breaks_its_contract_is_named_at_the_first_step(terms, line):
    trainee = TrainState.of(stage((Same(), 1.0), (Says(terms), 1.0)))
    with pytest.raises(InputError, match=f"^loss 'says' of strangers: found {line}"):
        steps(trainee, 1)
    assert trainee.step == 0


def test_a_loss_that_begins_later_is_watched_when_it_begins():
    late = Says(lambda view: {"x": view.cycled.a[1].mean()})
    trainee = TrainState.of(stage((Same(), 1.0), (late, 1.0, 0.5)))
    steps(trainee, 5)
    with pytest.raises(InputError, match="does not declare it"):
        steps(trainee, 1)


def test_a_critic_reads_what_it_declares():
    class Peeking(Paired):
        title = "loss 'peeking'"

        def critic_terms(self, view, step):
            return {"critic": view.cycled.a[1].mean()}

    with pytest.raises(InputError, match=r"loss 'peeking': found it reads view\.cycled"):
        steps(TrainState.of(stage((Peeking(), 1.0))), 1)


def test_tensors_of_another_module_are_no_checkpoint_of_this_one():
    with pytest.raises(InputError, match="the checkpoint's 'loss0': found tensors of another module; expected Paired"):
        checkpoint.restore_module("loss0", Paired(), {"loss0.x": torch.zeros(1)})
