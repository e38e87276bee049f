"""One direction, images to images: encode, normalise, translate deep to shallow, invert (Fig. 3).

B batch, H W space; i level; S the style's size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..encoder import Encoder
from ..features.normalise import Normalise
from ..styles import style_size
from ..views import composed, masked


class Cascade(nn.Module):
    """A plain module: what the bundle stores, the exporters compile and the evaluation scores.

    `translators` are by level, deep to shallow. `previews` are the target domain's inverters of every level, which show
    what each level decided (Fig. S15); the final image comes from `inverter`.
    """

    def __init__(
        self,
        encoder: Encoder,
        source: Normalise,
        target: Normalise,
        translators: Mapping[int, nn.Module],
        inverter: nn.Module,
        previews: Mapping[int, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.source, self.target = encoder, source, target
        self.levels = tuple(translators)
        self.translators = nn.ModuleDict({str(i): net for i, net in translators.items()})
        self.inverter = inverter
        self.previews = nn.ModuleDict({str(i): net for i, net in (previews or {}).items()})

        self.styles = {i: size for i, net in translators.items() if (size := style_size(net))}
        """Sizes of the styles that some levels' translators take: the parts of the cascade's style, in this order."""

    @property
    def style_size(self) -> int:
        """S of a multimodal cascade, 0 when there is but one translation of an image."""
        return sum(self.styles.values())

    @property
    def masked(self) -> bool:
        """Whether it has a foreground map, outside of which an image stays as it is."""
        return masked(self.inverter)

    @property
    def previewed(self) -> tuple[int, ...]:
        """The levels whose decision `strip` shows before the final image, deep to shallow."""
        return tuple(i for i in self.levels[:-1] if str(i) in self.previews)

    def features(self, images: Tensor, style: Tensor | None = None) -> dict[int, Tensor]:
        """The translated features by level, deep to shallow, of images (B, 3, H, W) in [-1, 1].

        `style` (B, S) is a multimodal cascade's; without one it is the prior's mean.
        """
        normal = self.source(self.encoder(images, self.levels))
        parts: dict[int, Tensor] = {}
        if self.styles:
            style = images.new_zeros(len(images), self.style_size) if style is None else style
            parts = dict(zip(self.styles, style.split(list(self.styles.values()), dim=1)))
        translated: dict[int, Tensor] = {}
        deeper = None
        for i in self.levels:
            inputs = (normal[i], deeper, parts[i]) if i in parts else (normal[i], deeper)
            deeper = translated[i] = self.translators[str(i)](*inputs)
        return translated

    def forward(self, images: Tensor, style: Tensor | None = None) -> Tensor:
        """Images (B, 3, H, W) in [-1, 1] of the source domain -> the same in the target domain, in `style` (B, S)."""
        return self._image(images, self.features(images, style))[0]

    def with_mask(self, images: Tensor, style: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The same, and its foreground map (B, 1, H, W) in [0, 1]; ValueError when it is not `masked`."""
        image, mask = self._image(images, self.features(images, style))
        if mask is None:
            raise ValueError("this cascade has no foreground map")
        return image, mask

    def _image(self, images: Tensor, features: Mapping[int, Tensor]) -> tuple[Tensor, Tensor | None]:
        shallowest = features[self.levels[-1]]
        if not self.masked:
            return self.inverter(shallowest), None
        net: Any = self.inverter
        return composed(net.with_mask(shallowest), images)

    def strip(self, images: Tensor, style: Tensor | None = None) -> list[Tensor]:
        """The image that each level decided, deep to shallow, and the final one (Fig. S15), each (B, 3, H, W)."""
        features = self.features(images, style)
        shown = [self.previews[str(i)](features[i]) for i in self.previewed]
        return [*shown, self._image(images, features)[0]]

    def style_of(self, images: Tensor) -> Tensor:
        """The styles (B, S) of target-domain images (B, 3, H, W)."""
        normal = self.target(self.encoder(images, tuple(self.styles)))
        nets: dict[int, Any] = {i: self.translators[str(i)] for i in self.styles}
        return torch.cat([net.style_of(normal[i]) for i, net in nets.items()], dim=1)
