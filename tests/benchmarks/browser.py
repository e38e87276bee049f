"""An export in headless Chromium against native onnxruntime, on one thread each: `python -m tests.benchmarks.browser`.

Prints milliseconds of a picture (the quickest of its turns, which alternate, as other work on the machine only slows
one down) and how many values of the pictures differ.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from crosscade.exporters.runtime import load
from crosscade.exporters.web.page import write_page
from crosscade.exporters.web.runtime import runtime
from crosscade.framework import read_rgb
from tests.browsing import page_policy, pixels, serving, system_chromium, visiting


def compare(browser, export, folder, files, turns):
    """Of the first direction: (native ms, browser's ms, share of values that differ, the largest difference)."""
    write_page(Path(export), Path(folder) / "page", files)
    exported = load(export, threads=1)
    direction = exported.direction
    sources = [exported.folder / golden.source for golden in exported.way(direction).golden]
    native, there, differences = [], [], []
    label = " → ".join((exported.way(direction).source, exported.way(direction).target))
    address = serving(Path(folder) / "page", page_policy())
    with address as url, visiting(browser, f"{url}?device=wasm", label) as page:
        for turn in range(turns):
            file = sources[turn % len(sources)]
            picture = read_rgb(file)
            exported.translate(picture)  # warm, golden pictures and all
            started = time.perf_counter()
            expected = exported.translate(picture)
            native.append(1000 * (time.perf_counter() - started))
            page.set_input_files("#file", file)
            page.locator("#gallery .cell img").nth(turn).wait_for(state="attached")
            page.locator("#result").wait_for()
            there.append(page.evaluate("backend.ms"))
            differences.append(np.abs(pixels(page.locator("#chosen")).astype(int) - expected))
    return min(native), min(there), np.mean(np.stack(differences) > 0), np.max(differences)


def main():
    """For one export."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("export")
    parser.add_argument("--turns", type=int, default=20)
    arguments = parser.parse_args()
    with sync_playwright() as tool, tempfile.TemporaryDirectory() as folder:
        browser = tool.chromium.launch(executable_path=system_chromium(), args=["--no-sandbox", "--disable-gpu"])
        native, there, share, most = compare(browser, arguments.export, folder, runtime(None, print), arguments.turns)
        browser.close()
    print(f"native {native:.0f} ms, browser {there:.0f} ms a picture ({there / native:.1f} times)")
    print(f"{1e4 * share:.2f} of 10,000 values differ, by at most {most}")


if __name__ == "__main__":
    main()
