"""A dataset that draws its pictures: stripes of two colours, upright in one domain and level in the other."""

import numpy as np
from attrs import frozen, validators
from crosscade.framework import Dataset, DatasetOffer, Domain, ImageSet, Pair, hookimpl, option


@frozen
class StripesOptions:
    a: str = option("upright", "first domain: upright or level", validators.in_(("upright", "level")))
    b: str = option("level", "second domain", validators.in_(("upright", "level")))
    train: int = option(64, "training images per domain")
    test: int = option(16, "test images per domain")


class Stripes(ImageSet):
    def __init__(self, name, first, count):
        self.name, self.first, self.count = name, first, count

    def __len__(self):
        return self.count

    def load(self, index, short_side):
        rng = np.random.default_rng((self.first + index, self.name == "level"))
        colours, many = rng.integers(0, 256, (2, 3), dtype=np.uint8), rng.integers(4, 12)
        across = colours[np.arange(short_side) * many // short_side % 2]
        picture = np.tile(across, (short_side, 1, 1))
        return picture if self.name == "upright" else picture.swapaxes(0, 1).copy()


class TwoWays(Dataset):
    name, preferred_size = "stripes", 64

    def __init__(self, options):
        sets = options.train, options.test
        self.domains = Pair(options.a, options.b).map(
            lambda d: Domain(d, Stripes(d, 0, sets[0]), Stripes(d, 10**6, sets[1]))
        )


@hookimpl
def datasets():
    yield DatasetOffer(name="stripes", options=StripesOptions, build=TwoWays, summary="upright and level stripes")
