"""Images through a trained cascade, from and to uint8."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.images import centre_crop, resize_short_side
from ..data.styles import styles_for
from ..errors import InputError
from ..support.tensors import to_images, to_tensor
from .bundle import Bundle

Picture = NDArray[np.uint8]


class Translation:
    """One direction of a bundle. Images of any size go in; square ones of the bundle's size come out.

    The short side is resized (bicubic, antialiased) to the bundle's size and the centre is cut.

    A multimodal method (`style_size` > 0) gives each image a style of its own, drawn from the prior by `seed`, as its
    scores are published; the k-th image's style depends on the seed and k alone. Or all are given one `style`, (1, S)
    or (S,), as `style_of` takes it from an example.
    """

    def __init__(self, bundle: Bundle, direction: str = "a2b", *, batch: int = 16) -> None:
        self.size, self.batch = bundle.image.size, batch
        self.cascade = bundle.cascade(direction)
        self.recipe = bundle.recipe

    @property
    def style_size(self) -> int:
        """S of a multimodal method, 0 where there is but one translation of an image."""
        return self.cascade.style_size

    def fit(self, image: Picture) -> Picture:
        """`image` (H, W, 3) as the cascade sees it (size, size, 3)."""
        if image.shape[:2] == (self.size, self.size):
            return image
        return centre_crop(resize_short_side(image, self.size), self.size)

    def images(self, images: Sequence[Picture], style: Tensor | None = None, seed: int = 0) -> NDArray[np.uint8]:
        """(N, size, size, 3) translations."""
        return self._run(lambda *given: [self.cascade(*given)], self._fitted(images), style, seed)[0]

    def strip(self, images: Sequence[Picture], style: Tensor | None = None, seed: int = 0) -> list[NDArray[np.uint8]]:
        """The columns source, deepest, next, …, final, each (N, size, size, 3)."""
        fitted = self._fitted(images)
        return [fitted, *self._run(self.cascade.strip, fitted, style, seed)]

    def samples(self, image: Picture, count: int, seed: int = 0) -> NDArray[np.uint8]:
        """(count, size, size, 3) translations of one image, each in a style of its own.

        Raises InputError where the method has no styles.
        """
        self.need_styles()
        return self.images([image] * count, seed=seed)

    @torch.inference_mode()
    def style_of(self, image: Picture) -> Tensor:
        """The style (1, S) of an example of the target domain. Raises InputError where the method has no styles."""
        self.need_styles()
        return self.cascade.style_of(to_tensor(self.fit(image)[None]))

    def need_styles(self, where: str = "styles") -> None:
        """Raises InputError, about what was asked for with `where`, when the method has no styles."""
        if not self.style_size:
            raise InputError(
                where,
                found=f"recipe '{self.recipe.name}', whose method gives one translation of an image "
                f"({', '.join(s.translator.use for s in self.recipe.stages)})",
                expected="a multimodal method",
                cure="Leave it out, or train with --recipe munit or drit.",
            )

    def _fitted(self, images: Sequence[Picture]) -> NDArray[np.uint8]:
        return np.stack([self.fit(v) for v in images])

    @torch.inference_mode()
    def _run(
        self, cascade: Callable[..., list[Tensor]], fitted: NDArray[np.uint8], style: Tensor | None, seed: int
    ) -> list[NDArray[np.uint8]]:
        styles = styles_for(len(fitted), self.style_size, style, seed)
        given = [] if styles is None else [torch.from_numpy(styles)]
        made = []
        for n in range(0, len(fitted), self.batch):
            rows = slice(n, n + self.batch)
            made.append([to_images(v) for v in cascade(to_tensor(fitted[rows]), *(g[rows] for g in given))])
        return [np.concatenate(column) for column in zip(*made)]
