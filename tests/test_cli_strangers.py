"""What a stranger's part does wrong is one line of each command that names the part, its package and the mistake."""

import numpy as np
import pytest
from attrs import frozen

from crosscade.framework import (
    Catalogue,
    CommandOffer,
    Dataset,
    DatasetOffer,
    Domain,
    Exporter,
    ExporterOffer,
    ImageSet,
    Metric,
    MetricOffer,
    ModelOffer,
    Pair,
    Score,
    Watcher,
    WatcherOffer,
    hookimpl,
    option,
)

OF = "of strange-parts 0"
SMALL = [f"--set={stage}.schedule.images=4" for stage in ("invert[0]", "translate[0]", "translate[1]", "refine")]


@frozen
class Steps:
    every: int = option(1, "a whole number")


@frozen
class Ends:
    a: str = option("low", "the first domain")
    b: str = option("high", "the second")


class Shades(ImageSet):
    """Pictures: by day and night sound ones, at dusk the first alone, at dawn one is lacking, all else in floats."""

    def __init__(self, name, seed):
        self.name, self.seed = name, seed

    def __len__(self):
        return 12

    def load(self, index, short_side):
        if self.name == "dawn" and index == 7:
            raise KeyError("seventh")
        sound = self.name in ("day", "night", "dawn") or (self.name == "dusk" and index == 0)
        pixels = np.random.default_rng((self.seed, index)).integers(0, 255, (short_side, short_side, 3))
        return pixels.astype(np.uint8 if sound else np.float32)


class Mixed(Dataset):
    name = "floats"

    def __init__(self, options):
        self.domains = Pair(options.a, options.b).map(lambda name: Domain(name, Shades(name, 0), Shades(name, 1)))


class Failing(Watcher):
    """Raises at the second event, and when it is closed keeps what it was told."""

    def __init__(self, options, *, run):
        if options.every < 1:
            raise OSError("no such logger")
        self.run, self.told = run, 0

    def event(self, event):
        self.told += 1
        if self.told == 2:
            raise KeyError("loss")

    def close(self):
        (self.run / "closed.txt").write_text(str(self.told))


class Counted(Metric):
    def __init__(self, options):
        self.every = options.every

    def measure(self, samples):
        return {"counted": Score(float(len(samples.translated[:: self.every])), "a count", n=len(samples.source))}


class Broken(Metric):
    def __init__(self, options):
        pass

    def measure(self, samples):
        return samples.fakes


class Raising(Exporter):
    def __init__(self, options):
        pass

    def export(self, bundle, out, dataset, say):
        (out / "half.txt").write_text("half")
        raise IndexError("no third level")


def fails(*_):
    raise ZeroDivisionError("division by zero")


class Plugin:
    @hookimpl
    def datasets(self):
        yield DatasetOffer(name="floats", options=Ends, build=Mixed, summary="pictures in floats")

    @hookimpl
    def watchers(self):
        yield WatcherOffer(name="failing", options=Steps, build=Failing, summary="raises")

    @hookimpl
    def metrics(self):
        yield MetricOffer(name="counted", options=Steps, build=Counted, summary="counts")
        yield MetricOffer(name="broken", build=Broken, summary="raises")

    @hookimpl
    def exporters(self):
        yield ExporterOffer(name="raising", build=Raising, summary="raises")

    @hookimpl
    def models(self):
        yield ModelOffer(name="nowhere", build=fails, summary="raises")

    @hookimpl
    def commands(self):
        yield CommandOffer(name="divide", arguments=lambda parser: None, build=fails, summary="raises")


class Unloadable:
    @hookimpl
    def encoders(self):
        return 3


@pytest.fixture(autouse=True)
def strangers(monkeypatch):
    """They are installed."""
    entries = Catalogue.discover().entries + Catalogue.of(Plugin(), provider="strange-parts").entries
    failures = Catalogue.of(Unloadable(), provider="lost-parts").failures
    monkeypatch.setattr(Catalogue, "discover", classmethod(lambda cls: Catalogue(list(entries), list(failures))))


def assert_named(answer, start, *more):
    assert answer.error.startswith(start), answer.error
    for text in more:
        assert text in answer.error


@pytest.mark.parametrize(
    ("watch", "line"),
    [
        ("failling", "unknown watcher 'failling' @ --watch failling"),
        ("failing:evry=2", "unknown key 'evry' @ --watch failing. did you mean 'every'?"),
        (
            "failing:every=often",
            "wrong type @ --watch failing.every: found 'often'; expected a whole number",
        ),
        (
            "failing:every=0",
            f"watcher 'failing' {OF} @ --watch failing: `build`: found OSError: no such logger",
        ),
    ],
)
def test_a_watcher_that_cannot_be_is_refused_before_anything_is_made(train, tmp_path, watch, line):
    answer = train("--watch", watch)
    assert answer.code == 2
    assert_named(answer, line)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.json"]


