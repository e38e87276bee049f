"""The smallest recipe that has every kind of stage: seconds, not minutes."""

import copy
from pathlib import Path

from crosscade.framework import Catalogue, Recipe, Reporter, resolve, train
from crosscade.framework.recipe.read import override

FAST = {"images": 8, "batch": 2, "learning_rate": 1e-3, "ema": 0.9}
TABLE = {
    "name": "tiny",
    "data": {"use": "safari", "train": 6, "test": 4},
    "image": {"size": 64, "crops": 2},
    "encoder": {"use": "efficientnet-lite0"},
    "training": {"threads": 1, "precision": "float32", "clip_sigma": 2.0, "ship_collapsed": True},
    "invert": [
        {
            "level": 4,
            "inverter": {"use": "dosovitskiy-brox", "width": 8, "upsample": "resize"},
            "losses": [
                {"use": "image-reconstruction"},
                {"use": "feature-reconstruction", "weight": 0.1, "levels": [2, 3]},
                {"use": "lsgan", "weight": 0.1, "start": 0.5, "width": 8},
            ],
            "schedule": FAST,
        }
    ],
    "translate": [
        {
            "level": 5,
            "translator": {"use": "deepest", "width": 16},
            "losses": [
                {"use": "wgan-gp", "width": 8, "steps": 2, "penalty_every": 2},
                {"use": "cycle", "weight": 10},
                {"use": "identity", "weight": 10},
            ],
            "schedule": FAST,
        },
        {
            "level": 4,
            "translator": {"use": "adain", "width": 16, "style_width": 8, "hidden": 8},
            "losses": [{"use": "identity"}],
            "schedule": FAST,
        },
    ],
    "refine": {
        "losses": [
            {"use": "hinge", "weight": 0.1, "critic": "projected", "width": 8, "levels": [2, 3]},
            {"use": "feature-consistency", "weights": [1.0]},
            {"use": "image-reconstruction"},
            {"use": "identity", "weight": 0.5},
        ],
        "schedule": FAST,
    },
}


def former(table: dict) -> dict:
    """A recipe's table with the names that its keys had before."""
    names = {"invert": "inversions", "translate": "stages"}
    image = {"views" if key == "crops" else key: value for key, value in table["image"].items()}
    return {names.get(key, key): value for key, value in (table | {"image": image}).items()}


def unhashed(state: dict) -> dict:
    """What a run or a store knew of itself when it kept no hashes of its files."""
    return {key: value for key, value in state.items() if key not in ("files", "seal")}


def tiny_recipe(*settings: str, catalogue: Catalogue | None = None) -> Recipe:
    """The recipe with `key=value` settings."""
    return resolve(override(copy.deepcopy(TABLE), settings), catalogue or Catalogue.discover())


def tiny_run(out: Path, *settings: str, **arguments: object) -> Path:
    """A run of it in this process; returns the bundle's folder."""
    return train(tiny_recipe(*settings), out, report=Reporter(quiet=True), **arguments)
