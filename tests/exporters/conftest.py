"""One export of the small trained run that several test files share, and its bundle and dataset."""

from pathlib import Path

import onnx
import pytest

from crosscade.exporters.onnx.exporter import OnnxExporter, OnnxOptions
from crosscade.exporters.onnx.graph import Deployed, compile_graph
from crosscade.framework import Bundle, Dataset
from crosscade.framework.bundle import bundle as bundles


@pytest.fixture(scope="session")
def trained(whole) -> Bundle:
    return bundles.load(whole)


@pytest.fixture(scope="session")
def dataset(trained) -> Dataset:
    data = trained.recipe.data
    return trained.catalogue.get("dataset", data.use).build(data.options)


@pytest.fixture(scope="session")
def exported(trained, dataset, tmp_path_factory) -> Path:
    """Both directions in float32. Look, do not touch."""
    out = tmp_path_factory.mktemp("exported")
    OnnxExporter(OnnxOptions()).export(trained, out, dataset, lambda text: None)
    return out


@pytest.fixture(scope="session")
def compiled(trained) -> onnx.ModelProto:
    """The float32 graph of one direction as the exporter converts it."""
    return compile_graph(Deployed(trained.cascade("a2b")), 64)
