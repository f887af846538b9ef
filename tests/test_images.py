"""Pictures as they come from the world."""

import struct
import zlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import capxai_core as cx
from capxai_core.data import images

RED = np.zeros((20, 30, 3), np.uint8)
RED[:10, :, 0] = 200  # the upper half is red


def corner(tensor: torch.Tensor) -> list[int]:
    return [round(v * 255) for v in tensor[:, 0, 0].tolist()]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "gif", "ppm"])
def test_formats_decode_to_floats_in_the_unit_range(tmp_path, suffix):
    Image.fromarray(RED).save(tmp_path / f"a.{suffix}", lossless=True)
    image = cx.load_image(tmp_path / f"a.{suffix}")
    assert image.shape == (3, 20, 30) and image.dtype == torch.float32
    assert corner(image) == [200, 0, 0] and image[:, -1].max() == 0


@pytest.mark.parametrize(
    ("mode", "suffix", "wanted"),
    [
        ("L", "png", [60, 60, 60]),
        ("L", "jpg", [60, 60, 60]),
        ("P", "png", [204, 0, 0]),
        ("1", "png", [0, 0, 0]),
        ("CMYK", "tiff", [200, 0, 0]),
        ("CMYK", "jpg", [200, 0, 0]),  # Adobe's, whose samples stand for the lack of ink
    ],
)
def test_colour_modes(tmp_path, mode, suffix, wanted):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(RED).convert(mode, dither=Image.Dither.NONE).save(path, quality=100)
    assert np.abs(np.array(corner(cx.load_image(path))) - wanted).max() <= 2


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bits_keep_their_brightness(tmp_path, suffix, order):
    for brightness in (0, 1, 300, 32768, 65535):
        samples = np.full((4, 4), brightness, order)
        Image.fromarray(samples).save(tmp_path / f"a.{suffix}")
        image = cx.load_image(tmp_path / f"a.{suffix}")
        assert image.shape == (3, 4, 4) and image.mean().item() == pytest.approx(brightness / 65535, abs=1e-6)


@pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
def test_float_samples_keep_their_brightness(tmp_path, white):
    ramp = np.linspace(0, white, 16, dtype=np.float32).reshape(4, 4)
    Image.fromarray(np.where(ramp == 0, np.nan, ramp)).save(tmp_path / "a.tiff")
    assert np.allclose(cx.load_image(tmp_path / "a.tiff")[1], ramp / white, atol=1e-6)


def test_transparency_lies_over_white(tmp_path):
    Image.new("RGBA", (4, 4), (255, 0, 0, 128)).save(tmp_path / "a.png")
    Image.new("LA", (4, 4), (0, 0)).save(tmp_path / "b.png")
    assert corner(cx.load_image(tmp_path / "a.png")) == [255, 127, 127]
    assert corner(cx.load_image(tmp_path / "b.png")) == [255, 255, 255]
    palette = Image.fromarray(RED).convert("P")
    palette.save(tmp_path / "c.png", transparency=palette.getpixel((0, 0)))
    Image.new("RGB", (4, 4), (9, 9, 9)).save(tmp_path / "d.png", transparency=(9, 9, 9))
    assert corner(cx.load_image(tmp_path / "c.png")) == corner(cx.load_image(tmp_path / "d.png")) == [255, 255, 255]


