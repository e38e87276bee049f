"""Small exports for the tests of what runs them."""

import pytest

from crosscade.exporters.runtime import load
from crosscade.framework import write_png
from tests.exporters.tiny_export import pictures, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("tiny") / "tiny.onnx")


@pytest.fixture(scope="module")
def tiny(folder):
    return load(folder)


@pytest.fixture(scope="module")
def styled(tmp_path_factory):
    return load(write(tmp_path_factory.mktemp("styled"), style_size=4))


@pytest.fixture
def run(crosscade, tmp_path):
    """`crosscade run` of an export and a folder with three pictures of its size."""
    write(tmp_path / "tiny.onnx")
    for k, image in enumerate(pictures(3)):
        write_png(tmp_path / "in" / f"{k}.png", image)
    return lambda *words, export="tiny.onnx": crosscade("run", export, *words)
