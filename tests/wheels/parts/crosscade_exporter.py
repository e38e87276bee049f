"""An exporter to PyTorch's own compiled programs, for machines that have torch and not Crosscade."""

import torch
from attrs import frozen, validators
from crosscade.framework import Exporter, ExporterOffer, RunError, cropped, hookimpl, option, to_tensor


@frozen
class ProgramOptions:
    direction: str = option("a2b", "a2b or b2a", validators.in_(("a2b", "b2a")))


class ProgramExporter(Exporter):
    def __init__(self, options):
        self.way = options.direction

    def export(self, bundle, out, dataset, say):
        source = dataset.domains.a if self.way == "a2b" else dataset.domains.b
        size = bundle.image.size
        images, net = to_tensor(cropped(source.test, size, size, limit=2)), bundle.cascade(self.way)
        say(f"{source.name}: compiling")
        torch.export.save(torch.export.export(net, (images,)), out / f"{self.way}.pt2")
        made = torch.export.load(out / f"{self.way}.pt2").module()(images)
        difference = float((made - net(images)).abs().max())
        if difference > 1e-3:
            raise RunError(self.way, found=f"images {difference:.2g} apart", expected="the bundle's own")


@hookimpl
def exporters():
    yield ExporterOffer(name="pt2", options=ProgramOptions, build=ProgramExporter, summary="torch.export's programs")
