"""A metric: how far the translations' mean colour lies from the target's."""

import numpy as np
from crosscade.framework import Metric, MetricOffer, Score, hookimpl


class MeanColour(Metric):
    def measure(self, samples):
        target = samples.target_train.mean((0, 1, 2))

        def away(images):
            return float(np.abs(images.mean((0, 1, 2)) - target).mean())

        score = Score(
            away(samples.translated),
            f"mean difference of mean red, green and blue from {len(samples.target_train)} target training images",
            n=len(samples.translated),
            unit="of 255",
            higher_is_better=False,
            beside={"floor": away(samples.target_test), "ceiling": away(samples.source)},
        )
        return {"mean-colour": score}


@hookimpl
def metrics():
    yield MetricOffer(name="mean-colour", build=lambda options: MeanColour(), summary="Are the colours the target's?")
