"""`crosscade forecast`: what an export costs for so many images, measured on this machine and real pictures."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from ...framework import Catalogue, CommandOffer, InputError, hookimpl
from ...framework.errors import numbered
from ...framework.results.asked import FORMATS

if TYPE_CHECKING:
    from .rows import Bulk, Row

MOST_PICTURES, MOST_BYTES = 256, 256 << 20
"""Of the sample."""


@frozen
class Forecast:
    """What an image costs: seconds of a core in all and by part, bytes in and out."""

    seconds: float
    parts: dict[str, float]
    bytes_in: float
    bytes_out: float
    start: float
    """Seconds of a core before the first image of a process."""
    sample: int
    """Pictures that were measured."""
    bad: int = 0
    """Those of the sample that cannot be read."""

    def lines(self, images: int, cores: int | None, here: int) -> list[str]:
        """For people."""
        parts = ", ".join(f"{name} {1e3 * value:.2g}" for name, value in self.parts.items())
        hours = float(f"{images * self.seconds / 3600:.3g}")
        stores = f"{_size(images * self.bytes_in)} in, {_size(images * self.bytes_out)} out"
        sample = numbered(self.sample, "picture") + (f" ({self.bad} more cannot be read)" if self.bad else "")
        lines = [
            f"an image: {1e3 * self.seconds:.3g} ms of a core ({parts}), by {sample}",
            f"{images:,} images: {hours:,g} core-hours; {stores}",
        ]
        for where, count in [("here, on", here), *([("elsewhere, on", cores)] if cores else [])]:
            lines.append(f"{where} {count} cores like these that do nothing else: {_clock(self.wall(images, count))}")
        return lines

    def wall(self, images: int, cores: int) -> float:
        """Seconds until so many images are done."""
        return self.start + images * self.seconds / cores


def forecast(load: Callable[[], Bulk], sample: Sequence[Row], seconds: float) -> Forecast:
    """Measured for so many seconds of a core on a sample of pictures' files, as shards are translated.

    InputError where none of them can be read.
    """
    from .shards import Tally, translate_shard
    from .tar import Writer

    began = _cpu()
    subprocess.run([sys.executable, "-c", f"import {__package__}.rows"], check=True)  # a process of its own begins so
    bulk = load()
    start = _cpu() - began
    good = [row for row in sample if not bulk.decoded(row)[0].error]
    if not good:
        raise InputError(f"{numbered(len(sample), 'picture')}", found="none that can be read", expected="pictures")
    rows = repeated(good, bulk.batch)
    with tempfile.TemporaryDirectory() as folder:
        shard, out = Path(folder, "sample.tar"), Path(folder, "out")
        out.mkdir()
        with shard.open("wb") as file:
            writer = Writer(file, "png", {})  # by its bytes a picture is read, not by its name
            for row in rows:
                writer.add(row)
            writer.close()
        translate_shard(bulk, shard, out, Tally())  # the first is slower
        tally, began = Tally(), _cpu()
        while not tally.rows or _cpu() - began < seconds:
            translate_shard(bulk, shard, out, tally, force=True)
        whole = (_cpu() - began) / tally.rows
        size_in, size_out = (path.stat().st_size / len(rows) for path in (shard, out / shard.name))
    parts = _parts(bulk, rows)
    parts["read and write"] = max(0.0, whole - sum(parts.values()))
    return Forecast(whole, parts, size_in, size_out, start, len(good), len(sample) - len(good))


def repeated(sample: Sequence[Row], batch: int) -> list[Row]:
    """The sample as a shard: as often as it takes for what a shard costs once to count for little; whole batches."""
    most = MOST_BYTES * len(sample) // max(1, sum(len(row.image) for row in sample))
    count = max(len(sample), min(MOST_PICTURES, most))
    return [evolve(row, id=f"{k}") for k, row in enumerate(islice(cycle(sample), -(-count // batch) * batch))]


def _parts(bulk: Bulk, sample: Sequence[Row]) -> dict[str, float]:
    """Seconds of a core by an image."""
    parts, values = dict[str, float](), iter(sample)
    steps: dict[str, Callable[[Any], Iterator[Any]]] = {
        "decode and fit": lambda rows: map(bulk.decoded, rows),
        "compute": bulk.translated,
        "encode": lambda pairs: map(bulk.encoded, pairs),
    }
    for name, step in steps.items():
        began = _cpu()
        done = list(step(values))
        parts[name] = (_cpu() - began) / len(sample)
        values = iter(done)
    return parts


def sampled(names: Sequence[str]) -> list[Row]:
    """Pictures' files of what was named, of each in turn. InputError where there is none."""
    from ...framework.results.files import Sources
    from .rows import Row
    from .shards import KINDS, expanded, shards_of

    files = [name for given in names for name in expanded(given)]
    if shards := shards_of(files):
        each = max(1, MOST_PICTURES // len(shards))
        rows = (row for path in shards for row in islice(KINDS[path.suffix.lower()].read(path), each) if not row.error)
    else:
        paths = [source.path for source in Sources.of(files).files]
        step = -(-len(paths) // MOST_PICTURES)
        rows = (Row(f"{k}", path.read_bytes()) for k, path in enumerate(paths[::step]))
    sample, size = [], 0
    for row in islice(rows, MOST_PICTURES):
        sample.append(row)
        size += len(row.image)
        if size > MOST_BYTES:
            break
    if not sample:
        raise InputError(names[0], found="no picture", expected="pictures like those that are to be translated")
    return sample


def _cpu() -> float:
    """Seconds of cores that this process and its children have had."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _size(count: float) -> str:
    power = min(int(count >= 1e3) + int(count >= 1e6) + int(count >= 1e9) + int(count >= 1e12), 4)
    return f"{count / 1000**power:.3g} {['bytes', 'kB', 'MB', 'GB', 'TB'][power]}"


def _clock(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} seconds"


def _count(text: str) -> int:
    with suppress(ValueError):
        if 1 <= (number := float(text.replace("_", "").replace(",", ""))) < 1e18:
            return int(number)
    raise argparse.ArgumentTypeError(f"found {text!r}; expected a number like 1000000 or 1e9")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("export", metavar="DIR", help="a folder that `crosscade export` made, or a model's name")
    parser.add_argument(
        "pictures", nargs="+", metavar="PICTURES", help="some like those to come: files, folders, shards"
    )
    parser.add_argument("--images", type=_count, required=True, metavar="N", help="how many there are to be: 1e9")
    parser.add_argument("--cores", type=_count, metavar="C", help="of a cluster, besides this machine's")
    parser.add_argument("--seconds", type=float, default=10, help="of a core to measure for; default: 10")
    parser.add_argument("--direction", choices=("a2b", "b2a"), help="default: a2b, or the only one")
    parser.add_argument("--format", choices=FORMATS, default="png", help="of the results; default: png")
    parser.add_argument("--draft", action="store_true", help="as `crosscade run --draft`")
    parser.add_argument("--trust", action="store_true", help="the export is your own: do not try it first")


def _run(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from functools import partial

    from ...framework.errors import show
    from ...framework.support.limits import cores
    from .rows import Bulk

    names = ("direction", "format", "draft", "trust")
    settings: dict[str, Any] = {name: getattr(arguments, name) for name in names}
    load = partial(Bulk, arguments.export, device="cpu", batch=16, **settings)
    measured = forecast(load, sampled(arguments.pictures), arguments.seconds)
    for line in measured.lines(arguments.images, arguments.cores, cores()):
        show(line)
    return 0


@hookimpl
def commands() -> Iterator[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="forecast",
        arguments=_arguments,
        build=_run,
        summary="What so many images would cost with an export: time, cores, bytes",
        group="ship",
        example="crosscade forecast cat-dog photos/cats --images 1e9 --cores 512",
    )
