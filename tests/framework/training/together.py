"""The tiny run by as many processes as torchrun starts, which goes on with what is there.

`python -m tests.framework.training.together RUN TROUBLE [SETTING …]`: at the second step of the translation at level 5
the last process is killed once, or told to stop, or looks at its own rows' statistics from the start.
"""

import os
import signal
import sys
from pathlib import Path

import torch

from crosscade.framework import CrosscadeError
from crosscade.framework.support import ranks
from crosscade.framework.training.watcher import RunWatcher
from crosscade.plugins.layers import critics
from tests.framework.tiny import tiny_run

SIGNALS = {"killed": "SIGKILL", "stopped": "SIGTERM"}


def main(run, trouble, *settings):
    torch.set_num_threads(1)
    after, here = RunWatcher.after, Path(f"{run}.{trouble}")

    def troubled(self, state, values, stop):
        after(self, state, values, stop)
        if (
            ranks.group().rank == 1
            and (state.stage.name, state.step) == ("1-translate-level5", 2)
            and not here.exists()
        ):
            here.touch()
            os.kill(os.getpid(), getattr(signal, SIGNALS[trouble]))

    if trouble in SIGNALS:
        RunWatcher.after = troubled
    if trouble == "own":
        critics.over_all = lambda mean: mean
    try:
        tiny_run(Path(run), "training.checkpoint_seconds=1e-9", *settings, resume=True)
    except CrosscadeError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    # threads of the group that outlive it can end the interpreter with SIGABRT
    left = [task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm")]
    if any("gloo" in name for name in left):
        sys.exit(f"threads that are left: {left}")


if __name__ == "__main__":
    main(*sys.argv[1:])
