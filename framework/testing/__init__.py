"""The contract suite: what a component must keep. See `checks`, and `fake_gpu` for what a GPU would say."""

from .checks import check_encoder, check_inverter, check_loss, check_translator
from .datasets import check_dataset, check_metric, check_recipe
from .fake_gpu import FakeGpu
from .findings import FakeGpuError, Wait
from .followers import check_starter, check_watcher

__all__ = [
    "FakeGpu",
    "FakeGpuError",
    "Wait",
    "check_dataset",
    "check_encoder",
    "check_inverter",
    "check_loss",
    "check_metric",
    "check_recipe",
    "check_starter",
    "check_translator",
    "check_watcher",
]
