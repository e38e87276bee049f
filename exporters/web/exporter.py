"""The exporter `web`: a page that translates in the visitor's browser, for any static web server."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import frozen

from ...framework import Bundle, Dataset, Exporter, ExporterOffer, hookimpl, option
from ..onnx.exporter import OnnxExporter, OnnxOptions
from .page import write_page
from .runtime import runtime


@frozen
class WebOptions(OnnxOptions):
    """The graphs' options and where the browser's runtime is."""

    onnxruntime_web: str = option("", "the unpacked npm package; without it npm fetches it, once")


class WebExporter(Exporter):
    """`OnnxExporter`'s graphs, gate and all, in a page."""

    def __init__(self, options: WebOptions) -> None:
        self.options = options

    def export(self, bundle: Bundle, out: Path, dataset: Dataset, say: Callable[[str], None]) -> None:
        """As any exporter's."""
        files = runtime(self.options.onnxruntime_web, say)  # first: what is not to be had ends minutes sooner
        with tempfile.TemporaryDirectory(prefix="crosscade-") as folder:
            OnnxExporter(self.options).export(bundle, Path(folder), dataset, say)
            write_page(Path(folder), out, files)


@hookimpl
def exporters() -> Iterator[ExporterOffer]:
    """The exporter."""
    yield ExporterOffer(
        name="web",
        options=WebOptions,
        build=WebExporter,
        summary="a page for any static web server, which translates in the visitor's browser",
        source="onnxruntime-web",
    )
