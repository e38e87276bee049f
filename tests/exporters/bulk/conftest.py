"""Shards of small pictures, and the export that they go through."""

import io
import tarfile

import pytest

from crosscade.exporters.bulk import Bulk
from crosscade.framework.data.written import png
from tests.exporters.tiny_export import pictures, write


def packed(path, rows):
    """A tar of (name, bytes)."""
    with tarfile.open(path, "w") as tar:
        for name, data in rows:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def unpacked(path):
    """(name, bytes) of a tar."""
    with tarfile.open(path) as tar:
        return [(member.name, tar.extractfile(member).read()) for member in tar]


def files(count, seed=0):
    """(name, PNG) of noise, named by the seed."""
    return [(f"{seed:03d}{k:03d}.png", png(image)) for k, image in enumerate(pictures(count, seed=seed))]


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("bulk") / "tiny.onnx")


@pytest.fixture(scope="package")
def bulk(folder):
    return Bulk(folder, trust=True)
