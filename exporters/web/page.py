"""An export as a page for any static web server, which translates in the visitor's browser: `write_page`. Torch-free.

index.html  page.js  style.css  …   the page; icon.png is made of its golden pictures
page.json                           every file with its hash, and styles; the folder's mark
sw.js                               keeps the page in the browser
model/                              the export as it was: `crosscade run DIR/model --check` checks what is served
onnxruntime-web/                    what runs it there
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from ...framework import Image, read_rgb, write_png
from ...framework.data.styles import styles_for
from ...framework.support import atomic
from ..onnx.command import PAGE, PAGE_FORMAT
from ..safety import manifest
from ..safety.folder import check_folder
from ..safety.manifest import Manifest
from . import SITE

MODEL, RUNTIME = "model", "onnxruntime-web"
STYLES = 8
"""Of a method with styles: so many can be chosen among, the first as for golden pictures."""
ICON = 512
SHELL = ("./", "index.html", "style.css", "page.js", "files.js", "backend.js", "worker.js", "resize.js", "page.json")
"""What is kept before the page has said what else it needs."""


def write_page(exported: Path, out: Path, runtime: Mapping[str, Path]) -> None:
    """Writes the page of a finished export to the empty folder `out`; InputError when the export is not sound.

    Args:
        exported: the export's folder.
        out: where the page goes.
        runtime: the files that run it, by their name in the page: `runtime.runtime`.
    """
    contents = check_folder(exported)
    copies = {f"{MODEL}/{name}": exported / name for name in (manifest.NAME, *contents.files)}
    copies |= {f"{RUNTIME}/{name}": path for name, path in runtime.items()}
    copies |= {path.name: path for path in SITE.iterdir() if path.name != "sw.js"}
    for name, path in copies.items():
        atomic.write(out / name, partial(shutil.copyfile, path))
    write_png(out / "icon.png", _icon(exported, contents))
    atomic.write_json(out / "app.json", _app(contents))
    hashes = {name: manifest.file(out / name) for name in sorted([*copies, "icon.png", "app.json"])}
    # a browser that was here before takes the page anew when anything of it is another
    version = hashlib.sha256(json.dumps({n: f.sha256 for n, f in hashes.items()}).encode()).hexdigest()[:16]
    head = f"const VERSION = {json.dumps(version)}, SHELL = {json.dumps(SHELL)};\n"
    atomic.write_bytes(out / "sw.js", head.encode() + (SITE / "sw.js").read_bytes())
    files = {name: {"sha256": file.sha256, "bytes": file.bytes} for name, file in hashes.items()}
    files["sw.js"] = {"sha256": atomic.sha256(out / "sw.js"), "bytes": (out / "sw.js").stat().st_size}
    styles = {
        key: [row.tolist() for row in drawn]
        for key, way in contents.directions.items()
        if (drawn := styles_for(max(STYLES, len(way.golden)), way.style_size)) is not None
    }
    atomic.write_json(out / PAGE.mark, {"format": PAGE_FORMAT, "version": version, "styles": styles, "files": files})


def _icon(exported: Path, contents: Manifest) -> Image:
    """The left half of a source, the right half of its translation, as phones show for a page that is installed."""
    golden = next(iter(contents.directions.values())).golden[0]
    halves = [
        np.asarray(Pillow.fromarray(read_rgb(exported / name)).resize((ICON, ICON), Pillow.Resampling.BICUBIC))
        for name in (golden.source, golden.translated)
    ]
    return np.hstack([halves[0][:, : ICON // 2], halves[1][:, ICON // 2 :]])


def _app(contents: Manifest) -> dict[str, Any]:
    """The page as an app that can be installed."""
    way = next(iter(contents.directions.values()))
    arrow = "⇄" if len(contents.directions) > 1 else "→"
    return {
        "name": f"{way.source} {arrow} {way.target}",
        "short_name": way.target,
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#fbfaf7",
        "theme_color": "#fbfaf7",
        "icons": [{"src": "icon.png", "sizes": f"{ICON}x{ICON}", "type": "image/png"}],
    }
