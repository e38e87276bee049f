"""Plugins are found one by one; a broken one costs only itself."""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata

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


class Unmarked:
    def encoders(self):
        yield EncoderOffer(name="one", build=lambda options: None, summary="the one")


class Returning:
    @hookimpl
    def encoders(self):
        return EncoderOffer(name="one", build=lambda options: None, summary="the one")


class Plain:
    @hookimpl
    def encoders(self):
        yield EncoderOffer(name="one", build=lambda options: None, summary="the one", options=dict)


class Uncallable:
    @hookimpl
    def encoders(self):
        yield EncoderOffer(name="one", build="the one", summary="the one")


class Capital:
    @hookimpl
    def encoders(self):
        yield EncoderOffer(name="One", build=lambda options: None, summary="the one")


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [
        (Broken(), f"RuntimeError: no such chip ({__file__}:"),
        (Misfit(), "hook 'encoders' yields LossOffer, expected EncoderOffer"),
        (Misspelt(), "unknown hook 'encodres': did you mean 'encoders'?"),
        (Unmarked(), "function 'encoders' without @hookimpl, so nobody calls it"),
        (object(), "no hook: expected a function with @hookimpl, called one of encoders, translators, "),
        (Returning(), "hook 'encoders' returns EncoderOffer, expected an iterable: `yield` it"),
        (Plain(), "TypeError: encoder 'one': options is <class 'dict'>, expected an attrs class"),
        (Uncallable(), "'build' must be callable"),
        (Capital(), "ValueError: 'name' must match regex"),
    ],
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


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys\nsys.exit('no licence')\n", r"SystemExit: no licence \(.*plugin\.py:2\)"),
        ("x = 1 +\n", r"SyntaxError: invalid syntax \(.*plugin\.py:1\)"),
        ("import math\n\nmath.sqrt(-1)\n", r"ValueError: math domain error \(.*plugin\.py:3\)"),
    ],
)
def test_what_a_plugin_raises_when_it_is_imported_names_file_and_line(monkeypatch, tmp_path, code, reason):
    (tmp_path / "strange_plugin.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "strange_plugin", raising=False)
    point = metadata.EntryPoint("strange", "strange_plugin", "crosscade")
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])
    (failure,) = Catalogue.discover().failures
    assert re.search(reason, str(failure))
    monkeypatch.setenv("CROSSCADE_NO_PLUGINS", "1")
    assert Catalogue.discover().failures == []


def test_modules_that_fail_for_one_reason_are_one_failure():
    twice = Catalogue.of(Broken(), Broken())
    assert len(twice.failures) == 1
    with pytest.raises(InputError, match="1 plugin") as refused:
        twice.get("encoder", "one")
    assert str(refused.value).count("no such chip") == 1


def test_threads_that_ask_at_once_find_all():
    catalogue = Catalogue.discover()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(catalogue.offers, ["dataset"] * 4))
    assert found == [found[0]] * 4
    assert {offer.name for offer in found[0]} >= {"folder", "safari"}
