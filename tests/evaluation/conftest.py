"""Small scenes of the embedded dataset, and a cache of one's own for judges."""

import numpy as np
import pytest
from attrs import evolve

from crosscade.framework import Catalogue, EvaluationSet, cropped
from crosscade.framework.metrics.metric import Memo, truth_in_crop
from crosscade.plugins.datasets.safari import dataset as safari

LOAD, SIZE, TRAIN, TEST = 54, 48, 60, 24


def fresh(samples: EvaluationSet) -> EvaluationSet:
    """The same samples with nothing remembered of an earlier measurement."""
    return evolve(samples, shared=Memo(), own=Memo())


@pytest.fixture(scope="session")
def scenes() -> EvaluationSet:
    dataset = safari.Safari(safari.SafariOptions(train=TRAIN, test=TEST))
    real = {}
    for side, domain in zip("ab", dataset.domains):
        for part in ("train", "test"):
            images = getattr(domain, part)
            numbers = {k: v for k, v in images.truth.items() if np.asarray(v).dtype.kind in "if"}
            real[side + part] = cropped(images, LOAD, SIZE), truth_in_crop(numbers, LOAD, SIZE)
    return EvaluationSet(
        source=real["atest"][0],
        translated=real["btest"][0],
        source_train=real["atrain"][0],
        target_train=real["btrain"][0],
        target_test=real["btest"][0],
        source_name="zebra",
        target_name="giraffe",
        source_truth=real["atest"][1],
        source_train_truth=real["atrain"][1],
        target_train_truth=real["btrain"][1],
        target_test_truth=real["btest"][1],
        dataset=dataset,
        load=LOAD,
        common=Memo(catalogue=Catalogue.discover()),
    )


@pytest.fixture(scope="session")
def photos(scenes) -> EvaluationSet:
    """The same scenes as if nobody knew what is in them, as of photographs; nothing is translated."""
    truths = ("source_truth", "source_train_truth", "target_train_truth", "target_test_truth")
    return evolve(fresh(scenes), translated=scenes.source, dataset=None, **dict.fromkeys(truths))


@pytest.fixture
def judge_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSCADE_CACHE", str(tmp_path))
    return tmp_path
