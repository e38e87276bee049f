"""Pixel methods are cascades of one stage, so they become graphs by the same gate; styles become an input."""

import numpy as np
import pytest

from crosscade.exporters.onnx.exporter import eager
from crosscade.exporters.onnx.graph import Deployed, compile_graph
from crosscade.exporters.onnx.parity import check_parity, run_graph, session_of
from crosscade.exporters.onnx.quantise import random_pictures
from crosscade.framework import Cascade, Catalogue, ImageSpec
from crosscade.framework.data.styles import styles_for
from crosscade.framework.features.normalise import Normalise
from crosscade.framework.testing.tools import moved

SIZE = 32


def module_of(translator, **options):
    """An untrained cascade of one stage on pixels."""
    catalogue = Catalogue.discover()
    offer, pixels = (catalogue.get(*name) for name in (("translator", translator), ("encoder", "pixels")))
    encoder = pixels.build(pixels.options())
    level = encoder.pyramid[0]
    pair = offer.make(offer.options(**options), here=level, deeper=None, image=ImageSpec(SIZE))
    inverter = catalogue.get("inverter", "none").build(None, level=level, image=ImageSpec(SIZE))
    plain = Normalise({}, {}, 1.0)
    return Deployed(Cascade(encoder, plain, plain, {0: moved(pair).into.b.eval()}, inverter).eval())


METHODS = [
    ("munit", {"width": 8, "blocks": 1}),
    pytest.param("cyclegan-resnet", {"width": 8, "blocks": 1}, marks=pytest.mark.slow),
    pytest.param("cut", {"width": 8, "blocks": 4}, marks=pytest.mark.slow),
    pytest.param("drit", {"width": 8, "variant": "mix"}, marks=pytest.mark.slow),
    pytest.param("drit", {"width": 8, "variant": "concat"}, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("translator", "options"), METHODS)
def test_pixel_methods_pass_the_gate(translator, options):
    module = module_of(translator, **options)
    images = random_pictures(18, SIZE)
    reference = eager(module, images, styles_for(len(images), module.cascade.style_size))
    session = session_of(compile_graph(module, SIZE).SerializeToString())
    record = check_parity(session, reference, "fp32", translator)
    assert len(record) == 3


def test_styles_are_an_input_that_changes_the_picture():
    module = module_of("munit", width=8, blocks=1)
    session = session_of(compile_graph(module, SIZE).SerializeToString())
    assert [(v.name, v.shape[1:]) for v in session.get_inputs()] == [("images", [SIZE, SIZE, 3]), ("style", [8])]
    images = np.repeat(random_pictures(1, SIZE), 2, axis=0)
    one, other = run_graph(session, images, styles_for(2, 8))["translated"]
    assert not np.array_equal(one, other)
