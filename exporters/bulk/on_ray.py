"""Shards by Ray Data: actors that hold a session each. Torch-free; needs ray.

A row is a shard. What is done is what has its final name, as without an engine: an actor that dies gets its shard
again, a driver that is killed is started again and finds what is done, and nothing has to be kept in memory for that,
however many images there are. No task but the actors' needs a core, so that none can wait for another for ever.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import asdict

from ...framework import InputError, RunError
from .rows import Bulk
from .shards import Tally, prepare, ready, translate_shard

if TYPE_CHECKING:
    from ...framework import Reporter


PATIENCE_SECONDS = 20
"""With a cluster's head that does not answer."""


class Actor:
    """What becomes of a batch of one shard: a tally, and why the shard is not done."""

    def __init__(self, settings: dict[str, Any], out: str, force: bool) -> None:
        self.bulk, self.out, self.force = Bulk(**settings), Path(out), force

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """`shard`, one path -> a row of what became of it."""
        tally = Tally()
        reason = translate_shard(self.bulk, Path(str(batch["shard"][0])), self.out, tally, force=self.force)
        return {"reason": [reason], **{key: [value] for key, value in asdict(tally).items()}}


def translate_on_ray(
    settings: dict[str, Any],
    shards: Sequence[Path],
    out: Path,
    report: Reporter,
    *,
    how: dict[str, Any],
    actors: int = 0,
    address: str = "",
    force: bool = False,
) -> Tally:
    """As `prepare` and `translate_shards`, by so many actors (0: one a core) of a Bulk with `settings`.

    `how` marks the folder, once there is a cluster: what could not begin leaves nothing behind. Without an `address`
    Ray is started here, for this alone. InputError where no cluster answers at `address`, or it has fewer cores than
    there should be actors.
    """
    ray = _ray()
    ready(out, shards, how, force=force)
    try:
        _knock(address)
        ray.init(
            address=address or "local", include_dashboard=False, log_to_driver=False, logging_level="ERROR",
            ignore_reinit_error=True,
        )  # fmt: skip
    except Exception as error:  # Ray raises several of its own, and builtin ones
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        if not address:
            raise RunError("Ray on this machine", found=reason, cure="`crosscade run` does without it.") from error
        cure = "`ray start --head` starts one; without --address Ray runs on this machine alone."
        raise InputError(f"--address {address}", found=f"no cluster ({reason})", expected="one", cure=cure) from None
    try:
        cores = int(ray.cluster_resources().get("CPU", 0))
        count = actors or min(cores, len(shards))
        if count > cores:
            found = f"more than the {cores} cores of the cluster"
            raise InputError(f"--actors {count}", found=found, expected=f"1 to {cores}: they would wait for ever")
        prepare(out, shards, how, force=force)
        return _translate(settings, shards, out, report, count, force)
    finally:
        ray.shutdown()


def _translate(
    settings: dict[str, Any], shards: Sequence[Path], out: Path, report: Reporter, actors: int, force: bool
) -> Tally:
    data: Any = import_module("ray.data")
    context = data.DataContext.get_current()
    context.enable_progress_bars, context.verbose_progress = False, False
    context.raise_original_map_exception = True
    import_module("logging").getLogger("ray.data").setLevel("ERROR")
    rows = data.from_items([{"shard": str(path.resolve())} for path in shards], override_num_blocks=len(shards))
    # absolute: an actor works in a folder of its own
    how = {"settings": settings, "out": str(out.resolve()), "force": force}
    done = rows.map_batches(Actor, batch_size=1, concurrency=actors, num_cpus=1, fn_constructor_kwargs=how)
    tally = Tally()
    with report.stage("shards", len(shards)) as bar:
        try:
            for row in done.iter_rows():
                for key in asdict(tally):
                    setattr(tally, key, getattr(tally, key) + int(row[key]))
                if row["reason"]:
                    report.warn(f"{row['reason']}. This shard is not done.")
                bar.advance()
        except (_ray().exceptions.RayError, OSError) as error:
            reason = str(error).strip().splitlines()[-1][:200]
            raise RunError("an actor of Ray", found=reason, cure="Run it again: what is done is kept.") from error
    return tally


def _knock(address: str) -> None:
    """Raises OSError where nobody listens at `HOST:PORT`: Ray itself asks for minutes, and logs each time."""
    where = urlsplit(address if "://" in address else f"//{address}")
    if where.hostname and where.port:
        socket.create_connection((where.hostname, where.port), PATIENCE_SECONDS).close()


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody is told what is computed here
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what matters is raised
    try:
        return import_module("ray")
    except ModuleNotFoundError:
        cure = "pip install 'crosscade[ray]'"
        raise InputError("no package 'ray'", expected="it: this needs crosscade[ray]", cure=cure) from None
