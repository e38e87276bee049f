"""A bundle at work, from and to uint8."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data.original import Mask
from ..data.pictures import Images, Picture, Pictures, many
from ..data.styles import Styles
from ..errors import InputError
from ..features.store import Store
from ..spec import DIRECTIONS
from ..support.device import device_of, full_float32
from ..support.tensors import to_images, to_mask, to_tensor
from ..translator import Translator
from .bundle import Bundle
from .cascade import Cascade


class Translation(Translator):
    """A bundle's cascades as a `Translator`. Reads that of `direction` at once, the other when it is first used.

    It computes in float32 on `device`: auto (a CUDA GPU where there is one), cpu, cuda, cuda:1 or mps. InputError for
    one that is not there.
    """

    def __init__(self, bundle: Bundle, direction: str = "a2b", *, batch: int = 16, device: str = "auto") -> None:
        self.device = device_of(device)
        bundle = bundle.on(self.device)
        self.bundle, self.folder, self.domains, self.directions = bundle, bundle.folder, bundle.domains, DIRECTIONS
        recipe = bundle.recipe
        self.name, self.size, self.load = recipe.name, recipe.image.size, recipe.image.load
        self.data, self.white = recipe.plain()["data"], bundle.white
        self.direction, self.batch = direction, batch
        self._cascades: dict[str, Cascade] = {}
        self.prepare()

    def prepare(self, direction: str | None = None) -> None:
        """Reads a cascade. Raises InputError when it is damaged."""
        self.cascade(direction)

    def forget(self) -> None:
        """Lets go of the cascades."""
        self._cascades.clear()

    def previews(self, direction: str | None = None) -> tuple[str, ...]:
        """The levels that have inverters."""
        return tuple(f"level {i}" for i in self.cascade(direction).previewed)

    def style_size(self, direction: str | None = None) -> int:
        """S of the cascade."""
        return self.cascade(direction).style_size

    def examples(self, direction: str, count: int) -> list[Images]:
        """The first test images of its run; none when the bundle has left it."""
        tested = Store(self.folder.parent / "store" / f"{direction[0]}-test")
        return [np.array(image) for image in tested.array("images")[:count]] if tested.done else []

    def images(self, pictures: Pictures, style: Any = None, seed: int = 0) -> Images:
        """As `translate`, in the direction that it was made for, and always (N, S, S, 3): of one picture one."""
        translations = self.translate(pictures, style=style, seed=seed)
        return translations if many(pictures) else translations[None]

    @torch.inference_mode()
    @full_float32()
    def style_of(self, picture: Picture) -> Tensor:
        """The style (1, K) of an example of the target domain. Raises InputError where the method has no styles."""
        self.need_styles()
        return self.cascade().style_of(to_tensor(self.fit(picture)[None], self.device)).cpu()

    def need_styles(self, where: str = "styles") -> None:
        """Raises InputError, about what was asked for with `where`, when the method has no styles."""
        if not self.style_size():
            raise InputError(
                where,
                found=f"recipe '{self.name}', whose method gives one translation of an image "
                f"({', '.join(s.translator.use for s in self.bundle.recipe.translate)})",
                expected="a multimodal method",
                cure="Leave it out, or train with --recipe munit or drit.",
            )

    def masked(self, direction: str | None = None) -> bool:
        """Whether the inverter gives a foreground map."""
        return self.cascade(direction).masked

    def run(self, direction: str, images: Images, styles: Styles | None, batch: int, *, previews: bool) -> list[Images]:
        """In eager float32."""
        cascade = self.cascade(direction)

        def shown(x: Tensor, style: Tensor | None) -> list[Images]:
            return [to_images(v) for v in (cascade.strip(x, style) if previews else [cascade(x, style)])]

        return self._in_batches(shown, images, styles, batch)

    def run_with_mask(
        self, direction: str, images: Images, styles: Styles | None, batch: int
    ) -> tuple[Images, Mask | None]:
        """As `run`."""
        if not self.masked(direction):
            return super().run_with_mask(direction, images, styles, batch)
        cascade = self.cascade(direction)

        def both(x: Tensor, style: Tensor | None) -> list[Images]:
            translated, mask = cascade.with_mask(x, style)
            return [to_images(translated), to_mask(mask)]

        translated, mask = self._in_batches(both, images, styles, batch)
        return translated, mask

    @torch.inference_mode()
    @full_float32()
    def _in_batches(
        self,
        work: Callable[[Tensor, Tensor | None], list[Images]],
        images: Images,
        styles: Styles | None,
        batch: int,
    ) -> list[Images]:
        pieces = []
        for start in range(0, len(images), batch):
            rows = slice(start, start + batch)
            style = None if styles is None else torch.from_numpy(styles[rows]).to(self.device)
            pieces.append(work(to_tensor(images[rows], self.device), style))
        return [np.concatenate(column) for column in zip(*pieces)]

    def cascade(self, direction: str | None = None) -> Cascade:
        """The bundle's, read when it is first asked for."""
        way = direction or self.direction
        if way not in self._cascades:
            self._cascades[way] = self.bundle.cascade(way)
        return self._cascades[way]
