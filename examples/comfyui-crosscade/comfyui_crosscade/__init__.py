"""A ComfyUI node that translates images by a Crosscade export.

IMAGE is float32 (B, H, W, 3) and MASK float32 (B, H, W), both in 0 to 1, on the CPU.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from crosscade.exporters.runtime import load

DIRECTIONS = ("a2b", "b2a")

opened = lru_cache(maxsize=2)(load)
"""Exports, read once."""


class CrosscadeTranslate:
    """Images of one domain to another whose shape differs."""

    CATEGORY = "image/crosscade"
    FUNCTION = "translate"
    RETURN_TYPES = ("IMAGE", "MASK")
    RETURN_NAMES = ("images", "mask")
    DESCRIPTION = "Translates images between domains whose shapes differ, with an export of `crosscade export`."

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 (ComfyUI's name)
        """What the node shows."""
        return {
            "required": {
                "images": ("IMAGE",),
                "model": ("STRING", {"default": "zebra-giraffe"}),
                "direction": (DIRECTIONS, {"default": "a2b"}),
                "whole": ("BOOLEAN", {"default": False}),
                "seed": ("INT", {"default": 0, "min": 0, "max": 2**31 - 1}),
            }
        }

    def translate(
        self, images: torch.Tensor, model: str, direction: str, whole: bool, seed: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, H, W, 3) -> (B, S, S, 3) and (B, S, S), or with `whole` (B, H, W, 3) and (B, H, W)."""
        exported = opened(model)
        pixels = (images[..., :3].cpu().numpy().clip(0, 1) * 255).round().astype(np.uint8)
        if whole:
            pairs = [exported.onto_source(image, direction, seed=seed) for image in pixels]
            made = np.stack([image[..., :3] for image, _ in pairs])
            masks = None if pairs[0][1] is None else np.stack([mask for _, mask in pairs])
        else:
            made, masks = exported.with_mask(list(pixels), direction, seed=seed)
        if masks is None:
            masks = np.full(made.shape[:3], 255, np.uint8)
        return torch.from_numpy(made.astype(np.float32) / 255), torch.from_numpy(masks.astype(np.float32) / 255)


NODE_CLASS_MAPPINGS = {"CrosscadeTranslate": CrosscadeTranslate}
NODE_DISPLAY_NAME_MAPPINGS = {"CrosscadeTranslate": "Crosscade Translate"}
__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
