"""By operator, the dimensions of what a node makes of inputs of known dimensions, or a WireError. Torch-free.

Refused is also what no export of ours has and onnxruntime has ended on: windows that do not fit into what they move
over, paddings that a runtime chooses, an average over spread windows.
"""

# dims of a value as ONNX has them: N batch, C channels, then space

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from .protobuf import WireError

Dims = tuple[int, ...]
Numbers = NDArray[Any]


@frozen
class Node:
    """An operator as the file has it, with `what` to call it."""

    operator: str
    attributes: Mapping[str, Any]
    takes: Sequence[str]
    makes: Sequence[str]
    what: str


@frozen
class Given:
    """A node's input: its dimensions, and its numbers where they do not depend on the pictures."""

    dims: Dims
    values: Numbers | None = None

    @property
    def whole(self) -> list[int]:
        """The numbers of a shape, of positions or of axes."""
        if self.values is None:
            raise WireError("a shape that depends on the pictures")
        return [int(v) for v in self.values.reshape(-1)]

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return math.prod(self.dims)


Inputs = list[Given | None]
Rule = Callable[[Node, Inputs], list[Dims]]


def _need(condition: bool, reason: str) -> None:
    if not condition:
        raise WireError(reason)


def _first(node: Node, inputs: Inputs) -> list[Dims]:
    return [_of(inputs, 0).dims]


def _of(inputs: Inputs, number: int) -> Given:
    value = inputs[number]
    if value is None:
        raise WireError("an input that is missing")
    return value


def _optional(inputs: Inputs, number: int) -> Given | None:
    return inputs[number] if number < len(inputs) else None


def _broadcast(*several: Iterable[int]) -> Dims:
    return reduce(lambda one, other: np.broadcast_shapes(one, other), map(tuple, several))


def _all(node: Node, inputs: Inputs) -> list[Dims]:
    return [_broadcast(*(value.dims for value in inputs if value))]


def _axes(axes: Iterable[int], rank: int) -> list[int]:
    places = [axis + rank if axis < 0 else axis for axis in axes]
    _need(len({*places}) == len(places) and all(0 <= axis < rank for axis in places), f"axes {places}")
    return places


def _windows(node: Node, space: Dims, kernel: Sequence[int]) -> list[tuple[int, int, int, int, int]]:
    """For each dimension of space: its length, the window's reach, its stride and what is put before and behind."""
    a, rank = node.attributes, len(space)
    strides, dilations = a.get("strides", [1] * rank), a.get("dilations", [1] * rank)
    pads = a.get("pads", [0] * 2 * rank)
    _need(a.get("auto_pad", "NOTSET") in ("NOTSET", "VALID"), f"auto_pad {a.get('auto_pad')}")
    _need(rank > 0 and list(a.get("kernel_shape", kernel)) == list(kernel), "a kernel of another shape")
    _need(len(pads) == 2 * rank and len(kernel) == len(strides) == len(dilations) == rank, "windows of another rank")
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    return list(zip(space, reach, strides, pads[:rank], pads[rank:]))


