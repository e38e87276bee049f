"""The paper's recipe as it stands, 224 px and VGG-19, for a few steps: the geometry holds from end to end."""

import pytest
import torch
import torchvision

from crosscade.framework import Catalogue, InputError, Reporter, load, read, resolve, train
from crosscade.framework.recipe.read import override

FEW = [
    f"{part}.schedule.{key}=2"
    for part in ("translate[0]", "translate[1]", "translate[2]")
    for key in ("images", "batch")
]
FEW += [f"invert[{k}].schedule.{key}=2" for k in range(3) for key in ("images", "batch")]


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A file of VGG-19's shape where torchvision keeps it, but not the trained one."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth"
    path.parent.mkdir(parents=True)
    torch.manual_seed(0)
    torch.save(torchvision.models.vgg19(weights=None).state_dict(), path)
    return path


@pytest.mark.slow
def test_the_paper_recipe_runs_at_224_px_with_a_local_file(weights, tmp_path):
    catalogue = Catalogue.discover()
    settings = ["data.use=safari", "data.train=3", "data.test=2", "training.threads=1", "training.ship_collapsed=true"]
    table = override(read("paper", catalogue), [*settings, *FEW])
    with pytest.raises(InputError, match="dcbb9e9d"):
        train(resolve(table, catalogue), tmp_path / "refused", catalogue=catalogue, report=Reporter(quiet=True))
    recipe = resolve(override(table, ["encoder.verify=false"]), catalogue)
    bundle = load(train(recipe, tmp_path / "run", catalogue=catalogue, report=Reporter(quiet=True)), catalogue)
    images = torch.rand(1, 3, 224, 224) * 2 - 1
    with torch.inference_mode():
        cascade = bundle.cascade("a2b")
        features = cascade.features(images)
        assert {i: tuple(f.shape[1:]) for i, f in features.items()} == {
            5: (512, 14, 14),
            4: (512, 28, 28),
            3: (256, 56, 56),
        }
        assert cascade(images).shape == (1, 3, 224, 224)
