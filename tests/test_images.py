"""Pictures as they come from the world."""

import numpy as np
import pytest
import torch
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
    ("mode", "wanted"), [("L", [60, 60, 60]), ("P", [204, 0, 0]), ("CMYK", [200, 0, 0]), ("1", [0, 0, 0])]
)
def test_colour_modes(tmp_path, mode, wanted):
    path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
    Image.fromarray(RED).convert(mode, dither=Image.Dither.NONE).save(path)
    assert np.abs(np.array(corner(cx.load_image(path))) - wanted).max() <= 1


def test_sixteen_bits_keep_their_brightness(tmp_path):
    Image.fromarray(np.full((4, 4), 32768, np.uint16)).save(tmp_path / "a.png")
    assert cx.load_image(tmp_path / "a.png").mean().item() == pytest.approx(0.5, abs=1e-3)


def test_transparency_lies_over_white(tmp_path):
    Image.new("RGBA", (4, 4), (255, 0, 0, 128)).save(tmp_path / "a.png")
    Image.new("LA", (4, 4), (0, 0)).save(tmp_path / "b.png")
    assert corner(cx.load_image(tmp_path / "a.png")) == [255, 127, 127]
    assert corner(cx.load_image(tmp_path / "b.png")) == [255, 255, 255]


def test_exif_rotation_is_undone(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the picture must be rotated clockwise
    Image.fromarray(RED).save(tmp_path / "a.jpg", exif=exif, quality=95)
    image = cx.load_image(tmp_path / "a.jpg")
    assert image.shape == (3, 30, 20)
    assert image[0, 15, 18] > 0.7 and image[0, 15, 2] < 0.1  # what was up is right


def test_unusable_files_name_themselves_and_the_reason(tmp_path, monkeypatch):
    whole = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(whole)
    (tmp_path / "truncated.png").write_bytes(whole.read_bytes()[:2000])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not a picture")
    for name, reason in [
        ("truncated.png", "truncated"),
        ("empty.jpg", "empty"),
        ("text.jpg", "cannot be decoded"),
        ("missing.jpg", "no such file"),
        ("", "folder"),
    ]:
        with pytest.raises(cx.ImageError, match=reason) as caught:
            cx.load_image(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
    monkeypatch.setattr(images, "MAX_PIXELS", 1000)
    with pytest.raises(cx.ImageError, match="64 x 64 pixels is more"):
        cx.load_image(whole)


def test_fit_is_direct_and_keeps_range():
    wide = torch.rand(3, 10, 40)
    square = images.fit(wide, 16)
    assert square.shape == (3, 16, 16) and square.min() >= 0 and square.max() <= 1
    assert square.mean().item() == pytest.approx(wide.mean().item(), abs=0.02)
