import tomllib

import pytest

from crosscade.framework import Catalogue, ImageSpec, LevelSpec, resolve
from crosscade.plugins.recipes.packaged import packaged

CATALOGUE = Catalogue.discover()
VGG = [LevelSpec(i + 1, f"conv{i + 1}_1", c, 2**i) for i, c in enumerate((64, 128, 256, 512, 512))]


@pytest.mark.parametrize("name", packaged())
def test_every_packaged_recipe_resolves_and_is_offered(name):
    table = tomllib.loads(packaged()[name])
    recipe = resolve(table, CATALOGUE)
    assert recipe.name == name
    assert resolve(recipe.plain(), CATALOGUE) == recipe
    assert CATALOGUE.get("recipe", name).summary == recipe.summary


def test_paper_is_the_papers_size():
    recipe = resolve(tomllib.loads(packaged()["paper"]), CATALOGUE)
    assert [stage.level for stage in recipe.translate] == [5, 4, 3]
    total = 0
    for stage, deeper in zip(recipe.translate, [None, *recipe.translate]):
        offer = CATALOGUE.get("translator", stage.translator.use)
        below = VGG[deeper.level - 1] if deeper else None
        pair = offer.make(stage.translator.options, here=VGG[stage.level - 1], deeper=below, image=ImageSpec(224))
        total += sum(p.numel() for p in pair.into.a.parameters())
    assert total == pytest.approx(66.1e6, rel=1e-3)  # 81.4 M with VGG-19 up to conv5_1 and the level-3 inverter
