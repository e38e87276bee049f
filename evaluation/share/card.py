"""The model card of a bundle or an export: what its manifest says, for people who find it on a hub. Torch-free."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from attrs import frozen

from ...exporters.safety.folder import check_folder
from ...framework import InputError, Pair
from ...framework.bundle.hub import MARKS
from ..reports.table import Table

EXPORT, BUNDLE = MARKS
NO_LICENCE = (
    "Apache-2.0 for the program; the weights, the encoder's weights and the pictures they learnt from have licences "
    "of their own"
)
HEAD = """---
library_name: crosscade
pipeline_tag: image-to-image
license: {identifier}
tags:
- crosscade
- image-translation
- {form}
---
"""
USE_EXPORT = """```bash
pip install 'crosscade[hub]'
crosscade run {address} {source}.jpg --out translated
```

```python
from crosscade.exporters.runtime import load

translation = load("{address}").translate("{source}.jpg")  # uint8 ({size}, {size}, 3), without torch
```
"""
USE_BUNDLE = """```bash
pip install 'crosscade[train,hub]'
crosscade translate {address} {source}.jpg --out translated
```

```python
from crosscade.framework import Translation, load

translation = Translation(load("{address}")).translate("{source}.jpg")  # uint8 ({size}, {size}, 3)
```
"""


@frozen
class Shared:
    """What is shared: its files, and what its manifest says of it."""

    folder: Path
    mark: str
    files: tuple[str, ...]
    domains: Pair[str]
    ways: tuple[str, ...]
    size: int
    facts: Mapping[str, str]
    """What people read in a table, by its heading."""
    licence: str
    warnings: Sequence[str] = ()

    @classmethod
    def of(cls, folder: Path) -> Self:
        """What is in a folder. InputError when it holds neither a bundle nor an export, or one that is damaged."""
        if (folder / EXPORT).is_file():
            return cls._export(folder)
        whole = folder if (folder / BUNDLE).is_file() else folder / "bundle"
        if not (whole / BUNDLE).is_file():
            found = f"no {EXPORT} and no {BUNDLE}" if folder.is_dir() else "no such folder"
            raise InputError(str(folder), found=found, expected="an export, a bundle or a finished run")
        return cls._bundle(whole)

    @classmethod
    def _export(cls, folder: Path) -> Self:
        found = check_folder(folder)
        key, way = next(iter(found.directions.items()))
        domains = Pair(way.source, way.target)
        facts = {
            "method": found.method,
            "precision": found.precision,
            "encoder": found.encoder.get("use", ""),
            "graphs": f"ONNX, opset {found.opset}, uint8 (N, {found.size}, {found.size}, 3) in and out",
            "trained on": told(found.data),
            "bundle's SHA-256": found.bundle_sha256,
        }
        names = (EXPORT, *found.files)
        domains = domains if key == "a2b" else domains.swap()
        return cls(folder, EXPORT, names, domains, tuple(found.directions), found.size, facts, found.licence)

    @classmethod
    def _bundle(cls, folder: Path) -> Self:
        from ...framework import load
        from ...framework.bundle.bundle import check_file

        bundle = load(folder)
        names = tuple(bundle.manifest["files"])
        for name in names:
            check_file(bundle.folder, name, bundle.manifest)
        facts = {
            "recipe": bundle.recipe.name,
            "encoder": bundle.recipe.encoder.use,
            "trained on": told(bundle.recipe.plain()["data"]),
            "made by": f"`{command}`" if (command := bundle.manifest.get("command")) else "",
        }
        licence, warnings = bundle.manifest.get("licence", NO_LICENCE), bundle.manifest.get("warnings", ())
        both = ("a2b", "b2a")
        return cls(folder, BUNDLE, (BUNDLE, *names), bundle.domains, both, bundle.image.size, facts, licence, warnings)


def card(shared: Shared, address: str, licence: str = "", tables: Sequence[Table] = ()) -> str:
    """The card in Markdown, for a repository at `hf://owner/name`; `licence` in place of the manifest's."""
    licence = licence or shared.licence
    identifier = licence.lower() if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]{1,30}", licence) else "other"
    a, b = shared.domains
    source = a if shared.ways[0] == "a2b" else b
    use = USE_EXPORT if shared.mark == EXPORT else USE_BUNDLE
    form = "onnx" if shared.mark == EXPORT else "safetensors"
    ways = " and ".join(f"{a} to {b}" if way == "a2b" else f"{b} to {a}" for way in shared.ways)
    limits = [
        f"It knows {a} and {b} as its training pictures show them. Of anything else it makes what it knows.",
        f"It sees {shared.size} x {shared.size} pixels: finer detail is not translated.",
        *shared.warnings,
    ]
    lines = [
        HEAD.format(identifier=identifier, form=form),
        f"# {a} {'↔' if len(shared.ways) > 1 else '→'} {b}\n",
        f"Translates pictures from {ways}, shape and all, by a cascade of deep feature translators (Crosscade).\n",
        "## Use\n",
        use.format(address=address, source=re.sub(r"\W+", "-", source), size=shared.size),
        "Every file is checked against the hash in "
        f"`{shared.mark}`; `{address}@COMMIT` names one commit, which cannot change.\n",
        "## What it is\n",
        *(["| | |", "|---|---|"] + [f"| {k} | {cell(v)} |" for k, v in shared.facts.items() if v] + [""]),
        "## Scores\n",
        *(
            [table.markdown() for table in tables]
            or ["It was shared without scores: `crosscade evaluate` judges it.\n"]
        ),
        "## Limits\n",
        *(f"- {line}" for line in limits),
        "\n## Licence\n",
        f"{licence}.",
    ]
    return "\n".join(lines) + "\n"


def told(data: Mapping[str, Any]) -> str:
    """A dataset's table in one line.

    >>> told({"use": "safari", "a": "zebra", "b": "giraffe", "seed": 0})
    'safari: a zebra, b giraffe, seed 0'
    """
    options = (f"{k} {v}" for k, v in data.items() if k != "use" and v not in ("", None))
    return f"{data['use']}: {', '.join(options)}" if "use" in data else ""


def cell(text: str) -> str:
    """`text` as it may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def bytes_of(shared: Shared) -> int:
    """Of all files."""
    return sum((shared.folder / name).stat().st_size for name in shared.files)
