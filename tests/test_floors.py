"""Who may import whom: framework <- plugins, exporters <- evaluation; and the torch-free half stays torch-free."""

import ast
import importlib
import itertools
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from crosscade.framework import Catalogue
from crosscade.framework.catalogue.built_in import BUILT_IN

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "framework": {"framework"},
    "plugins": {"framework", "plugins"},
    "exporters": {"framework", "exporters"},
    "evaluation": {"framework", "exporters", "evaluation"},
}
FREE_FOLDERS = [
    "framework/data", "framework/recipe", "framework/support", "plugins/commands", "exporters/safety",
    "exporters/runtime", "exporters/bulk",
]  # fmt: skip
"""Everything in these is torch-free, but for `NEED_TORCH`."""
NEED_TORCH = {f"framework.support.{name}" for name in ("device", "ranks", "tensor_files", "tensors", "weights")}
TORCH_FREE = [
    "framework", "framework.bundle.named", "framework.catalogue", "framework.cli", "framework.errors",
    "framework.hookspecs", "framework.spec", "framework.translator", "framework.metrics.metric",
    "framework.support.events",
    "exporters.onnx.command", "plugins.commands.doctor.command", "evaluation.app.command", "evaluation.opening",
    "evaluation.experiments.ablate", "evaluation.experiments.compare", "evaluation.reports.table",
    *(name for folder in FREE_FOLDERS for path in sorted((ROOT / folder).glob("*.py"))
      if (name := ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")) not in NEED_TORCH),
]  # fmt: skip


def imported_floors(path: Path, root: Path = ROOT) -> set[str]:
    """The top-level folders that a module's relative imports reach, and `absolute` for an absolute import of us."""
    package = path.relative_to(root).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            way = (*package[: len(package) + 1 - node.level], *(node.module or "").split("."))
            found |= {way[0]} if way[0] else {alias.name for alias in node.names}
        elif (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crosscade")) or (
            isinstance(node, ast.Import) and any(a.name.startswith("crosscade") for a in node.names)
        ):
            found.add("absolute")
    return found


@pytest.mark.parametrize("floor", MAY_IMPORT)
def test_nothing_imports_upward_or_sideways(floor):
    for path in sorted((ROOT / floor).rglob("*.py")):
        assert imported_floors(path) <= MAY_IMPORT[floor], path


def test_the_floors_test_sees_a_forbidden_import(tmp_path):
    (tmp_path / "framework").mkdir()
    bad = tmp_path / "framework" / "bad.py"
    bad.write_text("from ..plugins.vgg import build\nfrom .. import evaluation\nimport crosscade.plugins\n")
    assert imported_floors(bad, tmp_path) == {"plugins", "evaluation", "absolute"}
    deep = tmp_path / "framework" / "data" / "bad.py"
    deep.parent.mkdir()
    deep.write_text("from .pixels import fit\nfrom ..spec import Pair\nfrom ...plugins.encoders import vgg\n")
    assert imported_floors(deep, tmp_path) == {"framework", "plugins"}


def modules(root: Path = ROOT) -> dict[tuple[str, ...], Path]:
    """Every module and package of the four folders, by its dotted name's parts."""
    paths = [path for floor in MAY_IMPORT for path in sorted((root / floor).rglob("*.py"))]
    return {path.relative_to(root).parent.parts + (path.stem,) * (path.stem != "__init__"): path for path in paths}


def imported_at_once(path: Path, root: Path = ROOT) -> set[tuple[str, ...]]:
    """The modules that importing this one imports: not for the type checker alone, nor inside functions."""
    there, found = modules(root), set()
    stub = (root / "framework" / "__init__.pyi").read_text(encoding="utf-8")
    door = {name: ("framework", *home.split(".")) for home, name in re.findall(r"from \.(\S+) import (\w+)", stub)}
    package = path.relative_to(root).parent.parts
    nodes = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.ImportFrom) and node.level:
            way = (*package[: len(package) + 1 - node.level], *filter(None, (node.module or "").split(".")))
            for alias in node.names:
                module = (*way, alias.name)
                found.add(module if module in there else door[alias.name] if way == ("framework",) else way)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            nodes += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes += [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt | ast.ExceptHandler)]
    return found


def circle(arrows: dict[tuple[str, ...], set[tuple[str, ...]]]) -> str:
    """A circle among the arrows, in words; empty when there is none."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return " <- ".join(".".join(name) for name in error.args[1])
    return ""


def test_no_module_imports_itself_by_way_of_others():
    assert circle({name: imported_at_once(path) for name, path in modules().items()}) == ""


def test_no_folder_imports_itself_by_way_of_others():
    arrows = {}
    for name, path in modules().items():
        if len(name) > 2:
            inside = {module[:2] for module in imported_at_once(path) if len(module) > 2}
            arrows.setdefault(name[:2], set()).update(inside - {name[:2]})
    assert len(arrows) > 15
    assert circle(arrows) == ""


def test_the_circle_test_sees_a_circle_and_leaves_late_imports_alone(tmp_path):
    (tmp_path / "framework").mkdir()
    (tmp_path / "framework" / "__init__.pyi").write_text("from .a import A as A\n")
    for name, lines in {
        "a": "try:\n    from .b import B\nexcept ImportError:\n    B = None\n",
        "b": "from . import c\n",
        "c": "from ..framework import A\n",
        "d": "if TYPE_CHECKING:\n    from .e import E\n",
        "e": "from .d import D\ndef late():\n    from .a import A\n",
    }.items():
        (tmp_path / "framework" / f"{name}.py").write_text(lines)
    arrows = {name: imported_at_once(path, tmp_path) for name, path in modules(tmp_path).items()}
    assert sorted(circle(arrows).split(" <- ")[1:]) == ["framework.a", "framework.b", "framework.c"]
    del arrows["framework", "b"]
    assert circle(arrows) == ""


WORDS = {"none", "folder", "onnx", "identity", "diversity", "starter"}
"""Parts whose names are words that code has other uses for. So are all commands' (`data`, `train`)."""
BY_NAME = {
    # what a command takes that is not told a recipe or a dataset
    ("evaluation/app", "zebra-giraffe"),
    ("evaluation/evaluate", "demo"),
    ("evaluation/experiments", "demo"),
    ("evaluation/experiments", "photo"),
    ("evaluation/experiments", "safari"),
    # a score is defined by the network that it is measured with, and says so in its own name
    ("evaluation/metrics", "efficientnet-lite0"),
    ("evaluation/metrics", "efficientnet-lite2"),
    ("evaluation/metrics", "vgg16-hed"),
}


