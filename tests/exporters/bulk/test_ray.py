"""Shards by Ray Data: the same bytes as without, killed or not. Slow: Ray takes most of a minute to start and end."""

import socket
import subprocess
import sys

import pytest

from crosscade.exporters.bulk import on_ray
from crosscade.framework import InputError
from tests.exporters.bulk.conftest import files, packed, unpacked


def test_without_ray_it_is_said_what_to_install(crosscade, folder, tmp_path, monkeypatch):
    packed(tmp_path / "in.tar", files(1))
    monkeypatch.setitem(sys.modules, "ray", None)
    answer = crosscade("bulk", str(folder), "in.tar", "--out", "out", "--trust")
    assert (answer.code, answer.error.split(". ")[-1]) == (2, "pip install 'crosscade[ray]'")
    assert not (tmp_path / "out").exists()


def test_a_models_name_is_its_folder(crosscade, tmp_path, monkeypatch):
    packed(tmp_path / "in.tar", files(1))
    monkeypatch.setitem(sys.modules, "ray", None)
    answer = crosscade("bulk", "zebra-giraffe", "in.tar", "--out", "out", "--trust")
    assert "crosscade[ray]" in answer.error


def test_folders_are_for_run(crosscade, folder, tmp_path):
    (tmp_path / "in").mkdir()
    answer = crosscade("bulk", str(folder), "in", "--out", "out", "--trust")
    assert (answer.code, "`crosscade run` takes folders" in answer.error) == (2, True)


def test_no_cluster_is_one_line(tmp_path, monkeypatch):
    class Ray:
        def init(self, **_):
            raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr(on_ray, "_ray", Ray)
    with pytest.raises(InputError, match=r"--address auto: found no cluster \(Could not find any running Ray"):
        on_ray.translate_on_ray({}, [], tmp_path, None, how={}, address="auto")


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_a_head_that_does_not_listen_is_said_at_once(tmp_path, monkeypatch, scheme):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"{scheme}127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(on_ray, "_ray", lambda: None)
    with pytest.raises(InputError, match=rf"--address {address}: found no cluster \(.*refused\); expected one"):
        on_ray.translate_on_ray({}, [], tmp_path, None, how={}, address=address)


def test_more_actors_than_cores_are_refused(tmp_path, monkeypatch):
    class Ray:
        init = shutdown = staticmethod(lambda **_: None)
        cluster_resources = staticmethod(lambda: {"CPU": 2.0})

    monkeypatch.setattr(on_ray, "_ray", Ray)
    with pytest.raises(InputError, match="more than the 2 cores of the cluster"):
        on_ray.translate_on_ray({}, [tmp_path], tmp_path, None, how={}, actors=3)


@pytest.mark.slow
def test_by_ray_it_is_the_same(folder, tmp_path):
    pytest.importorskip("ray")
    for k in range(2):
        packed(tmp_path / f"in-{k}.tar", [*files(5, seed=k), ("cut.png", files(1)[0][1][:90])])
    words = [sys.executable, "-m", "crosscade.framework.cli"]
    for command, more in (("run", []), ("bulk", ["--actors", "2"])):
        how = [str(folder), "in-*.tar", "--out", f"by-{command}", "--trust", *more]
        subprocess.run([*words, command, *how], cwd=tmp_path, check=True)
    for k in range(2):
        assert len(unpacked(tmp_path / "by-bulk" / f"in-{k}.tar")) == 6
        assert (tmp_path / "by-run" / f"in-{k}.tar").read_bytes() == (tmp_path / "by-bulk" / f"in-{k}.tar").read_bytes()
