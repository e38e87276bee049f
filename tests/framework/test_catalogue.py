"""Plugins are found one by one; a broken one costs only itself."""

import pytest

from crosscade.framework import Catalogue, EncoderOffer, InputError, LossOffer, hookimpl


def offering(*names):
    class Plugin:
        @hookimpl
        def encoders(self):
            for name in names:
                yield EncoderOffer(name=name, build=lambda options, name=name: name, summary=f"the {name}")

    return Plugin()


class Broken:
    @hookimpl
    def encoders(self):
        raise RuntimeError("no such chip")


class Misfit:
    @hookimpl
    def encoders(self):
        yield LossOffer(name="wrong-kind", build=lambda options: None, summary="a loss where encoders belong")


class Misspelt:
    @hookimpl
    def encodres(self):
        yield None


def test_offers_are_found_by_name():
    catalogue = Catalogue.of(offering("one", "two"))
    assert [o.name for o in catalogue.offers("encoder")] == ["one", "two"]
    assert catalogue.get("encoder", "test:two").summary == "the two"


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [(Broken(), "RuntimeError: no such chip"), (Misfit(), "expected EncoderOffer"), (Misspelt(), "encodres")],
)
def test_a_bad_plugin_is_kept_as_a_failure_and_the_others_work(plugin, reason):
    catalogue = Catalogue.of(plugin, offering("fine"))
    assert catalogue.get("encoder", "fine")
    assert len(catalogue.failures) == 1
    assert reason in str(catalogue.failures[0])


def test_an_unknown_name_gets_a_suggestion_and_the_failures():
    catalogue = Catalogue.of(Broken(), offering("vgg19"))
    with pytest.raises(InputError, match=r"unknown encoder 'vgg91'.*did you mean 'vgg19'.*no such chip"):
        catalogue.get("encoder", "vgg91")


def test_two_of_one_name_are_ambiguous_only_when_used():
    ours, theirs = (
        Catalogue.of(offering("vgg19"), provider="crosscade"),
        Catalogue.of(offering("vgg19"), provider="other"),
    )
    both = Catalogue(ours.entries + theirs.entries, [])
    assert both.entry("encoder", "crosscade:vgg19").provider == "crosscade"
    with pytest.raises(InputError, match=r"ambiguous encoder 'vgg19'.*'crosscade:vgg19'.*'other:vgg19'"):
        both.get("encoder", "vgg19")


def test_every_built_in_plugin_loads():
    assert [f for f in Catalogue.discover().failures if f.provider == "crosscade"] == []
