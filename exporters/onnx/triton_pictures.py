"""What Triton's Python backend runs before a graph: files of pictures in, as many as there are, translations out.

It becomes `model.py` in a repository and stands there by itself: Triton's Python needs numpy and Pillow, not Crosscade.
An ensemble could decode too, but not split a request that is larger than the graph's largest batch; this asks the graph
once for each piece (what Triton calls business logic scripting).
"""

# N pictures, H W space, S the graph's image size

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")
MOST_PIXELS = 64_000_000
LONG = 4


class TritonPythonModel:
    """Triton's name for it. `config.pbtxt` says which graph, its image size and its largest batch."""

    def initialize(self, args: dict[str, str]) -> None:
        """Reads the settings."""
        config = json.loads(args["model_config"])
        values = {key: value["string_value"] for key, value in config["parameters"].items()}
        self.graph = values["crosscade.graph"]
        self.size, self.batch = int(values["crosscade.size"]), int(values["crosscade.batch"])
        self.outputs = [output["name"] for output in config["output"]]

    def execute(self, requests: list[Any]) -> list[Any]:
        """An answer to each request; one with a bad picture costs itself alone."""
        import triton_python_backend_utils as triton

        answers = []
        for request in requests:
            try:
                answers.append(triton.InferenceResponse(self._answer(triton, request)))
            except ValueError as error:
                answers.append(triton.InferenceResponse([], triton.TritonError(str(error))))
        return answers

    def _answer(self, triton: Any, request: Any) -> list[Any]:
        files = triton.get_input_tensor_by_name(request, "pictures").as_numpy().reshape(-1)
        style = triton.get_input_tensor_by_name(request, "style")
        images = np.stack([picture(data, self.size, number) for number, data in enumerate(files)])
        pieces = []
        for start in range(0, len(images), self.batch):
            rows = slice(start, start + self.batch)
            inputs = [triton.Tensor("images", images[rows])]
            if style is not None:
                inputs.append(triton.Tensor("style", style.as_numpy()[rows]))
            memory = triton.PreferredMemory(triton.TRITONSERVER_MEMORY_CPU, 0)
            asked = triton.InferenceRequest(
                model_name=self.graph, requested_output_names=self.outputs, inputs=inputs, preferred_memory=memory
            )
            answer = asked.exec()
            if answer.has_error():
                raise ValueError(answer.error().message())
            pieces.append([triton.get_output_tensor_by_name(answer, name).as_numpy() for name in self.outputs])
        return [triton.Tensor(name, np.concatenate(parts)) for name, parts in zip(self.outputs, zip(*pieces))]


def picture(data: bytes, size: int, number: int = 0) -> NDArray[np.uint8]:
    """A file as uint8 (S, S, 3): as a camera held it, on white, short side resized (bicubic, antialiased), centre cut.

    Raises ValueError for what is no picture.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise ValueError(f"{opened.width} x {opened.height} pixels, at most {MOST_PIXELS} are taken")
            if opened.mode in ("I;16", "I", "F"):
                raise ValueError(f"mode {opened.mode}, of which nobody says what white is")
            upright = ImageOps.exif_transpose(opened)
    except Exception as error:  # Pillow's decoders raise many kinds
        raise ValueError(f"picture {number}: {error}") from None
    if upright.has_transparency_data:
        seen = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    return square(upright.convert("RGB"), size)


def square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """The middle square of an image, resized to `size`."""
    short = min(image.size)
    most = [LONG * short + (side - LONG * short) % 2 if side > LONG * short else side for side in image.size]
    left, top = ((side - cut) // 2 for side, cut in zip(image.size, most))
    image = image.crop((left, top, left + most[0], top + most[1]))
    if short != size:
        width, height = (max(size, round(side * (size / short))) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = ((side - size) // 2 for side in image.size)
    return np.array(image.crop((left, top, left + size, top + size)), dtype=np.uint8)
