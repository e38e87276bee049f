"""A bundle and its export take the same pictures of every kind, and refuse the same with the same line."""

import numpy as np
import pytest
from PIL import Image

from crosscade.exporters.runtime import load
from crosscade.framework import InputError, Translation, Translator, write_png
from crosscade.framework.data.written import png

WIDE = np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)
OPEN = np.dstack([WIDE, np.full((80, 100), 255, np.uint8)])  # transparent nowhere
SIZE = 64
KINDS = {
    "a path": lambda folder: folder / "wide.png",
    "a path as text": lambda folder: str(folder / "wide.png"),
    "a file's bytes": lambda folder: png(WIDE),
    "a Pillow image": lambda folder: Image.fromarray(WIDE),
    "a Pillow image with transparency": lambda folder: Image.fromarray(OPEN),
    "an array": lambda folder: WIDE,
    "an array of several": lambda folder: np.stack([WIDE, WIDE]),
    "a list of all kinds": lambda folder: [folder / "wide.png", png(WIDE), Image.fromarray(WIDE), WIDE],
    "a tuple": lambda folder: (WIDE, WIDE),
    "a generator": lambda folder: (WIDE for _ in range(2)),
}
REFUSED = {
    "values in 0 to 1": WIDE / 255,
    "grey": WIDE[..., 0],
    "channels first": WIDE.transpose(2, 0, 1),
    "four channels": OPEN,
    "no picture's bytes": b"GIF89a",
    "no file": "nowhere.png",
    "nothing": None,
    "none": [],
    "one bad among good": [WIDE, 7],
}


@pytest.fixture(scope="module")
def translators(trained, exported) -> list[Translator]:
    return [Translation(trained), load(exported)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_is_the_same_picture_to_both(translators, tmp_path, kind):
    write_png(tmp_path / "wide.png", WIDE)
    for translator in translators:
        expected = translator.translate(WIDE)
        translations = translator.translate(KINDS[kind](tmp_path))
        several = kind.startswith(("an array of", "a list", "a tuple", "a gen"))
        assert translations.shape == ((len(translations),) if several else ()) + (SIZE, SIZE, 3)
        assert np.abs(translations.astype(int) - expected).max() <= 1  # batches round differently
        if isinstance(translator, Translation):
            assert translator.images(KINDS[kind](tmp_path)).shape[1:] == (SIZE, SIZE, 3)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_picture_is_refused_alike(translators, kind):
    lines = []
    for translator in translators:
        with pytest.raises(InputError) as refused:
            translator.translate(REFUSED[kind])
        lines.append(str(refused.value))
    with pytest.raises(InputError) as refused:
        translators[0].images(REFUSED[kind])
    assert lines == [str(refused.value)] * 2
    assert "\n" not in lines[0]
