"""Shards: what a pattern names, what stands in a result, and when one is done."""

import fcntl
import tarfile
from pathlib import Path

import pytest

from crosscade.exporters.bulk import Row, shards, tar
from crosscade.exporters.bulk.shards import Part, expanded, translate_shards
from crosscade.framework import InputError, Reporter
from tests.exporters.bulk.conftest import files, packed, unpacked


@pytest.fixture
def run(crosscade, folder, tmp_path):
    """`crosscade run` over three shards of 5 pictures."""
    for k in range(3):
        packed(tmp_path / f"in-{k:03d}.tar", files(5, seed=k))
    return lambda *words, out="out": crosscade("run", str(folder), *words, "--out", out, "--trust", "--readers", "0")


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tar"))}


def test_two_workers_write_what_one_writes(run, tmp_path, bulk):
    assert run("in-{000..002}.tar").others == ["3 shards, 15 images in out, on CPUExecutionProvider"]
    for k in (1, 0):
        assert run("in-*.tar", "--shard", f"{k}/2", out="two").code == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "two")
    assert list(contents(tmp_path / "out")) == [f"in-{k:03d}.tar" for k in range(3)]
    expected = [
        (f"{row.id}.png", row.image) for row in bulk.rows(Row(name[:-4], data) for name, data in files(5, seed=1))
    ]
    assert unpacked(tmp_path / "out" / "in-001.tar") == expected


def test_what_is_done_is_left_alone_and_what_was_begun_is_begun_again(run, tmp_path):
    run("in-*.tar")
    before = contents(tmp_path / "out")
    (tmp_path / "out" / "in-001.tar").rename(tmp_path / "out" / ".in-001.tar.part")  # as a kill leaves it
    assert run("in-*.tar").others == ["1 shard, 5 images in out, 2 shards there already, on CPUExecutionProvider"]
    assert contents(tmp_path / "out") == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["bulk.json", *before]


def test_a_shard_that_another_process_is_at_is_left_to_it(run, tmp_path):
    run("in-000.tar")
    with (tmp_path / "out" / ".in-001.tar.part").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        answer = run("in-*.tar")
    assert (answer.code, "1 shard that another process is at" in answer.error) == (1, True)
    assert "in-001.tar" not in contents(tmp_path / "out")


