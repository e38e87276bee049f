"""Small exports for the tests of what runs them."""

import pytest

from crosscade.exporters.runtime import load
from tests.exporters.tiny_export import write


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("tiny") / "tiny.onnx")


@pytest.fixture(scope="module")
def tiny(folder):
    return load(folder)


@pytest.fixture(scope="module")
def styled(tmp_path_factory):
    return load(write(tmp_path_factory.mktemp("styled"), style_size=4))
