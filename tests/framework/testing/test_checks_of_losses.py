"""The contract suite on losses, datasets, metrics and recipes: sound ones pass, planted defects are named."""

import itertools

import numpy as np
import pytest
from torch import nn
from torch.nn import functional as F

from crosscade.framework import (
    AdversarialLoss,
    Catalogue,
    Dataset,
    Domain,
    ImageSet,
    Loss,
    Metric,
    Pair,
    RecipeOffer,
    Score,
    l1,
)
from crosscade.framework.testing import check_dataset, check_loss, check_metric, check_recipe


class Cycle(Loss):
    needs = frozenset({"cycled", "features"})

    def terms(self, view):
        apart = view.cycled.zip(lambda made, real: sum(l1(made[i], real[i]) for i in made), view.features)
        return {"cycle": apart.a + apart.b}


class Hinge(AdversarialLoss):
    needs = frozenset({"fake", "real"})
    learning_rate, betas, steps = 1e-4, (0.5, 0.9), 1

    def __init__(self, channels=16):
        super().__init__()
        self.a, self.b = nn.Conv2d(channels, 1, 3), nn.Conv2d(channels, 1, 3)

    @property
    def critics(self):
        return Pair(self.a, self.b)

    def terms(self, view):
        scores = self.critics.zip(lambda critic, x: -critic(x).mean(), view.fake)
        return {"adversarial": scores.a + scores.b}

    def critic_terms(self, view, step):
        real = self.critics.zip(lambda critic, x: F.relu(1 - critic(x)).mean(), view.real)
        fake = self.critics.zip(lambda critic, x: F.relu(1 + critic(x)).mean(), view.fake)
        return {"real": real.a + real.b, "fake": fake.a + fake.b}


def test_sound_losses_pass():
    check_loss(Cycle())
    check_loss(Hinge())
    for on in ("inversion", "refinement"):
        check_loss(Hinge(channels=3), on=on)


def changed(base, **attributes):
    return type("Changed", (base,), attributes)()


@pytest.mark.parametrize(
    ("loss", "sentence"),
    [
        (lambda: changed(Cycle, needs=frozenset({"cycled"})), r"reads features and declares needs \['cycled'\]"),
        (lambda: changed(Cycle, needs=frozenset({"styles"})), "needs styles, which the view on translation does not"),
        (lambda: changed(Cycle, terms=lambda self, v: {"c": v.fake.a.mean() / 0}), "term 'c' is (inf|-inf|nan)"),
        (lambda: changed(Cycle, terms=lambda self, v: {"c": v.real.a.mean()}), "move no parameter of network 0"),
        (lambda: changed(Cycle, terms=lambda self, v: {"c": v.fake.a}), "term 'c' is not a scalar"),
        (lambda: changed(Cycle, needs=frozenset({"same"})), r"does not give\. `same` is called `identity` now$"),
        (lambda: changed(Cycle, terms=lambda self, v: {}), "gives no named terms"),
        (lambda: changed(Hinge, learning_rate=0.0), "learning rate 0.0"),
        (lambda: changed(Hinge, critic_terms=lambda self, v, s: {"d": v.fake.a.mean()}), "critic step 0: terms"),
        (lambda: changed(Hinge, critic_terms=only_b), "move no parameter of network 0"),
    ],
)
def test_a_planted_defect_of_a_loss_is_named(loss, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_loss(loss())


def only_b(self, view, step):
    return {"b": self.critics.b(view.real.b).mean()}


class Plain(ImageSet):
    name = "plain"

    def __init__(self, count=3, dtype=np.uint8):
        self.count, self.dtype = count, dtype

    def __len__(self):
        return self.count

    def load(self, index, short_side):
        return np.full((short_side, short_side + 3, 3), index, self.dtype)


class Two(Dataset):
    name = "two"

    def __init__(self, names=("a", "b"), **kwargs):
        a, b = (Domain(name, Plain(), Plain(**kwargs)) for name in names)
        self.domains = Pair(a, b)


def renamed(dataset, **attributes):
    vars(dataset).update(attributes)
    return dataset


def test_a_sound_dataset_passes():
    check_dataset(Two())


@pytest.mark.parametrize(
    ("dataset", "sentence"),
    [
        (lambda: Two(count=0), "a, test: no images"),
        (lambda: Two(dtype=np.float32), r"asked for 32 px came as float32 \(32, 35, 3\)"),
        (lambda: Two(names=("a", "a")), "both domains are called a"),
        (lambda: renamed(Two(), domains=tuple(Two().domains)), "domains is a tuple, not a Pair of Domains"),
        (lambda: tuple(Two().domains), "tuple is a tuple, not a Dataset"),
    ],
)
def test_a_planted_defect_of_a_dataset_is_named(dataset, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_dataset(dataset())


COUNT = itertools.count()


class Brightness(Metric):
    def __init__(self, scores=None):
        self.scores = scores or (lambda mean: {"brightness": Score(mean, "mean of all pixels")})

    def measure(self, samples):
        return self.scores(float(samples.translated.mean()))


def test_a_sound_metric_and_a_sound_recipe_pass():
    check_metric(Brightness())
    check_metric(Brightness(lambda mean: {"judge": Score.missing("no weights")}))
    check_recipe(Catalogue.discover().get("recipe", "demo"), step=False)


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        (lambda mean: mean, "measure gives 12.*, not scores by name"),
        (lambda mean: {"brightness": mean}, "'brightness' is a float, not a Score"),
        (lambda mean: {"brightness": Score(float("nan"), "mean")}, "'brightness' is nan, and nothing says why"),
        (lambda mean: {"brightness": Score(mean, "")}, "'brightness' does not say by which protocol"),
        (lambda mean: {"brightness": Score(float(next(COUNT)), "count")}, "is 0.0 and then 1.0 of the same images"),
    ],
)
def test_a_planted_defect_of_a_metric_is_named(scores, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_metric(Brightness(scores))


def test_a_planted_defect_of_a_recipe_is_named():
    def offer(text):
        return RecipeOffer(name="mine", build=lambda: text, summary="a stranger's")

    with pytest.raises(AssertionError, match="recipe 'mine': build gives a dict, not a recipe's text"):
        check_recipe(offer({}))
    text = Catalogue.discover().get("recipe", "demo").build()
    with pytest.raises(AssertionError, match="recipe 'mine': its text: unknown key 'seeed'"):
        check_recipe(offer(text.replace("[training]", "[training]\nseeed = 1")))
