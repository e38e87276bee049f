"""FID and KID: the distances of `frechet` and `kid` over the Inception of 2015, on which the published ones rest.

The network is torchvision's Inception v3 but for its pooling branches, which follow the TensorFlow graph that the
weights are from: averages leave out the padding, and the last block takes the maximum. With torchvision's own pooling
or weights the numbers would be others. Images are resized bilinearly, not antialiased, to 299 px, values -1 to 1.
"""

# B batch, N images, C channels, D dimensions, H W space

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn
from torch.nn import functional as F

from ...framework import EvaluationSet, Images, InputError, MetricOffer, hookimpl, option, to_tensor
from ...framework.bundle.bundle import fill
from ...framework.support.weights import checked, load_state
from .extractors import Extractor
from .frechet import DISTANCE, Frechet, FrechetOptions
from .kid import KERNEL, KernelDistance

FILE = "pt_inception-2015-12-05-6726825d.pth"
SHA256 = "6726825d"
"""The first digits of the file's hash, which stand in its published name."""
SIZE = 299
CLASSES = 1008
WHOLE = FrechetOptions(components=0, fetch=True)
"""All dimensions count; nothing is fetched, and a file that is not there is said to be missing."""


@frozen
class InceptionOptions:
    """Which weights."""

    weights: str = option("", f"path of {FILE}; empty: the `checkpoints` folder of torch.hub, which TORCH_HOME moves")
    verify: bool = option(True, f"refuse a file whose SHA-256 does not begin with {SHA256}")


@frozen
class Inception(Extractor):
    """The 2,048 averages before the classifier."""

    options: InceptionOptions = InceptionOptions()
    name = "inception"
    protocol = f"pooled features of Inception v3 (2015-12-05); images bilinear, not antialiased, to {SIZE} px, float32"

    @property
    def path(self) -> Path:
        """Where the weights should be."""
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        return Path(self.options.weights).expanduser() if self.options.weights else folder / FILE

    def at_hand(self) -> bool:
        """Whether the file is there."""
        return self.path.is_file()

    def network(self, samples: EvaluationSet) -> nn.Module:
        """The network, read once an evaluation. Raises InputError where there is no file, or another one."""
        return samples.common.once(("inception", self.options), lambda: self._read().to(samples.device))

    def _read(self) -> nn.Module:
        where = "the weights of Inception"
        if not (self.options.weights or self.at_hand()):
            # without its path, which is the user's and would stand on every page of scores
            cure = "Put it into the `checkpoints` folder of torch.hub, which TORCH_HOME moves; nothing fetches it."
            raise InputError(where, found=f"no {FILE}", cure=cure)
        path = checked(self.path, where, sha256=SHA256 if self.options.verify else "")
        network = architecture()
        fill(network, load_state(path, where), str(path))
        network.fc = nn.Identity()
        return network.to(memory_format=torch.channels_last).eval()

    def batch(self, images: Images, samples: EvaluationSet) -> Tensor:
        """uint8 (B, H, W, 3) -> (B, 2048)."""
        x = to_tensor(images, samples.device)
        x = F.interpolate(x, (SIZE, SIZE), mode="bilinear", align_corners=False)
        features: Tensor = self.network(samples)(x.contiguous(memory_format=torch.channels_last))
        return features


def architecture() -> Any:
    """The network with random weights: torchvision's, with the pooling branches of the graph of 2015."""
    from torchvision.models import inception_v3

    network = inception_v3(weights=None, aux_logits=False, num_classes=CLASSES, init_weights=False)
    average = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
    maximum = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
    for name in ("5b", "5c", "5d", "6b", "6c", "6d", "6e", "7b", "7c"):
        pool = maximum if name == "7c" else average
        network.get_submodule(f"Mixed_{name}").register_forward_hook(partial(_pooled_by, pool))
    return network


def _pooled_by(pool: Any, block: Any, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    """The block's output with its last branch, the pooling one, made anew."""
    branch = block.branch_pool(pool(inputs[0]))
    return torch.cat([output[:, : -branch.shape[1]], branch], 1)


@hookimpl
def metrics() -> Iterator[MetricOffer]:
    """`fid` and `kid`."""
    for name, order, distance, label, title, source in (
        ("fid", 50, Frechet, DISTANCE, "Fréchet", "Heusel et al. 2017"),
        ("kid", 60, KernelDistance, KERNEL, "Kernel", "Binkowski et al. 2018"),
    ):
        yield MetricOffer(
            name=name,
            options=InceptionOptions,
            build=lambda o, n=name, d=distance, label=label: d(n, Inception(o), WHOLE, label),
            summary=f"{title} Inception distance; needs {FILE}",
            source=source,
            order=order,
        )
