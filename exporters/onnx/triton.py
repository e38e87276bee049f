"""The exporter `triton`: a model repository that NVIDIA Triton serves as it is, for those who outgrow one machine.

    DIR/zebra-to-giraffe/config.pbtxt
                         1/model.onnx  manifest.json  golden/…
    DIR/giraffe-to-zebra/…
    DIR/zebra-to-giraffe-pictures/config.pbtxt  1/model.py    where asked for: files of pictures in (`triton_pictures`)

Triton's onnxruntime backend opens `model.onnx` in a version's folder and nothing else there, so that the folder can be
an export like any other: `crosscade run DIR/zebra-to-giraffe/1 --check` checks the very file that Triton serves. Triton
ignores folders whose names are no numbers: a version is written under such a name and renamed when it is whole.

Checked against the documented schema (Triton's model_config.proto); no Triton has served it here.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import evolve, frozen, validators

from ...framework import Bundle, Dataset, Exporter, ExporterOffer, InputError, hookimpl, option
from ...framework.support import atomic
from ..safety import manifest
from ..safety.folder import check_folder
from ..safety.manifest import INPUT, MASK, STYLE, Graph, Manifest
from . import triton_pictures
from .exporter import OnnxExporter, OnnxOptions

CONFIG, MODEL, CODE = "config.pbtxt", "model.onnx", "model.py"
PICTURES = "pictures"
MARK = b'key: "crosscade.'


@frozen
class TritonOptions(OnnxOptions):
    """The graphs' options and how Triton is to serve them."""

    max_batch_size: int = option(16, "largest batch that Triton makes of waiting requests", validators.ge(1))
    queue_delay_us: int = option(2000, "microseconds that a request may wait for company", validators.ge(0))
    instances: int = option(1, "copies at work on each GPU, or on the CPU where there is none", validators.ge(1))
    versions: int = option(1, "how many of the newest versions are served", validators.ge(1))
    pictures: bool = option(
        False, "also a model in front of each that takes files of pictures, decodes, resizes and splits large batches"
    )


class TritonExporter(Exporter):
    """`OnnxExporter`'s graphs, gate and all, as a repository."""

    def __init__(self, options: TritonOptions) -> None:
        self.options = options

    def export(self, bundle: Bundle, out: Path, dataset: Dataset, say: Callable[[str], None]) -> None:
        """As any exporter's; `out` may also be a repository already, which gets the export as its next version."""
        with tempfile.TemporaryDirectory() as folder:
            OnnxExporter(self.options).export(bundle, Path(folder), dataset, say)
            for version in write_repository(Path(folder), out, self.options):
                say(f"{version.parent.name}: version {version.name}")


def write_repository(exported: Path, out: Path, options: TritonOptions | None = None) -> list[Path]:
    """Adds a finished export to the repository `out`; returns the new versions' folders, all of one number.

    Each model's settings and, with `pictures`, the model in front of it are written anew. InputError when the export is
    not sound, or when a model of that name is there already that takes or gives something else.
    """
    options = options or TritonOptions()
    contents = check_folder(exported)
    models = {out / model_name(way, direction, contents): direction for direction, way in contents.directions.items()}
    for folder, direction in models.items():
        _refuse_another(folder, contents, contents.directions[direction])
        _refuse_strange(_front(folder))
    version = 1 + max((number for folder in models for number in versions_of(folder)), default=0)
    added = []
    try:
        for folder, direction in models.items():
            added.append(_add_version(exported, contents, direction, folder, version))
            text = config(folder.name, contents, contents.directions[direction], options)
            atomic.write_bytes(folder / CONFIG, text.encode())
            if options.pictures:
                text = pictures_config(folder.name, contents, contents.directions[direction], options)
                atomic.write_bytes(_front(folder) / "1" / CODE, Path(triton_pictures.__file__).read_bytes())
                atomic.write_bytes(_front(folder) / CONFIG, text.encode())
    except OSError as error:
        raise atomic.disk_error(out, error) from error
    return added


def versions_of(folder: Path) -> list[int]:
    """The versions of a model that Triton sees: folders named by a number without a leading 0."""
    names = [p.name for p in folder.iterdir() if p.is_dir()] if folder.is_dir() else []
    return sorted(int(name) for name in names if re.fullmatch(r"[1-9][0-9]*", name))


def model_name(way: Graph, direction: str, found: Manifest) -> str:
    """`<source>-to-<target>` in letters that a folder and a URL take; `a` and `b` where nothing is left of a name."""
    slugs = {name: _slug(name) for one in found.directions.values() for name in (one.source, one.target)}
    if "" in slugs.values() or len({*slugs.values()}) < len(slugs):
        return f"{direction[0]}-to-{direction[-1]}"
    return f"{slugs[way.source]}-to-{slugs[way.target]}"


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_]+", "-", plain).strip("-")


def _front(folder: Path) -> Path:
    """The model before a graph's."""
    return folder.with_name(f"{folder.name}-{PICTURES}")


def _refuse_strange(folder: Path) -> None:
    if (folder / CONFIG).exists() and MARK not in (folder / CONFIG).read_bytes():
        cure = "Use another folder, or remove it."
        raise InputError(str(folder / CONFIG), found="settings not written here", expected="none", cure=cure)