@pytest.mark.parametrize("length", [700, 1024, -1024, -600])
def test_of_a_tar_that_is_cut_short_the_good_rows_are_kept(run, tmp_path, length):
    whole = tmp_path / "in-001.tar"
    data = whole.read_bytes()
    end = data.rindex(b".png", 0, len(data))  # before the blocks that end a tar
    last = 512 * ((end // 512) + 2 + (len(files(5, seed=1)[4][1]) - 1) // 512)
    whole.write_bytes(data[:length] if length > 0 else data[: last + (0 if length == -1024 else length)])
    answer = run("in-*.tar")
    assert (answer.code, "1 shard not done" in answer.error) == (1, True)
    assert "cut short" in answer.others[0]
    assert "This shard is not done." in answer.others[0]
    out = tmp_path / "out"
    assert list(contents(out)) == ["in-000.tar", "in-002.tar"]
    kept = out / "in-001.tar.unfinished"
    assert len(unpacked(kept) if kept.exists() else []) == {700: 0, 1024: 0, -1024: 5, -600: 4}[length]
    packed(whole, files(5, seed=1))
    assert run("in-*.tar").code == 0
    assert not kept.exists()


def test_bad_rows_stand_where_they_belong(run, tmp_path):
    good = files(3)
    rows = [
        good[0],
        ("../evil.png", good[0][1]),
        ("b.png", b"no"),
        ("b.json", b"{}"),
        good[0],
        ("a/b.c.PNG", good[2][1]),
    ]
    packed(tmp_path / "bad.tar", rows)
    with tarfile.open(tmp_path / "bad.tar", "a") as archive:
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    answer = run("bad.tar")
    assert answer.code == 0
    assert "4 rows with the reason why there is none" in answer.others[0]
    written = unpacked(tmp_path / "out" / "bad.tar")
    assert [name for name, _ in written] == [
        "000000.png", "row-000001.error.txt", "b.error.txt", "row-000003.error.txt", "a/b.c.png", "link.error.txt",
    ]  # fmt: skip
    assert written[1][1].startswith(b"an unsafe name")
    assert written[3][1] == b"an id that was there already (000000)"
    assert written[5][1] == b"no regular file"


@pytest.mark.parametrize("name", ["/a.png", "a/../b.png", "a\\b.png", "C:/a.png", "a\n.png", "\udcff.png", "a//b.png"])
def test_names_that_lead_out_are_unsafe(name):
    assert not tar.safe(name)


def test_headers_and_members_do_not_say_how_much_is_read(tmp_path):
    path = packed(tmp_path / "big.tar", files(2))
    data = bytearray(path.read_bytes())

    def claim(kind, size):
        data[124:136], data[156:157] = f"{size:011o}\0".encode(), kind
        data[148:156] = b" " * 8
        data[148:156] = f"{sum(data[:512]):06o}\0 ".encode()
        path.write_bytes(data)

    claim(b"x", 1 << 31)
    with pytest.raises(InputError, match="a header of"):
        list(tar.read(path))
    claim(b"0", 1 << 32)
    rows = tar.read(path)
    assert "more than 256 MiB" in next(rows).error
    with pytest.raises(InputError, match="cut short"):
        next(rows)


def test_parquet_in_and_out(run, tmp_path):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = files(3)
    table = {"id": [name for name, _ in rows] + ["bad"], "image": [data for _, data in rows] + [None], "more": [1] * 4}
    parquet.write_table(pyarrow.table(table), tmp_path / "in.parquet")
    struct_of = [{"bytes": data, "path": None} for _, data in rows]
    parquet.write_table(pyarrow.table({"image": struct_of}), tmp_path / "hub.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "in.parquet").read_bytes()[:-20])
    answer = run("*.parquet")
    assert answer.code == 1
    assert "cut.parquet: found a Parquet file that is cut short or damaged" in answer.others[0]
    written = parquet.read_table(tmp_path / "out" / "in.parquet")
    assert written.column_names == ["id", "image", "error"]
    assert written["id"].to_pylist() == table["id"]
    assert written["error"].to_pylist() == [None] * 3 + ["no bytes of a file"]
    assert b'"direction": "a2b"' in written.schema.metadata[b"crosscade"]
    hub = parquet.read_table(tmp_path / "out" / "hub.parquet")
    assert hub["id"].to_pylist() == ["000000000", "000000001", "000000002"]
    assert hub["image"].to_pylist() == written["image"].to_pylist()[:3]


@pytest.mark.parametrize("text", ["2/2", "x", "-1/2", "1/0", "1", "0/0"])
def test_parts_that_there_are_not(run, text):
    answer = run("in-*.tar", f"--shard={text}")
    assert (answer.code, answer.error) == (
        2,
        f"--shard {text}: found no such part; expected k/n, k from 0 to n - 1. Like 0/4.",
    )


def test_parts_together_are_all():
    assert sorted(v for k in range(3) for v in Part(k, 3).take(range(10))) == list(range(10))


def test_patterns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a-08.tar", "a-09.tar", "a-10.tar", "b.tar", "c{1,2}.tar"):
        Path(name).touch()
    assert expanded("a-{08..10}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar"]
    assert expanded("{a-1*,b}.tar") == ["a-10.tar", "b.tar"]
    assert expanded("c{1,2}.tar") == ["c{1,2}.tar"]  # which is there
    assert expanded("no.tar") == ["no.tar"]
    for pattern, found in {"x*.tar": "nothing that matches it", "a-{09..12}.tar": "a-11.tar (2 of 4)"}.items():
        with pytest.raises(InputError, match=found.replace("(", r"\(").replace(")", r"\)")):
            expanded(pattern)
    monkeypatch.setattr(shards, "MOST", 1000)
    with pytest.raises(InputError, match="more than 1000 names"):
        expanded("a-{0..99999999}.tar")


def test_what_a_folder_of_results_is_refused_for(run, tmp_path):
    run("in-000.tar")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    (tmp_path / "more").mkdir()
    packed(tmp_path / "more" / "in-000.tar", [])
    for words, out, found in [
        (["in-000.tar", "--format", "jpg"], "out", "results that were made otherwise (files 'png')"),
        (["in-000.tar"], "full", "a folder that is not empty"),
        (["in-000.tar"], ".", "the folder of the shards"),
        (["in-000.tar", "more/in-000.tar"], "new", "two shards of that name"),
        (["in-000.tar", "full/mine.txt"], "new", "shards beside it"),
        (["in-007.tar"], "new", "no such file"),
        (["in-000.tar", "--strip"], "new", "shards"),
        (["in-000.tar", "--direction", "both"], "new", "shards"),
    ]:
        answer = run(*words, out=out)
        assert (answer.code, f"found {found}" in answer.error) == (2, True)


def test_a_full_disk_is_said(bulk, tmp_path, monkeypatch):
    path = packed(tmp_path / "in.tar", files(2))
    (tmp_path / "out").mkdir()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shards.os, "fsync", full)
    with pytest.raises(Exception, match="disk full"):
        translate_shards(bulk, [path], tmp_path / "out", Reporter(quiet=True))
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folders_images_are_shared_out(crosscade, folder, tmp_path):
    (tmp_path / "in").mkdir()
    for name, data in files(5):
        (tmp_path / "in" / name).write_bytes(data)
    for k in range(2):
        assert crosscade("run", str(folder), "in", "--out", "out", "--trust", "--shard", f"{k}/2").code == 0
    made = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")}
    assert made == {f"{k % 2}-of-2/00000{k}.png" for k in range(5)}
