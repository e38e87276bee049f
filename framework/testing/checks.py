"""The contract suite: what a component must keep, checked alike on our plugins and on a stranger's.

    from crosscade.framework.testing import check_encoder

    def test_my_encoder():
        check_encoder(my_offer, image_size=64)

Each check returns nothing, or raises `AssertionError` with one sentence: what, and the numbers.
"""

# B batch, C channels, H W space; i level

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..catalogue.catalogue import Catalogue
from ..contracts import AdversarialLoss, Loss, TranslatorPair
from ..encoder import Encoder
from ..former import renamed
from ..hookspecs import EncoderOffer, InverterOffer, LossOffer, TranslatorOffer
from ..spec import ImageSpec, LevelSpec, Pair
from ..styles import style_size, styles_on
from ..views import View
from .on_gpu import placed, require_loss_on_gpu, require_network_on_gpu, require_on_gpu
from .shares import require_shareable
from .tools import (
    Deepest,
    Levels,
    Recorded,
    TinyEncoder,
    alive,
    built,
    in_sentences,
    moved,
    require,
    require_close,
    require_exports,
    require_network,
    require_no_deeper,
    require_rows_alone,
    require_teaches,
    uniform,
)
from .views import BATCH, example_view, view_of

IMAGE = ImageSpec(64)
HERE, DEEPER = LevelSpec(2, "shallow", 16, 8), LevelSpec(3, "deep", 24, 16)


@in_sentences
def check_encoder(
    encoder: EncoderOffer | Encoder, *, image_size: int = 64, options: Any = None, export: bool = True
) -> None:
    """Honest levels, frozen and repeatable, rows independent, nothing deeper than asked, exports faithfully.

    Where it goes on from a level, it comes to what it gives of the image.
    """
    net, what = built(encoder, options)
    require(isinstance(net, Encoder), f"{what} is a {type(net).__name__}, not an Encoder")
    spare, levels = copy.deepcopy(net), net.pyramid.levels
    numbers = [level.number for level in levels]
    require(bool(levels) and numbers == sorted(set(numbers)), f"{what}: level numbers {numbers} do not ascend")

    images = uniform(3, 3, image_size, image_size)
    features = net(images, numbers)
    require(set(features) == set(numbers), f"{what}: asked for levels {numbers}, got {sorted(features)}")
    for level in levels:
        side = level.size(image_size)
        declared, actual = (3, level.channels, side, side), tuple(features[level.number].shape)
        require(actual == declared, f"{what}: level {level.number} declares the shape {declared} and gives {actual}")

    net.train()
    training = [name for name, module in net.named_modules() if module.training]
    require(not training, f"{what}: {len(training)} modules leave eval mode on train(), first '{training[:1]}'")
    loose = [name for name, parameter in net.named_parameters() if parameter.requires_grad]
    require(not loose, f"{what}: {len(loose)} parameters are not frozen, first {loose[:1]}")

    again = net(images, numbers)
    for i in numbers:
        require(torch.equal(features[i], again[i]), f"{what}: level {i} differs from run to run")
        require_close(features[i], net(images, [i])[i], f"{what}: level {i} changes with what else is asked for")
        require_rows_alone(lambda x, i=i: net(x, [i])[i], (images,), f"{what}: level {i}")
        asked = images.clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(net(asked, [i])[i].square().mean(), asked)
        require(alive(gradient), f"{what}: no finite gradient reaches the image from level {i}")
    require_no_deeper(net, images[:1], what)
    if type(net).continued is not Encoder.continued:
        for k, i in enumerate(numbers):
            for deeper, found in net.continued(features[i], i, numbers[k:]).items():
                require_close(found, features[deeper], f"{what}: level {deeper}, continued from level {i}")
    if export:
        require_exports(Levels(net, numbers), lambda b: (uniform(b, 3, image_size, image_size, seed=b),), what)
    require_network_on_gpu(Levels(spare, numbers), (images,), what)


@in_sentences
def check_translator(
    translator: TranslatorOffer | TranslatorPair,
    *,
    here: LevelSpec = HERE,
    deeper: LevelSpec | None = DEEPER,
    image: ImageSpec = IMAGE,
    options: Any = None,
    export: bool = True,
) -> None:
    """Both nets keep the shape and [-1, 1], learn, treat rows independently and export faithfully.

    Where there are styles they are inputs like the others, and those of an example are its own. The pair's view
    computes all that it gives.
    """
    pair, what = built(translator, options, here=here, deeper=deeper, image=image)
    require(isinstance(pair, TranslatorPair), f"{what} is a {type(pair).__name__}, not a TranslatorPair")
    spare = copy.deepcopy(pair)

    sizes = pair.into.map(style_size)
    require(sizes.a == sizes.b, f"{what}: styles of {sizes.a} numbers into a and of {sizes.b} into b")

    def inputs(batch: int) -> tuple[Tensor, ...]:
        specs = [here] + ([deeper] if deeper else [])
        maps = tuple(uniform(batch, s.channels, *[s.size(image.size)] * 2, seed=batch) for s in specs)
        style = styles_on(maps[0], sizes.a, seed=batch)
        return maps if style is None else (*maps, style)

    # Layers that start at zero (AdaIN's style) would hide a wrong graph: check a copy that has moved on a little.
    for domain, net in zip("ab", moved(pair).into):
        call = net if deeper else Deepest(net)
        require_network(call, inputs, (here.channels, *[here.size(image.size)] * 2), f"{what}, into.{domain}", export)
        if sizes.a:
            _check_styles(net, inputs(3)[0], sizes.a, f"{what}, style_of into.{domain}")

    gives = sorted(pair.gives)
    own, *conditions = [Pair(x, x) for x in inputs(2)[: 2 if deeper else 1]]
    view = view_of(pair, here.number, own, *conditions, *conditions)
    for name in gives:
        try:
            value = getattr(view, name)
        except Exception as error:
            raise AssertionError(f"{what}: its view cannot give {name}: {type(error).__name__} {error}") from error
        require(isinstance(value, Pair), f"{what}: {name} of its view is a {type(value).__name__}, not a Pair")
        if name in ("features", "identity", "cycled"):
            maps = isinstance(value.a, Mapping) and {i: tuple(x.shape) for i, x in value.a.items()}
            expected = {here.number: tuple(own.a.shape)}
            require(maps == expected, f"{what}: {name} of its view is {maps or 'no map by level'}, expected {expected}")

    def work(device: torch.device) -> Callable[[], Any]:
        own_there, *there = placed([own, *conditions, *conditions], device)
        view = view_of(spare.to(device), here.number, own_there, *there)
        return lambda: [getattr(view, name) for name in gives]

    require_on_gpu(work, what)


