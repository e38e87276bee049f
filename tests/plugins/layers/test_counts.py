import pytest
import torch

from crosscade.framework import LevelSpec
from crosscade.plugins.layers.critics import ProjectedCritic
from crosscade.plugins.layers.pool import ImagePool


@pytest.mark.parametrize(
    ("module", "count"),
    [(ImagePool(3, 3, 2), "filled"), (ProjectedCritic([LevelSpec(1, "one", 4, 2)], 32, 4), "seen")],
)
def test_a_count_stays_on_the_cpu_and_all_else_moves(module, count):
    before = list(module.state_dict())
    module.to("meta")
    devices = {name: value.device.type for name, value in module.state_dict().items()}
    assert list(devices) == before, "checkpoints keep their keys, in their order"
    assert devices.pop(count) == "cpu"
    assert set(devices.values()) == {"meta"}


def test_a_count_inside_another_module_does_too():
    both = torch.nn.ModuleList([ImagePool(3, 3, 2), torch.nn.Linear(2, 2)]).to("meta")
    assert both[0].filled.device.type == "cpu"
    assert both[0].images.device.type == both[1].weight.device.type == "meta"
