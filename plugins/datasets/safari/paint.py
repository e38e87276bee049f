"""Painting a planned safari scene: a sky, land, and animals that are filled from far to near."""

# S image side, K = SUPER * S; pictures are (S, S, 3) float32 in 0..255

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from numpy.random import default_rng
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .coats import COATS, Plane, Window, periodic_noise
from .scene import SUPER, Placed, Scene


@cache
def _grain(kind: int) -> Image.Image:
    """Periodic noise for sky (0) and ground (1), twice in each direction."""
    cells = ((3, 6, 12), (5, 10, 20, 40, 80))[kind]
    noise = periodic_noise(default_rng([21, kind]), 256, cells, (0.6, 0.85)[kind])
    return Image.fromarray(np.tile(noise, (2, 2)))


def _noise(kind: int, offset: tuple[int, int], size: int) -> Plane:
    x, y = offset
    box = (x, y, x + 256, y + 256)
    return np.asarray(
        _grain(kind).resize((size, size), Image.Resampling.BOX if size < 256 else Image.Resampling.BICUBIC, box=box)
    )


def _filled(polygons: Iterable[NDArray[np.float64]], width: int, height: int) -> Image.Image:
    """A mode-P picture of which polygon is in front: 1 for the first, 0 for none."""
    ids = Image.new("P", (width, height))
    draw = ImageDraw.Draw(ids)
    for i, polygon in enumerate(polygons, start=1):
        draw.polygon(polygon.ravel().tolist(), fill=i)
    return ids


def _table(values: Sequence[object]) -> NDArray[np.uint8]:
    """A look-up table for ids: 0 for none, then the values, rounded."""
    rows = np.clip(np.array(values, np.float64) + 0.5, 0, 255).astype(np.uint8)
    return np.concatenate([np.zeros_like(rows[:1]), rows])


def _own_colours(ids: Image.Image, colours: Sequence[object]) -> NDArray[np.float32]:
    """The mean colour over each SUPER x SUPER block, black where there is nothing."""
    ids.putpalette(_table(colours).tobytes())
    return np.asarray(ids.convert("RGB").reduce(SUPER), np.float32)


def _coverage(ids: Image.Image) -> tuple[Image.Image, Plane]:
    """How much of each block is covered, as a picture and in 0..1."""
    mask = Image.fromarray((np.asarray(ids) > 0) * np.uint8(255)).reduce(SUPER)
    return mask, np.asarray(mask, np.float32) / np.float32(255)


def _landscape(scene: Scene, size: int) -> NDArray[np.float32]:
    a, b, c = scene.grain
    sky_noise, ground_noise = _noise(0, (a, b), size), _noise(1, (b, c), size)
    y = ((np.arange(size, dtype=np.float32) + 0.5) / size)[:, None, None]
    down = np.clip(y / scene.horizon, 0, 1)
    high, low = (v.astype(np.float32) for v in scene.sky)
    sky = high + (low - high) * down + 5 * sky_noise[..., None]
    ids = _filled([polygon * (size * SUPER) - 0.5 for polygon, _ in scene.land], size * SUPER, size * SUPER)
    land = _own_colours(ids, [colour for _, colour in scene.land])
    near, far = (v.astype(np.float32) for v in scene.ground)
    depth = np.clip((y - scene.horizon) / (1 - scene.horizon), 0, 1)
    tone = 1 + (far / np.maximum(near, 1) - 1) * depth + 0.075 * ground_noise[..., None] * (0.45 + 0.55 * depth)
    picture: NDArray[np.float32] = (sky * (1 - _coverage(ids)[1][..., None]) + land * tone).astype(np.float32)
    return picture


def _shadow(picture: NDArray[np.float32], animal: Placed, size: int) -> None:
    """Darkens the ground under the feet, in place."""
    shape = animal.shape
    cx = animal.x + animal.facing * animal.scale * (shape.hind_x + shape.fore_x) / 2
    cy = animal.y - (shape.ground + 0.02) * animal.scale
    rx = animal.scale * (shape.fore_x - shape.hind_x)
    at = (np.arange(size, dtype=np.float32) + 0.5) / size
    d = ((at[None] - cx) / rx) ** 2 + ((at[:, None] - cy) / (0.09 * animal.scale)) ** 2
    picture *= (1 - 0.34 * np.exp(-d))[..., None]


