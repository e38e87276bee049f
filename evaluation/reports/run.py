"""What a run's own files tell a page: how training went, the recipe, the machine, strips of pictures."""

# N images, H W space

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...framework import DIRECTIONS, Bundle, Catalogue, Dataset, Images, Translation, load
from ...framework.data.dataset import loaded
from ...framework.data.images import centre_crop
from ...framework.runs.folder import RunFolder
from ...framework.runs.state import RunState
from ...framework.support.events import Events
from .curves import training_curves
from .figures import Figure
from .page import ReportData, Strip, spread
from .recipe_diff import lineage

PAGE_ROWS = 14
SUMMARY = "Each row is a test image, what each level of the cascade made of it, and the final translation."


def about(run: Path, catalogue: Catalogue) -> ReportData:
    """The page of a run that was begun, as far as its own files go: no pictures, no scores.

    Raises InputError when the run is of another format.
    """
    folder = RunFolder(run)
    state, recipe, events = RunState.read(folder), folder.read_recipe(), Events(folder.events).read()
    durations: dict[str, float] = {}
    for event in (e for e in events if e["event"] == "stage"):  # a stage that has learnt on has several
        durations[event["title"]] = durations.get(event["title"], 0.0) + event["seconds"]
    return ReportData(
        title=str(recipe["name"]),
        command=state.command,  # the one that began it and those that gave it more minutes, not a mere --resume
        recipes=(lineage(str(recipe["name"]), state.asked, recipe, catalogue),),
        hardware=state.hardware,
        durations=tuple(durations.items()),
        curves=training_curves(events),
        warnings=tuple(state.warnings),
    )


def translated(run: Path, bundle: Bundle, dataset: Dataset, device: str) -> tuple[Strip, ...]:
    """A strip each direction of a few of the dataset's test images, translated now, on `device`."""
    size, short = bundle.image.size, bundle.recipe.image.short_side
    unrefined = run / "without-refine"
    before = Translation(load(unrefined, bundle.catalogue), device=device) if unrefined.exists() else None
    translation = Translation(bundle, device=device)
    strips = []
    for direction in DIRECTIONS:
        source, target = direction.turn(dataset.domains)
        images = [centre_crop(loaded(source.test, n, short), size) for n in spread(len(source.test), PAGE_ROWS)]
        columns = translation.strip(images, direction)
        less = before.translate(images, direction) if before else None
        strips.append(strip(f"{source.name} → {target.name}", translation.previews(direction), columns, less))
    return tuple(strips)


def samples(run: Path) -> tuple[Figure, ...]:
    """The last pictures that each stage of a run left while it trained."""
    newest = {file.name.rpartition("-")[0]: file for file in sorted((run / "samples").glob("*.png"))}
    return tuple(
        Figure(stage, file.read_bytes(), f"After {int(file.stem.rpartition('-')[2])} steps: a test image a row.")
        for stage, file in newest.items()
    )


def strip(title: str, previews: Sequence[str], columns: Sequence[Images], before: Images | None = None) -> Strip:
    """A strip of columns (N, H, W, 3), evenly taken from the N images; `before` refinement stands before the last."""
    shown = dict(zip(["source", *previews], columns))
    if before is not None:
        shown["before refinement"] = before
    shown["translation"] = columns[-1]
    rows = ([column[n] for column in shown.values()] for n in spread(len(columns[0]), PAGE_ROWS))
    return Strip.of(title, tuple(shown), rows)
