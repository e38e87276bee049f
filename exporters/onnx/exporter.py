"""The exporter `onnx`: a bundle becomes one verified graph a direction, with its manifest and golden pictures."""

# N images, H W space

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from attrs import frozen, validators

from ...framework import (
    DIRECTIONS,
    Bundle,
    Dataset,
    Direction,
    Exporter,
    ExporterOffer,
    Images,
    cropped,
    hookimpl,
    option,
    write_png,
)
from ...framework.data.styles import Styles, styles_for
from ...framework.support import atomic
from ..safety import manifest
from ..safety.manifest import MASK, OUTPUT, PRECISIONS, Golden, Graph, Manifest
from .graph import HIGHEST_OPSET, LOWEST_OPSET, OPSET, Deployed, compile_graph, finish
from .low_precision import Judges, reduced
from .parity import GOLDEN_IMAGES, LEAST_PSNR_DB, RUNTIME_VERSION, Reference, check_parity, session_of
from .quantise import random_pictures

PARITY_IMAGES, RANDOM_IMAGES = 64, 8
OWN_LICENCE = (
    "Apache-2.0 for the program; the encoder's weights and the pictures it learnt from have licences of their own"
)

Say = Callable[[str], None]


@frozen
class OnnxOptions:
    """What to export and how small."""

    direction: str = option("both", "a2b, b2a or both", validators.in_((*DIRECTIONS, "both")))
    precision: str = option(
        "fp32",
        "fp32 | fp16 (half the size) | int8 (static, calibrated on the domain's own pictures)",
        validators.in_(PRECISIONS),
    )
    taps: bool = option(False, "also give the image that each deeper level decided")
    opset: int = option(OPSET, "ONNX operator set", validators.ge(LOWEST_OPSET), validators.le(HIGHEST_OPSET))
    licence: str = option(OWN_LICENCE, "stated in the files", validators.min_len(1))


class OnnxExporter(Exporter):
    """A graph that does not repeat eager torch is not shipped; the manifest, written last, vouches for every file."""

    def __init__(self, options: OnnxOptions) -> None:
        self.options = options

    def export(self, bundle: Bundle, out: Path, dataset: Dataset, say: Say) -> None:
        """Exports `bundle` to the empty folder `out`; raises RunError when the gate finds a difference."""
        o = self.options
        chosen = [way for way in DIRECTIONS if o.direction in (way, "both")]
        if o.precision == "int8":
            say("int8 is for CPUs and TensorRT: onnxruntime has no CUDA kernels for it. For CUDA take --precision fp16")
        with one_thread():
            judges = Judges.of(bundle, dataset) if o.precision != "fp32" else {}
            directions = {way: self._direction(bundle, way, dataset, out, say, judges.get(way)) for way in chosen}
        manifest.write(out, _manifest(bundle, o, directions, out))

    def _direction(
        self, bundle: Bundle, way: Direction, dataset: Dataset, out: Path, say: Say, judges: Judges | None
    ) -> Graph:
        o, names = self.options, way.turn(bundle.domains)
        title = f"{names.a} → {names.b}"
        say(f"{title}: running the cascade in eager float32")
        module, test = Deployed(bundle.cascade(way), previews=o.taps), way.source(dataset.domains).test
        real = cropped(test, bundle.recipe.image.short_side, bundle.image.size, PARITY_IMAGES)
        images = np.concatenate([real, random_pictures(RANDOM_IMAGES, bundle.image.size)])
        reference = eager(module, images, styles_for(len(images), module.cascade.style_size))
        say(f"{title}: compiling the graph")
        model = compile_graph(module, bundle.image.size, o.opset)
        session = session_of(model.SerializeToString())
        record: dict[str, Any] = check_parity(session, reference, "fp32", f"{title} in fp32")
        if judges:
            say(f"{title}: reducing to {o.precision} and judging what it costs")
            model, record = reduced(model, reference, judges, o.precision, say)
        facts = {**_facts(bundle, o), "direction": way, "source": names.a, "target": names.b}
        name = f"{way}.onnx"
        atomic.write_bytes(out / name, finish(model, {f"crosscade.{key}": value for key, value in facts.items()}))
        golden = _golden(out, way, reference)
        return Graph(
            name, names.a, names.b, module.outputs, golden, LEAST_PSNR_DB[o.precision],
            module.cascade.style_size, record,
        )  # fmt: skip


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of torch meanwhile: with several, sums differ in the last bits, and the files with them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.inference_mode()
def eager(module: Deployed, images: Images, styles: Styles | None, batch: int = 16) -> Reference:
    """What the module makes of uint8 `images` (N, H, W, 3) in float32."""
    results: list[tuple[torch.Tensor, ...]] = []
    for start in range(0, len(images), batch):
        rows = slice(start, start + batch)
        style = None if styles is None else torch.from_numpy(styles[rows])
        results.append(module(torch.from_numpy(images[rows]), style))
    outputs = {name: torch.cat(parts).numpy() for name, parts in zip(module.outputs, zip(*results))}
    return Reference(images, styles, outputs)


