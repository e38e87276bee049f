"""The reference is what the code says, and the code says what every option means."""

import pytest
from attrs import evolve, frozen

from crosscade.framework import CommandOffer, LossOffer
from crosscade.framework.catalogue import Entry
from tests.docs_tools import reference

REFERENCE = reference()


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