def _check_styles(net: Any, examples: Tensor, size: int, what: str) -> None:
    leaf = examples.clone().requires_grad_(True)
    styles = net.style_of(leaf)
    shape = tuple(styles.shape)
    require(shape == (len(examples), size), f"{what}: gives {shape}, expected {(len(examples), size)}")
    torch.autograd.backward(styles.float().square().mean())
    require(alive(leaf.grad), f"{what}: no finite gradient reaches the example")
    require_rows_alone(net.style_of, (examples,), what)


@in_sentences
def check_inverter(
    inverter: InverterOffer | nn.Module,
    *,
    level: LevelSpec = HERE,
    image: ImageSpec = IMAGE,
    options: Any = None,
    export: bool = True,
) -> None:
    """Images of the right size in [-1, 1], learns, treats rows independently and exports faithfully."""
    net, what = built(inverter, options, level=level, image=image)
    require(isinstance(net, nn.Module), f"{what} is a {type(net).__name__}, not a module")

    def inputs(batch: int) -> tuple[Tensor, ...]:
        return (uniform(batch, level.channels, *[level.size(image.size)] * 2, seed=batch),)

    require_network(moved(net), inputs, (3, image.size, image.size), what, export)
    require_network_on_gpu(copy.deepcopy(net), inputs(2), what)


@in_sentences
def check_loss(
    loss: LossOffer | Loss[Any],
    *,
    on: str = "translation",
    here: LevelSpec | None = None,
    image: ImageSpec = IMAGE,
    encoder: Encoder | None = None,
    options: Any = None,
    view: View | None = None,
    networks: Pair[nn.Module] | None = None,
    alone: bool = False,
) -> None:
    """Finite scalars that teach the networks, reading only what is declared; critics that learn and teach nobody else.

    `on` says which view the loss is meant for: translation, inversion or refinement. Or give a `view` of your own,
    with the `networks` (by domain) that the loss must teach. Unless the loss is for one process `alone` (or the view
    your own), a batch must also teach what its halves teach in two processes.
    """
    encoder = encoder or TinyEncoder()
    here = here or (encoder.pyramid.levels[-1] if on == "translation" else LevelSpec(0, "image", 3, 1))
    objective, what = built(loss, options, here=here, image=image, encoder=encoder, catalogue=Catalogue.discover())
    require(isinstance(objective, Loss), f"{what} is a {type(objective).__name__}, not a Loss")
    own, spare = view is not None, copy.deepcopy(objective)
    if view is None:
        view, networks = example_view(on, here, image, encoder, objective.encodes)
    taught = list(networks or ())
    lacking = sorted(objective.needs - type(view).gives())
    sentence = f"{what} needs {', '.join(lacking)}, which the view on {on} does not give. {renamed(lacking)}"
    require(not lacking, sentence.rstrip(" ."))

    if isinstance(objective, AdversarialLoss):
        _check_critics(objective, view, taught, what)
    for module in (*taught, objective):
        module.zero_grad()
    seen = Recorded(view)
    require_teaches(objective.terms(seen), taught, what)
    _require_declared(seen, objective, what)
    if own:
        return
    if not alone:
        require_shareable(objective, partial(_seeded, on, here, image, encoder, objective.encodes), BATCH, what)
    encodes = objective.encodes
    require_loss_on_gpu(spare, lambda rows: _seeded(on, here, image, copy.deepcopy(encoder), encodes, rows), what)


def _seeded(*facts: Any) -> tuple[View, Pair[nn.Module]]:
    torch.manual_seed(0)
    return example_view(*facts)


def _check_critics(loss: AdversarialLoss[Any], view: View, networks: list[nn.Module], what: str) -> None:
    require(isinstance(loss.critics, Pair), f"{what}: critics is a {type(loss.critics).__name__}, not a Pair")
    require(
        loss.learning_rate > 0 and len(loss.betas) == 2 and loss.steps >= 1,
        f"{what}: learning rate {loss.learning_rate}, betas {loss.betas} and steps {loss.steps} make no optimiser",
    )
    for step in range(4):  # a cadence may leave parts out of some steps
        loss.zero_grad()
        seen = Recorded(view.detached())
        require_teaches(loss.critic_terms(seen, step), loss.critics, f"{what}, critic step {step}")
        _require_declared(seen, loss, what)
    moved_too = [p for n in networks for p in n.parameters() if p.grad is not None and bool(p.grad.any())]
    require(not moved_too, f"{what}: critic terms move {len(moved_too)} parameters of the networks that they judge")


def _require_declared(seen: Recorded, loss: Loss[Any], what: str) -> None:
    undeclared = sorted(seen.read - loss.needs)
    require(not undeclared, f"{what} reads {', '.join(undeclared)} and declares needs {sorted(loss.needs)}")
