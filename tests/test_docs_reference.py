"""The reference is what the code says, and the code says what every option means."""

import importlib
import re

import pytest
from attrs import evolve, frozen

from crosscade.framework import CommandOffer, LossOffer
from crosscade.framework.catalogue.catalogue import Entry
from tests.docs_tools import reference

REFERENCE, API = reference(), reference("api")


@frozen
class Quiet:
    whisper: int = 0


@pytest.fixture(scope="module")
def catalogue():
    return REFERENCE.own()


@pytest.mark.parametrize("page", REFERENCE.PAGES)
def test_the_reference_is_up_to_date(page, catalogue):
    stands = (REFERENCE.FOLDER / page).read_text(encoding="utf-8")
    assert stands == REFERENCE.whole(page, catalogue), "run `make docs`"


def test_the_page_of_the_python_api_is_up_to_date():
    assert API.PAGE.read_text(encoding="utf-8") == API.page(), "run `make docs`"


def test_every_public_name_stands_there_once_and_says_something():
    page = API.page()
    for door in ("crosscade.framework", *API.DOORS):
        for name in importlib.import_module(door).__all__:
            assert page.count(f"#### `{name}`\n") == (2 if name == "load" else 1), name
    silent = re.findall(r"#### `(\w+)`\n\n```text\n(?:class |\1\().*?\n```\n\n\n", page, re.DOTALL)
    assert silent == []


def test_a_changed_signature_or_docstring_changes_the_page():
    def drawn(image: "str", *, size: int = 8) -> "list[str]":
        """Images of `size` < 9 pixels.

        >>> drawn(None)
        []
        """

    assert API.entry("drawn", drawn) == [
        "#### `drawn`", "", "```text", "drawn(image: str, *, size: int = 8) -> list[str]", "```", "",
        "Images of `size` \\< 9 pixels.", "", "", "```pycon", ">>> drawn(None)", "[]", "```", "",
    ]  # fmt: skip


def test_every_argument_key_and_option_says_what_it_means(catalogue):
    assert REFERENCE.undocumented(catalogue) == []


def test_one_that_does_not_is_named_and_stands_on_the_page(catalogue):
    command = CommandOffer(name="mute", summary="no", build=int, arguments=lambda p: p.add_argument("--mumble"))
    loss = LossOffer(name="quiet", summary="no", build=int, options=Quiet)
    more = evolve(catalogue, entries=[*catalogue.entries, *(Entry(offer, "us", "1") for offer in (command, loss))])
    assert REFERENCE.undocumented(more) == ["crosscade mute mumble", "loss quiet: whisper"]
    assert "`--mumble MUMBLE`" in REFERENCE.commands(more)
    assert "`whisper`" in REFERENCE.parts(more)


def test_what_strangers_offer_stands_elsewhere(catalogue):
    assert {entry.provider for entry in catalogue.entries} == {"crosscade"}
