"""Explanations in a file, and photographs that packages carry: what comes back is what was put in."""

from pathlib import Path

import pytest
import torch
from small import captioner, picture

import capxai_core as cx
from capxai_core.pipeline import photographs as package
from capxai_core.pipeline.photographs import PHOTOGRAPHS, explain_photographs, kept_photographs, photograph

METHODS = ("lrp", "guided_gradcam", "gradcam", "attention")


def explanations(seed: int = 1) -> list[cx.Explanation]:
    model, image = captioner(seed), picture(seed)
    caption = model.follow(model.see(image), (5, 9, 5), ended=True)
    return [cx.explain(model, image, caption, m, include_end=True) for m in METHODS]


def test_everything_but_the_maps_comes_back_as_it_was_and_maps_to_their_levels(tmp_path: Path) -> None:
    made = explanations()
    found = cx.load_explanations(cx.save_explanations(made, tmp_path / "one.safetensors"))
    for a, b in zip(made, found, strict=True):
        assert (a.method, a.positions, a.signed, a.caption.words) == (b.method, b.positions, b.signed, b.caption.words)
        assert (a.caption.token_ids, a.caption.ended, a.caption.end_log_prob) == (
            b.caption.token_ids, b.caption.ended, b.caption.end_log_prob,
        )  # fmt: skip
        for name in ("words", "logits", "pixel_share"):
            x, y = getattr(a, name), getattr(b, name)
            assert (x is None) == (y is None) and (x is None or torch.allclose(x.float(), y, rtol=1e-5))
        for name in ("log_probs", "attention", "beta"):
            assert torch.allclose(getattr(a.caption, name).float(), getattr(b.caption, name))
        peak = a.image.abs().amax((1, 2))
        assert ((a.image - b.image).abs().amax((1, 2)) <= peak / 254 * 1.001).all()
    account = found[0].budget
    assert account is not None and (account.residual < 1e-5).all()
    cx.Explorer(picture(1), found).to_html()


def test_larger_maps_are_averaged_over_blocks(tmp_path: Path) -> None:
    made = explanations()
    found = cx.load_explanations(cx.save_explanations(made, tmp_path / "small.safetensors", side=4))
    for a, b in zip(made, found, strict=True):
        assert (a.block, b.block) == (1, 4)
        pooled = a.image.unflatten(1, (4, 4)).unflatten(3, (4, 4)).mean((2, 4))
        assert b.image.shape == (4, 4, 4) and torch.allclose(
            b.image, pooled.float(), atol=pooled.abs().max().item() / 200
        )
    assert {method["block"] for method in cx.Explorer(picture(1), found).data["methods"]} == {4}


@pytest.mark.parametrize("content", [None, b"", b"no tensors"])
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(cx.ModelError, match=r"x\.safetensors"):
        cx.load_explanations(path)
    weights = Path(cx.__file__).parent / "pretrained" / "scenes" / "grid_td.safetensors"
    with pytest.raises(cx.ModelError, match="no file of explanations"):
        cx.load_explanations(weights)


def test_a_file_keeps_one_caption(tmp_path: Path) -> None:
    model, image = captioner(1), picture(1)
    other = cx.explain(model, image, model.follow(model.see(image), (6,), ended=True))
    twice = [explanations()[0]] * 2
    for wrong in ([], [explanations()[0], other], twice):
        with pytest.raises(cx.RequestError, match="one caption"):
            cx.save_explanations(wrong, tmp_path / "x.safetensors")


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_the_photographs_come_with_installed_packages(name: str) -> None:
    image = photograph(name)
    assert image.shape[0] == 3 and min(image.shape[1:]) >= 300 and 0 <= image.min() < image.max() <= 1


def test_photographs_are_explained_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "PHOTOGRAPHS", {"coffee": PHOTOGRAPHS["coffee"]})
    with pytest.raises(cx.DataError, match="capxai photographs"):
        kept_photographs(tmp_path / "kept")
    made = list(explain_photographs(captioner(2), tmp_path / "kept"))
    assert [path.name for path in made] == ["coffee.safetensors"]
    assert [e.method for e in kept_photographs(tmp_path / "kept")["coffee"]] == [
        "lrp",
        "gradcam",
        "guided_gradcam",
        "attention",
    ]


def test_interrupted_photographs_leave_none_of_another_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = dict.fromkeys(("one", "two"), PHOTOGRAPHS["coffee"])
    monkeypatch.setattr(package, "PHOTOGRAPHS", two)
    for name in two:
        (tmp_path / f"{name}.safetensors").write_text("another model's")
    next(explain_photographs(captioner(2), tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["one.safetensors"]


def test_kept_photographs_stay_where_they_cannot_be_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = {"one": PHOTOGRAPHS["coffee"], "two": "no_such_package.data/two.png"}
    monkeypatch.setattr(package, "PHOTOGRAPHS", two)
    (tmp_path / "one.safetensors").write_text("shipped")
    with pytest.raises(cx.DataError, match=r"no_such_package.data: pip install"):
        next(explain_photographs(captioner(2), tmp_path))
    assert (tmp_path / "one.safetensors").read_text() == "shipped"


def test_a_photograph_whose_package_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "PHOTOGRAPHS", {"x": "no_such_package.data/x.png"})
    with pytest.raises(cx.DataError, match=r"no_such_package.data: pip install"):
        photograph("x")
