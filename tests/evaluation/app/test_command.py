"""`crosscade app` up to where it serves: where it listens, what it opens, what it refuses."""

import socket
import time

import pytest

from tests.exporters import tiny_export
from tests.test_floors import without_torch

uvicorn = pytest.importorskip("uvicorn", reason="crosscade[app] is not installed")


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return tiny_export.write(tmp_path_factory.mktemp("app") / "export")


@pytest.fixture
def served_once(crosscade, monkeypatch):
    """The command, which ends before it serves; gives the answer and what would have run."""
    servers = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: servers.append((self, sockets[0].getsockname())))
    opened_pages = []
    monkeypatch.setattr("webbrowser.open", opened_pages.append)
    return lambda *words: (crosscade("app", *words), servers, opened_pages)


def test_it_listens_to_this_computer_and_opens_the_page(served_once, export):
    answer, [(server, address)], pages = served_once(export, "--port", 0)
    assert answer.code == 0
    assert address[0] == "127.0.0.1"
    assert answer.others == [f"http://127.0.0.1:{address[1]} shows {export}; Ctrl+C ends it"]
    for _ in range(100):
        if pages:
            break
        time.sleep(0.02)
    assert pages == [f"http://127.0.0.1:{address[1]}"]
    assert server.config.limit_concurrency


def test_another_host_must_be_asked_for_and_is_warned_of(served_once, export):
    answer, [(_, address)], pages = served_once(export, "--host", "0.0.0.0", "--port", 0, "--no-browser")
    assert address[0] == "0.0.0.0"
    assert answer.others[0].startswith("warning: --host 0.0.0.0: everybody who reaches port")
    assert pages == []


def test_a_taken_port_and_a_folder_of_something_else(crosscade, export, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = crosscade("app", export, "--port", taken.getsockname()[1])
    assert (answer.code, "expected a free port of this machine. Try --port 0." in answer.error) == (2, True)
    assert "--port 70000" in crosscade("app", export, "--port", 70000).error
    answer = crosscade("app", tmp_path, "--port", 0)
    assert answer.error.endswith(
        "found no bundle.json; expected a bundle, a finished run, or an export with manifest.json"
    )
    assert "no such folder" in crosscade("app", "gone", "--port", 0).error


def test_a_damaged_export_is_refused_at_once(crosscade, tmp_path):
    broken = tiny_export.write(tmp_path / "broken", golden_error=64)
    assert "golden pictures" in crosscade("app", broken, "--port", 0).error


def test_without_the_extra_it_says_how_to_install_it(export):
    code = f"""
sys.meta_path.insert(0, type("B", (), {{"find_spec": lambda self, name, path=None, target=None: (_ for _ in ()).throw(
    ModuleNotFoundError(f"No module named {{name!r}}", name=name)) if name == "uvicorn" else None}})())
from crosscade.framework.cli import main
sys.exit(main(["app", {str(export)!r}]))
"""
    done = without_torch(code)
    assert (done.returncode, done.stderr) == (
        2,
        "crosscade: no package 'uvicorn': expected it: this needs crosscade[app]. pip install 'crosscade[app]'\n",
    )
