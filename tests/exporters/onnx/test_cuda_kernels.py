"""No operator of an exported graph sends its pixels from the GPU to the CPU and back."""

import tomllib

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from crosscade.exporters.onnx.exporter import eager
from crosscade.exporters.onnx.graph import Deployed, compile_graph, scopes
from crosscade.exporters.onnx.parity import parity, run_graph, session_of
from crosscade.exporters.onnx.quantise import PLANS, random_pictures, to_float16, to_int8
from crosscade.framework import Catalogue, Direction, Encoder, Pair, Recipe, resolve
from crosscade.framework.bundle.networks import Networks
from crosscade.framework.features.normalise import Normalise
from crosscade.framework.recipe.read import override
from crosscade.plugins.encoders import vgg
from crosscade.plugins.recipes.packaged import packaged
from tests.exporters.cuda_kernels import without_kernel

CATALOGUE = Catalogue.discover()
SIZE = 64
NARROWER = {
    "paper": [f"translate[{k}].translator.{key}" for k in (1, 2) for key in ("width=16", "style_width=8", "hidden=8")]
    + ["translate[0].translator.width=16"]
}


def graph_of(name: str) -> onnx.ModelProto:
    """The graph that an export of the packaged recipe is, previews and all, before any training."""
    table = tomllib.loads(packaged()[name])
    recipe = resolve(override(table, [f"image.size={SIZE}", *NARROWER.get(name, [])]), CATALOGUE)
    encoder = encoder_of(recipe)
    levels = [encoder.pyramid[stage.level] for stage in recipe.translate if stage.level]
    ones = {level.number: torch.ones(level.channels) for level in levels}
    normalise = Normalise(ones, ones, 1.0)
    networks = Networks.build(recipe, CATALOGUE, encoder)
    cascade = networks.cascade(Direction("a2b"), encoder, Pair(normalise, normalise))
    return compile_graph(Deployed(cascade, previews=True), SIZE)


def encoder_of(recipe: Recipe) -> Encoder:
    if recipe.encoder.use != "vgg19":
        return CATALOGUE.build("encoder", recipe.encoder)
    blocks, ins = [], 3  # its weights are nowhere in the tests
    for outs, count in zip(vgg.CHANNELS, vgg.VGG19_CONVOLUTIONS):
        blocks.append([torch.nn.Conv2d(outs if k else ins, outs, 3, padding=1) for k in range(count)])
        ins = outs
    return vgg.Vgg(blocks, [1.0] * 3, [0.0] * 3, "before-relu")


@pytest.mark.parametrize("name", packaged())
def test_every_recipes_graph_stays_on_the_gpu(name, tmp_path):
    model = graph_of(name)
    assert not without_kernel(model, tmp_path)
    assert not without_kernel(to_float16(model), tmp_path)


def test_an_int8_graph_does_not_and_is_for_cpus_and_tensorrt(compiled, tmp_path):
    """For CUDA its convolutions are float32 ones between conversions, whose biases the CPU converts for every batch."""
    model = to_int8(compiled, random_pictures(2, SIZE), None, scopes(compiled), PLANS[0])
    assert {*without_kernel(model, tmp_path)} == {"DequantizeLinear float int32"}
    assert {"QuantizeLinear", "DequantizeLinear", "Conv"} <= {node.op_type for node in model.graph.node}


@pytest.mark.parametrize(
    ("operator", "type_", "lacking"),
    [
        ("Atanh", TensorProto.FLOAT, {"Atanh float": 1}),
        ("Relu", TensorProto.INT8, {"Relu int8": 1}),
        ("Relu", TensorProto.FLOAT, {}),
    ],
)
def test_what_has_no_kernel_is_named(operator, type_, lacking, tmp_path):
    values = [helper.make_tensor_value_info(name, type_, [2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    assert without_kernel(model, tmp_path) == lacking


def test_atanh_becomes_a_logarithm_that_is_as_close(trained):
    class Skip(torch.nn.Module):
        def forward(self, features, deeper=None):
            return torch.tanh(torch.atanh(0.96 * features))

    cascade = trained.cascade("a2b")
    cascade.translators["5"] = Skip()
    module, images = Deployed(cascade), random_pictures(4, SIZE)
    model = compile_graph(module, SIZE)
    assert {"Log", "Atanh"} & {node.op_type for node in model.graph.node} == {"Log"}
    found = run_graph(session_of(model.SerializeToString()), images)["translated"]
    assert parity(found, eager(module, images, None).outputs["translated"]).largest <= 1
    x = 0.96 * np.linspace(-1, 1, 10_001, dtype=np.float32)
    assert np.abs(0.5 * np.log((1 + x) / (1 - x)) - np.arctanh(x)).max() < 2e-7
