"""The page's resizing against the pipeline's, which is Pillow's: equal to the bit, where a canvas gives 29 dB."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from crosscade.exporters.web import SITE
from crosscade.framework.data.images import fit_square

SIZES = {
    "halved": (60, 40, 16),
    "photograph": (640, 481, 64),
    "its own size": (64, 64, 64),
    "one side its own": (64, 100, 64),
    "enlarged": (33, 47, 64),
    "tiny": (7, 5, 48),
    "one pixel": (1, 1, 8),
    "rounded to the even": (85, 34, 8),
    "a tower, which is cut first": (16, 901, 16),
    "a frieze": (902, 17, 32),
}
SCRIPT = """
import { readFileSync, writeFileSync } from "node:fs";
import { fitSquare } from %s;
const bytes = readFileSync(0), parts = [];
let at = 0;
for (const [width, height, size] of JSON.parse(process.argv[1])) {
  const data = bytes.subarray(at, at += width * height * 4);
  parts.push(fitSquare(row => data.subarray(row * width * 4, (row + 1) * width * 4), width, height, size));
}
writeFileSync(1, Buffer.concat(parts));
"""


@pytest.fixture(scope="module")
def resized(tmp_path_factory):
    """{name: (the picture, what the page makes of it)}, by one process of node."""
    node = shutil.which("node")
    if not node:
        pytest.skip("no node here")
    module = tmp_path_factory.mktemp("node") / "resize.mjs"
    shutil.copy(SITE / "resize.js", module)
    random = np.random.default_rng(0)
    pictures = {name: random.integers(0, 256, (h, w, 4), dtype=np.uint8) for name, (w, h, _) in SIZES.items()}
    command = [node, "--input-type=module", "-e", SCRIPT % json.dumps(module.as_uri()), json.dumps([*SIZES.values()])]
    given = b"".join(picture.tobytes() for picture in pictures.values())
    done = subprocess.run(command, input=given, capture_output=True, check=True)
    made = np.frombuffer(done.stdout, np.uint8)
    pieces = np.split(made, np.cumsum([3 * size**2 for _, _, size in SIZES.values()])[:-1])
    return {name: (pictures[name], piece.reshape(SIZES[name][2], -1, 3)) for name, piece in zip(SIZES, pieces)}


@pytest.mark.parametrize("name", SIZES)
def test_it_equals_pillow(resized, name):
    picture, made = resized[name]
    assert np.array_equal(made, fit_square(np.ascontiguousarray(picture[..., :3]), SIZES[name][2]))
