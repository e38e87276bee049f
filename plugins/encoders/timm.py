"""`timm`: any backbone of the timm library as an encoder; level i is its i-th feature map, shallow to deep."""

# B batch, C channels, H W space; i level

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from attrs import evolve, frozen, validators
from torch import Tensor, nn

from ...framework import Encoder, EncoderOffer, InputError, LevelSpec, PyramidSpec, freeze, hookimpl, option
from ...framework.support.fetch import allowed
from ...framework.support.weights import checked


@frozen
class TimmOptions:
    """Which model, and where its weights come from."""

    model: str = option(
        "resnet18",
        "the backbone's name in timm, with the tag of its weights where there are several",
        validators.min_len(1),
    )
    pretrained: bool = option(
        True, "let timm find or fetch the published weights; false: random ones (gaps table, row 25)"
    )
    weights: str = option("", "path of a .safetensors or .pth file for this model, instead of fetching one")


class TimmEncoder(Encoder):
    """Taps a timm model through its `forward_intermediates`, which stops at the deepest map asked for."""

    scale: Tensor
    shift: Tensor

    def __init__(self, model: nn.Module, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.model = model
        info: Any = model.feature_info
        self.pyramid = PyramidSpec(
            tuple(
                LevelSpec(i, str(entry["module"]), int(entry["num_chs"]), int(entry["reduction"]))
                for i, entry in enumerate(getattr(info, "info", info), start=1)
            )
        )
        self.register_buffer("scale", torch.tensor([0.5 / s for s in std]).view(1, -1, 1, 1))
        self.register_buffer("shift", torch.tensor([(0.5 - m) / s for m, s in zip(mean, std)]).view(1, -1, 1, 1))
        freeze(self)

    def forward(self, images: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """Images (B, 3, H, W) in [-1, 1] -> {i: (B, C_i, H / stride_i, W / stride_i)}."""
        wanted = sorted({self.pyramid[level].number for level in levels})
        if not wanted:
            return {}
        maps = self.model.forward_intermediates(  # type: ignore[operator]
            images * self.scale + self.shift,
            indices=[level - 1 for level in wanted],
            stop_early=True,
            intermediates_only=True,
            output_fmt="NCHW",
        )
        return dict(zip(wanted, maps))


def build(options: TimmOptions) -> TimmEncoder:
    """The frozen backbone."""
    where = f"encoder timm, model {options.model}"
    try:
        import timm
    except ImportError as error:
        raise InputError(where, found="no package timm", cure="pip install 'crosscade[timm]'.") from error
    if not timm.is_model(options.model):
        close = get_close_matches(options.model, timm.list_models(), n=3)
        cure = f"Did you mean {' or '.join(close)}?" if close else "timm.list_models() names them all."
        raise InputError(where, found="no such model in timm", cure=cure)
    fetch = options.pretrained and not options.weights
    try:
        with nullcontext() if allowed() else _cached_alone():
            model = _created(options.model, fetch)
    except Exception as error:
        if not fetch:
            raise
        raise InputError(
            where,
            found=f"no pre-trained weights ({type(error).__name__}: {str(error)[:200]})",
            expected="them",
            cure="Give weights = PATH, name a model that has some, or say pretrained = false for random weights.",
        ) from error
    if not hasattr(model, "forward_intermediates") or not hasattr(model, "feature_info"):
        raise InputError(where, found="a model that does not give feature maps", cure="Choose another.")
    if options.weights:
        load(model, Path(options.weights).expanduser(), where)
    config: Any = model.pretrained_cfg
    return TimmEncoder(model, config["mean"], config["std"])


def _created(name: str, pretrained: bool) -> nn.Module:
    """The model, for images of any size where it could else take those of its training alone (a ViT)."""
    import timm

    options: dict[str, Any] = {"pretrained": pretrained, "num_classes": 0}  # its weights go unread
    try:
        return timm.create_model(name, dynamic_img_size=True, **options)
    except TypeError as error:
        if "dynamic_img_size" not in str(error):
            raise
    return timm.create_model(name, **options)


@contextmanager
def _cached_alone() -> Iterator[None]:
    """Published weights are then those that were fetched before."""
    from huggingface_hub import constants

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def load(model: nn.Module, path: Path, where: str) -> None:
    """Fills every tensor of `model` from a local file; what the file has beside them (a classifier) is left."""
    from timm.models import load_state_dict

    try:
        state = load_state_dict(
            str(checked(path, where, cure="Give the path of a file.")), device="cpu", weights_only=True
        )
        missing = model.load_state_dict(state, strict=False).missing_keys
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            where, found=f"weights that do not fit ({str(error)[:200]})", expected="this model's"
        ) from error
    if missing:
        raise InputError(
            f"{where} ({path})",
            found=f"{len(missing)} tensors missing, first {missing[0]}",
            expected="this model's weights",
        )


@hookimpl
def encoders() -> Iterator[EncoderOffer]:
    """timm."""
    yield EncoderOffer(
        name="timm",
        options=TimmOptions,
        build=build,
        pyramid=lambda options: build(evolve(options, pretrained=False, weights="")).pyramid,
        summary="any backbone of the timm library, by its name",
        source="Wightman 2019 (PyTorch Image Models)",
    )
