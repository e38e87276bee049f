"""Very many pictures through an export, killed again and again: is anything lost, doubled, or another byte?

    python -m tests.benchmarks.bulk --images 20000 --kills 20 --out FOLDER
    python -m tests.benchmarks.bulk --images 2000 --engine ray --kills 2 --out FOLDER

Small JPEGs are made of scenes of `safari`, each another one, and packed into tars; one of them is cut short. A process
translates them all. A bare loop (tarfile, Pillow, the same session, tarfile) does the same: its CPU time is the
yardstick. Then two processes share the shards, are killed by SIGKILL, one or the other at a random moment of its work,
and started again. With `--engine ray` a driver with two actors does that, and driver or actor is killed. Every shard
must come out as the one process made it, byte by byte. Exit code 0 when all holds.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import resource
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

SCENES, CUT, BATCH = 64, 7, 16
PATTERN = "in-*.tar"


def make(folder: Path, images: int, size: int, shard: int) -> None:
    """Shards of JPEGs, where they are not there."""
    from crosscade.plugins.datasets.safari.dataset import Safari, SafariOptions

    scenes = Safari(SafariOptions(train=SCENES, test=1)).domains.a.train
    drawn = [scenes.load(k, size)[:, :size] for k in range(SCENES)]
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(0, images, shard):
        final = folder / f"in-{first // shard:06d}.tar"
        if final.exists():
            continue
        with tarfile.open(folder / f".{final.name}", "w") as tar:
            for k in range(first, min(images, first + shard)):
                data = picture(drawn[k % SCENES], k // SCENES)
                member = tarfile.TarInfo(f"{k:09d}.jpg")
                member.size = len(data) if k != CUT else 200
                tar.addfile(member, io.BytesIO(data))
        (folder / f".{final.name}").rename(final)


def picture(scene: np.ndarray, turn: int) -> bytes:
    """A JPEG of the scene, moved round and made darker: one that there is not yet."""
    moved = np.roll(scene, (turn, turn // scene.shape[0]), (0, 1))
    stream = io.BytesIO()
    Image.fromarray((moved * (1 - 0.002 * (turn % 97))).astype(np.uint8)).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def bare(export: str, source: str, out: str) -> None:
    """The least that does the work."""
    import onnxruntime

    from crosscade.exporters.safety.manifest import read

    size, settings = read(export).size, onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(f"{export}/a2b.onnx", settings, providers=["CPUExecutionProvider"])
    Path(out).mkdir()
    for path in sorted(Path(source).glob(PATTERN)):
        with tarfile.open(path) as tar, tarfile.open(Path(out) / path.name, "w") as made:
            rows = [(member.name, tar.extractfile(member).read()) for member in tar]
            for start in range(0, len(rows), BATCH):
                names, pixels = [], []
                for name, data in rows[start : start + BATCH]:
                    try:
                        image = Image.open(io.BytesIO(data)).convert("RGB")
                    except OSError:
                        continue
                    pixels.append(np.asarray(image.resize((size, size), Image.Resampling.BICUBIC)))
                    names.append(name)
                for name, pixel in zip(names, session.run(["translated"], {"images": np.stack(pixels)})[0]):
                    stream = io.BytesIO()
                    Image.fromarray(pixel).save(stream, "PNG")
                    member = tarfile.TarInfo(name.replace(".jpg", ".png"))
                    member.size = stream.tell()
                    stream.seek(0)
                    made.addfile(member, stream)


def command(*words: object) -> list[str]:
    """A process of the command line."""
    return [sys.executable, "-m", "crosscade.framework.cli", *map(str, words)]


def worker(export: Path, source: Path, out: Path, part: str = "0/1") -> list[str]:
    """A process of the plain shards."""
    how = ["--shard", part, "--trust", "--readers", 0, "--batch", BATCH, "--device", "cpu"]
    return command("run", export, source / PATTERN, "--out", out, *how)


def driver(export: Path, source: Path, out: Path) -> list[str]:
    """A process of the engine."""
    return command("bulk", export, source / PATTERN, "--out", out, "--trust", "--actors", 2, "--batch", BATCH)


def timed(words: list[str], codes: tuple[int, ...] = (0,)) -> tuple[float, float]:
    """Runs it: seconds of cores, and of the clock."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode in codes, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - began


def begun(out: Path) -> set[Path]:
    """What is being written."""
    return {*out.glob(".*.part")}