def _random_details(animal: Placed) -> dict[str, tuple[int, int, int]]:
    """Colours for most details, so that whoever looks at a swapped coat cannot tell the species by them."""
    rng = default_rng(animal.stream[1])
    names = sorted({part.detail for part in animal.shape.parts if part.detail})
    drawn = {name: (rng.random(), rng.integers(20, 231, 3)) for name in names}
    return {name: tuple(int(v) for v in c) for name, (p, c) in drawn.items() if p < 0.7}  # type: ignore[misc]


def _animal(
    animal: Placed, texture: str, swapped: bool, size: int
) -> tuple[NDArray[np.float32], Plane, int, int] | None:
    """Colour (h, w, 3) times alpha, alpha (h, w), and the left top corner; None when out of sight."""
    shape, f = animal.shape, animal.facing
    x0, y0, x1, y1 = shape.extent
    left, right = sorted((animal.x + f * x0 * animal.scale, animal.x + f * x1 * animal.scale))
    top, bottom = animal.y - y1 * animal.scale, animal.y - y0 * animal.scale
    cl, ct = max(0, int(np.floor(left * size)) - 1), max(0, int(np.floor(top * size)) - 1)
    cr, cb = min(size, int(np.ceil(right * size)) + 1), min(size, int(np.ceil(bottom * size)) + 1)
    if cr <= cl or cb <= ct:
        return None
    w, h = (cr - cl) * SUPER, (cb - ct) * SUPER
    scale = animal.scale * size * SUPER  # pixels per animal unit
    ox, oy = animal.x * size * SUPER - cl * SUPER, animal.y * size * SUPER - ct * SUPER
    ids = _filled((part.polygon * (f * scale, -scale) + (ox - 0.5, oy - 0.5) for part in shape.parts), w, h)
    window = Window(-ox * f / scale, oy / scale, f / scale, -1 / scale, w, h)
    coat = COATS[texture](shape, window, default_rng(animal.stream[0]))
    # Everything is linear in the coat's share, so the fine pixels need two planes and the colours come after.
    details = _random_details(animal) if swapped else {}
    tone = _table([0 if part.colour else 255 * part.tone for part in shape.parts])[np.asarray(ids)]
    shared = Image.fromarray(tone * coat.share).reduce(SUPER)
    bare = np.asarray(Image.fromarray(tone).reduce(SUPER), np.float32)[..., None] * (coat.light / 255).astype(
        np.float32
    )
    own = [np.array(details.get(part.detail, part.colour or (0, 0, 0))) * part.tone for part in shape.parts]
    colour = bare + np.asarray(shared)[..., None] * ((coat.dark - coat.light) / 255).astype(np.float32)
    colour += _own_colours(ids, own)
    mask, alpha = _coverage(ids)
    # Light from above: a blurred silhouette is a height whose slope says what faces the sky.
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(animal.scale * size * 0.07)), np.float32) / 255
    reach = max(1, round(animal.scale * size * 0.06))
    padded = np.pad(soft, ((reach, reach), (0, 0)), mode="edge")
    light = 0.84 + 0.2 * soft + 0.3 * (padded[2 * reach :] - padded[: -2 * reach])
    return np.clip(colour * light[..., None], 0, 255), alpha, cl, ct


def silhouette(animals: Iterable[Placed], size: int) -> NDArray[np.bool_]:
    """Which pixels (size, size) the animals cover, if only in part."""
    scale = size * SUPER
    polygons = [
        (part.polygon * (v.facing * v.scale, -v.scale) + (v.x, v.y)) * scale - 0.5
        for v in animals
        for part in v.shape.parts
    ]
    covered: NDArray[np.bool_] = _coverage(_filled(polygons, scale, scale))[1] > 0
    return covered


def paint(scene: Scene, texture: str, size: int) -> NDArray[np.uint8]:
    """The scene as uint8 (size, size, 3), its animals wearing `texture`."""
    picture = _landscape(scene, size)
    for animal in scene.animals:
        _shadow(picture, animal, size)
    for animal in sorted(scene.animals, key=lambda v: v.y - v.shape.ground * v.scale):
        layer = _animal(animal, texture, texture != scene.species, size)
        if layer is None:
            continue
        colour, alpha, x, y = layer
        patch = picture[y : y + alpha.shape[0], x : x + alpha.shape[1]]
        patch *= 1 - alpha[..., None]
        patch += colour
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)
