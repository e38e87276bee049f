"""An export at work: what goes in, what comes out, what is refused, and that it needs no torch."""

import sys
import threading

import numpy as np
import pytest
from PIL import Image

from crosscade.exporters.runtime import exported as runtime
from crosscade.exporters.runtime.exported import load, psnr_db
from crosscade.exporters.safety import manifest
from crosscade.framework import InputError, RunError, resize_short_side, write_png
from crosscade.framework.data.images import centre_crop
from crosscade.framework.data.styles import draw_styles
from tests.exporters.tiny_export import older_styles, pictures, tapped, translated, write
from tests.test_floors import without_torch

WIDE = pictures(1, seed=3, size=40)[0][:24]


def test_an_array_of_pictures_is_translated_in_either_direction(tiny):
    images = pictures(5)
    assert (tiny.translate(images) == translated(images)).all()
    assert (tiny.translate(images, "b2a") == translated(images, "b2a")).all()


def test_batches_do_not_matter(tiny):
    images = pictures(5)
    for batch in (1, 2, 5, 64):
        assert (tiny.translate(images, batch=batch) == translated(images)).all()


def test_one_picture_gives_one_and_a_list_gives_a_stack(tiny):
    image = pictures(1)[0]
    assert tiny.translate(image).shape == (16, 16, 3)
    assert tiny.translate([image]).shape == tiny.translate(image[None]).shape == (1, 16, 16, 3)


def test_paths_pillow_images_and_arrays_are_the_same_picture(tiny, tmp_path):
    write_png(tmp_path / "wide.png", WIDE)
    expected = translated(centre_crop(resize_short_side(WIDE, 16), 16)[None])[0]
    given = [str(tmp_path / "wide.png"), tmp_path / "wide.png", Image.fromarray(WIDE), WIDE]
    for made in (*tiny.translate(given), tiny.translate(tmp_path / "wide.png")):
        assert (made == expected).all()


def test_a_pillow_image_is_turned_as_its_camera_says(tiny, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(WIDE).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as opened:
        assert (tiny.translate(opened) == tiny.translate(tmp_path / "turned.png")).all()
    assert (tiny.fit(tmp_path / "turned.png") != tiny.fit(WIDE)).any()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (np.zeros((16, 16, 3), np.float32), "array of float32; expected uint8"),
        (np.zeros((16, 16), np.uint8), r"shape \(16, 16\); expected \(H, W, 3\)"),
        (np.zeros((3, 16, 16), np.uint8), "channels last"),
        (np.zeros((16, 16, 4), np.uint8), "channels last"),
        (np.zeros((2, 16, 16, 1), np.uint8), "channels last"),
        (np.zeros((0, 16, 3), np.uint8), "channels last"),
        (np.zeros((0, 16, 16, 3), np.uint8), "found none"),
        ([], "found none"),
        (7, "found int"),
        ([None], "found NoneType"),
        (b"no picture", "no picture of a known format"),
        ("nowhere.png", "no such file"),
    ],
)
def test_what_is_no_picture_is_refused(tiny, given, reason):
    with pytest.raises(InputError, match=reason):
        tiny.translate(given)


@pytest.mark.parametrize("batch", [0, -1, 65])
def test_batches_have_limits(tiny, batch):
    with pytest.raises(InputError, match="batch: found"):
        tiny.translate(WIDE, batch=batch)


def test_a_direction_that_was_not_exported_is_named(tmp_path):
    one = load(write(tmp_path, directions=("b2a",)))
    assert one.directions == ("b2a",)
    with pytest.raises(InputError, match=r"direction 'a2b': found no such one .*known: b2a"):
        one.translate(WIDE, "a2b")
    assert np.array_equal(one.translate(WIDE), one.translate(WIDE, "b2a")), "the only one is what is meant"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"backend": "onnxrt"}, "did you mean 'onnxruntime'"),
        ({"threads": -1}, "threads: found -1"),
        ({"backend": "openvino", "device": "cuda"}, "found backend 'openvino'"),
        ({"precision": "bf16"}, "found backend 'onnxruntime'"),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(folder, options, reason):
    with pytest.raises(InputError, match=reason):
        load(folder, **options)


def test_an_unknown_device_is_refused(folder):
    with pytest.raises(InputError, match="device 'gpu': expected auto"):
        load(folder, device="gpu").translate(WIDE)


def test_the_strip_shows_what_each_level_decided(tmp_path):
    images = pictures(3)
    source, level3, level2, final = load(write(tmp_path, taps=True)).strip(images, batch=2)
    assert (source == images).all()
    assert (level3 == tapped(images)).all()
    assert (level2 == tapped(images)).all()
    assert (final == translated(images)).all()


def test_an_export_without_taps_has_no_strip(tiny):
    with pytest.raises(InputError, match="only the final image; expected an export with taps"):
        tiny.strip(WIDE)


def test_styles_are_drawn_by_seed_or_given(styled):
    images = pictures(5)
    assert (styled.translate(images, batch=2) == translated(images, styles=draw_styles(5, 4, 0))).all()
    assert (styled.translate(images, seed=1) == translated(images, styles=draw_styles(5, 4, 1))).all()
    own = np.arange(20).reshape(5, 4) / 10
    assert (styled.translate(images, style=own, batch=2) == translated(images, styles=own)).all()
    assert (styled.translate(images, style=own[3]) == translated(images, styles=own[[3] * 5])).all()


