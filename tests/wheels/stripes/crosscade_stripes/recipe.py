"""A recipe of this package's parts and some of Crosscade's own; what it does not say has its default."""

from crosscade.framework import RecipeOffer, hookimpl

STRIPES = """
name = "stripes"
data = "stripes"
encoder = "filters"

[[invert]]
level = 2
inverter = { use = "dosovitskiy-brox", width = 16 }
losses = [{ use = "image-reconstruction" }]
schedule = { images = 400, batch = 8, learning_rate = 1e-3 }

[[translate]]
level = 3
translator = { use = "deepest", width = 32 }
losses = [{ use = "places" }, { use = "cycle", weight = 10 }]
schedule = { images = 400, batch = 8, learning_rate = 1e-3 }

[[translate]]
level = 2
translator = { use = "adain", width = 32 }
losses = [{ use = "identity" }]
schedule = { images = 400, batch = 8, learning_rate = 1e-3 }
"""


@hookimpl
def recipes():
    yield RecipeOffer(name="stripes", build=lambda: STRIPES, summary="stripes turned by a right angle")
