import torch

from crosscade.framework import LevelSpec
from crosscade.plugins.layers.pool import ImagePool, kept


def numbered(*numbers):
    return torch.tensor(numbers, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 3, 2, 2)


def numbers(images):
    return images[:, 0, 0, 0].tolist()


def test_while_it_fills_every_fake_is_kept_and_returned():
    pool = ImagePool(3, 3, 2)
    assert numbers(pool(numbered(1, 2))) == [1, 2]
    assert numbers(pool.images) == [1, 2, 0]
    assert int(pool.filled) == 2


def test_a_full_pool_exchanges_about_half_and_loses_none():
    pool = ImagePool(50, 3, 2)
    pool(numbered(*range(50)))
    torch.manual_seed(0)
    given = list(range(100, 400))
    returned = numbers(pool(numbered(*given)))
    assert sorted(returned + numbers(pool.images)) == sorted([*range(50), *given])
    same = sum(x == y for x, y in zip(given, returned)) / len(given)
    assert 0.4 < same < 0.6


def test_what_it_returns_depends_on_the_step_s_seed_and_its_buffers_alone():
    pool = ImagePool(4, 3, 2)
    pool(numbered(1, 2, 3, 4))
    other = ImagePool(4, 3, 2)
    other.load_state_dict(pool.state_dict())
    for seed in (5, 6, 7):
        made = []
        for one in (pool, other):
            torch.manual_seed(seed)
            made.append(one(numbered(10 * seed, 10 * seed + 1)))
        assert torch.equal(*made)
    assert torch.equal(pool.images, other.images)


def test_what_it_gives_is_its_own():
    pool, fakes = ImagePool(1, 3, 2), numbered(1).clone()
    given = pool(fakes)
    fakes.fill_(9), given.fill_(8)
    assert numbers(pool.images) == [1]


def test_a_pool_of_0_leaves_fakes_alone():
    x = numbered(1)
    assert kept(0, LevelSpec(0, "image", 3, 1), 2)(x) is x
    assert kept(7, LevelSpec(4, "conv4", 5, 8), 6).images.shape == (7, 5, 6, 6)