def named(path: Path) -> set[str]:
    """The strings of a module, but for docstrings, up to a colon: `safari:zebra,giraffe` names safari."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {n.value.partition(":")[0] for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def test_no_floor_names_another_floors_parts():
    floors: dict[str, set[str]] = {}
    for module in itertools.chain(*BUILT_IN.values()):
        for entry in Catalogue.of(importlib.import_module(module)).entries:
            if entry.offer.kind != "command":
                floors.setdefault(entry.offer.name, set()).add(module.split(".")[1])
    assert {"safari", "lsgan", "triton", "target-class", "demo"} <= floors.keys()
    found = {
        (path.parent.relative_to(ROOT).as_posix(), name)
        for floor, may in MAY_IMPORT.items()
        for path in (ROOT / floor).rglob("*.py")
        for name in named(path) - WORDS
        if name in floors and not floors[name] & may
    }
    assert found - BY_NAME == set()


def test_no_folder_holds_more_than_a_dozen_modules():
    folders = {path.parent for floor in MAY_IMPORT for path in (ROOT / floor).rglob("*.py")}
    crowded = {f: n for f in folders if (n := len([p for p in f.glob("*.py") if p.stem != "__init__"])) > 12}
    assert crowded == {}


BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "onnx", "onnxscript", "safetensors"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.split(".")[0])

sys.meta_path.insert(0, Block())
"""


def without_torch(code: str) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a process in which the training extra cannot be imported."""
    return subprocess.run([sys.executable, "-c", BLOCK + code], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("module", TORCH_FREE)
def test_imports_without_torch(module):
    done = without_torch(f"import crosscade.{module}")
    assert done.returncode == 0, done.stderr


def test_the_command_line_works_without_torch_and_says_what_is_missing():
    done = without_torch("from crosscade.framework.cli import main; sys.exit(main(['plugins', 'encoder']))")
    assert done.returncode == 0, done.stderr
    assert "pip install 'crosscade[train]'" in done.stdout


def test_a_part_that_needs_torch_is_not_called_unknown_alone():
    told = without_torch("from crosscade.framework.cli import main; sys.exit(main(['describe', 'vgg19']))")
    assert (told.returncode, told.stderr.split(": ")[-1].strip()) == (2, "pip install 'crosscade[train]'"), told.stderr


def test_options_are_described_and_a_dataset_is_written_without_torch(tmp_path):
    told = without_torch("from crosscade.framework.cli import main; sys.exit(main(['describe', 'safari']))")
    assert (told.returncode, "images per domain" in told.stdout) == (0, True), told.stderr
    words = ["data", "safari", "--size", "32", "--set", "train=2", "--set", "test=1", "--out", str(tmp_path)]
    done = without_torch(f"from crosscade.framework.cli import main; sys.exit(main({words}))")
    assert (done.returncode, len(list(tmp_path.rglob("*.png")))) == (0, 6), done.stderr


def test_training_without_torch_says_how_to_install_it():
    done = without_torch(
        "from crosscade.framework.cli import main; sys.exit(main(['train', '--recipe', 'demo', '--out', 'x']))"
    )
    assert done.returncode == 2
    assert "crosscade[train]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("given", "found"), [("", "1"), ("0", "0")])
def test_the_runtime_tells_its_maker_nothing_unless_the_user_says_so(monkeypatch, given, found):
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    if given:
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", given)
    done = without_torch("import os; import crosscade.exporters.runtime; print(os.environ['ORT_DISABLE_TELEMETRY'])")
    assert done.stdout.strip() == found, done.stderr


def test_every_module_that_implements_a_hook_is_built_in_and_the_reverse():
    def offers(path: Path) -> bool:
        functions = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.FunctionDef)]
        return any(ast.unparse(d) == "hookimpl" for function in functions for d in function.decorator_list)

    implementing = {"crosscade." + ".".join(name) for name, path in modules().items() if offers(path)}
    assert sorted(set(itertools.chain(*BUILT_IN.values()))) == sorted(implementing)


def test_every_built_in_module_is_listed_by_the_kinds_that_it_offers():
    listed = {(kind, module) for kind, modules in BUILT_IN.items() for module in modules}
    offered = {
        (entry.offer.kind, module)
        for module in itertools.chain(*BUILT_IN.values())
        for entry in Catalogue.of(importlib.import_module(module)).entries
    }
    assert listed == offered
