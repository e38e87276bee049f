"""What the doctor says of the images: how many, of what size and kind, how many copies. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....framework import Dataset, Domain, Pair, Recipe, Reporter
from ....framework.data.contents import summary
from ....framework.errors import numbered
from ....framework.metrics.evaluate import FEWEST
from .finding import OK, PROBLEM, WARNING, Line, few, shortened
from .look import FLAT, SIDE, Glance, copies, glance, named

FEW = 100
UNEQUAL = 3.0
NARROW = 2.0
SOME = 0.1
MOST = 0.5
Seen = Pair[Pair[Glance]]
"""By domain a, b and there by split: a training, b test."""


def examine(dataset: Dataset, recipe: Recipe, report: Reporter) -> list[Line]:
    """Looks at every image once; the lines of what was found, in the order in which they are shown."""
    total = sum(len(d.train) + len(d.test) for d in dataset.domains)
    with report.stage("look at images", total) as bar:
        look = partial(glance, progress=bar.advance, white=dataset.white)
        seen = dataset.domains.map(lambda d: Pair(d.train, d.test).map(look))
    names = dataset.domains.map(lambda d: shortened(d.name))
    unread = [line for sets in seen for g in sets for line in g.unread]
    lines = [
        counts(dataset.domains, recipe),
        balance(dataset.domains),
        set_aside(dataset, unread),
        *sizes(seen, names, recipe),
    ]
    return [*lines, leaks(seen), within(seen, names), both(seen, names), flat(seen, names)]


def largest_batch(recipe: Recipe) -> int:
    """Images of each domain in the largest step."""
    return max(stage.schedule.batch for stage in recipe.trained)


def counts(domains: Pair[Domain], recipe: Recipe) -> Line:
    """How many there are, to train with and to judge by."""
    found = " | ".join(f"{shortened(d.name)} {len(d.train)} train, {len(d.test)} test" for d in domains)
    train, test = (min(len(getattr(d, split)) for d in domains) for split in ("train", "test"))
    batch = largest_batch(recipe)
    if train < batch:
        expected = f"at least {batch} to train with, the recipe's largest batch"
        return Line(PROBLEM, "images", found, expected, "Add images, or set a smaller schedule.batch.")
    if min(train, test) < FEWEST:
        cure = "Add images; scores of so few mean nothing."
        return Line(WARNING, "images", found, f"at least {FEWEST} in each set", cure)
    if train < FEW:
        expected = f"at least {FEW} of each to train with"
        return Line(WARNING, "images", found, expected, "Add images; the paper had about 1,500 of each.")
    return Line(OK, "images", found)


def balance(domains: Pair[Domain]) -> Line:
    """Whether one domain has many more training images than the other."""
    one, other = sorted(domains, key=lambda d: len(d.train))
    ratio = len(other.train) / max(1, len(one.train))
    found = f"{shortened(other.name)} has {ratio:.1f} times as many training images as {shortened(one.name)}"
    if ratio > UNEQUAL:
        cure = f"Add images of {shortened(one.name)}: each of its is seen that much more often."
        return Line(WARNING, "balance", found, f"at most {UNEQUAL:g} times", cure)
    return Line(OK, "balance", found if ratio > 1.05 else "as many training images of each")


def set_aside(dataset: Dataset, unread: Sequence[str] = ()) -> Line:
    """Files that cannot be used, those among them that could not be looked at though they were read before."""
    every = [*dataset.set_aside, *unread]
    if not every:
        return Line(OK, "set aside", "none: every file can be read" if _files(dataset) else "none")
    # a full path would take the whole line
    said = [re.sub(r"^(.*?): ", lambda m: f"{Path(m[1]).name}: ", line) for line in summary(every)]
    found = f"{len(every)}: {'; '.join(f'{v:.90}' for v in said[:3])}{'; …' if len(said) > 3 else ''}"
    if not _files(dataset):
        return Line(OK, "set aside", found)
    return Line(WARNING, "set aside", found, "whole pictures", "Repair or remove them.")


def _files(dataset: Dataset) -> bool:
    return all(d.train.path(0) for d in dataset.domains)


def sizes(seen: Seen, names: Pair[str], recipe: Recipe) -> Iterator[Line]:
    """Sizes, aspect and kinds of the files of each domain."""
    for name, sets in zip(names, seen):
        width, height = np.concatenate([g.sizes for g in sets]).T
        short, long = np.minimum(width, height), np.maximum(width, height)
        aspect = f"aspect {_spread(long / short, '.2f')}"
        kinds = sets.a.kinds + sets.b.kinds
        if not kinds:
            yield Line(OK, "sizes", f"{name}: {aspect}; no files, so no sizes or modes of their own")
            continue
        listed = ", ".join(f"{kind} {n}" for kind, n in kinds.most_common())
        found = f"{name}: short side {_spread(short, '.0f')} px, {aspect} (min/median/max); {listed}"
        small, narrow = int((short < recipe.image.size).sum()), float((long > NARROW * short).mean())
        if small:
            cure = "Set a smaller image.size or remove them: enlarging blurs."
            expected = f"at least image.size = {recipe.image.size}"
            yield Line(WARNING, "sizes", f"{found}; {small} smaller than they are trained at", expected, cure)
        elif narrow > SOME:
            cure = "Crop them: a square shows less than half of each."
            yield Line(WARNING, "sizes", f"{found}; {narrow:.0%} very long", f"an aspect of at most {NARROW:g}", cure)
        else:
            yield Line(OK, "sizes", found)


def _spread(values: NDArray[np.int64] | NDArray[np.float64], form: str) -> str:
    return " / ".join(format(float(v), form) for v in np.quantile(values.astype(np.float64), (0, 0.5, 1)))


def leaks(seen: Seen) -> Line:
    """Test images that training sees as well."""
    by_domain = [(copies(sets.b, sets.a), sets) for sets in seen]
    exact, near = (sum(len(kinds[k]) for kinds, _ in by_domain) for k in (0, 1))
    if not exact + near:
        return Line(OK, "train | test", "no test image has a copy in training")
    pairs = [pair for kinds, sets in by_domain for pair in named([*kinds[0], *kinds[1]], sets.b, sets.a)]
    said = f"{exact} exact and {near} near copies of training images in the tests: {few(pairs)}"
    return Line(WARNING, "train | test", said, "none", "Remove one of each pair: scores will flatter.")


def within(seen: Seen, names: Pair[str]) -> Line:
    """Training images that have a copy in the same training set."""
    copied = seen.map(lambda sets: (sum(map(len, copies(sets.a))), len(sets.a.labels)))
    said = " | ".join(f"{name} {n} of {total}" for name, (n, total) in zip(names, copied))
    if any(n > SOME * total for n, total in copied):
        return Line(WARNING, "copies", f"{said} have a copy in training", f"at most {SOME:.0%}", "Remove them.")
    return Line(OK, "copies", f"{said} have a copy in training")


def both(seen: Seen, names: Pair[str]) -> Line:
    """Training images that both domains hold."""
    one, other = sorted((sets.a for sets in seen), key=lambda g: len(g.labels))
    exact, near = copies(one, other)
    pairs = [*exact, *near]
    if not pairs:
        return Line(OK, "domains", "no picture is in both")
    said = f"{numbered(len(pairs), 'picture')} in both: {few(named(pairs, one, other))}"
    if len(pairs) >= MOST * len(one.labels):
        cure = "Give two different folders."
        return Line(PROBLEM, "domains", said, f"two domains; this is {names.a} twice", cure)
    return Line(WARNING, "domains", said, "none", "Remove them from one.")


def flat(seen: Seen, names: Pair[str]) -> Line:
    """Images in which there is next to nothing to see."""
    shares = seen.map(lambda sets: float(sets.a.flat.mean()) if len(sets.a.flat) else 0.0)
    labels = [shortened(g.labels[n]) for sets in seen for g in sets for n in np.flatnonzero(g.flat)]
    if not labels:
        return Line(OK, "near-constant", f"none (grey levels at {SIDE} x {SIDE} deviate by {FLAT:g} or more)")
    said = f"{len(labels)} (grey levels at {SIDE} x {SIDE} deviate by less than {FLAT:g}): {few(labels)}"
    worst = names.a if shares.a >= shares.b else names.b
    if max(shares) > MOST:
        return Line(PROBLEM, "near-constant", said, f"pictures; most of {worst} show nothing", "Replace them.")
    return Line(WARNING, "near-constant", said, "none", "Remove them.")