def killed(starts: list[list[str]], out: Path, kills: int, seed: int, actors: bool) -> int:
    """Lets the processes work, kills one so often while shards are being written, and starts it again; kills in all."""
    chance, count = random.Random(seed), 0
    running = [_start(words) for words in starts]
    while any(process.poll() is None for process in running):
        time.sleep(chance.uniform(0.05, 1.5))
        alive = [k for k, process in enumerate(running) if process.poll() is None]
        if count < kills and alive and begun(out):
            k = chance.choice(alive)
            if actors and count % 2 == 0 and (victims := list(_actors())):
                os.kill(chance.choice(victims), signal.SIGKILL)  # the driver goes on
            else:
                os.kill(running[k].pid, signal.SIGKILL)
                running[k].wait()
                running[k] = _start(starts[k])
            count += 1
            waited = time.monotonic()
            while not begun(out) and time.monotonic() - waited < 120:  # until there is work to kill again
                time.sleep(0.1)
    for k, process in enumerate(running):
        if process.returncode:
            assert subprocess.run(starts[k]).returncode == 0
    return count


def _start(words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _actors() -> Iterator[int]:
    """The processes of Ray's actors, which are named by their task while they work."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::MapWorker"):
                yield int(path.parent.name)
        except OSError:
            continue


def compared(one: Path, other: Path, images: int) -> dict[str, int]:
    """Pictures that are lost and doubled, and shards that differ."""
    names = []
    for path in sorted(other.glob(PATTERN)):
        with tarfile.open(path) as tar:
            names += tar.getnames()
    keys = [name.split(".")[0] for name in names]
    differ = sum(path.read_bytes() != (other / path.name).read_bytes() for path in one.glob(PATTERN))
    return {
        "lost": len({f"{k:09d}" for k in range(images)} - {*keys}),
        "doubled": len(keys) - len({*keys}),
        "shards that differ": differ,
        "bad rows": sum(name.endswith(".error.txt") for name in names),
    }


def main(arguments: argparse.Namespace) -> int:
    """Does it all; says a row at a time."""
    from crosscade.exporters.bulk import Bulk
    from crosscade.exporters.bulk.forecast import forecast, sampled
    from tests.exporters.tiny_export import write

    out, images, held = arguments.out, arguments.images, True
    out.mkdir(parents=True, exist_ok=True)
    export = arguments.export or out / "tiny.onnx"
    if not export.exists():
        write(export)
    source, one, two = out / "in", out / "one", out / f"killed-{arguments.engine}"
    make(source, images, arguments.size, arguments.shard)
    say(f"{images} images of {arguments.size} px in shards of {arguments.shard}, by {export.name}")
    predicted = forecast(
        lambda: Bulk(export, trust=True, batch=BATCH), sampled([str(source / PATTERN)]), arguments.seconds
    )
    cpu, wall = timed(worker(export, source, one))
    wanted = predicted.wall(images, 1)
    held &= abs(wanted / cpu - 1) <= 0.15
    say(f"one process: {cpu:.1f} s of a core, {wall:.0f} s, {1e3 * cpu / images:.3g} ms an image")
    say(f"forecast: {wanted:.1f} s of a core, {wanted / cpu:.3f} of it")
    if arguments.bare:
        words = [
            sys.executable,
            "-c",
            f"from tests.benchmarks.bulk import bare; bare({str(export)!r}, {str(source)!r}, ",
        ]
        words[-1] += f"{str(out / 'bare')!r})"
        yardstick, _ = timed(words)
        held &= cpu <= 1.15 * yardstick
        say(f"bare loop: {yardstick:.1f} s of a core; the process took {cpu / yardstick:.3f} of it")
    parts = [worker(export, source, two, f"{k}/2") for k in range(2)]
    starts = [driver(export, source, two)] if arguments.engine == "ray" else parts
    began = time.monotonic()
    count = killed(starts, two, arguments.kills, arguments.seed, arguments.engine == "ray")
    found = compared(one, two, images)
    held &= (found["lost"], found["doubled"], found["shards that differ"]) == (0, 0, 0) and count == arguments.kills
    say(f"{count} kills, {time.monotonic() - began:.0f} s: " + ", ".join(f"{v} {k}" for k, v in found.items()))
    say("all holds" if held else "NOT all holds")
    return 0 if held else 1


def say(text: str) -> None:
    """A row."""
    print(text, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=32, help="of the JPEGs, in pixels")
    parser.add_argument("--shard", type=int, default=250, help="pictures in a shard")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--engine", choices=("none", "ray"), default="none")
    parser.add_argument("--export", type=Path, help="default: a tiny one of 16 px")
    parser.add_argument("--seconds", type=float, default=5.0, help="of a core, for the forecast")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-bare", dest="bare", action="store_false")
    parser.add_argument("--out", type=Path, required=True)
    sys.exit(main(parser.parse_args()))
