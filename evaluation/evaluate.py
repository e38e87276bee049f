"""Runs the metrics over one set of translations, or over several candidates that share the work on the real images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import fields_dict

from ..framework.catalogue import Catalogue
from ..framework.errors import CrosscadeError, InputError
from ..framework.offers import MetricOffer
from .samples import Images, Metric, Samples, Score
from .table import Table

Progress = Callable[[str], None]


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


def compare(
    samples: Samples,
    candidates: Mapping[str, Images],
    metrics: Sequence[str] | None = None,
    progress: Progress | None = None,
    catalogue: Catalogue | None = None,
    title: str = "",
) -> Table:
    """A table with a row for each candidate set of translations of `samples.source`, and one for each control.

    Features of the real images and the judges are made once. The controls 'untranslated source' and 'real target' are
    added when the candidates do not name them: they are what every score is read against.
    """
    controls = {"untranslated source": samples.source, "real target": samples.target_test}
    rows: dict[str, dict[str, Score]] = {}
    for name, images in {**candidates, **{k: v for k, v in controls.items() if k not in candidates}}.items():
        tell = (lambda text, n=name: progress(f"{n}: {text}")) if progress else None
        rows[name] = evaluate(samples.with_translated(images), metrics, tell, catalogue)
    return Table(title or f"{samples.source_name} → {samples.target_name}", rows, tuple(controls))


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
