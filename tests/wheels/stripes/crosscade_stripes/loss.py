"""An adversarial loss: in each domain a critic tells real from translated features place by place, by least squares."""

from attrs import frozen
from crosscade.framework import AdversarialLoss, LossOffer, Pair, hookimpl, option
from torch import nn


@frozen
class PlacesOptions:
    width: int = option(32, "channels of a critic")
    learning_rate: float = option(2e-4, "Adam's rate for the critics")


class Places(AdversarialLoss):
    needs = frozenset({"real", "fake"})
    betas = (0.5, 0.999)

    def __init__(self, options, *, here):
        super().__init__()
        self.learning_rate = options.learning_rate
        self.critics = Pair(critic(here.channels, options.width), critic(here.channels, options.width))

    def critic_terms(self, view, step):
        wrong = self.critics.zip(
            lambda net, real, fake: (net(real) - 1).square().mean() + net(fake).square().mean(), view.real, view.fake
        )
        return {"tells": wrong.a + wrong.b}

    def terms(self, view):
        wrong = self.critics.zip(lambda net, fake: (net(fake) - 1).square().mean(), view.fake)
        return {"fools": wrong.a + wrong.b}


def critic(channels, width):
    return nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(width, 1, 1))


@hookimpl
def losses():
    yield LossOffer(name="places", options=PlacesOptions, build=Places, summary="least squares, place by place")
