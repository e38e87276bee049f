"""What a draft saves and what it changes: `python -m tests.benchmarks.draft`. On scikit-learn's two photographs."""

import io
import time

from PIL import Image
from sklearn.datasets import load_sample_images

from crosscade.exporters.runtime.exported import psnr_db
from crosscade.framework.data.pictures import fit

REPEATS = 6


def main() -> None:
    """A row a size of the files and of the export."""
    photos = [Image.fromarray(image) for image in load_sample_images().images]
    for shape in ((640, 427), (1024, 768)):
        files = []
        for photo in photos:
            stream = io.BytesIO()
            photo.resize(shape, Image.Resampling.LANCZOS).save(stream, "JPEG", quality=90)
            files.append(stream.getvalue())
        for size in (64, 96, 128, 224):
            took, results = [], []
            for draft in (False, True):
                began = time.process_time()
                results.append([fit(file, size, draft=draft) for file in files for _ in range(REPEATS)])
                took.append(1e3 * (time.process_time() - began) / len(results[-1]))
            least = min(psnr_db(whole, quick) for whole, quick in zip(*results))
            print(f"{shape[0]} x {shape[1]} to {size}: {took[0]:.1f} ms, draft {took[1]:.1f} ms, {least:.1f} dB")


if __name__ == "__main__":
    main()
