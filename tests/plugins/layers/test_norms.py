import torch
from torch.nn import functional as F

from crosscade.plugins.layers.norms import adain


def test_adain_gives_each_instance_the_asked_mean_and_deviation():
    x = 3 + 5 * torch.randn(2, 3, 8, 8)
    scale, shift = torch.tensor([[2.0, 1, 0.5]] * 2)[..., None, None], torch.tensor([[0.0, -1, 4]] * 2)[..., None, None]
    y = adain(x, scale, shift)
    torch.testing.assert_close(y.mean((2, 3)), shift[..., 0, 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std((2, 3), correction=0), scale[..., 0, 0], atol=1e-4, rtol=1e-4)


def test_adain_by_hand():
    x = torch.tensor([[[[1.0, 3.0]]]])  # mean 2, biased deviation 1
    expected = torch.tensor([[[[5.0 - 2, 5.0 + 2]]]])
    torch.testing.assert_close(
        adain(x, torch.tensor([[[[2.0]]]]), torch.tensor([[[[5.0]]]])), expected, atol=1e-4, rtol=0
    )


def test_the_written_gradient_is_autograds():
    x, scale, shift, w = (
        torch.randn(2, 3, 5, 4),
        torch.randn(2, 3, 1, 1),
        torch.randn(2, 3, 1, 1),
        torch.randn(2, 3, 5, 4),
    )
    results = []
    for function in (adain, lambda x, g, b: F.instance_norm(x, eps=1e-5) * g + b):
        given = [t.clone().requires_grad_(True) for t in (x, scale, shift)]
        y = function(*given)
        results.append([y, *torch.autograd.grad((y * w).sum(), given)])
    for one, other in zip(*results):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_statistics_are_float32_and_the_type_is_kept():
    x = (1000 + torch.randn(1, 2, 16, 16)).bfloat16()
    one, zero = torch.ones(1, 2, 1, 1), torch.zeros(1, 2, 1, 1)
    y = adain(x, one, zero)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), F.instance_norm(x.float()), atol=0.02, rtol=0.02)
