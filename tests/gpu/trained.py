"""The parts of the check that train a bundle or need one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from crosscade.framework import Catalogue, Reporter, Translation, load, read, resolve, train
from crosscade.framework.recipe.read import override
from tests.gpu.asked import At, NotHereError
from tests.gpu.subjects import CYCLEGAN, chosen, set_up, small

METRICS = ("target-class", "fd-efficientnet-lite0")
CATALOGUE = Catalogue.discover()


def minute(at: At) -> dict[str, Any]:
    """The demo in 60 seconds of training, judged; docs/results.md has what 15 minutes of a CPU give."""
    if at.quick:
        return _trained(at, small("cyclegan", *CYCLEGAN, batch=2, steps=2), at.folder / "minute", None)
    recipe = resolve(override(read("demo", CATALOGUE), ["training.ship_collapsed=true"]), CATALOGUE)
    return _trained(at, recipe, at.folder / "minute", 1.0)


def _trained(at: At, recipe: Any, out: Path, minutes: float | None) -> dict[str, Any]:
    set_up(recipe if recipe.image.size else small("demo"), chosen(at, "float32"))
    began = time.monotonic()
    train(recipe, out, catalogue=CATALOGUE, report=Reporter(quiet=True), minutes=minutes, device=at.device, force=True)
    said: dict[str, Any] = {"seconds": round(time.monotonic() - began, 1), "minutes": minutes, "recipe": recipe.name}
    at.keep(said)
    try:
        from crosscade.evaluation.evaluate.judged import judge, rows_of
    except ModuleNotFoundError as error:
        return said | {"scores": f"not judged: no module {error.name}"}
    subject = Translation(load(out, CATALOGUE), device=at.device)
    dataset = CATALOGUE.build("dataset", recipe.data)
    judged = judge(rows_of(subject)[:1], dataset, CATALOGUE, None, METRICS, at.device)
    said["scores"] = {
        each.direction: {
            row: {name: score.as_json()["value"] for name, score in scores.items()}
            for row, scores in each.table.rows.items()
        }
        for each in judged
    }
    return said


def export(at: At) -> dict[str, Any]:
    """The bundle of `minute`, read on both devices and exported on the CPU through the gate."""
    if not (at.folder / "minute" / "bundle").exists():
        raise NotHereError("no bundle: the part `minute` makes it")
    bundle = load(at.folder / "minute", CATALOGUE)
    pictures = list(np.random.default_rng(0).integers(0, 256, (8, *[bundle.recipe.image.size] * 2, 3), np.uint8))
    pair = [Translation(bundle, device=device).translate(pictures) for device in ("cpu", at.device)]
    apart = int(np.abs(np.asarray(pair[0], np.int16) - np.asarray(pair[1], np.int16)).max())
    said: dict[str, Any] = {"steps of a pixel between the devices": apart}
    said["wrong"] = [f"a pixel on the device is {apart} steps from the CPU's"] if apart > 2 else []

    from crosscade.exporters.onnx.exporter import OnnxExporter, OnnxOptions
    from crosscade.exporters.runtime import load as load_export

    at.keep(said)
    out = at.folder / "export"
    out.mkdir(exist_ok=True)
    dataset = CATALOGUE.build("dataset", bundle.recipe.data)
    OnnxExporter(OnnxOptions(direction="a2b")).export(bundle, out, dataset, lambda text: None)
    for device in ("cpu", *(["cuda"] if at.cuda else [])):
        try:
            checked = load_export(out, device=device).check("a2b")
            said[device] = {"provider": checked.provider, "psnr_db": round(float(checked.psnr_db), 1)}
        except Exception as error:  # often the build of onnxruntime for CPUs
            said[device] = f"{type(error).__name__}: {error!s:.200}"
    return said


def photographs(at: At) -> dict[str, Any]:
    """The demo on photographs, in what is left of the time."""
    if not at.photographs:
        raise NotHereError("no --photographs")
    minutes = (at.seconds - 60) / 60
    if minutes < 0.5:
        raise NotHereError(f"only {at.seconds:.0f} s left")
    settings = ["data.use=folder", f"data.root={at.photographs}", "training.ship_collapsed=true"]
    recipe = resolve(override(read("demo", CATALOGUE), settings), CATALOGUE)
    return _trained(at, recipe, at.folder / "photographs", minutes)
