"""A small video, and the frames that it is made of."""

from fractions import Fraction
from pathlib import Path

import numpy as np

TIMES = [0, 1, 2, 5, 6, 7, 20, 21]
"""Of frames, in 24ths of a second: not all are as long."""


def frames(count: int = 5, height: int = 24, width: int = 40) -> list[np.ndarray]:
    """A white block that moves to the right over blue, (H, W, 3)."""
    images = np.full((count, height, width, 3), (40, 90, 160), np.uint8)
    for k in range(count):
        images[k, 4:12, 6 * k : 6 * k + 8] = 240
    return [*images]


def video(path: Path, codec: str = "libx264", sound: str = "", height: int = 48, width: int = 64) -> Path:
    import av

    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=24, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        track = out.add_stream(sound, rate=48000, layout="mono") if sound else None
        for tick, image in zip(TIMES, frames(len(TIMES), height, width)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 24)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        for start in range(0, 48000 if track else 0, 960):
            tone = av.AudioFrame.from_ndarray(np.full((1, 960), 1000, np.int16), format="s16", layout="mono")
            tone.sample_rate, tone.pts, tone.time_base = 48000, start, Fraction(1, 48000)
            out.mux(track.encode(tone))
        if track:
            out.mux(track.encode(None))
    return path
