"""What a run is built from before any data are read."""

from __future__ import annotations

import math

import torch
from attrs import frozen

from .catalogue.catalogue import Catalogue
from .contracts import freeze
from .encoder import Encoder
from .errors import InputError
from .recipe.recipe import Recipe, RefineStage
from .spec import ImageSpec, LevelSpec
from .support.device import Compute


@frozen
class Setup:
    """Enough to build every stage."""

    recipe: Recipe
    catalogue: Catalogue
    encoder: Encoder
    compute: Compute

    @classmethod
    def of(cls, recipe: Recipe, catalogue: Catalogue, compute: Compute) -> Setup:
        """With the recipe's encoder, frozen. InputError for a level or an image size that does not fit it."""
        image = recipe.image
        if 0 < image.load < image.size:
            raise InputError(
                "$.image.load",
                found=str(image.load),
                expected=f"at least image.size = {image.size}",
                cure="Leave it out: 9/8 of size.",
            )
        encoder: Encoder = catalogue.build("encoder", recipe.encoder)
        for path, stage in recipe.places.items():
            if isinstance(stage, RefineStage):  # it has the levels of others
                continue
            try:
                level = encoder.pyramid[stage.level]
            except InputError as error:
                raise error.at(f"{error.where} @ {path}", "Use another level.") from None
            try:
                level.size(image.size)
            except InputError as error:  # losses may read deeper levels, and would refuse what this one divides
                every = math.lcm(*(each.stride for each in encoder.pyramid.levels))
                nearest = max(1, round(image.size / every)) * every
                cure = f"Use {nearest}, which all of the encoder's levels divide."
                raise error.at(error.where, cure) from None
        freeze(encoder)
        encoder = encoder.to(device=compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(recipe, catalogue, encoder, compute)

    @property
    def image(self) -> ImageSpec:
        """The images that the run works on."""
        return ImageSpec(self.recipe.image.size)

    def level(self, number: int) -> LevelSpec:
        """The encoder's level `number`."""
        return self.encoder.pyramid[number]
