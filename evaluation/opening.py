"""Whatever translates, opened from its folder: a bundle, a finished run or an export. Torch-free for exports."""

# N pictures, S the translator's image size

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..exporters.runtime.exported import Exported
from ..exporters.runtime.exported import load as load_export
from ..exporters.runtime.providers import DEVICES, numbered
from ..exporters.safety import manifest
from ..framework import Catalogue, Image, Images, InputError, Translator
from ..framework.bundle.named import located

if TYPE_CHECKING:
    from ..framework import Translation


def open_translator(
    path: str | Path, catalogue: Catalogue, *, batch: int = 16, device: str = "auto", settings: Sequence[str] = ()
) -> Translation | Exported:
    """What is in `path` (or `located` for it), ready to translate on `device`; a bundle does so in batches of `batch`.

    `settings` are of a bundle's encoder: `encoder.weights=PATH`.

    Raises InputError when it is neither a bundle, a finished run nor an export, or is not sound, and for a device that
    is not there.
    """
    folder = manifest.folder_of(located(path, catalogue))
    if (folder / manifest.NAME).is_file():
        return open_export(folder, device)
    if not any((where / "bundle.json").is_file() for where in (folder, folder / "bundle")):
        found, cure = "no bundle.json" if folder.is_dir() else "no such folder", ""
        if (folder / "run.json").is_file():
            found, cure = "a run that is not finished", "`crosscade translate` shows what it has learnt so far."
        expected = f"a bundle, a finished run, or an export with {manifest.NAME}"
        raise InputError(str(path), found=found, expected=expected, cure=cure)
    from ..framework import Translation, load  # which need torch

    return Translation(load(folder, catalogue, settings), batch=batch, device=device)


def open_export(path: str | Path, device: str = "auto") -> Exported:
    """An export, which onnxruntime runs. Raises InputError when it is not sound, or for a device of torch's alone."""
    if numbered(device)[0] not in DEVICES:
        found, expected = f"an export in {path}, which onnxruntime runs", "auto, cpu, cuda or cuda:1"
        raise InputError(f"--device {device}", found=found, expected=expected)
    return load_export(path, device=device)


def strip_of(translator: Translator, pictures: Sequence[Image] | Images, direction: str, seed: int = 0) -> list[Images]:
    """The columns source, as many previews as it has, final, each (N, S, S, 3)."""
    if translator.previews(direction):
        return translator.strip(pictures, direction, seed=seed)
    fitted = np.stack([translator.fit(picture) for picture in pictures])
    return [fitted, translator.translate(fitted, direction, seed=seed)]
