"""True causes: scenes drawn again and prefixes edited by hand, and maps that are the truth."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import spearmanr
from small import captioner as tiny
from small import picture
from test_masking import Named

import capxai_core as cx
from capxai_core.data.scenes import Scene, SceneExample
from capxai_core.data.scenes.world import CLOTHING, PEOPLE
from capxai_core.evaluate.causes import OBJECT_EDITS, agreement, causes_rows, causes_table, correlation, edited
from capxai_core.evaluate.records import Explained
from capxai_core.models.captioner import Captioner
from capxai_core.models.explainable import word_scores

IDS = (5, 9, 5, 7, 12)


def dressed() -> SceneExample:
    """The first scene with somebody in clothes and two more things at least."""
    scenes = (SceneExample(seed, "test", 16) for seed in range(100))
    return next(
        s
        for s in scenes
        if any(o.category in CLOTHING for o in s.objects)
        and sum(o.category not in (*CLOTHING, *PEOPLE) for o in s.objects) >= 2
    )


def logits(model: Captioner, image: torch.Tensor, ids: tuple[int, ...] | list[int]) -> torch.Tensor:
    run = model.unroll(model.see(image), model.embed(ids))
    return word_scores(model, run, ids, range(len(ids)))[0]


def explained(model: Captioner, example: SceneExample, **maps: tuple[torch.Tensor, torch.Tensor | None]) -> Explained:
    image = example.image()
    caption, n = model.follow(model.see(image), IDS, ended=False), len(IDS)
    found = {
        name: cx.Explanation(name, caption, tuple(range(n)), x, words, caption.log_probs, signed=True)
        for name, (x, words) in maps.items()
    }
    return Explained(example, image, caption, found)


def regions(scene: Scene, edit: str) -> tuple[list[Scene], np.ndarray]:
    """The scenes with one thing done to each object it can be done to, and what of the picture that concerns."""
    seen, drawn = scene.annotate(16), []
    for i in range(len(seen)):
        if (new := edited(scene, i, edit)) is not None:
            key, worn = scene.seen[i]
            alike = [o.mask for o, (other, _) in zip(seen, scene.seen, strict=True) if other == key]
            drawn.append((new, seen[i].mask if worn else np.logical_or.reduce(alike)))
    return [new for new, _ in drawn], np.array([mask for _, mask in drawn], float)


@pytest.mark.parametrize("edit", OBJECT_EDITS)
def test_objects_are_ranked_by_what_the_word_loses_without_them(edit: str) -> None:
    model, example = tiny(1), dressed()
    noise = torch.randn(len(IDS), 16, 16, generator=torch.Generator().manual_seed(0))
    e = explained(model, example, noise=(noise, None))
    new, masks = regions(example.scene, edit)
    assert len(new) >= 2
    whole = logits(model, example.image(), IDS)
    truth = torch.stack([whole - logits(model, scene.render(16), IDS) for scene in new]).T.numpy()
    sums = np.einsum("thw,nhw->tn", noise.double().numpy(), masks)
    rows = [row for row in causes_rows(model, e, [edit]) if row["edit"] == edit]
    assert len(rows) == len(IDS) * 2 * 2 * 2
    for row in rows:
        given = sums if row["method"] == "noise" else masks.sum((1, 2)) + 0 * sums
        given = (given / masks.sum((1, 2)) if row["score"] == "mean" else given)[row["position"]]
        wanted = truth[row["position"]]
        if row["sign"] == "absolute":
            given, wanted = np.abs(given), np.abs(wanted)
        if row["method"] == "uniform" and row["score"] == "mean":
            assert (row["spearman"], row["top1"]) == (0, pytest.approx(1 / len(new)))
            continue
        assert row["spearman"] == pytest.approx(spearmanr(given, wanted).statistic)
        if np.sum(given == given.max()) == 1:
            assert row["top1"] == float(given.argmax() == wanted.argmax())
        assert row["causes"] == len(new) and row["names"] == "other"


def test_a_map_that_is_the_truth_agrees_with_it() -> None:
    model, example = tiny(2), dressed()
    new, masks = regions(example.scene, "recoloured")  # these regions do not overlap
    whole = logits(model, example.image(), IDS)
    truth = torch.stack([whole - logits(model, scene.render(16), IDS) for scene in new]).T
    right = torch.einsum("tn,nhw->thw", truth, torch.from_numpy(masks / masks.sum((1, 2), keepdims=True)))
    rows = causes_rows(model, explained(model, example, right=(right, None), wrong=(-right, None)), ["recoloured"])
    signed = [row for row in rows if row["score"] == "sum" and row["sign"] == "signed"]
    for row in signed:
        if row["method"] != "uniform":
            assert row["spearman"] == pytest.approx(1 if row["method"] == "right" else -1)
            assert row["top1"] == (row["method"] == "right")
    assert len(signed) == 3 * len(IDS)


def test_words_are_ranked_by_what_the_word_loses_without_them() -> None:
    model, example = tiny(3), dressed()
    image, scores = example.image(), torch.randn(5, 5, generator=torch.Generator().manual_seed(1))
    rows = causes_rows(model, explained(model, example, noise=(torch.zeros(5, 16, 16), scores)), [])
    whole = logits(model, image, IDS)
    for position in range(2, 5):
        shorter = [
            logits(model, image, [w for i, w in enumerate(IDS) if i != j])[position - 1] for j in range(position)
        ]
        unknown = [
            logits(model, image, [3 if i == j else w for i, w in enumerate(IDS)])[position] for j in range(position)
        ]
        for edit, after in (("deleted", shorter), ("unknown", unknown)):
            truth = (whole[position] - torch.stack(after)).numpy()
            for method, given in (("noise", scores[position, 1 : position + 1]), ("nearest", torch.arange(position))):
                (row,) = (
                    row
                    for row in rows
                    if (row["position"], row["edit"], row["method"], row["sign"]) == (position, edit, method, "signed")
                )
                assert row["spearman"] == pytest.approx(spearmanr(given, truth).statistic)
                assert row["top1"] == float(given.argmax() == truth.argmax()) and row["causes"] == position
    assert {row["position"] for row in rows} == {2, 3, 4}  # fewer than two words precede the others


@pytest.mark.parametrize("architecture", ["adaptive", "grid_td"])
def test_occlusion_scores_words_by_the_truth_itself(architecture: str) -> None:
    model, example = tiny(4, architecture), dressed()
    caption = model.follow(model.see(example.image()), IDS, ended=False)
    found = {"occlusion": cx.explain(model, example.image(), caption, "occlusion")}
    rows = causes_rows(model, Explained(example, example.image(), caption, found), [])
    assert {
        (round(row["spearman"], 9), row["top1"])
        for row in rows
        if (row["method"], row["edit"], row["sign"]) == ("occlusion", "unknown", "signed")
    } == {(1, 1)}


def test_words_are_told_apart_by_what_they_name() -> None:
    from capxai_core.data.vocabulary import SPECIALS, Vocabulary

    model, example = tiny(5), dressed()
    present = next(o.words[0] for o in example.objects)
    absent = next(word for word in ("horse", "kite", "car") if not example.supports(word))
    model.vocabulary = Vocabulary((*SPECIALS, present, absent, "the", *(f"w{i}" for i in range(13))))
    image = example.image()
    caption = model.follow(model.see(image), (4, 5, 6), ended=False)
    e = Explained(example, image, caption, {"lrp": cx.explain(model, image, caption)})
    rows = causes_rows(model, e, ["removed"])
    assert {(row["word"], row["names"]) for row in rows} == {(present, "seen"), (absent, "unseen"), ("the", "other")}
    assert rows == causes_rows(model, e, ["removed"])


def test_only_what_can_be_done_to_an_object_is_done() -> None:
    scene = dressed().scene
    for i, o in enumerate(scene.objects):
        assert (edited(scene, i, "moved") is None) == (o.category in CLOTHING)
        assert (edited(scene, i, "recoloured") is None) == (o.category in PEOPLE)
        assert not torch.equal(edited(scene, i, "removed").render(64), scene.render(64))
    with pytest.raises(cx.RequestError, match="unknown edit 'painted'"):
        edited(scene, 0, "painted")


def test_photographs_cannot_be_drawn_again() -> None:
    model, image = tiny(6), picture(6)
    caption = model.follow(model.see(image), IDS, ended=False)
    with pytest.raises(cx.RequestError, match="photo: only drawn scenes"):
        causes_rows(model, Explained(Named("photo"), image, caption, {}))


def test_agreement_by_hand() -> None:
    scores = np.array([[3.0, 2, 1], [1, 2, 3], [5, 5, 0], [0, 0, 0]])
    spearman, top = agreement(scores, np.array([30.0, 20, 10]))
    assert spearman == pytest.approx([1, -1, np.sqrt(3) / 2, 0])
    assert top == pytest.approx([1, 0, 1 / 2, 1 / 3])
    assert agreement(scores, np.array([7.0, 7, 1]))[1] == pytest.approx([1 / 2, 0, 1 / 2, 1 / 3])
    assert correlation(np.full((1, 3), 0.1), np.full((1, 3), 0.7)).tolist() == [0]  # means are off by a rounding


def test_the_table_by_hand() -> None:
    what = {"position": 1, "word": "dog", "edit": "removed", "sign": "signed", "score": "sum", "causes": 3}
    rows = [
        {"image": image, **what, "names": names, "method": method, "spearman": value, "top1": 1.0}
        for image, names, values in (("a", "seen", (0.5, 0.1)), ("b", "unseen", (-0.5, 0.1)))
        for method, value in zip(("lrp", "uniform"), values, strict=True)
    ]
    table = causes_table(pd.DataFrame(rows)).set_index(["measure", "names", "method", "against"])
    assert table["value"]["spearman", "all", "lrp", ""] == 0
    assert table["value"]["spearman", "seen", "lrp", "uniform"] == pytest.approx(0.4)
    assert table["n"]["spearman", "all", "lrp", ""] == 2 and table["n"]["top1", "unseen", "lrp", ""] == 1
    (row,) = causes_table(pd.DataFrame([])).to_dict("records")
    assert (row["n"], row["value"], row["note"]) == (0, None, "nothing selected")
