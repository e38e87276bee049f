"""What a set of translations is scored against, and the metrics run over it. Torch-free but for what metrics import."""

# N test images, M training images, H W space

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import evolve, fields_dict, frozen

from ..catalogue.catalogue import Catalogue, Entry
from ..data.dataset import Dataset, ImageSet
from ..errors import CrosscadeError, InputError
from ..hookspecs import MetricOffer
from ..recipe.read import named
from ..recipe.recipe import Component, ImageOptions
from ..recipe.resolve import component
from ..spec import DIRECTIONS, Direction, Pair
from .metric import EvaluationSet, Images, Metric, Score, Scores, Truth, cropped, truth_in_crop

Progress = Callable[[str], None]
LOADED_TRAIN, LOADED_TEST = 1500, 400
"""Images of a set that an evaluation loads at most, its first; features may be taken of fewer."""
FEWEST = 10
"""Images in each set below which a score would mean nothing."""


def evaluate(
    samples: EvaluationSet,
    metrics: Sequence[str] | None = None,
    progress: Progress | None = None,
    catalogue: Catalogue | None = None,
) -> Scores:
    """All scores of `samples`, by name, in the metrics' order of reading.

    Args:
        samples: one direction's images.
        metrics: names of metrics, with options if need be (`NAME:key=value,…`); None: all that the catalogue has.
            Metrics that need truth are left out where the dataset knows none, and weights are not fetched, unless a
            metric is named.
        progress: told in a few words what is being measured.
        catalogue: where metrics and encoders come from; None: everything installed.

    A metric that cannot run (its weights or its plugin are missing) gives a score without a value that says why.
    Raises `InputError` for an unknown metric or option.
    """
    catalogue = samples.common.once("catalogue", lambda: catalogue or Catalogue.discover())
    if progress:
        samples.common["progress"] = progress
    if metrics is None:
        asked = [Component(entry.qualified, None) for entry in catalogue.of_kind("metric")]
    else:
        asked = metrics_named(metrics, catalogue)
    offers: list[tuple[Component, MetricOffer]] = [(use, catalogue.get("metric", use.use)) for use in asked]
    scores = Scores()
    for use, offer in sorted(offers, key=lambda item: item[1].order):
        measured = _measured(use, offer, catalogue, samples, metrics is not None, progress or (lambda _: None))
        if twice := set(measured) & set(scores):
            raise InputError(
                f"metric '{offer.name}'", found=f"a second score '{min(twice)}'", expected="names of its own"
            )
        scores |= measured
    return scores


def metrics_named(metrics: Sequence[str], catalogue: Catalogue) -> list[Component]:
    """Those of the names, each with its options. InputError for what there is not, and for one that is there twice.

    What is asked for by name may fetch what it needs; a mere "everything" must not.
    """
    uses, entries = list[Component](), list[Entry]()
    for text in metrics:
        for name, options in named(text):
            entry = catalogue.entry("metric", name)
            if entry in entries:
                raise InputError(f"--metrics {name}", found="it twice", expected="each once")
            entries.append(entry)
            fetch = {"fetch": True} if "fetch" in fields_dict(entry.offer.options) else {}
            use = component({"use": name, **fetch, **options}, "metric", f"--metrics {name}", catalogue)
            uses.append(evolve(use, place=""))  # a table's reader knows where its scores are from
    return uses


def _measured(
    use: Component, offer: MetricOffer, catalogue: Catalogue, samples: EvaluationSet, by_name: bool, progress: Progress
) -> dict[str, Score]:
    """A metric's scores, or a missing one with the reason; none where it needs truth that nobody knows."""
    try:
        metric: Metric = catalogue.build("metric", use)
        if metric.needs_truth and not by_name and not (samples.source_truth and samples.target_train_truth):
            return {}
        progress(f"scoring {offer.name}")
        with catalogue.calling("metric", use, "`measure`"):
            scores = metric.measure(samples)
        fits = isinstance(scores, dict) and all(isinstance(score, Score) for score in scores.values())
        catalogue.require(fits, "metric", use, "`measure`", scores, "a dict of Scores by name")
        return scores
    except Exception as error:  # a stranger's plugin must not cost the other scores
        reason = str(error) if isinstance(error, CrosscadeError) else f"{type(error).__name__}: {error}"
        return {offer.name: Score.missing(reason)}


@frozen(eq=False)
class DirectionImages:
    """One direction of a dataset: what is translated to be judged, and what translations are held against."""

    direction: Direction
    title: str
    """Like `zebra → giraffe`."""
    test: Images  # (N, H, W, 3)
    """The source's test images."""
    train: Images  # (M, H, W, 3)
    """The source's training images."""
    samples: EvaluationSet | None
    """With the untranslated source in the translations' place; None where a set is too small."""
    too_small: str = ""
    """A line that says so."""
    seen: str = ""
    """A line that says how many test images are training images."""


def evaluation_images(dataset: Dataset, image: ImageOptions, device: str = "cpu") -> dict[Direction, DirectionImages]:
    """Both directions' centre crops of the first images of each set, cropped as a recipe's `image` says.

    Networks that measure run on `device`, as torch names it.
    """
    size, load = image.size, image.short_side
    train = dataset.domains.map(lambda d: cropped(d.train, load, size, LOADED_TRAIN))
    test = dataset.domains.map(lambda d: cropped(d.test, load, size, LOADED_TEST))
    seen = _seen(dataset, train, test)
    smallest = min(len(images) for images in (*train, *test))
    samples, too_small = Pair[EvaluationSet | None](None, None), ""
    if smallest < FEWEST:
        too_small = f"not judged: a set of {smallest} images is too small (at least {FEWEST})"
    else:
        forward = evolve(_forward(dataset, train, test, size, load), device=device)
        samples = Pair(forward, forward.reversed(forward.target_test))
    return {
        way: DirectionImages(
            way,
            " → ".join(domain.name for domain in way.turn(dataset.domains)),
            way.source(test),
            way.source(train),
            way.source(samples),
            too_small,
            seen,
        )
        for way in DIRECTIONS
    }


def _seen(dataset: Dataset, train: Pair[Images], test: Pair[Images]) -> str:
    """A warning where test images are, to the pixel, training images that are loaded."""
    counts = []
    for domain, known, images in zip(dataset.domains, train, test):
        contents = {hash(image.tobytes()) for image in known}
        if count := sum(hash(image.tobytes()) in contents for image in images):
            counts.append(f"{count} of {len(images)} {domain.name}")
    if not counts:
        return ""
    return f"{' and '.join(counts)} test images are training images: the scores do not show what unseen ones become"


def _forward(dataset: Dataset, train: Pair[Images], test: Pair[Images], size: int, load: int) -> EvaluationSet:
    def truth(images: ImageSet, count: int) -> Truth | None:
        return truth_in_crop({k: v[:count] for k, v in images.truth.items()}, load, size) if images.truth else None

    source, target = dataset.domains
    return EvaluationSet(
        source=test.a,
        translated=test.a,
        source_train=train.a,
        target_train=train.b,
        target_test=test.b,
        source_name=source.name,
        target_name=target.name,
        source_truth=truth(source.test, len(test.a)),
        source_train_truth=truth(source.train, len(train.a)),
        target_train_truth=truth(target.train, len(train.b)),
        target_test_truth=truth(target.test, len(test.b)),
        dataset=dataset,
        load=load,
    )
