"""The whole demo on the smallest recipe: data, training, translation and the page."""

import json
import re

from crosscade.framework.cli import main
from tests.framework.tiny import TABLE


def test_the_demo_writes_a_page_strips_and_a_bundle(tmp_path, capsys):
    (tmp_path / "tiny.json").write_text(json.dumps(TABLE))
    out = tmp_path / "demo"
    words = ["demo", "--recipe", str(tmp_path / "tiny.json"), "--minutes", "0.01", "--out", str(out), "--debug"]
    assert main(words) == 0
    page = (out / "index.html").read_text(encoding="utf-8")
    columns = ("source", "before refinement", "translation")
    assert all(column in page for column in columns)
    assert page.count("data:image/png;base64,") == 2 * len(columns) * 4, "both directions, four test images"
    assert not re.search(r"(src|href)=[\"']https?:", page)
    assert "too small" in page, "four test images are not judged, and the page says so"
    assert (out / "strips" / "a2b.png").exists()
    assert (out / "run" / "bundle" / "bundle.json").exists()
    assert "open it in a browser" in capsys.readouterr().out
    assert main([w for w in words if w != "--debug"]) == 2, "a second demo does not overwrite the first"
    assert "Use --resume to go on with it, or --force to clear it." in capsys.readouterr().err
