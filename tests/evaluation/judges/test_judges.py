import numpy as np
import pytest
import torch
from attrs import evolve
from safetensors.numpy import load_file

from crosscade.evaluation.judges import network as judge_training
from crosscade.evaluation.judges import structure
from crosscade.evaluation.judges.class_share import judged
from crosscade.evaluation.judges.network import JudgeNet, Training, View, cached, fingerprint, fit, predict
from crosscade.evaluation.judges.shape_share import ShapeOptions, ShapeShare
from crosscade.evaluation.judges.structure import Heads, Structure, StructureOptions, agreement
from crosscade.evaluation.metrics.extractors import area_resized
from crosscade.framework import InputError
from tests.evaluation.conftest import fresh

TINY = StructureOptions(images_seen=2400, width=8)
SHAPE = ShapeOptions(images_seen=600, rendered=8, width=8)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_labels_follow_the_view(axis):
    """A bright dot lies in the view where `position` says that it does."""
    size, random = 64, torch.Generator().manual_seed(0)
    places = torch.rand(8, 2, generator=random) * 0.4 + 0.3
    steps = (torch.arange(size) + 0.5) / size
    x, y = places[:, 0, None, None], places[:, 1, None, None]
    dots = torch.exp(-((steps[None, None] - x) ** 2 + (steps[None, :, None] - y) ** 2) / 0.002)[:, None]
    view = View.draw(8, random)
    assert set(view.mirror.tolist()) == {-1.0, 1.0}
    seen = view.of(dots)[:, 0]
    profile = seen.sum(1 if axis == "x" else 2)
    found = (profile * steps).sum(1) / profile.sum(1)
    wanted = view.position(places[:, 0 if axis == "x" else 1], axis)
    assert torch.allclose(found, wanted, atol=0.01)


def test_agreement_with_the_truth():
    truth = {
        "facing": np.array([1, -1, 0, 1]), "count": np.array([1, 1, 2, 1]), "torso_x": np.array([0.1, 0.4, 0.5, 0.9]),
    }  # fmt: skip
    same = {k: v.astype(float) for k, v in truth.items()}
    assert {k: v for k, (v, _) in agreement(same, truth).items()} == pytest.approx(dict.fromkeys(truth, 1.0))
    assert agreement(same, truth)["facing"][1] == 3  # the two that face each other have no facing
    turned = {"facing": -same["facing"], "count": np.ones(4), "torso_x": np.full(4, 0.5)}
    assert {k: v for k, (v, _) in agreement(turned, truth).items()} == {"facing": 0, "count": 0.5, "torso_x": 0}


def test_heads_come_from_the_truth(scenes):
    heads = Heads.of(scenes.target_train_truth)
    assert heads.facing
    assert heads.counts == (1, 2)
    assert heads.quantities == ("torso_x", "torso_y", "size")
    assert heads.outputs == 6
    assert Heads.of({"count": np.ones(5)}).outputs == 0  # one count only: nothing to judge


def test_loss_knows_what_a_view_does_to_the_answers():
    heads = Heads(counts=(1, 2), quantities=("torso_x", "size"), facing=True)
    truth = {"facing": torch.tensor([1.0]), "count": torch.tensor([2.0]), "torso_x": torch.tensor([0.25]),
             "size": torch.tensor([0.5])}  # fmt: skip
    mirrored = View(torch.tensor([0.8]), torch.zeros(1, 2), torch.tensor([-1.0]))
    # half the window is 0.4 of the image: x lies 0.25 left of the middle, so 0.25 / 0.8 right of it in the mirror
    right = torch.tensor([[-9.0, -9.0, 9.0, 0.5 + 0.25 / 0.8, 0.5 / 0.8]])
    assert float(heads.loss(right, truth, mirrored)) < 0.001
    for index in range(5):
        wrong = right.clone()
        wrong[0, index] = -wrong[0, index]
        assert float(heads.loss(wrong, truth, mirrored)) > 0.5
    unknown = truth | {"facing": torch.tensor([0.0])}
    right[0, 0] = 9
    assert float(heads.loss(right, unknown, mirrored)) < 0.001


def test_black_outputs_are_never_taken_for_the_target(scenes):
    images = scenes.target_test.copy()
    images[:6] = 0
    score = judged(np.ones(len(images), bool), {"held-out accuracy": 1.0}, "test", scenes.with_translated(images))
    assert score.value == pytest.approx(1 - 6 / len(images))
    assert not score.warning


