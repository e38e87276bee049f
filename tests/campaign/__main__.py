"""Attacks every kind of file that is read and every command that writes, and writes down what came of it.

    python -m tests.campaign files --count 10000 --seed 1 --out campaign
    python -m tests.campaign all --out campaign        # every part, as many as docs/reliability.md asks for
    python -m tests.campaign table --out campaign      # docs/reliability.md again, from what was written down

A part goes on where it stopped. What a number does follows from the seed and the number alone. Exit code 1 when there
is a fault among the outcomes.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

COUNTS = {"files": 10_000, "graphs": 5_000, "kills": 200, "signals": 60, "disk": 60, "pictures": 0, "folders": 0}
"""How many of each `all` attempts; 0 is all that there are."""


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=[*COUNTS, "all", "table"])
    parser.add_argument("--count", type=int, help="attempts (default: see COUNTS)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("campaign"), help="folder for the outcomes")
    arguments = parser.parse_args()
    from .run import attack, write

    if arguments.part != "table":
        parts = list(COUNTS) if arguments.part == "all" else [arguments.part]
        faults = 0
        for part in parts:
            count = COUNTS[part] if arguments.count is None else arguments.count
            faults += attack(part, count, arguments.seed, arguments.out)
        return 1 if faults else 0
    write(arguments.out, Path(__file__).parents[2] / "docs" / "reliability.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
