"""What a set of translations is scored against, and the metrics run over it. Torch-free but for what metrics import."""

# N test images, H W space

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import fields_dict

from ..catalogue import Catalogue
from ..data.dataset import Dataset, Domain
from ..errors import CrosscadeError, InputError
from ..hookspecs import MetricOffer
from ..recipe.recipe import ImageOptions
from ..spec import Pair
from .metric import Images, Metric, Samples, Score, Truth, cropped, truth_in_crop

Progress = Callable[[str], None]
TRAIN_LIMIT = 1500
TEST_LIMIT = 400
FEWEST = 10
"""Images in each set below which a score would mean nothing."""


def evaluate(
    samples: Samples,
    metrics: Sequence[str] | None = None,
    progress: Progress | None = None,
    catalogue: Catalogue | None = None,
) -> dict[str, Score]:
    """All scores of `samples`, by name, in the metrics' order.

    Args:
        samples: one direction's images.
        metrics: names of metrics; None: all that the catalogue has. Metrics that need truth are left out where the
            dataset knows none, and weights are not fetched, unless a metric is named.
        progress: told in a few words what is being measured.
        catalogue: where metrics and encoders come from; None: everything installed.

    A metric that cannot run (its weights or its plugin are missing) gives a score without a value that says why.
    Raises `InputError` for an unknown metric.
    """
    catalogue = samples.common.once("catalogue", lambda: catalogue or Catalogue.discover())
    found: dict[str, Score] = {}
    if progress:
        samples.common["progress"] = progress
    for offer, metric in _metrics(samples, metrics, catalogue):
        if progress:
            progress(f"scoring {offer.name}")
        scores = _measured(metric, samples) if isinstance(metric, Metric) else metric
        if isinstance(scores, Score):
            scores = {offer.name: scores}
        if twice := set(scores) & set(found):
            raise InputError(
                f"metric '{offer.name}'", found=f"a second score '{min(twice)}'", expected="names of its own"
            )
        found |= scores
    return found


def real_images(dataset: Dataset, size: int, load: int) -> dict[str, Pair[Images]]:
    """`train` and `test` centre crops of both domains, the first `TRAIN_LIMIT` and `TEST_LIMIT`."""
    return {
        "train": dataset.domains.map(lambda d: cropped(d.train, load, size, TRAIN_LIMIT)),
        "test": dataset.domains.map(lambda d: cropped(d.test, load, size, TEST_LIMIT)),
    }


def fewest(real: Mapping[str, Pair[Images]]) -> int:
    """The size of the smallest set of `real_images`."""
    return min(len(images) for pair in real.values() for images in pair)


def samples_of(dataset: Dataset, real: Mapping[str, Pair[Images]], size: int, load: int) -> Samples:
    """The a -> b samples of `real_images`, with the untranslated source in the translations' place."""

    def truth(domain: Domain, split: str, count: int) -> Truth | None:
        known = (domain.train if split == "train" else domain.test).truth
        return truth_in_crop({k: v[:count] for k, v in known.items()}, load, size) if known else None

    source, target = dataset.domains
    train, test = real["train"], real["test"]
    return Samples(
        source=test.a,
        translated=test.a,
        source_train=train.a,
        target_train=train.b,
        target_test=test.b,
        source_name=source.name,
        target_name=target.name,
        source_truth=truth(source, "test", len(test.a)),
        source_train_truth=truth(source, "train", len(train.a)),
        target_train_truth=truth(target, "train", len(train.b)),
        target_test_truth=truth(target, "test", len(test.b)),
        dataset=dataset.name,
        load=load,
    )


def load_size(image: ImageOptions) -> int:
    """The short side at which a recipe's images are loaded before the crop."""
    return image.load or round(image.size * 9 / 8)


def _metrics(
    samples: Samples, names: Sequence[str] | None, catalogue: Catalogue
) -> list[tuple[MetricOffer, Metric | Score]]:
    offers: list[MetricOffer] = (
        catalogue.offers("metric")
        if names is None
        else [  # type: ignore[assignment]
            catalogue.get("metric", name) for name in names
        ]
    )
    chosen: list[tuple[MetricOffer, Metric | Score]] = []
    for offer in offers:
        try:
            # what is asked for by name may fetch what it needs; a mere "everything" must not
            may_fetch = names is not None and "fetch" in fields_dict(offer.options)
            metric = offer.build(offer.options(**({"fetch": True} if may_fetch else {})))
        except Exception as error:  # a stranger's plugin must not cost the other scores
            chosen.append((offer, Score.missing(_reason(error))))
            continue
        if names is None and metric.needs_truth and not (samples.source_truth and samples.target_train_truth):
            continue
        chosen.append((offer, metric))
    return chosen


def _measured(metric: Metric, samples: Samples) -> dict[str, Score] | Score:
    try:
        return metric.measure(samples)
    except Exception as error:  # as above: reported with its reason, never silently
        return Score.missing(_reason(error))


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, CrosscadeError) else f"{type(error).__name__}: {error}"