def _golden(out: Path, direction: str, reference: Reference) -> tuple[Golden, ...]:
    shown = {"source": reference.images}
    shown |= {name: reference.outputs[name] for name in (OUTPUT, MASK) if name in reference.outputs}
    pictures = []
    for k in range(min(GOLDEN_IMAGES, len(reference.images))):
        files = {name: f"golden/{direction}-{k}-{name}.png" for name in shown}
        for name, file in files.items():
            write_png(out / file, shown[name][k])
        pictures.append(Golden(**files))
    return tuple(pictures)


def _about(bundle: Bundle, options: OnnxOptions) -> dict[str, Any]:
    """What the manifest and every graph say of the export."""
    versions = {name: metadata.version(name) for name in ("crosscade", "torch", "onnx", "onnxscript")}
    return {
        "method": bundle.recipe.name,
        "size": bundle.image.size,
        "resize": bundle.image.resize,
        "precision": options.precision,
        "encoder": {key: bundle.manifest["encoder"][key] for key in ("use", "weights_sha256")},
        "levels": [stage.level for stage in bundle.recipe.translate],
        "bundle_sha256": atomic.sha256(bundle.folder / "bundle.json"),
        "versions": {**versions, "onnxruntime": RUNTIME_VERSION},
        "licence": options.licence,
    }


def _facts(bundle: Bundle, options: OnnxOptions) -> dict[str, str]:
    """The same in texts alone, as a graph holds it."""
    facts = _about(bundle, options)
    encoder, domains = facts["encoder"], [bundle.domains.a, bundle.domains.b]
    facts |= {"domains": domains, "encoder": encoder["use"], "encoder_sha256": encoder["weights_sha256"]}
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        for key, value in facts.items()
    }


def _manifest(bundle: Bundle, options: OnnxOptions, directions: Mapping[Direction, Graph], folder: Path) -> Manifest:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return Manifest(
        **_about(bundle, options),
        opset=options.opset,
        directions={str(way): direction for way, direction in directions.items()},
        files={path.relative_to(folder).as_posix(): manifest.file(path) for path in files},
        load=bundle.recipe.image.short_side,
        white=bundle.white,
        data=_data(bundle),
    )


def _data(bundle: Bundle) -> dict[str, Any]:
    """The dataset that it was trained on; nothing where an option names a place on this machine."""
    data: dict[str, Any] = bundle.recipe.plain()["data"]
    return {} if any(isinstance(v, str) and Path(v).is_absolute() for v in data.values()) else data


@hookimpl
def exporters() -> Iterator[ExporterOffer]:
    """The exporter."""
    yield ExporterOffer(
        name="onnx",
        options=OnnxOptions,
        build=OnnxExporter,
        summary="one verified ONNX graph a direction, pixels in and out, run without torch",
    )