def _conv(node: Node, inputs: Inputs) -> list[Dims]:
    x, w = _of(inputs, 0).dims, _of(inputs, 1).dims
    group = node.attributes.get("group", 1)
    _need(len(x) == len(w) and x[1] == w[1] * group and w[0] % group == 0, f"weights {list(w)} in {group} groups")
    space = []
    for n, reach, stride, before, behind in _windows(node, x[2:], w[2:]):
        _need(n + before + behind >= reach, "a window that does not fit")
        space.append((n + before + behind - reach) // stride + 1)
    return [(x[0], w[0], *space)]


def _conv_transpose(node: Node, inputs: Inputs) -> list[Dims]:
    x, w = _of(inputs, 0).dims, _of(inputs, 1).dims
    group, more = node.attributes.get("group", 1), node.attributes.get("output_padding", [0] * (len(x) - 2))
    _need(len(x) == len(w) and x[1] == w[0] and w[0] % group == 0, f"weights {list(w)} in {group} groups")
    windows = _windows(node, x[2:], w[2:])
    _need(len(more) == len(windows), "output_padding of another rank")
    space = [stride * (n - 1) + reach + extra - before - behind
             for (n, reach, stride, before, behind), extra in zip(windows, more)]  # fmt: skip
    return [(x[0], w[1] * group, *space)]


def _pool(node: Node, inputs: Inputs) -> list[Dims]:
    x, a, space = _of(inputs, 0).dims, node.attributes, []
    _need(node.operator == "MaxPool" or {*a.get("dilations", [1])} == {1}, "dilations")
    for n, reach, stride, before, behind in _windows(node, x[2:], a["kernel_shape"]):
        room = n + before + behind - reach
        _need(room >= 0 and before < reach > behind, "a window that does not fit")
        count = (-(-room // stride) if a.get("ceil_mode") else room // stride) + 1
        space.append(count - (a.get("ceil_mode", 0) and (count - 1) * stride >= n + before))
    return [(*x[:2], *space)]


def _global_pool(node: Node, inputs: Inputs) -> list[Dims]:
    dims = _of(inputs, 0).dims
    return [(*dims[:2], *(1 for _ in dims[2:]))]


def _matmul(node: Node, inputs: Inputs) -> list[Dims]:
    a, b = _of(inputs, 0).dims, _of(inputs, 1).dims
    _need(len(a) > 1 < len(b) and a[-1] == b[-2], f"matrices {list(a)} and {list(b)}")
    return [(*_broadcast(a[:-2], b[:-2]), a[-2], b[-1])]


def _gemm(node: Node, inputs: Inputs) -> list[Dims]:
    a, b = _of(inputs, 0).dims, _of(inputs, 1).dims
    a, b = a[::-1] if node.attributes.get("transA") else a, b[::-1] if node.attributes.get("transB") else b
    c = _optional(inputs, 2)
    _need(len(a) == len(b) == 2 and a[1] == b[0], f"matrices {list(a)} and {list(b)}")
    _need(c is None or _broadcast((a[0], b[1]), c.dims) == (a[0], b[1]), "a bias of another shape")
    return [(a[0], b[1])]


def _reduce(node: Node, inputs: Inputs) -> list[Dims]:
    dims, given = _of(inputs, 0).dims, _optional(inputs, 1)
    axes = _axes(given.whole if given else node.attributes.get("axes", []), len(dims))
    if not axes and not node.attributes.get("noop_with_empty_axes"):
        axes = list(range(len(dims)))
    kept = node.attributes.get("keepdims", 1)
    return [tuple(1 if k in axes else n for k, n in enumerate(dims) if kept or k not in axes)]


def _reshape(node: Node, inputs: Inputs) -> list[Dims]:
    dims, count, wanted = _of(inputs, 0).dims, _of(inputs, 0).count, _of(inputs, 1).whole
    if not node.attributes.get("allowzero"):
        wanted = [dims[k] if n == 0 else n for k, n in enumerate(wanted)]
    if -1 in wanted:
        others = -math.prod(wanted)
        _need(wanted.count(-1) == 1 and others > 0 and count % others == 0, f"{wanted}")
        wanted[wanted.index(-1)] = count // others
    _need(math.prod(wanted) == count, f"{wanted}")
    return [tuple(wanted)]


def _flatten(node: Node, inputs: Inputs) -> list[Dims]:
    dims, axis = _of(inputs, 0).dims, node.attributes.get("axis", 1)
    return [(math.prod(dims[:axis]), math.prod(dims[axis:]))]


def _transpose(node: Node, inputs: Inputs) -> list[Dims]:
    dims = _of(inputs, 0).dims
    order = node.attributes.get("perm", range(len(dims))[::-1])
    _need(sorted(order) == list(range(len(dims))), f"perm {list(order)}")
    return [tuple(dims[k] for k in order)]


def _concat(node: Node, inputs: Inputs) -> list[Dims]:
    several = [_of(inputs, k).dims for k in range(len(inputs))]
    (axis,) = _axes([node.attributes["axis"]], len(several[0]))
    rest = {(*dims[:axis], *dims[axis + 1 :], len(dims)) for dims in several}
    _need(len(rest) == 1, "dimensions that differ")
    return [(*several[0][:axis], sum(dims[axis] for dims in several), *several[0][axis + 1 :])]


def _split(node: Node, inputs: Inputs) -> list[Dims]:
    dims, given = _of(inputs, 0).dims, _optional(inputs, 1)
    (axis,) = _axes([node.attributes.get("axis", 0)], len(dims))
    if given:
        sizes = given.whole
    else:
        size, parts = -(-dims[axis] // len(node.makes)), len(node.makes)
        sizes = [size] * (parts - 1) + [dims[axis] - size * (parts - 1)]
    _need(len(sizes) == len(node.makes) and sum(sizes) == dims[axis] and min(sizes) > 0, f"parts {sizes}")
    return [(*dims[:axis], size, *dims[axis + 1 :]) for size in sizes]


def _slice(node: Node, inputs: Inputs) -> list[Dims]:
    dims, first, last = list(_of(inputs, 0).dims), _of(inputs, 1).whole, _of(inputs, 2).whole
    given, stepping = _optional(inputs, 3), _optional(inputs, 4)
    axes = _axes(given.whole if given else range(len(first)), len(dims))
    steps = stepping.whole if stepping else [1] * len(first)
    for axis, start, end, step in zip(axes, first, last, steps, strict=True):
        dims[axis] = len(range(*slice(start, end, step).indices(dims[axis])))
    return [tuple(dims)]


def _squeeze(node: Node, inputs: Inputs) -> list[Dims]:
    dims, given = _of(inputs, 0).dims, _optional(inputs, 1)
    axes = _axes(given.whole, len(dims)) if given else [k for k, n in enumerate(dims) if n == 1]
    _need(all(dims[k] == 1 for k in axes), f"axes {axes}")
    return [tuple(n for k, n in enumerate(dims) if k not in axes)]


def _unsqueeze(node: Node, inputs: Inputs) -> list[Dims]:
    dims, axes = list(_of(inputs, 0).dims), _of(inputs, 1).whole
    for axis in sorted(_axes(axes, len(dims) + len(axes))):
        dims.insert(axis, 1)
    return [tuple(dims)]


def _gather(node: Node, inputs: Inputs) -> list[Dims]:
    dims, places = _of(inputs, 0).dims, _of(inputs, 1)
    (axis,) = _axes([node.attributes.get("axis", 0)], len(dims))
    return [(*dims[:axis], *places.dims, *dims[axis + 1 :])]


def _expand(node: Node, inputs: Inputs) -> list[Dims]:
    return [_broadcast(_of(inputs, 0).dims, _of(inputs, 1).whole)]


def _tile(node: Node, inputs: Inputs) -> list[Dims]:
    return [tuple(n * times for n, times in zip(_of(inputs, 0).dims, _of(inputs, 1).whole, strict=True))]


def _pad(node: Node, inputs: Inputs) -> list[Dims]:
    dims, pads, given = list(_of(inputs, 0).dims), _of(inputs, 1).whole, _optional(inputs, 3)
    axes = _axes(given.whole if given else range(len(dims)), len(dims))
    _need(len(pads) == 2 * len(axes), f"pads {pads}")
    for axis, before, behind in zip(axes, pads[: len(axes)], pads[len(axes) :]):
        fits = node.attributes.get("mode", "constant") != "reflect" or max(before, behind) < dims[axis]
        _need(fits and min(before, behind) > -dims[axis], f"pads {pads}")
        dims[axis] += before + behind
    return [tuple(dims)]


def _resize(node: Node, inputs: Inputs) -> list[Dims]:
    a, dims = node.attributes, list(_of(inputs, 0).dims)
    scales, sizes = _optional(inputs, 2), _optional(inputs, 3)
    axes = _axes(a.get("axes", range(len(dims))), len(dims))
    _need(a.get("keep_aspect_ratio_policy", "stretch") == "stretch", "a policy of proportions")
    _need(a.get("coordinate_transformation_mode", "half_pixel") != "tf_crop_and_resize", "a region to cut")
    if sizes:
        new = sizes.whole
    else:
        _need(scales is not None and scales.values is not None, "no scale that is known")
        factors = [float(factor) for factor in scales.values.reshape(-1)]  # type: ignore[union-attr]
        new = [math.floor(np.float32(dims[k]) * np.float32(factor)) for k, factor in zip(axes, factors, strict=True)]
    for axis, size in zip(axes, new, strict=True):
        dims[axis] = size
    return [tuple(dims)]


def _space(node: Node, inputs: Inputs) -> list[Dims]:
    (n, c, h, w), b = _of(inputs, 0).dims, node.attributes["blocksize"]
    if node.operator == "DepthToSpace":
        _need(c % b**2 == 0, f"{c} channels in blocks of {b}")
        return [(n, c // b**2, h * b, w * b)]
    _need(h % b == 0 and w % b == 0, f"{h} x {w} in blocks of {b}")
    return [(n, c * b**2, h // b, w // b)]


def _constant_of_shape(node: Node, inputs: Inputs) -> list[Dims]:
    return [tuple(_of(inputs, 0).whole)]


RULES: dict[str, Rule] = {
    "Conv": _conv, "ConvTranspose": _conv_transpose, "MaxPool": _pool, "AveragePool": _pool,
    "GlobalAveragePool": _global_pool, "MatMul": _matmul, "Gemm": _gemm, "Reshape": _reshape, "Flatten": _flatten,
    "Transpose": _transpose, "Concat": _concat, "Split": _split, "Slice": _slice, "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze, "Gather": _gather, "Expand": _expand, "Tile": _tile, "Pad": _pad, "Resize": _resize,
    "DepthToSpace": _space, "SpaceToDepth": _space, "ConstantOfShape": _constant_of_shape,
    "Constant": lambda node, _: [node.attributes["value"].shape],
    "Shape": lambda node, inputs: [
        (len(_of(inputs, 0).dims[node.attributes.get("start", 0) : node.attributes.get("end")]),)
    ],
    **dict.fromkeys(("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2"), _reduce),
    **dict.fromkeys("Add Sub Mul Div Min Max Sum Mean Where Equal Less Greater Pow".split(), _all),  # noqa: SIM905
    **dict.fromkeys(
        """
        Relu LeakyRelu PRelu Elu Clip Tanh Sigmoid HardSigmoid HardSwish Gelu Softplus Softmax Erf Exp Log Sqrt
        Reciprocal Abs Neg Atanh Floor Round Cast Identity QuantizeLinear DequantizeLinear BatchNormalization
        InstanceNormalization GroupNormalization LayerNormalization
        """.split(),  # noqa: SIM905
        _first,
    ),
}  # fmt: skip
"""By operator: the dimensions of what it makes."""