def _refuse_another(folder: Path, found: Manifest, way: Graph) -> None:
    _refuse_strange(folder)
    numbers = versions_of(folder)
    if not numbers:
        return
    before = manifest.read(folder / str(numbers[-1]))
    old = next(iter(before.directions.values()))
    if _terms(before, old) != _terms(found, way) or not {*old.outputs} <= {*way.outputs}:
        raise InputError(
            str(folder),
            found=f"version {numbers[-1]}: {_terms(before, old)}, outputs {', '.join(old.outputs)}",
            expected=f"{_terms(found, way)}, outputs {', '.join(way.outputs)}",
            cure="A model's clients rely on what it takes and gives: use another folder.",
        )


def _terms(found: Manifest, way: Graph) -> str:
    return f"{way.source} to {way.target}, {found.size} px, styles of {way.style_size} numbers"


def _add_version(exported: Path, found: Manifest, direction: str, folder: Path, version: int) -> Path:
    way = found.directions[direction]
    copies = {way.file: MODEL} | {name: name for golden in way.golden for name in golden.files}
    part = folder / f".{version}.part"
    shutil.rmtree(part, ignore_errors=True)
    for name, new in copies.items():
        atomic.write(part / new, lambda path, name=name: _copy(exported / name, path))  # type: ignore[misc]
    files = {new: found.files[name] for name, new in copies.items()}
    manifest.write(part, evolve(found, directions={direction: evolve(way, file=MODEL)}, files=files))
    return part.rename(folder / str(version))


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def config(name: str, found: Manifest, way: Graph, options: TritonOptions) -> str:
    """A model's `config.pbtxt`. The batch is the first dimension of all that goes in and out, and is not written.

    The warm-up runs the smallest and the largest batch before Triton calls the model ready: a machine that cannot run
    them says so when it starts. No preferred batch sizes: Triton's guide keeps them for TensorRT's profiles.
    """
    image, grey = f"[ {found.size}, {found.size}, 3 ]", f"[ {found.size}, {found.size} ]"
    inputs = {INPUT: f"data_type: TYPE_UINT8 dims: {image}"}
    if way.style_size:
        inputs[STYLE] = f"data_type: TYPE_FP32 dims: [ {way.style_size} ]"
    facts = {
        "method": found.method, "source": way.source, "target": way.target, "resize": found.resize,
        "precision": found.precision, "bundle_sha256": found.bundle_sha256, "licence": found.licence,
    }  # fmt: skip
    lines = [
        f"name: {quoted(name)}",
        'backend: "onnxruntime"',
        f"max_batch_size: {options.max_batch_size}",
        *(
            f"input {{ name: {quoted(key)} {value}{' format: FORMAT_NHWC' if key == INPUT else ''} }}"
            for key, value in inputs.items()
        ),
        *(
            f"output {{ name: {quoted(output)} data_type: TYPE_UINT8 dims: {grey if output == MASK else image} }}"
            for output in way.outputs
        ),
        f"dynamic_batching {{ max_queue_delay_microseconds: {options.queue_delay_us} }}",
        f"instance_group {{ count: {options.instances} kind: KIND_AUTO }}",
        f"version_policy {{ latest {{ num_versions: {options.versions} }} }}",
        *(_warm_up(batch, inputs) for batch in sorted({1, options.max_batch_size})),
        *(f'parameters {{ key: "crosscade.{k}" value {{ string_value: {quoted(v)} }} }}' for k, v in facts.items()),
    ]
    return "\n".join(lines) + "\n"


def pictures_config(graph: str, found: Manifest, way: Graph, options: TritonOptions) -> str:
    """The `config.pbtxt` of the model before `graph`, whose requests hold any number of pictures."""
    image, grey = f"[ -1, {found.size}, {found.size}, 3 ]", f"[ -1, {found.size}, {found.size} ]"
    style = f'input {{ name: "style" data_type: TYPE_FP32 dims: [ -1, {way.style_size} ] }}'
    facts = {"graph": graph, "size": str(found.size), "batch": str(options.max_batch_size), "resize": found.resize}
    lines = [
        f"name: {quoted(f'{graph}-{PICTURES}')}",
        'backend: "python"',
        "max_batch_size: 0",
        f"input {{ name: {quoted(PICTURES)} data_type: TYPE_STRING dims: [ -1 ] }}",
        *([style] if way.style_size else []),
        *(
            f"output {{ name: {quoted(output)} data_type: TYPE_UINT8 dims: {grey if output == MASK else image} }}"
            for output in way.outputs
        ),
        f"instance_group {{ count: {options.instances} kind: KIND_CPU }}",
        *(f'parameters {{ key: "crosscade.{k}" value {{ string_value: {quoted(v)} }} }}' for k, v in facts.items()),
    ]
    return "\n".join(lines) + "\n"


def _warm_up(batch: int, inputs: dict[str, str]) -> str:
    entries = " ".join(f"inputs {{ key: {quoted(k)} value {{ {v} random_data: true }} }}" for k, v in inputs.items())
    return f'model_warmup {{ name: "batch of {batch}" batch_size: {batch} {entries} }}'


def quoted(text: str) -> str:
    """A string of protobuf's text format, whose escapes include JSON's."""
    return json.dumps(text, ensure_ascii=False)


@hookimpl
def exporters() -> Iterator[ExporterOffer]:
    """The exporter."""
    yield ExporterOffer(
        name="triton",
        options=TritonOptions,
        build=TritonExporter,
        summary="a model repository for NVIDIA Triton, with batching and versions",
        source="Triton's model_config.proto",
    )
