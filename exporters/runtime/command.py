"""`crosscade run`: images through an export, from the base install; `--check`: does it run here, and how fast."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...framework import Catalogue, CommandOffer, InputError, hookimpl
from ...framework.results.asked import WAYS, Asked, held
from ...framework.results.files import Sources, translate_files
from ...framework.results.results import Results

if TYPE_CHECKING:
    from ...framework import Image, Reporter
    from ...framework.data.films import Filmed
    from ..bulk.shards import Part
    from .exported import Exported

SPEED_SECONDS = 3.0
"""How long `--check` measures a direction's speed."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("export", metavar="DIR", help="a folder that `crosscade export` made, or a model's name")
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILES",
        help="images, folders of images, or shards like 'in-{000..999}.tar' (or .parquet)",
    )
    parser.add_argument("--out", help="folder for the results (placed as their sources are) and their list")
    parser.add_argument(
        "--direction",
        choices=WAYS,
        help="default: a2b, or the only one, with --check all; both: all images both ways, in OUT/a2b and OUT/b2a",
    )
    parser.add_argument("--force", action="store_true", help="write among other things; make anew what is there")
    parser.add_argument("--seed", type=int, default=0, help="of the styles, where the method has them; default: 0")
    group = parser.add_argument_group("machine")
    group.add_argument(
        "--device",
        default="auto",
        help="auto (a GPU where there is one) | cpu | cuda | cuda:1 | tensorrt",
    )
    group.add_argument("--allow-cpu-fallback", action="store_true", help="use the CPU when the device does not come up")
    group.add_argument(
        "--backend", choices=("onnxruntime", "openvino"), default="onnxruntime", help="openvino: a package of its own"
    )
    group.add_argument(
        "--precision", choices=("f32", "bf16", "auto"), default="f32", help="of OpenVINO's arithmetic; default: f32"
    )
    group.add_argument("--threads", type=int, default=0, metavar="N", help="of the CPU; default: the backend's choice")
    group.add_argument("--batch", type=int, default=16, metavar="N", help="images at a time; default: 16")
    Asked.arguments(parser)
    group = parser.add_argument_group("many images")
    group.add_argument(
        "--shard", default="0/1", metavar="K/N", help="every n-th shard or image from the k-th on, k from 0 to n - 1"
    )
    group.add_argument(
        "--draft", action="store_true", help="read JPEG at a fraction of its size: quicker, nearly the same pixels"
    )
    group.add_argument(
        "--readers", type=int, metavar="N", help="threads that read and write beside the session; default: by the cores"
    )
    group = parser.add_argument_group("checks")
    group.add_argument("--check", action="store_true", help="no files: repeat the golden pictures, measure the speed")
    group.add_argument("--no-check", action="store_true", help="do not repeat the golden pictures first")
    group.add_argument(
        "--trust", action="store_true", help="the export is your own: do not try it in a process of its own first"
    )


