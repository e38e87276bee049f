"""Damaged and forged files of every kind that is read: the commands that read them refuse, or do what they did."""

from __future__ import annotations

import fnmatch
import os
import random
import shutil
from pathlib import Path

from .contain import contained
from .damage import damage, rehash
from .ledger import Outcome, judged
from .subjects import Subject, Workshop, expected

FORGED = 0.4
"""The share whose hashes are made to fit."""
WEIGHTS = {"pictures": 33, "bundles": 36, "exports": 25, "runs": 2, "stores": 2, "checkpoints": 2}
"""How often each kind is attacked: those of runs take seconds each."""


class Files:
    """The part `files`."""

    def __init__(self, workshop: Workshop, seed: int) -> None:
        self.workshop, self.seed = workshop, seed
        self.subjects = {subject.kind: subject for subject in workshop.subjects()}

    def attempt(self, number: int) -> Outcome:
        """The attack of that number, always the same."""
        chance = random.Random(f"files {self.seed} {number}")
        kind = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        subject, scratch = self.subjects[kind], self.workshop.folder
        wanted = expected(subject, scratch)
        copy, out = scratch / "copy", scratch / "out"
        for old in (copy, out):
            shutil.rmtree(old, ignore_errors=True)
        if kind == "pictures":
            copy.mkdir()
            source = chance.choice(sorted(subject.sound.iterdir()))
            shutil.copy(source, copy)
        else:
            shutil.copytree(subject.sound, copy)
        path = chance.choice(_files(subject, copy))
        how = damage(chance, path)
        forged = kind != "pictures" and chance.random() < FORGED
        if forged:
            rehash(copy, path)
        ended = contained(lambda: subject.command(copy, out), scratch)
        result = subject.result(copy, out) if not ended.code else None
        outcome, said = judged(ended, result, wanted, own=subject.own or forged)
        name = path.relative_to(copy).as_posix()
        forgery = ", its hashes made to fit" if forged else ""
        return Outcome(number, kind, f"{how} of {name}{forgery}", outcome, ended.seconds, said[:300])


def _files(subject: Subject, copy: Path) -> list[Path]:
    patterns = subject.files.split("|")
    paths = sorted(Path(where) / name for where, _, names in os.walk(copy) for name in names if name != "lock")
    return [p for p in paths if any(fnmatch.fnmatch(p.relative_to(copy).as_posix(), v) for v in patterns)]
