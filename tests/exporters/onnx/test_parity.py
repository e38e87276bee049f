"""The gate lets faithful graphs through and catches those that export without an error and compute something else."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crosscade.exporters.onnx.exporter import eager
from crosscade.exporters.onnx.graph import Deployed, compile_graph
from crosscade.exporters.onnx.parity import check_parity, parity, refuse_change, score_changes, session_of
from crosscade.exporters.onnx.quantise import random_pictures
from crosscade.framework import RunError, Score

IMAGES = random_pictures(20, 64)


class BatchNormAdain(nn.Module):
    """AdaIN by a batch norm over (1, B C, H, W) whose weights are put into the module before it is called."""

    def __init__(self, channels):
        super().__init__()
        self.weight, self.bias = torch.zeros(0), torch.zeros(0)
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, features, deeper=None):
        b, c, h, w = features.shape
        self.weight, self.bias = 3 * features.mean((2, 3)).flatten(), features.amax((2, 3)).flatten()
        mean, var = self.running_mean.repeat(b), self.running_var.repeat(b)
        x = F.batch_norm(features.reshape(1, b * c, h, w), mean, var, self.weight, self.bias, True, 0.1, 1e-5)
        return torch.tanh(x.reshape(b, c, h, w))


class StaleAdain(nn.Module):
    """The same trap as its exported graphs show it: the style of the example that was traced, for every image."""

    def __init__(self):
        super().__init__()
        self.style = None

    def forward(self, features, deeper=None):
        if self.style is None or not torch.compiler.is_compiling():
            self.style = features.detach().mean((0, 2, 3), keepdim=True)
        return torch.tanh(F.instance_norm(features) * (1 + self.style))


class PooledByExample(nn.Module):
    """Adaptive pooling as it is exported where the size is not fixed: with the example's window, at every size."""

    def forward(self, features, deeper=None):
        window = 1 if torch.compiler.is_compiling() else features.shape[-1] // 2
        return features - F.interpolate(F.avg_pool2d(features, window), size=features.shape[-2:])


def gate_of(trained, translator):
    cascade = trained.cascade("a2b")
    cascade.translators["5"] = translator
    module = Deployed(cascade)
    session = session_of(compile_graph(module, 64).SerializeToString())
    return check_parity(session, eager(module, IMAGES, None), "fp32", "a → b")


def test_a_faithful_graph_passes_with_its_record(trained):
    record = gate_of(trained, trained.cascade("a2b").translators["5"])
    assert [v["images"] for v in record.values()] == [4, 12, 20]
    assert all(v["equal_share"] >= 0.999 and v["largest"] <= 2 for v in record.values())


@pytest.mark.parametrize("trap", [BatchNormAdain(112), StaleAdain(), PooledByExample()])
def test_a_graph_that_computes_something_else_does_not_ship(trained, trap):
    with pytest.raises(RunError, match="Nothing was shipped"):
        gate_of(trained, trap)


def test_parity_counts_what_it_says():
    one = np.zeros((1, 2, 2, 3), np.uint8)
    other = one.copy()
    other[0, 0, 0, 0] = 3
    found = parity(other, one)
    assert (found.images, found.largest, found.equal_share) == (1, 3, 11 / 12)
    assert found.psnr_db == pytest.approx(10 * np.log10(255**2 * 12 / 9))
    assert parity(one, one).plain()["psnr_db"] is None


def score(value, better, **beside):
    return Score(value, "test", higher_is_better=better, beside=beside)


def test_changes_are_losses_in_parts_of_the_scale():
    before = {"class": score(0.98, True), "fd": score(50.0, False, ceiling=1000.0), "sharpness": score(1.0, None)}
    after = {"class": score(0.95, True), "fd": score(70.0, False, ceiling=1000.0), "sharpness": score(3.0, None)}
    changes = score_changes(before, after)
    assert changes == pytest.approx({"class": 0.03, "fd": 0.02})
    with pytest.raises(RunError, match=r"a → b: found class worse by 0\.030 than in eager"):
        refuse_change(changes, after, "int8", "a → b")
    refuse_change({"class": -0.5, "fd": 0.02}, after, "int8", "a → b")


def test_a_share_of_few_images_may_lose_one_of_them():
    def few(value, n):
        return {"class": Score(value, "test", n, "share", True), "fd": score(50.0, False, ceiling=1000.0)}

    for n in (10, 30, 49):
        refuse_change(score_changes(few(0.8, n), few(0.8 - 1 / n, n)), few(0.8, n), "int8", "a → b")
    with pytest.raises(RunError, match=r"class worse by 0\.200 .* expected at most 0\.100, one of 10 images"):
        refuse_change(score_changes(few(0.8, 10), few(0.6, 10)), few(0.6, 10), "int8", "a → b")
    with pytest.raises(RunError, match=r"fd worse by 0\.050 .* expected at most 0\.02\."):
        refuse_change({"class": 0.1, "fd": 0.05}, few(0.7, 10), "int8", "a → b")
    with pytest.raises(RunError, match=r"class worse by 0\.025 .* expected at most 0\.02\."):
        refuse_change({"class": 0.025}, few(0.7, 200), "int8", "a → b")