def _run(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    from ...framework import Reporter

    if arguments.check and (arguments.files or arguments.out or arguments.no_check):
        raise InputError("--check", found="it with files, --out or --no-check", expected="it alone")
    if not arguments.check and not (arguments.files and arguments.out):
        cure = "To only check the export: --check."
        raise InputError("the arguments", found="no images or no --out", expected="DIR FILES … --out OUT", cure=cure)
    if arguments.check:
        return _check(_loaded(arguments, Reporter()), arguments)
    from ..bulk.shards import Part, expanded, shards_of

    part, files = Part.of(arguments.shard), [name for given in arguments.files for name in expanded(given)]
    if shards := shards_of(files):
        return _shards(arguments, part.take(shards), shards)
    sources, report = Sources.of(files), Reporter()
    asked = Asked.of(arguments, part.take(sources.files))
    if arguments.draft and (other := "onto-source" * asked.onto_source or "frames" * asked.frames):
        raise InputError("--draft", found=f"--{other} as well", expected="one of them")
    out = Path(arguments.out, f"{part.k}-of-{part.n}") if part.n > 1 else Path(arguments.out)  # one process a folder
    with held(arguments.direction, out, sources.inputs, arguments.force) as folders:
        exported = _loaded(arguments, report)
        for way, _ in folders:
            exported.way(way)  # is it there? before anything is written
        translate = partial(_translate, exported, arguments, asked, sources, part, report)
        return max(translate(way, results) for way, results in folders)


def _shards(arguments: argparse.Namespace, own: list[Path], shards: list[Path]) -> int:
    """The shards of this process: 0 when all of them are done."""
    from ...framework import Reporter
    from ...framework.support.limits import readers
    from ..bulk.rows import Bulk
    from ..bulk.shards import prepare, translate_shards

    for option in ("strip", "onto_source", "mask", "frames"):
        if getattr(arguments, option):
            raise InputError(f"--{option.replace('_', '-')}", found="shards", expected="pictures or folders of them")
    if arguments.direction == "both":
        raise InputError("--direction both", found="shards", expected="one direction", cure="Run it once for each.")
    report = Reporter()
    arguments.threads = arguments.threads or 1  # more would make results depend on how many cores there are
    bulk = Bulk(
        _loaded(arguments, report),
        direction=arguments.direction,
        format=arguments.format,
        draft=arguments.draft,
        seed=arguments.seed,
        batch=arguments.batch,
        readers=readers() if arguments.readers is None else arguments.readers,
    )
    out = Path(arguments.out)
    prepare(out, shards, bulk.how, force=arguments.force)
    tally = translate_shards(bulk, own, out, report, force=arguments.force)
    report.say(f"{tally.said(out)}, on {bulk.exported.provider(bulk.direction)}")
    tally.check(out)
    return 0


def _loaded(arguments: argparse.Namespace, report: Reporter) -> Exported:
    from .exported import load

    exported = load(
        arguments.export,
        device=arguments.device,
        threads=arguments.threads,
        backend=arguments.backend,
        precision=arguments.precision,
        allow_fallback=arguments.allow_cpu_fallback,
        check=not arguments.no_check,
        trust=arguments.trust,
    )
    for line in exported.warnings:
        report.warn(line)
    return exported


def _check(exported: Exported, arguments: argparse.Namespace) -> int:
    from ...framework.errors import show

    for direction in exported.directions if arguments.direction in (None, "both") else [arguments.direction]:
        checked, way = exported.check(direction), exported.way(direction)
        domains = f"{way.source} → {way.target}"
        speed = exported.images_per_second(direction, batch=arguments.batch, seconds=SPEED_SECONDS)
        show(
            f"{direction} {domains}: {checked.provider}, golden pictures at {checked.psnr_db:.1f} dB "
            f"(at least {checked.least_db:g}), {speed:.3g} images/s in batches of {arguments.batch}"
        )
    return 0


def _translate(
    exported: Exported,
    arguments: argparse.Namespace,
    asked: Asked,
    sources: Sources,
    part: Part,
    report: Reporter,
    way: str | None,
    results: Results,
) -> int:
    from attrs import evolve

    from ...framework.data.pictures import fit
    from ...framework.data.styles import styles_for
    from ..safety.manifest import NAME
    from .exported import checked_batch

    batch = checked_batch(arguments.batch)
    direction = way or exported.direction
    asked.check(exported, direction, report)
    provider = exported.provider(direction)
    styles = styles_for(len(sources.files), exported.way(direction).style_size, seed=arguments.seed)
    styles = None if styles is None else styles[part.k :: part.n]  # an image's does not depend on the part either
    own = evolve(sources, files=part.take(sources.files))
    draft = partial(fit, size=exported.size, white=exported.white, draft=True)

    def translated(places: list[int], pictures: list[Any]) -> Iterator[Sequence[Image | Filmed]]:
        # a file's style does not depend on which others can be read
        return asked.results(
            exported, pictures, direction, None if styles is None else styles[asked.drawn(places)], batch
        )

    seed = arguments.seed if styles is not None else 0
    results.made(exported.folder / NAME, direction, asked.strip, seed, *asked.how, *["draft"] * arguments.draft)
    return translate_files(
        own,
        results,
        report,
        draft if arguments.draft else partial(asked.read, exported),
        translated,
        stage="run",
        endings=asked.endings(),
        batch=1 if asked.onto_source else batch,  # whole pictures are large
        by=f", on {provider}",
        threads=arguments.readers,
    )


@hookimpl
def commands() -> Iterator[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="run",
        arguments=_arguments,
        build=_run,
        summary="Translate images with an export, without torch",
        group="ship",
        example="crosscade run cat-dog photos/cats --out dogs",
    )
