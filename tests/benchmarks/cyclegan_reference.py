"""CycleGAN's training step as its paper and public code have it, with the library's own layers and nothing clever.

Residual generators (six blocks below 256 px), 70x70 PatchGAN, LSGAN, a pool of 50, cycle 10, identity 5; the generators
first with the critics frozen, then both critics, each network called once for each of its inputs. float32.
"""

import itertools
import random

import torch
from torch import Tensor, nn


def norm_relu(width: int) -> list[nn.Module]:
    return [nn.InstanceNorm2d(width), nn.ReLU(inplace=True)]


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            *norm_relu(width),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3),
            nn.InstanceNorm2d(width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def generator(width: int = 64, blocks: int = 6) -> nn.Module:
    return nn.Sequential(
        *[nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), *norm_relu(width)],
        *[nn.Conv2d(width, 2 * width, 3, 2, 1), *norm_relu(2 * width)],
        *[nn.Conv2d(2 * width, 4 * width, 3, 2, 1), *norm_relu(4 * width)],
        *[Block(4 * width) for _ in range(blocks)],
        *[nn.ConvTranspose2d(4 * width, 2 * width, 3, 2, 1, 1), *norm_relu(2 * width)],
        *[nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1), *norm_relu(width)],
        *[nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()],
    )


def critic(width: int = 64) -> nn.Module:
    def leaky() -> nn.Module:
        return nn.LeakyReLU(0.2, inplace=True)

    return nn.Sequential(
        *[nn.Conv2d(3, width, 4, 2, 1), leaky()],
        *[nn.Conv2d(width, 2 * width, 4, 2, 1), nn.InstanceNorm2d(2 * width), leaky()],
        *[nn.Conv2d(2 * width, 4 * width, 4, 2, 1), nn.InstanceNorm2d(4 * width), leaky()],
        *[nn.Conv2d(4 * width, 8 * width, 4, 1, 1), nn.InstanceNorm2d(8 * width), leaky()],
        nn.Conv2d(8 * width, 1, 4, 1, 1),
    )


class Pool:
    def __init__(self, size: int = 50) -> None:
        self.size, self.kept = size, list[Tensor]()

    def shown(self, images: Tensor) -> Tensor:
        found = []
        for image in images.detach():
            if len(self.kept) < self.size:
                self.kept.append(image.clone())
                found.append(image)
            elif random.random() < 0.5:
                place = random.randrange(self.size)
                found.append(self.kept[place])
                self.kept[place] = image.clone()
            else:
                found.append(image)
        return torch.stack(found)


class CycleGan:
    def __init__(self) -> None:
        torch.manual_seed(0)
        self.to_b, self.to_a, self.critic_a, self.critic_b = generator(), generator(), critic(), critic()
        for module in itertools.chain(*(n.modules() for n in (self.to_b, self.to_a, self.critic_a, self.critic_b))):
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.normal_(module.weight, 0.0, 0.02)
                nn.init.zeros_(module.bias)
        self.generators = [*self.to_b.parameters(), *self.to_a.parameters()]
        self.critics = [*self.critic_a.parameters(), *self.critic_b.parameters()]
        self.optimiser = torch.optim.Adam(self.generators, 2e-4, (0.5, 0.999))
        self.critic_optimiser = torch.optim.Adam(self.critics, 2e-4, (0.5, 0.999))
        self.pool_a, self.pool_b = Pool(), Pool()

    def step(self, a: Tensor, b: Tensor) -> None:
        """One update of everything from real images (B, 3, H, W) of both domains."""
        fake_b, fake_a = self.to_b(a), self.to_a(b)
        cycled_a, cycled_b = self.to_a(fake_b), self.to_b(fake_a)
        for p in self.critics:
            p.requires_grad_(False)
        loss = 5 * ((self.to_b(b) - b).abs().mean() + (self.to_a(a) - a).abs().mean())
        loss = loss + 10 * ((cycled_a - a).abs().mean() + (cycled_b - b).abs().mean())
        loss = loss + (self.critic_b(fake_b) - 1).square().mean() + (self.critic_a(fake_a) - 1).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        for p in self.critics:
            p.requires_grad_(True)
        self.critic_optimiser.zero_grad()
        for net, real, fake in (
            (self.critic_a, a, self.pool_a.shown(fake_a)),
            (self.critic_b, b, self.pool_b.shown(fake_b)),
        ):
            (0.5 * ((net(real) - 1).square().mean() + net(fake).square().mean())).backward()
        self.critic_optimiser.step()