def test_structure_judge_learns_and_is_cached(scenes, judge_cache, monkeypatch):
    scores = Structure(TINY).measure(fresh(scenes))
    real = {k: s.beside["the judge on real target images"] for k, s in scores.items()}
    assert set(scores) == {"facing", "count", "torso_x", "torso_y", "size"}
    assert real["torso_x"] > 0.7
    assert scores["facing"].beside["unrelated images"] == 0.5
    assert all("poor judge" in s.protocol and s.warning for k, s in scores.items() if real[k] < 0.95)
    # what is held against the source's truth is the translations, not the source
    assert abs(scores["torso_x"].value) < real["torso_x"]
    files = sorted(p.suffix for p in (judge_cache / "judges").iterdir())
    assert files == 2 * [".json"] + 2 * [".safetensors"], "so small a judge is not good, and learnt twice"
    assert f"{3 * TINY.images_seen} views" in scores["facing"].protocol
    monkeypatch.setattr(structure, "fit", lambda *a, **k: pytest.fail("trained again"))
    again = Structure(TINY).measure(fresh(scenes))
    assert {k: s.value for k, s in again.items()} == {k: s.value for k, s in scores.items()}
    with pytest.raises(pytest.fail.Exception):  # other pixels, another judge
        Structure(TINY).measure(evolve(fresh(scenes), target_train=scenes.target_train ^ 1))


def test_structure_needs_truth_and_pairs(scenes):
    with pytest.raises(InputError, match="no truth"):
        Structure(TINY).measure(evolve(fresh(scenes), source_truth=None))
    with pytest.raises(InputError, match="one translation a source"):
        Structure(TINY).measure(fresh(scenes).with_translated(scenes.target_test[:5]))


def train_dots(net):
    random = torch.Generator().manual_seed(3)
    labels = (torch.arange(40) % 2).float()
    images = labels[:, None, None, None] + 0.1 * torch.randn(40, 1, 16, 16, generator=random)
    fit(images, net, Training(images_seen=1200, batch=20, width=4), lambda x, r: x,
        lambda o, chosen, view: ((o[:, 0] - labels[chosen]) ** 2).mean())  # fmt: skip
    outputs = predict(net, images)[:, 0]
    return {"apart": float(outputs[labels == 1].mean() - outputs[labels == 0].mean())}


def make():
    return JudgeNet(1, 1, 16, 4)


def test_judges_are_deterministic_and_leave_the_random_stream(judge_cache, monkeypatch):
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    net, facts = cached("dots", fingerprint("key"), make, train_dots)
    assert torch.equal(torch.rand(1), before)
    assert facts["apart"] > 0.5
    (path,) = (judge_cache / "judges").glob("*.safetensors")
    first = path.read_bytes()
    monkeypatch.setenv("CROSSCADE_CACHE", str(judge_cache / "other"))
    cached("dots", fingerprint("key"), make, train_dots)
    assert (judge_cache / "other" / "judges" / path.name).read_bytes() == first
    assert set(load_file(path)) == set(net.state_dict())


def test_a_damaged_cache_is_not_used(judge_cache):
    _, facts = cached("dots", fingerprint("key"), make, train_dots)
    (path,) = (judge_cache / "judges").glob("*.safetensors")
    data = bytearray(path.read_bytes())
    data[-5] ^= 64  # safetensors alone would load this
    path.write_bytes(data)
    trained = []
    cached("dots", fingerprint("key"), make, lambda net: trained.append(1) or facts)
    assert trained
    path.with_suffix(".json").write_text("[]")
    cached("dots", fingerprint("key"), make, lambda net: trained.append(1) or facts)
    assert len(trained) == 2


def test_fingerprint_tells_apart():
    x = np.arange(6, dtype=np.uint8)
    prints = {fingerprint(x), fingerprint(x.reshape(2, 3)), fingerprint(x.astype(np.int8)), fingerprint(x, 1),
              fingerprint(x, "1"), fingerprint(x + 1)}  # fmt: skip
    assert len(prints) == 6


def test_large_images_are_judged_small():
    x = area_resized(np.full((1, 192, 192, 3), 255, np.uint8), judge_training.JUDGE_SIZE)
    assert x.shape == (1, 3, 96, 96)
    assert float(x.min()) == 1.0


@pytest.mark.parametrize("metric", [Structure(evolve(TINY, images_seen=600)), ShapeShare(SHAPE)])
def test_a_gpu_teaches_a_judge_of_its_own_the_same(metric, scenes, judge_cache, fake_gpu, monkeypatch):
    monkeypatch.setattr(judge_training, "fast_bfloat16", lambda device: False)
    monkeypatch.setattr(judge_training, "LONGER", 1)
    expected = metric.measure(fresh(scenes))
    with fake_gpu:
        found = metric.measure(evolve(fresh(scenes), device="cuda"))
    assert found.keys() == expected.keys()
    first, *rest = [load_file(file) for file in (judge_cache / "judges").glob("*.safetensors")]
    assert len(rest) == 1, "one for each device"
    for name, value in first.items():
        np.testing.assert_allclose(value, rest[0][name], atol=0.02)
