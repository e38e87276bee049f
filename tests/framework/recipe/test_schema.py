"""Plain values into options classes: strict, and every error has the path of what is wrong."""

from typing import Literal

import pytest
from attrs import frozen, validators

from crosscade.framework import InputError, option
from crosscade.framework.recipe.schema import describe, plain, structure


@frozen
class Inner:
    width: int = option(8, "channels", validators.gt(0))


@frozen
class Options:
    name: str
    rate: float = 0.5
    on: bool = True
    levels: tuple[int, ...] = ()
    how: Literal["sum", "mean"] = "sum"
    inner: Inner = Inner()
    others: tuple[Inner, ...] = ()
    maybe: Inner | None = None
    seed: int | None = 0
    pair: tuple[int, float] = (1, 1.0)


def test_values_become_options_and_plain_values_again():
    table = {"name": "x", "rate": 2, "levels": [5, 4], "inner": {"width": 3}, "others": [{}], "maybe": {"width": 1}}
    made = structure(table, Options, "$")
    assert made == Options("x", 2.0, levels=(5, 4), inner=Inner(3), others=(Inner(),), maybe=Inner(1))
    assert structure(plain(made), Options, "$") == made
    assert structure({"name": "x", "seed": None, "pair": [2, 3]}, Options, "$") == Options(
        "x", seed=None, pair=(2, 3.0)
    )


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, r"\$\.part: found no 'name'"),
        ({"name": "x", "raet": 1}, r"unknown key 'raet' @ \$\.part\. did you mean 'rate'\?"),
        ({"name": 1}, r"wrong type @ \$\.part\.name: found 1; expected text"),
        ({"name": "x", "rate": "2"}, r"@ \$\.part\.rate: found '2'; expected a number"),
        ({"name": "x", "rate": True}, r"@ \$\.part\.rate: found True; expected a number"),
        ({"name": "x", "on": 1}, r"@ \$\.part\.on: found 1; expected true or false"),
        ({"name": "x", "levels": [5, 4.5]}, r"@ \$\.part\.levels\[1\]: found 4\.5; expected a whole number"),
        ({"name": "x", "on": "yes"}, r"@ \$\.part\.on: found 'yes'; expected true or false"),
        ({"name": "x", "maybe": 3}, r"@ \$\.part\.maybe: found 3; expected a table or nothing"),
        ({"name": "x", "seed": 1.5}, r"@ \$\.part\.seed: found 1\.5; expected a whole number or nothing"),
        ({"name": "x", "pair": [1]}, r"@ \$\.part\.pair: found \[1\]; expected a list of a whole number , a number"),
        ({"name": "x", "levels": "54"}, r"@ \$\.part\.levels: found '54'; expected a list of a whole number"),
        ({"name": "x", "levels": 5}, r"@ \$\.part\.levels: found 5; expected a list of a whole number"),
        ({"name": "x", "how": "max"}, r"@ \$\.part\.how: found 'max'; expected 'sum' \| 'mean'"),
        ({"name": "x", "inner": {"width": 0}}, r"'width' must be > 0: 0 @ \$\.part\.inner"),
        ({"name": "x", "others": [{}, {"widht": 1}]}, r"unknown key 'widht' @ \$\.part\.others\[1\]"),
    ],
)
def test_mistakes(table, message):
    with pytest.raises(InputError, match=message):
        structure(table, Options, "$.part")


def test_options_describe_themselves():
    assert describe(Inner) == [{"name": "width", "type": "a whole number", "default": "8", "help": "channels"}]
    assert describe(Options)[0]["default"] == "(required)"
