"""A whole export of 16 pixels without training: `a2b` turns a picture into its negative, `b2a` halves it."""

from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from crosscade.exporters.safety import manifest
from crosscade.exporters.safety.manifest import INPUT, MASK, OUTPUT, STYLE, Golden, Graph, Manifest
from crosscade.framework import write_png
from crosscade.framework.data.styles import styles_for
from crosscade.framework.support.atomic import write_bytes

SIZE, LEVELS, OPSET = 16, (3, 2), 21
WAYS = {"a2b": (-1.0, 255.0, "day", "night"), "b2a": (0.5, 0.0, "night", "day")}
STYLE_WEIGHT = 20.0
"""By how much a style's first number brightens a picture."""


def pictures(count: int, seed: int = 0, size: int = SIZE) -> np.ndarray:
    """(N, size, size, 3) uint8 noise."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def translated(images: np.ndarray, direction: str = "a2b", styles: np.ndarray | None = None) -> np.ndarray:
    """What the graphs give, in numpy."""
    factor, offset = WAYS[direction][:2]
    brighter = 0.0 if styles is None else STYLE_WEIGHT * styles[:, 0].reshape(-1, 1, 1, 1)
    return np.clip(np.round(images * np.float32(factor) + offset + brighter), 0, 255).astype(np.uint8)


def tapped(images: np.ndarray) -> np.ndarray:
    """What every tap gives: a quarter of the source."""
    return np.round(images * np.float32(0.25)).astype(np.uint8)


def masks(images: np.ndarray) -> np.ndarray:
    """What a mask gives: how red the source is."""
    return images[..., 0]


def write(
    folder: Path,
    *,
    taps: bool = False,
    mask: bool = False,
    style_size: int = 0,
    directions: tuple[str, ...] = ("a2b", "b2a"),
    precision: str = "fp32",
    golden_error: int = 0,
    golden_count: int = 2,
    form: str = manifest.FORMAT,
) -> Path:
    """Writes an export to `folder`; its golden pictures are off by up to `golden_error`, as on another machine.

    With the older `form` their styles are drawn as they then were.
    """
    made = {}
    for direction in directions:
        write_bytes(folder / f"{direction}.onnx", graph(direction, taps, style_size, mask).SerializeToString())
        images = pictures(golden_count, seed=9)
        styles = styles_for(golden_count, style_size)
        if form == manifest.OLDER and style_size:
            styles = older_styles(golden_count, style_size, 0)
        expected = translated(images, direction, styles) ^ golden_error
        golden = []
        for k in range(golden_count):
            name = f"golden/{direction}-{k}-"
            golden.append(Golden(f"{name}source.png", f"{name}translated.png", f"{name}mask.png" if mask else ""))
            write_png(folder / golden[k].source, images[k])
            write_png(folder / golden[k].translated, expected[k])
            if mask:
                write_png(folder / golden[k].mask, masks(images)[k] ^ golden_error)
        made[direction] = Graph(
            file=f"{direction}.onnx", source=WAYS[direction][2], target=WAYS[direction][3], outputs=outputs(taps, mask),
            golden=golden, psnr_db=45, style_size=style_size,
        )  # fmt: skip
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != manifest.NAME)
    manifest.write(
        folder,
        Manifest(
            method="tiny", size=SIZE, resize="bicubic", precision=precision, opset=OPSET,
            encoder={"use": "none", "weights_sha256": "0" * 64}, levels=LEVELS, bundle_sha256="0" * 64,
            versions={"crosscade": "0"}, licence="Apache-2.0", directions=made,
            files={p.relative_to(folder).as_posix(): manifest.file(p) for p in files}, format=form,
        ),
    )  # fmt: skip
    return folder


def older_styles(count: int, size: int, seed: int) -> np.ndarray:
    """As exports of format 1 drew them, which their bundles did not."""
    return np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)


def outputs(taps: bool, mask: bool = False) -> tuple[str, ...]:
    """The names of a graph's outputs."""
    return (OUTPUT, *([MASK] if mask else []), *(f"level{i}" for i in LEVELS if taps))


def graph(direction: str, taps: bool = False, style_size: int = 0, mask: bool = False) -> ModelProto:
    """One direction's graph: uint8 images (N, S, S, 3) and, with a size, float32 styles (N, K) -> the same images."""
    factor, offset = WAYS[direction][:2]
    constants = {"factor": factor, "offset": offset, "low": 0.0, "high": 255.0} | ({"quarter": 0.25} if taps else {})
    tensors = [numpy_helper.from_array(np.float32(v), k) for k, v in constants.items()]
    nodes = [
        helper.make_node("Cast", [INPUT], ["x"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x", "factor"], ["scaled"], "scale"),
        helper.make_node("Add", ["scaled", "offset"], ["plain"], "shift"),
    ]
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["batch", SIZE, SIZE, 3])]
    if style_size:
        inputs.append(helper.make_tensor_value_info(STYLE, TensorProto.FLOAT, ["batch", style_size]))
        weights = np.zeros((style_size, 1), np.float32)
        weights[0] = STYLE_WEIGHT
        tensors.append(numpy_helper.from_array(weights, "weights"))
        tensors.append(numpy_helper.from_array(np.array([-1, 1, 1, 1], np.int64), "shape"))
        nodes += [
            helper.make_node("MatMul", [STYLE, "weights"], ["flat"], "style"),
            helper.make_node("Reshape", ["flat", "shape"], ["brighter"], "spread"),
            helper.make_node("Add", ["plain", "brighter"], ["pixels"], "brighten"),
        ]
    else:
        nodes.append(helper.make_node("Identity", ["plain"], ["pixels"], "same"))
    if mask:
        tensors.append(numpy_helper.from_array(np.int64(0), "red"))
    for name in outputs(taps, mask):
        source = "pixels"
        if name == MASK:
            source = "redness"
            nodes.append(helper.make_node("Gather", ["x", "red"], [source], "redness", axis=3))
        elif name != OUTPUT:
            source = f"{name}_pixels"
            nodes.append(helper.make_node("Mul", ["x", "quarter"], [source], f"{name}_scale"))
        nodes += [
            helper.make_node("Clip", [source, "low", "high"], [f"{name}_clipped"], f"{name}_clip"),
            helper.make_node("Round", [f"{name}_clipped"], [f"{name}_rounded"], f"{name}_round"),
            helper.make_node("Cast", [f"{name}_rounded"], [name], f"{name}_cast", to=TensorProto.UINT8),
        ]
    shapes = [
        helper.make_tensor_value_info(n, TensorProto.UINT8, ["batch", SIZE, SIZE, 3][: 3 if n == MASK else 4])
        for n in outputs(taps, mask)
    ]
    body = helper.make_graph(nodes, "crosscade", inputs, shapes, tensors)
    return helper.make_model(body, ir_version=10, opset_imports=[helper.make_opsetid("", OPSET)])
