"""What an author of a plugin gets wrong is one line that names the part, its provider and place; nothing is trained."""

import numpy as np
import pytest
import torch
from torch import nn

from crosscade.framework import (
    AdversarialLoss,
    Catalogue,
    Dataset,
    DatasetOffer,
    Domain,
    Encoder,
    EncoderOffer,
    ImageSet,
    InputError,
    InverterOffer,
    LevelSpec,
    Loss,
    LossOffer,
    Pair,
    PyramidSpec,
    TranslatorOffer,
    Twins,
    hookimpl,
    train,
)
from crosscade.framework.rehearsal import rehearse
from crosscade.framework.setup import Setup
from crosscade.framework.support.device import Compute
from tests.framework.tiny import tiny_recipe

KINDS = {"encoder": EncoderOffer, "translator": TranslatorOffer, "inverter": InverterOffer, "loss": LossOffer}
PLACES = {
    "encoder": "encoder",
    "translator": "translate[0].translator",
    "inverter": "invert[0].inverter",
    "loss": "translate[0].losses[2]",
}


def catalogue_with(kind, build):
    def hook(self):
        yield KINDS[kind](name="mine", build=build, summary="a stranger's")

    hook.__name__ = "losses" if kind == "loss" else f"{kind}s"
    plugin = type("Plugin", (), {hook.__name__: hookimpl(hook)})()
    ours, theirs = Catalogue.discover(), Catalogue.of(plugin, provider="strange-parts")
    assert theirs.failures == []
    return Catalogue(ours.entries + theirs.entries)


def encoder(forward):
    class Mine(Encoder):
        def __init__(self, options):
            super().__init__()
            self.pyramid = PyramidSpec((LevelSpec(4, "four", 8, 8), LevelSpec(5, "five", 8, 16)))

        def forward(self, images, levels):
            return forward(
                {i: nn.functional.avg_pool2d(images, 2 ** (i - 1))[:, :1].repeat(1, 8, 1, 1) for i in levels}
            )

    return Mine


def translator(made_of):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        if made_of:

            def forward(self, features, deeper):
                return made_of(features * self.scale)

    return lambda options: Twins(Net(), Net())


def inverter(forward):
    class Mine(nn.Module):
        def forward(self, features):
            return forward(features)

    return lambda options: Mine()


def loss(terms, needs=("fake",)):
    class Mine(Loss):
        def __init__(self, options):
            super().__init__()
            self.needs = frozenset(needs)

        def terms(self, view):
            return terms(view)

    return Mine


def critics(critics=None, **more):
    class Mine(AdversarialLoss):
        needs = frozenset({"fake"})

        def __init__(self, options):
            super().__init__()
            if critics is not None:
                self.critics = critics
            for name, value in more.items():
                setattr(self, name, value)

        def critic_terms(self, view, step):
            return {"mine": view.fake.a.mean()}

        def terms(self, view):
            return {"mine": view.fake.a.mean()}

    return Mine


def fake_of(view):
    return view.fake.a.mean()


class NoTerms(Loss):
    def __init__(self, options):
        super().__init__()


RATES = {"learning_rate": 1e-3, "betas": (0.5, 0.9)}
MISTAKES = [
    # what `build` gives
    ("translator", lambda options: None, "`build`: found None; expected a TranslatorPair"),
    ("loss", lambda options: fake_of, "`build`: found a function; expected a Loss"),
    ("inverter", lambda options: [nn.Identity()], "`build`: found a list; expected a Module"),
    ("encoder", lambda options: nn.Identity(), "`build`: found an Identity; expected an Encoder"),
    ("translator", lambda options, *, colour: None, "`build`: found TypeError: "),
    ("loss", lambda: None, "`build`: found TypeError: "),
    ("loss", NoTerms, "`build`: found TypeError: Can't instantiate abstract class NoTerms"),
    # encoders
    ("encoder", encoder(list), "`forward`: found a list; expected a dict of maps by level: [4, 5]"),
    ("encoder", encoder(lambda maps: None), "`forward`: found None; expected a dict of maps by level"),
    ("encoder", encoder(lambda maps: {4: maps[4]}), "`forward`: found a dict of ['4']; expected a dict of maps"),
    (
        "encoder",
        encoder(lambda maps: {i: x[:, :7] for i, x in maps.items()}),
        "level 4: found a Tensor (2, 7, 8, 8) of float32; expected a tensor (2, 8, 8, 8) of floats",
    ),
    ("encoder", encoder(lambda maps: maps[9]), "images of 64 px: found KeyError: 9 ("),
    # translators
    ("translator", translator(None), "`into.a`: found NotImplementedError: "),
    ("translator", translator(lambda x: x[:, :5]), "`into.a`: found a Tensor (2, 5, 4, 4) of float32; expected"),
    ("translator", translator(lambda x: None), "`into.a`: found None; expected a tensor (2, 112, 4, 4) of floats"),
    ("translator", translator(lambda x: [x]), "`into.a`: found a list; expected a tensor"),
    ("translator", translator(lambda x: x @ torch.zeros(9, 9)), "`into.a`: found RuntimeError: "),
    # inverters
    ("inverter", inverter(lambda x: x), "`forward`: found a Tensor (2, 40, 8, 8) of float32; expected a tensor (2, 3"),
    ("inverter", inverter(lambda x: {"image": x}), "`forward`: found a dict of ['image']; expected a tensor"),
    # losses
    ("loss", loss(lambda view: [fake_of(view)]), "found [tensor("),
    ("loss", loss(lambda view: None), "found None; expected a mapping of names to scalar tensors"),
    ("loss", loss(lambda view: {"mine": 0.5}), "found float among its terms; expected a mapping"),
    ("loss", loss(lambda view: {"mine": view.fake.a}), "found Tensor of shape (2, 112, 4, 4) among its terms"),
    ("loss", loss(lambda view: {"mine": 1 / 0}), "`terms`: found ZeroDivisionError: division by zero ("),
    ("loss", loss(lambda view: view.fakes), "found view.fakes, which is not there. did you mean 'fake'?"),
    ("loss", loss(lambda view: view.colours), "view.colours, which is not there. known: cycled, encoded_fake"),
    ("loss", loss(lambda view: view.cycled), "found it reads view.cycled and does not declare it"),
    ("loss", loss(fake_of, needs=["colours"]), ": found it needs colours, which translator 'deepest' does not give"),
    # critics
    ("loss", critics(**RATES), "found critics = None; expected a Pair of modules"),
    ("loss", critics(nn.Identity(), **RATES), "found critics = Identity(); expected a Pair of modules"),
    ("loss", critics(Pair(nn.Identity(), nn.Identity())), "`learning_rate`: found None; expected a number above 0"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "build", "line"), MISTAKES)
