"""One direction, images to images: encode, normalise, translate deep to shallow, invert (Fig. 3).

B batch, H W space; i level.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from .contracts import Encoder
from .normalise import Normalise


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

    def features(self, images: Tensor) -> dict[int, Tensor]:
        """The translated features by level, deep to shallow, of images (B, 3, H, W) in [-1, 1]."""
        normal = self.source(self.encoder(images, self.levels))
        made: dict[int, Tensor] = {}
        deeper = None
        for i in self.levels:
            deeper = self.translators[str(i)](normal[i], deeper)
            made[i] = deeper
        return made

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [-1, 1] of the source domain -> the same in the target domain."""
        return self.inverter(self.features(images)[self.levels[-1]])

    def strip(self, images: Tensor) -> list[Tensor]:
        """The image that each level decided, deep to shallow, and the final one (Fig. S15), each (B, 3, H, W)."""
        features = self.features(images)
        shown = [self.previews[str(i)](features[i]) for i in self.levels[:-1] if str(i) in self.previews]
        return [*shown, self.inverter(features[self.levels[-1]])]
