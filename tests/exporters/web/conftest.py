"""onnxruntime-web where it is at hand, and a stand-in of the package that is made of a few bytes."""

import hashlib
import os

import pytest
from attrs import evolve

from crosscade.exporters.web import runtime as runtimes
from crosscade.framework.support import fetch


@pytest.fixture(scope="session")
def runtime():
    """The pinned files: of the folder that CROSSCADE_ONNXRUNTIME_WEB names, or fetched before."""
    folder = os.environ.get("CROSSCADE_ONNXRUNTIME_WEB")
    if not folder and not (fetch.cache_dir() / "npm" / runtimes.PACKAGE).is_dir():
        pytest.skip("no onnxruntime-web here: `make test-network` fetches it, or name it in CROSSCADE_ONNXRUNTIME_WEB")
    return runtimes.runtime(folder, lambda text: None)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder like the unpacked npm package, whose few bytes are the pinned ones meanwhile."""
    files = []
    for file in runtimes.FILES:
        path = tmp_path / "package" / file.member
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.name)
        files.append(evolve(file, sha256=hashlib.sha256(file.name.encode()).hexdigest()))
    monkeypatch.setattr(runtimes, "FILES", tuple(files))
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "package"
