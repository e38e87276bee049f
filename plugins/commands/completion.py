"""`crosscade completion`: a script by which a shell completes commands, options, and the names of what is installed.

The names are written into the script, so that completing starts no Python; installing a plugin asks for another script.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs

from ...framework import Catalogue, CommandOffer, InputError, hookimpl
from ...framework.cli import parser as whole
from ...framework.errors import show
from ...framework.hookspecs import KINDS
from ...framework.recipe.recipe import ImageOptions, InvertStage, RefineStage, Schedule, Training, TranslateStage

SHELLS = ("bash", "zsh", "fish")
NAMED = {"recipe": "recipe", "methods": "recipe", "data": "dataset", "metrics": "metric", "watch": "watcher"}
NAMED |= {"format": "exporter", "name": "", "start": "starter"}
"""Arguments, and the kind of part that they name ('': any)."""
FOLDERS = frozenset({"DIR", "RUN", "OUT"})
NO_FILES = frozenset({"NAME", "KEY=VALUE", "KEY=V,V,…", "HOST", "H", "TEXT", "DEVICE", "N[,N]"})
STAGES = {"image": ImageOptions, "training": Training, "refine": RefineStage, "translate[0]": TranslateStage}
STAGES |= {"invert[0]": InvertStage, "refine.schedule": Schedule, "translate[0].schedule": Schedule}
# What bash adds to shtab's function: no space behind `key=`, and the parts' names behind `….use=`, which it splits.
BASH = """
_crosscade_uses() { case "$1" in
%s
esac; }
_crosscade() {
  local word="${COMP_WORDS[COMP_CWORD]}" key="${COMP_WORDS[COMP_CWORD-2]}"
  [[ $word == "=" ]] && key="${COMP_WORDS[COMP_CWORD-1]}" word=""
  if [[ $key == *use && "${COMP_WORDS[*]}" == *"$key ="* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_crosscade_uses "$key")" -- "$word")
    return
  fi
  _shtab_crosscade
  if [[ ${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o bashdefault -o default -F _crosscade crosscade
"""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="whose script; it goes where the shell looks for completions")


def _run(arguments: argparse.Namespace, catalogue: Catalogue) -> int:
    try:
        import shtab
    except ModuleNotFoundError:
        cure = "pip install 'crosscade[completion]'"
        raise InputError("no package 'shtab'", expected="it, which writes such scripts", cure=cure) from None
    names = {kind: [offer.name for offer in catalogue.offers(kind)] for kind in KINDS if kind != "command"}
    root = whole(catalogue)
    for action, sub in _actions(root):
        _complete(action, sub, names, shtab)
    script = shtab.complete(root, shell=arguments.shell)
    if arguments.shell == "bash":
        places = {"encoder": "*encoder.use", "translator": "*translator.use", "inverter": "*inverter.use"}
        places |= {"dataset": "*data.use"}
        script += BASH % "\n".join(f"{place}) echo {' '.join(names[kind])};;" for kind, place in places.items())
    show(script)
    return 0


def _actions(root: argparse.ArgumentParser) -> Iterator[tuple[argparse.Action, argparse.ArgumentParser]]:
    """Every command's arguments."""
    for commands in root._actions:
        if isinstance(commands, argparse._SubParsersAction):
            commands.help = None  # the root's own help lists them in groups; shtab leaves out what is suppressed
            for sub in dict.fromkeys(commands.choices.values()):
                yield from ((action, sub) for action in sub._actions)


def _complete(action: Any, sub: argparse.ArgumentParser, names: dict[str, list[str]], shtab: Any) -> None:
    """What may stand there: a choice of its own, names of parts, keys, folders, files or nothing that is known."""
    if action.choices or action.nargs == 0:
        return
    place = str(action.metavar or (action.dest.upper() if action.option_strings else "FILES"))
    if action.dest in NAMED:  # the shell itself completes files where no name fits
        kind = NAMED[action.dest]
        action.choices = names[kind] if kind else sorted({name for each in names.values() for name in each})
    elif action.dest == "set":
        recipes = any(a.dest in ("recipe", "methods") for a in sub._actions)
        action.choices = list(_keys()) if recipes else ["encoder.weights="]
    elif action.type in (None, Path) and place not in NO_FILES:
        action.complete = shtab.DIRECTORY if place in FOLDERS else shtab.FILE


def _keys() -> Iterator[str]:
    """The keys of a recipe that `--set` takes, those of the first stages for all."""
    yield from ("data.use=", "data.root=", "encoder.use=", "encoder.weights=", "start=")
    for place, options in STAGES.items():
        for field in attrs.fields(options):
            if field.name in ("translator", "inverter"):
                yield f"{place}.{field.name}.use="
            elif field.name not in ("losses", "schedule", "level"):
                yield f"{place}.{field.name}="


@hookimpl
def commands() -> Iterable[CommandOffer]:
    """The command."""
    yield CommandOffer(
        name="completion",
        arguments=_arguments,
        build=_run,
        summary="Write a script by which your shell completes commands, options and names of parts",
        group="research",
        example="crosscade completion bash > ~/.local/share/bash-completion/completions/crosscade",
    )
