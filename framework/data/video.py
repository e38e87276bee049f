"""Video files by PyAV, read and written frame by frame: of any length, in the memory of a few frames. Torch-free."""

# H W a frame's size

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from attrs import define, field

from ..errors import InputError
from ..support import atomic
from .contents import VIDEOS
from .dataset import Image
from .films import Film
from .images import MAX_PIXELS
from .original import Original
from .written import MAKER

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

READ = {".webm": "matroska", ".mkv": "matroska", ".avi": "avi"}
"""FFmpeg's readers by ending; all others are MP4's. A file may not choose one: some open what it names."""
WRITE: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    ".mp4": ("libx264", {"crf": "18", "preset": "fast"}, ("aac", "mp3")),
    ".webm": ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "4"}, ("opus", "vorbis")),
}
"""By the ending: the coder, how well it keeps pictures, and the sound that fits in as it is."""
HD, ITU709, ITU601, LIMITED = 720, 1, 5, 1
"""Rows from which on colours are ITU-R BT.709's, below BT.601's, and FFmpeg's numbers of these and of their range."""


def need_av(path: Path) -> None:
    """InputError where PyAV is not installed."""
    try:
        import av  # noqa: F401
    except ImportError:
        found, cure = "a video, and no package av", "pip install 'crosscade[video]'"
        raise InputError(str(path), found=found, cure=cure) from None


@define(eq=False)
class Video(Film):
    """The first video stream of a file, and its sound."""

    path: Path
    count: int
    rate: Fraction
    base: Fraction
    """Seconds of a tick of its clock."""
    note: str
    _ticks: deque[int | None] = field(factory=deque, init=False)
    """When each frame is shown that has been read and not yet been written."""

    @classmethod
    def of(cls, path: Path) -> Self:
        """Looks at the file. InputError for one that is no video, or whose frames are too large."""
        need_av(path)
        with _opened(path) as container:
            if not container.streams.video:
                raise InputError(str(path), found="no pictures", expected="a video")
            stream = container.streams.video[0]
            width, height = stream.codec_context.width, stream.codec_context.height
            if not 0 < width * height <= MAX_PIXELS:
                expected = f"at most {MAX_PIXELS // 10**6} million"
                raise InputError(str(path), found=f"{width} x {height} pixels", expected=expected)
            rate = stream.average_rate or Fraction(25)
            count = stream.frames or round((container.duration or 0) / 1_000_000 * rate)
            sound = container.streams.audio[0].codec_context.name if container.streams.audio else ""
            ending = VIDEOS[path.suffix.lower()]
            lost = f"translated without its sound: {sound} does not fit into {ending}"
            note = lost if sound and sound not in WRITE[ending][2] else ""
            return cls(path, max(count, 1), rate, stream.time_base or 1 / rate, note)

    def frames(self) -> Iterator[Original]:
        """As any film's."""
        self._ticks.clear()
        with _opened(self.path) as container:
            container.streams.video[0].thread_type = "AUTO"
            for frame in container.decode(video=0):
                pixels = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                self._ticks.append(frame.pts)
                yield Original.of(np.ascontiguousarray(pixels))

    def write(self, path: Path, images: Iterable[Image], by: str) -> None:
        """As MP4 (H.264) or WebM (VP9): in its own pace, with its sound where that fits in."""

        def fill(part: Path) -> None:
            import av

            with av.open(str(part), "w", format=path.suffix[1:]) as output, _opened(self.path) as again:
                output.metadata["comment"] = f"{MAKER} {by}"
                self._encode(output, iter(images), again, path.suffix)

        atomic.write(path, fill, sync=False)

    def _encode(self, output: OutputContainer, images: Iterator[Image], again: InputContainer, ending: str) -> None:
        import av

        codec, options, _ = WRITE[ending]
        first = next(images, None)
        if first is None:
            raise InputError(str(self.path), found="no frames", expected="a video")
        height, width = (side // 2 * 2 for side in first.shape[:2])  # colours are of half the size
        stream: Any = output.add_stream(codec, rate=self.rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = self.base
        colours = ITU709 if height >= HD else ITU601
        stream.codec_context.colorspace, stream.codec_context.color_range = colours, LIMITED
        sounds, last = _Sounds(output, again if not self.note and again.streams.audio else None), -1
        for image in chain([first], images):
            tick = self._ticks.popleft()
            last = max(last + 1, last + 1 if tick is None else tick)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width, :3]), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=colours)
            frame.pts, frame.time_base = last, self.base
            output.mux(stream.encode(frame))
            sounds.until(float(last * self.base))
        output.mux(stream.encode(None))
        sounds.until(math.inf)


class _Sounds:
    """The sound of a file, copied as it is, as far as its pictures have come."""

    def __init__(self, output: OutputContainer, again: InputContainer | None) -> None:
        self.output = output
        self.packets: Iterator[Any] = iter(())
        if again:
            self.stream = output.add_stream_from_template(again.streams.audio[0])
            self.packets = (packet for packet in again.demux(again.streams.audio[0]) if packet.pts is not None)
        self.waiting = next(self.packets, None)

    def until(self, seconds: float) -> None:
        while self.waiting is not None and self.waiting.pts * self.waiting.time_base <= seconds:
            self.waiting.stream = self.stream
            self.output.mux(self.waiting)
            self.waiting = next(self.packets, None)


def made_by(path: Path) -> str:
    """As of pictures."""
    try:
        with _opened(path) as container:
            said = {key.lower(): value for key, value in container.metadata.items()}.get("comment", "")
            return said.removeprefix(f"{MAKER} ") if said.startswith(f"{MAKER} ") else ""
    except (ImportError, InputError):
        return ""


@contextmanager
def _opened(path: Path) -> Iterator[InputContainer]:
    """The file; what FFmpeg says against it, also while frames are read, is an InputError."""
    import av

    try:
        with av.open(str(path), format=READ.get(path.suffix.lower(), "mov")) as container:
            yield container
    except av.FFmpegError as error:
        if error.errno in atomic.FULL:  # of what is written meanwhile
            raise
        reason = error.strerror or str(error)
        raise InputError(str(path), found=f"a damaged video ({reason})", expected="a whole video") from None