def stored(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera stores an upright picture that it marks with this orientation: `pixels` seen through its sensor."""
    turned = {
        5: pixels.swapaxes(0, 1),
        6: np.rot90(pixels),
        7: pixels[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(pixels, 3),
    }
    flipped = {1: pixels, 2: pixels[:, ::-1], 3: pixels[::-1, ::-1], 4: pixels[::-1]}
    return np.ascontiguousarray((flipped | turned)[orientation])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tiff", "webp"])
def test_exif_rotation_is_undone(tmp_path, suffix, orientation):
    upright = np.random.default_rng(1).integers(0, 255, (2, 3, 3)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored(upright, orientation)).save(tmp_path / f"a.{suffix}", exif=exif, quality=100)
    image = cx.load_image(tmp_path / f"a.{suffix}")
    assert image.shape == (3, 32, 48)
    assert np.abs(image.permute(1, 2, 0).numpy()[8::16, 8::16] * 255 - upright[8::16, 8::16]).max() < 8


def test_a_picture_of_a_hundred_megapixels_is_never_floats_in_full(tmp_path):
    Image.linear_gradient("L").resize((12_000, 8_000)).save(tmp_path / "a.jpg")
    image = cx.load_image(tmp_path / "a.jpg")
    assert image.shape == (3, 2731, 4096)
    assert (
        image[0, 10, 10] < 0.01
        and image[0, 1365, 50].item() == pytest.approx(0.5, abs=0.01)
        and image[2, -1, -1] > 0.99
    )


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [(m, "png") for m in ("1", "L", "P", "RGB", "RGBA", "I;16")]
    + [("CMYK", "tiff"), ("I;16B", "tiff"), ("RGB", "jpg")],
)
def test_what_is_scaled_down_looks_the_same(tmp_path, mode, suffix, monkeypatch):
    path = tmp_path / f"a.{suffix}"
    ramp = np.tile(np.linspace(0, 255, 480), (320, 1)).astype(np.uint8)
    picture = Image.merge("RGB", [Image.fromarray(c) for c in (ramp, 255 - ramp, ramp[::-1] // 2)])
    if mode.startswith("I;16"):
        picture = Image.fromarray(ramp.astype("<u2" if mode == "I;16" else ">u2") * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    (picture if mode.startswith("I;16") else picture.convert(mode)).save(path, exif=exif)
    whole = cx.load_image(path)
    monkeypatch.setattr(images, "LONGEST_SIDE", 60)
    small = cx.load_image(path)
    assert whole.shape == (3, 480, 320) and small.shape == (3, 60, 40)
    assert (images.fit(whole, 20) - images.fit(small, 20)).abs().max() < 0.02
    monkeypatch.setattr(images, "LONGEST_SIDE", 480)
    assert torch.equal(cx.load_image(path), whole)


def test_unusable_files_name_themselves_and_the_reason(tmp_path, monkeypatch):
    whole = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(whole)
    (tmp_path / "truncated.png").write_bytes(whole.read_bytes()[:2000])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not a picture")
    for name, reason in [
        ("truncated.png", "truncated"),
        ("empty.jpg", "empty"),
        ("text.jpg", "cannot be decoded.*none of JPEG, PNG"),
        ("missing.jpg", "no such file"),
        ("", "folder"),
        ("x" * 5000, "too long"),
        ("a\0.jpg", "null byte"),
    ]:
        with pytest.raises(cx.ImageError, match=reason) as caught:
            cx.load_image(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
    header = bytearray(whole.read_bytes())
    header[16:24] = struct.pack(">II", 60_000, 60_000)  # says to be 3600 megapixels
    header[29:33] = struct.pack(">I", zlib.crc32(header[12:29]))
    (tmp_path / "bomb.png").write_bytes(header)
    with pytest.raises(cx.ImageError, match=r"bomb\.png: too large to decode safely"):
        cx.load_image(tmp_path / "bomb.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 1000)
    with pytest.raises(cx.ImageError, match="64 x 64 pixels is more"):
        cx.load_image(whole)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["jpg", "png", "gif", "bmp", "tiff", "webp", "ppm"]), st.data())
def test_damaged_files_give_a_picture_or_an_image_error(tmp_path, suffix, data):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(RED).save(path, **({} if suffix in ("gif", "bmp", "ppm") else {"exif": exif}))
    content = bytearray(path.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        image = cx.load_image(path)
    except cx.ImageError as error:
        assert str(path) in str(error)
    else:
        assert image.shape[0] == 3 and image.min() >= 0 and image.max() <= 1


def test_fit_is_direct_and_keeps_range():
    wide = torch.rand(3, 10, 40)
    square = images.fit(wide, 16)
    assert square.shape == (3, 16, 16) and square.min() >= 0 and square.max() <= 1
    assert square.mean().item() == pytest.approx(wide.mean().item(), abs=0.02)
