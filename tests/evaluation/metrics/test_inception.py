"""FID's network, with weights made here: the published file is not fetched."""

import hashlib

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from crosscade.evaluation.metrics import extractors, inception
from crosscade.evaluation.metrics.inception import FILE, Inception, InceptionOptions, architecture
from crosscade.framework import InputError, evaluate


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights of the network's own shapes."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("inception") / "random.pth"
    torch.save(architecture().state_dict(), path)
    return path


@pytest.fixture
def few(scenes):
    """Four images of each set: the network is large."""
    from attrs import evolve

    from crosscade.framework.metrics.metric import Memo

    cut = {name: getattr(scenes, name)[:4] for name in ("source", "translated", "source_train", "target_train")}
    bare = dict.fromkeys(("source_truth", "source_train_truth", "target_train_truth", "target_test_truth"))
    memos = {"common": Memo(catalogue=scenes.common["catalogue"]), "shared": Memo(), "own": Memo()}
    return evolve(scenes, **cut, target_test=scenes.target_test[:4], **bare, **memos)


def test_pooling_branches_follow_the_graph_of_2015():
    network = architecture().eval()
    x = torch.rand(1, 768, 5, 5)
    block = network.Mixed_6b
    with torch.inference_mode():
        ones = F.avg_pool2d(torch.ones(1, 1, 5, 5), 3, 1, 1)  # the share of each window that is not padding
        expected = block.branch_pool(F.avg_pool2d(x, 3, 1, 1) / ones)
        assert torch.allclose(block(x)[:, -192:], expected, atol=1e-5)
        x = torch.rand(1, 2048, 5, 5)
        last = network.Mixed_7c
        assert torch.allclose(last(x)[:, -192:], last.branch_pool(F.max_pool2d(x, 3, 1, 1)), atol=1e-5)
        assert last(x).shape == (1, 2048, 5, 5)


def test_features_do_not_depend_on_the_batch(few, weights, monkeypatch):
    made = Inception(InceptionOptions(str(weights), verify=False))
    found = []
    for batch in (1, 3):
        monkeypatch.setattr(extractors, "BATCH", batch)
        found.append(made.of(few.with_translated(few.source), "translated"))
    assert found[0].shape == (4, 2048)
    assert np.abs(found[0] - found[1]).max() < 1e-5 * np.abs(found[0]).max()


def test_fid_over_a_local_file_says_which(few, weights):
    fid, kid = (offer.build(InceptionOptions(str(weights), verify=False)) for offer in inception.metrics())
    score = fid.measure(few)["fid"]
    assert score.value == pytest.approx(score.beside["floor"])
    assert "all 2048 dimensions" in score.protocol
    assert "299 px" in score.protocol
    assert "weights SHA-256" in score.protocol
    assert "kernel distance" in kid.measure(few)["kid"].protocol


def test_another_file_is_refused(few, weights):
    with pytest.raises(InputError, match="6726825d"):
        Inception(InceptionOptions(str(weights))).network(few)
    assert not hashlib.sha256(weights.read_bytes()).hexdigest().startswith("6726825d")


def test_without_the_file_the_score_is_absent_and_says_where_it_belongs(few, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    score = evaluate(few, ["fid"])["fid"]
    assert f"no {FILE}" in score.absent
    assert "TORCH_HOME" in score.absent
    assert str(tmp_path) not in score.absent, "a page of scores does not tell where its maker's files are"
    assert Inception().path == tmp_path / "hub" / "checkpoints" / FILE
    with pytest.raises(InputError, match="no file at"):
        Inception(InceptionOptions("gone.pth")).network(few)
