import math

import numpy as np
import pytest
from attrs import evolve

from crosscade.evaluation.evaluate.judged import compare
from crosscade.evaluation.judges import class_share
from crosscade.evaluation.judges.class_share import ClassShare
from crosscade.evaluation.metrics.image_statistics import BlackOutputs, Diversity, Nearest, Sharpness
from crosscade.evaluation.metrics.jackknife import share_half_width
from crosscade.evaluation.reports.table import Table
from crosscade.framework import Catalogue, ImageSet, InputError, Metric, MetricOffer, Score, cropped, evaluate, hookimpl
from crosscade.framework.metrics.metric import Memo, truth_in_crop


def only(scores):
    (score,) = scores.values()
    return score


def test_one_output_for_all_is_reported_as_collapse(scenes):
    same = scenes.with_translated(np.repeat(scenes.target_test[:1], len(scenes.source), axis=0))
    score = only(Diversity().measure(same))
    assert score.value < 0.01
    assert "collapse" in score.warning
    healthy = only(Diversity().measure(scenes))
    assert healthy.value == pytest.approx(1)
    assert not healthy.warning


def test_black_outputs_are_reported(scenes):
    images = scenes.target_test.copy()
    images[0] = 0
    images[1] = 7
    images[2] = (200, 30, 90)  # one colour
    score = only(BlackOutputs().measure(scenes.with_translated(images)))
    assert score.value == pytest.approx(3 / len(images))
    assert "3 of" in score.warning
    assert only(BlackOutputs().measure(scenes)).value == 0


def test_copies_of_training_images_are_reported(scenes):
    copies = only(Nearest().measure(scenes.with_translated(scenes.target_train[: len(scenes.source)])))
    assert copies.value < 0.01
    assert "memorised" in copies.warning
    assert only(Nearest().measure(scenes)).value == pytest.approx(1)


def test_of_photographs_copies_are_counted(photos):
    random = np.random.default_rng(0)
    mixed = photos.target_test.copy()
    mixed[:8] = photos.target_train[-8:, :, ::-1]  # mirrored, as training shows them
    mixed[:8] = np.clip(mixed[:8] + random.normal(0, 3, mixed[:8].shape), 0, 255)
    copies = Nearest().measure(photos.with_translated(mixed))["copies"]
    assert copies.value >= 8 / len(mixed)
    assert "training images copied" in copies.warning
    real = Nearest().measure(photos.with_translated(photos.target_test))["copies"]
    assert real.value == real.beside["real target"] == 2 / 24, "of few there is no share of 5 %"
    assert "than all but 8% of real" in real.protocol
    assert not real.warning


def test_nothing_is_held_against_real_images_that_are_all_alike(scenes):
    flat = evolve(scenes, target_test=np.full_like(scenes.target_test, 90), shared=Memo(), own=Memo())
    for metric in (Diversity(), Sharpness()):
        assert "for real target test images: nothing can be held against that" in only(metric.measure(flat)).absent


def test_blur_and_noise_move_sharpness(scenes):
    images = scenes.target_test.astype(float)
    blurred = (sum(np.roll(images, k, 2) for k in range(-3, 4)) / 7).astype(np.uint8)
    noisy = np.clip(images + np.random.default_rng(0).normal(0, 30, images.shape), 0, 255).astype(np.uint8)
    soft, hard = (only(Sharpness().measure(scenes.with_translated(x))).value for x in (blurred, noisy))
    assert soft < 0.6 < 1.5 < hard


def test_class_judge_separates(scenes):
    target = only(ClassShare().measure(scenes))
    assert target.value >= 0.9
    assert target.beside["held-out accuracy"] >= 0.9
    assert target.n == len(scenes.translated)
    assert only(ClassShare().measure(scenes.with_translated(scenes.source))).value <= 0.1
    assert only(ClassShare().measure(scenes.with_translated(np.zeros_like(scenes.source)))).value == 0


def test_of_photographs_another_network_judges_the_class_too(photos, scenes):
    (other,) = [o for o in class_share.metrics() if o.name == "target-class-efficientnet-lite2"]
    judge = other.make()
    target = only(judge.measure(photos.with_translated(photos.target_test)))
    assert target.value >= 0.9
    assert target.beside["held-out accuracy"] >= 0.9
    assert "efficientnet-lite2" in target.protocol
    assert only(judge.measure(photos)).value <= 0.1
    assert judge.measure(scenes) == {}, "drawn scenes have better judges"


def test_the_interval_of_a_share_is_wilsons():
    assert share_half_width(0.5, 100) == pytest.approx(0.0962, abs=1e-4)
    assert share_half_width(1, 200) == pytest.approx(0.0094, abs=1e-4)


def test_a_poor_judge_says_so(scenes):
    # both "domains" are the same: nothing can be told apart
    blind = evolve(scenes, source=scenes.target_test, source_train=scenes.target_train, shared=Memo(), own=Memo())
    score = only(ClassShare().measure(blind))
    assert score.beside["held-out accuracy"] == pytest.approx(0.5)
    assert "50.0%" in score.warning
    assert "poor judge" in score.protocol


def test_truth_in_crop():
    truth = {
        "torso_x": np.array([0.5, 6 / 108, 102 / 108]), "y": np.array([0.5, 0.25, 0.75]),
        "size": np.array([0.8, 0.4, 1.0]), "facing": np.array([1, -1, 0]), "species": np.array(["a", "b", "c"]),
    }  # fmt: skip
    found = truth_in_crop(truth, 108, 96)
    assert found["torso_x"] == pytest.approx([0.5, 0, 1])
    assert found["y"] == pytest.approx([0.5, (27 - 6) / 96, (81 - 6) / 96])
    assert found["size"] == pytest.approx(np.array([0.8, 0.4, 1.0]) * 108 / 96)
    assert found["facing"].tolist() == [1, -1, 0]
    assert found["species"].tolist() == ["a", "b", "c"]
    wide = truth_in_crop({"x": np.array([0.5, 0.25])}, 100, 80, (100, 200))
    assert wide["x"] == pytest.approx([0.5, (50 - 60) / 80])
    with pytest.raises(InputError):
        truth_in_crop(truth, 90, 96)