def test_a_mistake_is_one_line_that_names_part_provider_and_place(tmp_path, kind, build, line):
    catalogue = catalogue_with(kind, build)
    recipe = tiny_recipe(f"{PLACES[kind]}={{use='mine'}}", catalogue=catalogue)
    with pytest.raises(InputError) as refused:
        train(recipe, tmp_path / "run", catalogue=catalogue)
    answer = str(refused.value)
    assert answer.startswith(f"{kind} 'mine' of strange-parts 0 @ $.{PLACES[kind]}: "), answer
    assert line in answer
    if "ZeroDivision" in line or "KeyError" in line:
        assert f" ({__file__}:" in answer
    assert not (tmp_path / "run").exists(), "nothing was begun"


class Shades(ImageSet):
    def __init__(self, name, image):
        self.name, self.image = name, image

    def __len__(self):
        return 4

    def load(self, index, short_side):
        return self.image(short_side)


class Shown(Dataset):
    """A dataset whose images are what `image` gives."""

    name = "shown"

    def __init__(self, image):
        self.domains = Pair("a", "b").map(lambda d: Domain(d, Shades(d, image), Shades(d, image)))


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda options: (), "`build`: found a tuple; expected a Dataset"),
        (
            lambda options: Shown(lambda side: np.zeros((side, side, 3), np.float32)),
            "an image of a, train: found a ndarray (72, 72, 3) of float32; expected uint8 (H, W, 3), short side 72",
        ),
        (lambda options: Shown(lambda side: np.zeros((side, side), np.uint8)), "found a ndarray (72, 72) of uint8"),
        (lambda options: Shown(lambda side: np.zeros((9, 9, 3), np.uint8)), "found a ndarray (9, 9, 3) of uint8"),
        (
            lambda options: Shown(lambda side: 1 / 0),
            "an image of a, train: found ZeroDivisionError: division by zero (",
        ),
    ],
)
def test_a_datasets_mistake_too(tmp_path, build, line):
    class Plugin:
        @hookimpl
        def datasets(self):
            yield DatasetOffer(name="mine", build=build, summary="a stranger's")

    theirs = Catalogue.of(Plugin(), provider="strange-parts")
    catalogue = Catalogue(Catalogue.discover().entries + theirs.entries)
    recipe = tiny_recipe("data={use='mine'}", catalogue=catalogue)
    with pytest.raises(InputError) as refused:
        train(recipe, tmp_path / "run", catalogue=catalogue)
    assert str(refused.value).startswith("dataset 'mine' of strange-parts 0 @ $.data: ")
    assert line in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_a_dataset_of_the_callers_own_is_not_called_by_the_recipes_name(tmp_path):
    mine = Shown(lambda side: np.zeros((side, side, 3), np.float32))
    with pytest.raises(InputError, match=r"^the dataset: an image of a, train: found a ndarray .* of float32"):
        train(tiny_recipe(), tmp_path / "run", dataset=mine)
    assert not (tmp_path / "run").exists()


def test_losses_without_a_gradient_teach_nothing():
    catalogue = catalogue_with("loss", loss(lambda view: {"mine": view.fake.a.detach().mean()}))
    recipe = tiny_recipe("translate[0].losses=[{use='mine'}]", catalogue=catalogue)
    setup = Setup.of(recipe, catalogue, Compute.as_it_is())
    with pytest.raises(InputError, match=r"losses of 'translate level 5': found terms that nothing .*\(mine\)"):
        list(rehearse(setup))