def test_a_pictures_style_does_not_depend_on_how_many_there_are():
    assert (draw_styles(9, 4, 5)[:3] == draw_styles(3, 4, 5)).all()


def test_an_older_export_keeps_its_golden_pictures_draws_the_bundles_styles_and_says_so(tmp_path):
    older, images = load(write(tmp_path / "older", style_size=4, form=manifest.OLDER)), pictures(5)
    assert older.check().psnr_db == float("inf")
    assert (older.translate(images, seed=1) == translated(images, styles=draw_styles(5, 4, 1))).all()
    assert (older.translate(images, seed=1) != translated(images, styles=older_styles(5, 4, 1))).any()
    (line,) = older.warnings
    assert line.startswith(f"{tmp_path / 'older'} was exported as crosscade.onnx/1, when a seed drew other styles")


def test_what_the_change_of_styles_does_not_touch_is_not_warned_of(tmp_path, tiny, styled):
    older = load(write(tmp_path / "older", form=manifest.OLDER))
    assert (older.warnings, tiny.warnings, styled.warnings) == ((), (), ())
    assert (older.translate(pictures(2)) == translated(pictures(2))).all()


def test_int8_for_cuda_is_warned_of_with_what_to_do(tmp_path):
    for precision in ("fp32", "fp16", "int8"):
        write(tmp_path / precision, precision=precision)
    for precision, device in [("int8", "cpu"), ("int8", "auto"), ("int8", "tensorrt"), ("fp16", "cuda")]:
        assert load(tmp_path / precision, device=device).warnings == ()
    (line,) = load(tmp_path / "int8", device="cuda").warnings
    assert "--precision fp16 for CUDA, or use --device tensorrt or cpu" in line


@pytest.mark.parametrize("style", [[1, 2, 3], np.zeros((2, 4)), "red", [np.nan] * 4])
def test_a_style_of_another_shape_is_refused(styled, style):
    with pytest.raises(InputError, match=r"style: found .*expected finite numbers of shape \(4,\) or \(3, 4\)"):
        styled.translate(pictures(3), style=style)


def test_a_style_for_a_method_without_is_refused(tiny):
    with pytest.raises(InputError, match="a method without styles"):
        tiny.translate(WIDE, style=[1.0])


def test_golden_pictures_that_differ_stop_the_first_use(tmp_path):
    folder = write(tmp_path, golden_error=8)
    wrong = load(folder)
    for _ in range(2):  # having failed once does not count as checked
        with pytest.raises(RunError, match=r"a2b on CPU\w+: found golden pictures that come out at 30.1 dB; .* 45 dB"):
            wrong.translate(WIDE)
    with pytest.raises(RunError, match="golden pictures"):
        load(folder, check=False).check()
    assert load(folder, check=False).translate(WIDE).shape == (16, 16, 3)


def test_a_check_that_failed_is_not_forgotten(tmp_path):
    wrong = load(write(tmp_path, golden_error=8))
    with pytest.raises(RunError):
        wrong.check()
    with pytest.raises(RunError):
        wrong.translate(WIDE)


def test_an_export_without_golden_pictures_is_not_believed(tmp_path):
    with pytest.raises(InputError):
        load(write(tmp_path, golden_count=0)).translate(WIDE)


def test_the_check_says_what_it_found(tiny, styled):
    for export in (tiny, styled):
        found = export.check("a2b")
        assert (found.provider, found.psnr_db, found.least_db) == ("CPUExecutionProvider", float("inf"), 45)
    assert tiny.images_per_second(batch=2, seconds=0.01) > 0


def test_psnr_is_the_fields_own():
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr_db(black, black + 255) == 0
    assert psnr_db(black, black + 16) == pytest.approx(24.05, abs=0.01)


def test_graphs_are_read_when_they_are_first_used(folder, monkeypatch):
    read = []
    monkeypatch.setattr(runtime, "OnnxRuntime", lambda path, **given: read.append(path.name) or real(path, **given))
    export = load(folder, threads=1)
    assert read == []
    threads = [threading.Thread(target=export.translate, args=(WIDE,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    export.translate(WIDE, "b2a")
    assert read == ["a2b.onnx", "b2a.onnx"]


real = runtime.OnnxRuntime


def test_the_number_of_threads_reaches_the_session(folder):
    export = load(folder, threads=3)
    assert export._graph("a2b").session.get_session_options().intra_op_num_threads == 3


def test_without_openvino_the_package_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(InputError, match="pip install"):
        load(folder, backend="openvino").translate(WIDE)


def test_only_the_base_install_is_needed(folder):
    done = without_torch(
        f"""
from crosscade.exporters.runtime import load
import numpy as np
made = load({str(folder)!r}).translate(np.zeros((2, 20, 30, 3), np.uint8))
assert made.shape == (2, 16, 16, 3) and (made == 255).all()
third = {{n.split(".")[0] for n, m in sys.modules.items() if "site-packages" in (getattr(m, "__file__", None) or "")}}
print(*sorted(third))
"""
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = {name for name in done.stdout.split() if not name.startswith("_")}  # setuptools' own begin so
    assert found == {"PIL", "attr", "attrs", "lazy_loader", "numpy", "onnxruntime"}