def test_a_watcher_that_raises_is_named_and_closed_and_the_training_goes_on(train, tmp_path):
    answer = train("--watch", "failing", *SMALL)
    assert answer.code == 0, answer.error
    (line,) = (line for line in answer.others if "failing" in line)
    assert f"watcher 'failing' {OF} @ --watch failing: `event` of a " in line
    assert f"found KeyError: 'loss' ({__file__}:" in line
    assert line.endswith("It is told of nothing more; the training goes on.")
    assert (tmp_path / "run" / "closed.txt").read_text() == "2"
    assert (tmp_path / "run" / "bundle" / "bundle.json").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("data", "floats", "--out", "made", "--size", "32"),
        ("doctor", "--data", "floats"),
        ("evaluate", "bundle", "--data", "floats", "--out", "made"),
        ("export", "bundle", "--data", "floats", "--out", "made"),
    ],
)
def test_pictures_in_floats_are_named_by_every_command_that_reads_them(crosscade, bundle, tmp_path, words):
    answer = crosscade(*words)
    assert answer.code == 2
    assert_named(answer, f"dataset 'floats' {OF} @ $.data: an image of low, train: found a ndarray (", "of float32; ")
    assert "expected uint8 (H, W, 3), short side " in answer.error
    assert not (tmp_path / "made").exists()


def test_one_picture_in_floats_is_named_by_its_label(crosscade, tmp_path):
    answer = crosscade("data", "floats:dusk,night", "--out", "made", "--size", "32")
    assert_named(answer, "image 'dusk-00001': found a ndarray (32, 32, 3) of float32; expected uint8 (H, W, 3)")
    assert not (tmp_path / "made").exists()


def test_one_picture_at_which_a_strangers_code_fails_is_named_with_its_line(train):
    answer = train("--data", "floats:dawn,night", *SMALL)
    assert answer.code == 2
    assert answer.error.startswith(f"image 'dawn-00007': found KeyError: 'seventh' ({__file__}:")


def test_a_dataset_named_without_domains_has_its_own(train):
    answer = train("--data", "floats", "--watch", "nobody")
    assert "unknown watcher 'nobody'" in answer.error, "its domains were no reason to refuse it"


def test_describe_says_which_plugins_failed_where_it_knows_no_such_part(crosscade):
    answer = crosscade("describe", "dino")
    assert_named(answer, "unknown component 'dino'", "1 plugin(s) failed to load: lost-parts 0: hook 'encoders'")


def test_describe_names_a_part_whose_facts_cannot_be_told(crosscade, monkeypatch):
    monkeypatch.setattr(Mixed, "__init__", lambda self, options: None)
    answer = crosscade("describe", "floats")
    assert answer.code == 0, answer.error
    said = " ".join(answer.output.split())
    assert f"not known: dataset 'floats' {OF}: `domains`: found AttributeError: 'Mixed' object has no attribute" in said


def test_a_metrics_options_are_set_as_a_watchers_are(crosscade, bundle):
    answer = crosscade("evaluate", "bundle", "--data", "floats:day,night", "--metrics", "black-outputs,counted:every=5")
    assert answer.code == 0, answer.error
    first = next(line for line in answer.output.splitlines() if line.startswith("| cascade"))
    assert first.split("|")[-2].strip() == "3.00", "of twelve translations"
    answer = crosscade("evaluate", "bundle", "--metrics", "counted:evry=2")
    assert_named(answer, "unknown key 'evry' @ --metrics counted. did you mean 'every'?")


def test_a_metric_named_twice_is_refused_before_any_work(crosscade, bundle):
    answer = crosscade("evaluate", "bundle", "--metrics", "black-outputs,crosscade:black-outputs")
    assert (answer.code, answer.others) == (2, [])
    assert_named(answer, "--metrics crosscade:black-outputs: found it twice; expected each once")


def test_a_metric_that_was_asked_for_and_judged_nothing_is_no_success(crosscade, bundle):
    answer = crosscade("evaluate", "bundle", "--metrics", "black-outputs")
    assert answer.code == 1
    assert_named(answer, "no score 'black-outputs': not judged: a set of 4 images is too small (at least 10)")


def test_a_metric_that_was_asked_for_and_fails_is_no_success(crosscade, bundle):
    answer = crosscade("evaluate", "bundle", "--data", "floats:day,night", "--metrics", "broken")
    assert answer.code == 1
    assert_named(answer, f"no score 'broken': metric 'broken' {OF}: `measure`: found AttributeError: ", __file__)
    assert "|" not in answer.output, "there is no table of nothing"
    assert "- broken: not measured: metric 'broken'" in answer.output


def test_an_exporter_that_raises_is_named_and_leaves_nothing(crosscade, bundle, tmp_path):
    answer = crosscade("export", "bundle", "--format", "raising", "--out", "made")
    assert_named(answer, f"exporter 'raising' {OF}: `export`: found IndexError: no third level ({__file__}:")
    assert not (tmp_path / "made").exists()


def test_a_model_and_a_command_that_raise_are_named(crosscade):
    answer = crosscade("translate", "nowhere", "one.png", "--out", "made")
    assert_named(answer, f"model 'nowhere' {OF}: `build`: found ZeroDivisionError: division by zero ({__file__}:")
    answer = crosscade("divide")
    assert_named(answer, f"command 'divide' {OF}: its code: found ZeroDivisionError: division by zero ({__file__}:")
