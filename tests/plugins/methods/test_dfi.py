import pytest
import torch
from safetensors.torch import load_file

from crosscade.framework import ImageSpec, InputError, LevelSpec, Pair
from crosscade.framework.support.events import Events
from crosscade.framework.testing.checks import check_translator
from crosscade.framework.testing.tools import require_exports, uniform
from crosscade.plugins.methods import dfi
from crosscade.plugins.methods.dfi import Dfi, DfiOptions, Shift
from tests.plugins.methods.baselines import run, small, translated

(OFFER,) = dfi.translators()
HERE, IMAGE = LevelSpec(3, "conv3", 5, 8), ImageSpec(32)
OPTIONS = DfiOptions(examples=9, neighbours=4)


def calibrated(options=OPTIONS):
    """A pair that knows nine small random features of each domain."""
    pair = Dfi(options, here=HERE, image=IMAGE)
    known = Pair(1, 2).map(lambda seed: 0.3 * uniform(9, 5, 4, 4, seed=seed))
    pair.calibrate(known)
    return pair, known


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_it_adds_the_difference_of_the_nearest_means(strength):
    pair, known = calibrated(DfiOptions(examples=9, neighbours=4, strength=strength))
    x = 0.3 * uniform(2, 5, 4, 4, seed=3)
    for k in range(2):

        def nearest(examples, k=k):
            cosines = torch.cosine_similarity(examples.flatten(1), x[k].flatten(), dim=1)
            return examples[cosines.topk(4).indices].mean(0)

        to_b = x[k] + strength * (nearest(known.b) - nearest(known.a))
        torch.testing.assert_close(pair.into.b(x)[k], to_b.clamp(-1, 1))
        to_a = x[k] + strength * (nearest(known.a) - nearest(known.b))
        torch.testing.assert_close(pair.into.a(x)[k], to_a.clamp(-1, 1))


def test_with_all_examples_as_neighbours_it_is_one_shift_for_every_image():
    pair, known = calibrated(DfiOptions(examples=9, neighbours=9))
    x = 0.2 * uniform(3, 5, 4, 4, seed=3)
    torch.testing.assert_close(pair.into.b(x) - x, (known.b.mean(0) - known.a.mean(0)).expand_as(x))


def test_equally_near_examples_count_alike():
    net = Shift(1, 1, DfiOptions(examples=3, neighbours=1))
    net.target.copy_(torch.tensor([0.2, 0.4, -1.0]).view(3, 1, 1, 1))  # the first two point the same way
    assert net(torch.tensor([[[[0.1]]]])).item() == pytest.approx(0.1 + 0.3)


def test_there_is_nothing_to_learn():
    assert not list(calibrated()[0].parameters())


def test_more_neighbours_than_examples_are_refused():
    with pytest.raises(InputError, match="neighbours = 5; expected at most examples = 4"):
        Dfi(DfiOptions(examples=4, neighbours=5), here=HERE, image=IMAGE)


def test_contract():
    check_translator(OFFER, here=HERE, deeper=None, image=IMAGE, options=OPTIONS, export=False)


def test_onnx_parity_with_what_it_keeps():
    require_exports(calibrated()[0].into.b, lambda b: (0.3 * uniform(b, 5, 4, 4, seed=b),), "dfi")


def test_only_the_inverter_is_trained_and_the_bundle_remembers(tmp_path):
    recipe = small("dfi", "translate[0].translator.examples=8", "translate[0].translator.neighbours=2")
    out = run(recipe, tmp_path / "run", minutes=0.01)
    trained = [e["title"] for e in Events(out / "events.jsonl").read() if e["event"] == "stage"]
    assert trained == ["invert level 3"]
    images, made = translated(out)
    assert made.shape == images.shape
    to_b, to_a = (load_file(out / "bundle" / d / "level3.safetensors") for d in ("a2b", "b2a"))
    assert to_b["target"].shape[0] == 8
    assert to_b["target"].std() > 0.1
    assert torch.equal(to_b["target"], to_a["source"])
    assert torch.equal(to_b["source"], to_a["target"])