class Dot(ImageSet):
    name = "dot"
    truth = {"x": np.array([61 / 120]), "y": np.array([21 / 80])}

    def __len__(self):
        return 1

    def load(self, index, short_side):
        image = np.zeros((80, 120, 3), np.uint8)
        image[20:22, 60:62] = 255
        return image


def test_truth_and_pixels_are_cropped_alike():
    image = cropped(Dot(), 80, 64)[0]
    truth = truth_in_crop(Dot.truth, 80, 64, (80, 120))
    rows, columns = np.nonzero(image[..., 0])
    assert (columns.mean() + 0.5) / 64 == pytest.approx(truth["x"][0])
    assert (rows.mean() + 0.5) / 64 == pytest.approx(truth["y"][0])


def test_samples_refuse_what_does_not_fit(scenes):
    with pytest.raises(InputError, match="translated"):
        scenes.with_translated(scenes.source[:, :32, :32])
    with pytest.raises(InputError, match="uint8"):
        scenes.with_translated(scenes.source.astype(np.float32))
    with pytest.raises(InputError, match="source_truth"):
        evolve(scenes, source_truth={"count": np.ones(3)})


class Fixed(Metric):
    def __init__(self, value=0.5, needs_truth=False):
        self.value, self.needs_truth = value, needs_truth

    def measure(self, samples):
        if self.value is None:
            raise RuntimeError("no such thing")
        return {"fixed": Score(self.value * samples.translated.mean(), "by hand", 1, higher_is_better=True)}


def offering(*offers):
    class Plugin:
        @hookimpl
        def metrics(self):
            return [MetricOffer(name=n, build=b, summary="a test") for n, b in offers]

    return Catalogue.of(Plugin())


def without_memos(scenes):
    return evolve(scenes, common=Memo(), shared=Memo(), own=Memo())


def test_a_broken_metric_costs_only_itself(scenes):
    def refused(options):
        raise InputError("weights", found="none", cure="Fetch them.")

    catalogue = offering(("good", lambda o: Fixed()), ("bad", lambda o: Fixed(None)), ("gone", refused))
    told = []
    scores = evaluate(without_memos(scenes), progress=told.append, catalogue=catalogue)
    assert scores["fixed"].value > 0
    assert scores["bad"].absent.startswith("metric 'bad' of test 0: `measure`: found RuntimeError: no such thing")
    assert "Fetch them" in scores["gone"].absent
    assert math.isnan(scores["gone"].value)
    assert "scoring good" in told
    with pytest.raises(InputError, match="unknown metric"):
        evaluate(without_memos(scenes), ["god"], catalogue=catalogue)


def test_two_metrics_may_not_share_a_score(scenes):
    with pytest.raises(InputError, match="second score"):
        evaluate(without_memos(scenes), catalogue=offering(("a", lambda o: Fixed()), ("b", lambda o: Fixed())))


def test_metrics_that_need_truth_are_left_out_without(scenes):
    catalogue = offering(("deep", lambda o: Fixed(needs_truth=True)))
    assert "fixed" in evaluate(without_memos(scenes), catalogue=catalogue)
    unknown = evolve(without_memos(scenes), source_truth=None)
    assert evaluate(unknown, catalogue=catalogue) == {}


def test_compare_adds_controls_and_shares_work(scenes):
    table = compare(
        scenes, {"ours": scenes.target_test[::-1].copy(), "nothing": np.zeros_like(scenes.source)},
        ["target-class", "fd-efficientnet-lite0", "black-outputs"],
    )  # fmt: skip
    assert list(table.rows) == ["ours", "nothing", "untranslated source", "real target"]
    assert table.best("fd-efficientnet-lite0") == "ours"
    ours, real = table.rows["ours"], table.rows["real target"]
    assert ours["fd-efficientnet-lite0"].value == pytest.approx(real["fd-efficientnet-lite0"].value)
    assert any("black" in line for line in table.warnings())
    assert not any(line.startswith("untranslated source") for line in table.warnings())


def score(value, **more):
    return Score(value, "by hand", 10, **more)


def test_table_text():
    table = Table(
        "a | b",
        {
            "one": {
                "fd": score(123.4, higher_is_better=False),
                "share": score(0.5, higher_is_better=True, warning="w"),
            },
            "two": {"fd": score(45.67, higher_is_better=False), "share": score(0.5, higher_is_better=True)},
            "real": {"fd": score(1.0, higher_is_better=False), "lost": Score.missing("no weights")},
        },
        controls=("real",),
    )
    text = table.markdown()
    assert "| | fd ↓ | share ↑ |" in text
    assert "| one | 123 | 0.500 ! |" in text
    assert "| two | **45.7** | 0.500 |" in text  # the control is no candidate, and a tie has no winner
    assert "| real | 1.00 | – |" in text
    assert "- lost (real): not measured: no weights" in text
    assert "- ! one: share: w" in text
    assert "fd: by hand; n = 10." in text
    plain = table.as_json()
    assert plain["rows"]["real"]["lost"]["value"] is None
    assert plain["rows"]["one"]["fd"] == {
        "value": 123.4, "protocol": "by hand", "n": 10, "unit": "", "higher_is_better": False, "beside": {},
        "warning": "", "absent": "", "label": "",
    }  # fmt: skip
