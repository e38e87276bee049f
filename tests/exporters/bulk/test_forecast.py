"""What so many images would cost."""

import pytest

from crosscade.exporters.bulk import Row
from crosscade.exporters.bulk.forecast import Forecast, forecast, repeated, sampled
from crosscade.framework import InputError
from tests.exporters.bulk.conftest import files, packed


def test_parts_are_the_whole_and_times_are_by_cores(bulk, tmp_path):
    packed(tmp_path / "in.tar", files(20))
    sample = sampled([str(tmp_path / "*.tar")])
    measured = forecast(lambda: bulk, sample, seconds=0.1)
    assert measured.sample == len(sample) == 20
    assert sum(measured.parts.values()) == pytest.approx(measured.seconds, rel=0.5)
    assert measured.bytes_in == pytest.approx((tmp_path / "in.tar").stat().st_size / 20, rel=0.3)  # a tar has an end
    assert measured.wall(10**6, 4) - measured.start == pytest.approx(measured.wall(10**6, 1) / 4, rel=0.1)


def test_pictures_that_cannot_be_read_are_left_out_and_said(bulk, tmp_path):
    packed(tmp_path / "in.tar", [*files(2), ("cut.png", b"no"), ("torn.png", b"neither")])
    measured = forecast(lambda: bulk, sampled([str(tmp_path / "in.tar")]), seconds=0.1)
    assert (measured.sample, measured.bad) == (2, 2)
    assert "by 2 pictures (2 more cannot be read)" in measured.lines(10, None, 1)[0]
    with pytest.raises(InputError, match="1 picture: found none that can be read"):
        forecast(lambda: bulk, [Row("cut", b"no")], seconds=0.1)


def test_a_sample_is_spread_over_all_that_was_named(tmp_path):
    for folder, count in (("a", 300), ("b", 200)):
        (tmp_path / folder).mkdir()
        for k in range(count):
            (tmp_path / folder / f"{k:03d}.png").write_bytes(folder.encode())
    sample = [row.image for row in sampled([str(tmp_path / "a"), str(tmp_path / "b")])]
    assert (len(sample), sample.count(b"a"), sample.count(b"b")) == (250, 150, 100)


@pytest.mark.parametrize(("count", "size", "rows"), [(1, 10, 256), (250, 10, 256), (3, 100 << 20, 16)])
def test_a_few_pictures_are_measured_as_a_shard_of_whole_batches(count, size, rows):
    shard = repeated([Row(f"picture-{k}", b"\0" * size) for k in range(count)], batch=16)
    assert len({row.id for row in shard}) == len(shard) == rows


def test_what_people_read():
    measured = Forecast(0.012, {"decode and fit": 0.008, "compute": 0.004}, 250e3, 9e3, 1.5, 256)
    assert measured.lines(10**9, 512, 2) == [
        "an image: 12 ms of a core (decode and fit 8, compute 4), by 256 pictures",
        "1,000,000,000 images: 3,330 core-hours; 250 TB in, 9 TB out",
        "here, on 2 cores like these that do nothing else: 69.4 days",
        "elsewhere, on 512 cores like these that do nothing else: 6.51 hours",
    ]


def test_the_command(crosscade, folder, tmp_path):
    packed(tmp_path / "in.tar", [*files(3), ("bad.png", b"no")])
    answer = crosscade("forecast", str(folder), "in.tar", "--images", "1e6", "--seconds", "0.1", "--trust")
    assert answer.code == 0
    assert [line.partition(":")[0] for line in answer.output.splitlines()][:2] == ["an image", "1,000,000 images"]


@pytest.mark.parametrize(("option", "value"), [("--images", "0"), ("--images", "many"), ("--cores", "-2")])
def test_a_number_that_is_none_is_one_line(crosscade, option, value):
    words = {"--images": "1e6", option: value}
    answer = crosscade("forecast", "x", "y", *(f"{name}={text}" for name, text in words.items()))
    assert answer.error.startswith(f"argument {option}: found '{value}'; expected a number like 1000000 or 1e9")


def test_without_pictures_there_is_no_forecast(tmp_path):
    packed(tmp_path / "in.tar", [("a.json", b"{}")])
    with pytest.raises(InputError, match="no picture"):
        sampled([str(tmp_path / "in.tar")])
