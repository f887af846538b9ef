"""LRP inference: eq. (14) and (15) in their readings, the arms from one start, table III by hand-worked numbers."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch
from small import captioner, picture

import capxai_core as cx
from capxai_core.data.examples import ObjectAnnotation
from capxai_core.data.synonyms import words_of
from capxai_core.evaluate import tuning as judged
from capxai_core.evaluate.support import object_words
from capxai_core.evaluate.tuning import (
    by_epoch,
    by_strength,
    changed_captions,
    clothing_subset,
    clothing_words,
    tuning_rows,
    tuning_table,
    with_printed,
)
from capxai_core.pipeline import tuning as pipeline
from capxai_core.pipeline.photographs import kept_photographs
from capxai_core.training import captioning, inference
from capxai_core.training.captioning import caption_loss, pad_captions
from capxai_core.training.inference import Weighting, weights_of, word_rows
from capxai_core.training.recipe import Recipe


def words(**columns):
    """Two captions: "a dog runs", "the dog a cat cat"."""
    table = pd.DataFrame(
        {
            "image": ["x"] * 3 + ["y"] * 5,
            "word": ["a", "dog", "runs", "the", "dog", "a", "cat", "cat"],
            "token": [4, 5, 6, 7, 5, 4, 8, 8],
            "share": [9.0, 0.4, -0.2, 9.0, 0.2, 9.0, 0.1, 0.3],
            "right": [True, True, False, True, False, True, True, True],
        }
    )
    return table.assign(mean=table["share"] / 1000, **columns)


def test_weights_have_the_strength_asked_for_and_leave_other_words_alone():
    m = weights_of(words(), Weighting(strength=0.1), 10)
    share = {"x": {5: 0.4, 6: -0.2}, "y": {5: 0.2, 8: 0.2}}  # a word said twice has its mean
    mean = 0.25
    for image, of in share.items():
        expected = torch.ones(10)
        for token, value in of.items():
            expected[token] += 0.1 * value / mean
        assert torch.allclose(m[image], expected)
    apart = torch.cat([(m["x"] - 1)[[5, 6]], (m["y"] - 1)[[5, 8]]]).abs().mean()
    assert apart.item() == pytest.approx(0.1)
    turned = weights_of(words(), Weighting(strength=-0.1), 10)  # the other way round
    assert all(torch.allclose(turned[image] - 1, 1 - m[image]) for image in m)


def test_function_words_can_be_left_out_as_well():
    table = words(word=["a", "dog", "in", "the", "dog", "a", "cat", "cat"])
    m = weights_of(table, Weighting(strength=0.1, function_words=True), 10)
    assert m["x"][6] == 1 != m["x"][5] and m["y"][7] == 1 != m["y"][8]
    assert weights_of(table, Weighting(strength=0.1), 10)["x"][6] != 1


def test_the_frequency_arm_weights_by_how_often_a_word_is_right_with_the_same_strength():
    m = weights_of(words(), Weighting(arm="frequency", strength=0.1), 10)
    rates = {5: 0.5, 6: 0.0, 8: 1.0}
    assert m["y"][8] / m["y"][5] != 1 and m["x"][6] == 1
    scale = 0.1 / np.mean([rates[5], rates[6], rates[5], rates[8]])
    assert m["y"][8].item() == pytest.approx(1 + scale * 1.0) and m["x"][5].item() == pytest.approx(1 + scale * 0.5)


def test_eq_15_as_printed():
    m = weights_of(words(), Weighting(reading="mean", strength=None, others=0, stop=0), 10)
    assert m["x"].tolist() == pytest.approx([0, 0, 0, 0, 0, 1.0004, 0.9998, 0, 0, 0])
    assert weights_of(words(), Weighting(arm="original"), 10) == {}


def test_scores_are_multiplied_by_the_weights():
    model = captioner(1)
    a = torch.cat([model.see(picture(1)), model.see(picture(2))])
    tokens, recipe = pad_captions([[5, 2], [6, 7, 2]]), Recipe(dropout=0, embedding_dropout=0)
    m = torch.rand(2, len(model.vocabulary)) + 0.5
    losses = []
    for row, ids in enumerate(([5, 2], [6, 7, 2])):
        logits = model.decoder.fc(model.unroll(a[row : row + 1], model.embed(ids[:-1])).fused[0])
        losses.append(torch.nn.functional.cross_entropy(logits * m[row], torch.tensor(ids), reduction="none"))
    assert caption_loss(model.decoder, a, tokens, recipe, m).item() == pytest.approx(torch.cat(losses).mean().item())
    neutral = caption_loss(model.decoder, a, tokens, recipe, torch.ones_like(m))
    plain = caption_loss(model.decoder, a, tokens, recipe)
    assert neutral.item() == pytest.approx(plain.item())
    mixed = caption_loss(model.decoder, a, tokens, recipe, m, plain=0.25)
    assert mixed.item() == pytest.approx(0.25 * plain.item() + 0.75 * torch.cat(losses).mean().item())


def test_the_reading_without_maps_tells_what_the_maps_tell():
    model, examples = cx.load_captioner("scenes/adaptive"), cx.load_scenes("train", 2, seed=5)
    fast, slow = (pd.DataFrame(word_rows(model, examples, maps)["words"]) for maps in (False, True))
    assert list(fast.word) == list(slow.word)
    np.testing.assert_allclose(fast["mean"], slow["mean"], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(fast["share"], slow["share"], rtol=1e-3, atol=1e-3)
    assert slow["relative"].abs().max() <= 1
    assert fast[fast["word"].isin(["a", "in"])]["right"].all()  # no objects: right where a reference has them


@pytest.fixture
def no_java(monkeypatch):
    """Captions scored without METEOR, whose Java program takes seconds to start: `test_caption_metrics.py` has it."""
    monkeypatch.setattr(judged, "image_scores", lambda truth, said: {"ROUGE-L": np.ones(len(said))})


@dataclass(frozen=True)
class Told:
    name: str
    captions: tuple
    seen: frozenset
    objects: tuple = ()

    def supports(self, word):
        return word in self.seen


DRESS = Told("dress", (("a", "woman", "in", "a", "dress"),), frozenset({"dress", "woman"}))
SHIRT = Told("shirt", (("a", "man", "in", "a", "shirt"), ("a", "coat")), frozenset({"shirt"}))
BARE = Told("bare", (("a", "dog"),), frozenset())


def test_the_subset_has_other_clothes_and_not_the_biased_word():
    assert clothing_subset([DRESS, SHIRT, BARE], clothing_words("flickr8k")) == [DRESS]
    assert "shirt" not in clothing_words("scenes") and {"coat", "jacket"} <= clothing_words("scenes")


def test_table_3_by_hand(no_java):
    said = {
        ("original", 1): [("a", "dress", "and", "a", "coat"), ("a", "coat")],
        ("original", 2): [("a", "shirt"), ("a", "dog")],
        ("lrp", 1): [("a", "dress"), ("a", "dog")],
        ("lrp", 2): [("a", "dress"), ("a", "dog")],
    }
    frames = [
        pd.DataFrame(tuning_rows([DRESS, BARE], captions, clothing_words("flickr8k"))).assign(arm=arm, seed=seed)
        for (arm, seed), captions in said.items()
    ]
    table = tuning_table(pd.concat(frames), draws=200).set_index(["measure", "arm", "against"])
    assert table.loc[("TP", "original", ""), "value"] == pytest.approx(100 / 3)  # of dress, coat, coat
    assert table.loc[("TP", "lrp", ""), "value"] == 100 and table.loc[("clothes said", "lrp", ""), "value"] == 0.5
    assert table.loc[("TP", "lrp", "original"), "value"] == pytest.approx(200 / 3)
    assert table.loc[("recall", "original", ""), "value"] == 50 and table.loc[("recall", "lrp", ""), "value"] == 100
    assert table.loc[("biased word made up", "original", ""), "value"] == 25
    same = table.loc[("recall", "lrp", "")]
    assert same.low == same.high == 100 and same.seeds == 2 and same.images == 2
    with pytest.raises(cx.RequestError, match="on the same images"):
        tuning_table(pd.concat([*frames[:3], frames[3][:1]]), draws=200)


def test_chair_counts_made_up_objects_by_words_and_by_captions(no_java):
    @dataclass(frozen=True)
    class Photo:
        name: str
        captions: tuple
        objects: tuple = ()

        def supports(self, word):
            return any(word in caption for caption in self.captions)

    dog = Photo("dog", (("a", "dog", "runs"),))
    said = [("a", "puppy", "with", "a", "frisbee"), ("a", "puppy"), ("it", "runs")]
    rows = tuning_rows([dog] * 3, said, (), object_words("flickr8k"))
    assert [(row["objects"], row["made_up"], row["hallucinates"]) for row in rows] == [
        (2, 1, True),  # the frisbee: a puppy is a dog
        (1, 0, False),
        (0, 0, False),
    ]
    boxed = replace(dog, objects=(ObjectAnnotation("frisbee", words_of("frisbee"), (0.1, 0.1, 0.2, 0.2)),))
    assert tuning_rows([boxed], said[:1], (), object_words("flickr8k"))[0]["made_up"] == 0  # as good as a reference
    table = tuning_table(pd.DataFrame(rows).assign(image=[*"xyz"], arm="lrp", seed=1), draws=50)
    value = table[table.against == ""].set_index("measure")["value"]
    assert (value["CHAIR i"], value["CHAIR s"]) == pytest.approx((100 / 3, 100 / 3))
    row = tuning_rows([dog], [("a", "shirt", "and", "a", "puppy", "and", "a", "frisbee")], (), object_words("flickr8k"))
    assert (row[0]["made_up"], row[0]["others"], row[0]["others_made_up"]) == (2, 2, 1)  # the shirt has its own measure
    scene = next(e for e in cx.load_scenes("counter", 50) if "shirt" not in {w for o in e.objects for w in o.words})
    row = tuning_rows([scene], [("a", "shirt")], (), object_words("scenes"))[0]
    assert (row["objects"], row["made_up"]) == (1, 1)  # what shows counts, not what captions say from habit


def test_captions_that_changed_are_those_with_other_words_of_interest():
    before = [("a", "woman", "in", "a", "dress"), ("a", "man", "in", "a", "shirt"), ("a", "dog")]
    after = [("the", "woman", "in", "a", "dress"), ("a", "man", "in", "a", "coat"), ("a", "cat")]
    table = changed_captions([DRESS, SHIRT, BARE], before, after, {"dress", "shirt", "coat"})
    assert table.to_dict("records") == [
        {
            "picture": 1,
            "before": "a man in a shirt",
            "after": "a man in a coat",
            "made up before": "",
            "made up after": "coat",
        }
    ]


def test_table_3_has_the_papers_numbers_beside_ours_and_their_differences():
    arms = [("lrp", ""), ("lrp", "original"), ("frequency", "lrp"), ("pretrained", ""), ("lrp", "pretrained")]
    table = pd.DataFrame(arms, columns=["arm", "against"]).assign(measure="TP")
    told = with_printed(table).printed.tolist()
    assert told[:3] == pytest.approx([49.12, 1.93, 1.34]) and np.isnan(told[3:]).all()
    assert with_printed(table.assign(measure="CHAIR i")).printed.isna().all()
    assert with_printed(table.assign(measure="ROUGE-L")).printed[1] == pytest.approx(0.0022)


def test_arms_by_strength_begin_with_an_ordinary_epoch():
    arms = ["pretrained", "original", "lrp", "frequency", "share, λ = 0.1", "frequency, λ = 0.3", "mean(E)"]
    table = pd.DataFrame({"arm": arms, "against": "", "measure": "TP", "value": range(7)})
    found = by_strength(pd.concat([table, table.assign(against="original")]))
    rows = found[["weights", "strength", "value"]].sort_values(["weights", "strength"]).to_records(index=False).tolist()
    assert rows == [
        ("frequency", 0, 1), ("frequency", 0.03, 3), ("frequency", 0.3, 5),
        ("lrp", 0, 1), ("lrp", 0.03, 2), ("lrp", 0.1, 4),
    ]  # fmt: skip


def test_arms_of_several_epochs_begin_with_the_first():
    arms = ["pretrained", "original", "original, epoch 2", "lrp", "lrp, epoch 10", "frequency", "share, λ = 0.1"]
    table = pd.DataFrame({"arm": arms, "against": "", "measure": "TP", "value": range(7)})
    found = by_epoch(pd.concat([table, table.assign(against="original")]))
    rows = found[["weights", "epoch", "value"]].to_records(index=False).tolist()
    assert rows == [("original", 1, 1), ("original", 2, 2), ("lrp", 1, 3), ("lrp", 10, 4)]


def test_all_arms_start_from_one_model_and_a_second_run_repeats_nothing(tmp_path, monkeypatch, no_java):
    model = cx.load_captioner("scenes/adaptive")
    examples = [*cx.load_scenes("train", 6, seed=8), *cx.load_scenes("val", 4), *cx.load_scenes("counter", 6)]
    examples += cx.load_scenes("test", 3)
    recipe = Recipe(d=128, k=64, min_count=1, images=3, captions=2, lr=1e-3, val_images=4)

    def run(folder, seeds=2, code="a", **more):
        place = tmp_path / folder / "scenes" / "adaptive" / "tuned", tmp_path / folder / "tables"
        made = {"seed": 1, "weights": "0" * 64, "code": code}
        return pipeline.tune(model, examples, recipe, made, *place, seeds=seeds, **more)

    first = run("one")["fine_tuning_all"]
    assert {*first.arm} == {"pretrained", "original", "frequency", "lrp"}
    assert set(first[first.arm == "lrp"].seeds) == {2} and set(first.images) == {6}  # where habits mislead
    assert set(pd.read_csv(tmp_path / "one" / "tables" / "fine_tuning_usual.csv").images) == {3}  # where they hold
    weights = sorted((tmp_path / "one").rglob("captioner.safetensors"))
    when = [path.stat().st_mtime_ns for path in weights]
    assert len({path.read_bytes() for path in weights}) == len(weights) == 6
    pd.testing.assert_frame_equal(run("one")["fine_tuning_all"], first)
    assert [path.stat().st_mtime_ns for path in weights] == when
    assert not [*tmp_path.rglob("judged-*")]  # whoever gets a Java later gets METEOR
    assert json.loads((tmp_path / "one" / "tables" / "fine_tuning.json").read_text())["seeds"] == 2

    mapped = run("one", maps=3)["fine_tuning_readings"]
    assert list(dict.fromkeys(mapped.arm)) == ["original", *(f"3 images, {name}" for name in pipeline.READINGS)]
    fewer = run("one", maps=2)["fine_tuning_readings"]
    assert set(fewer.arm) == {"original", *(f"2 images, {name}" for name in pipeline.READINGS)}
    few = pd.concat(pd.read_parquet(p) for p in (tmp_path / "one").rglob("mapped-3/part-*/words.parquet"))
    assert set(few.image) <= {e.name for e in examples[:3]} and few.relative.abs().max() <= 1
    cost = pd.read_csv(tmp_path / "one" / "tables" / "fine_tuning_cost.csv")
    assert list(cost.reading) == ["mean_relevance", "maps"] and (cost.captions_per_s > 0).all()
    told = pd.concat(pd.read_parquet(p) for p in (tmp_path / "one").rglob("explained/part-*/words.parquet"))
    word = pd.read_csv(tmp_path / "one" / "tables" / "fine_tuning_words.csv").set_index("word").loc["a"]
    mine = told[told.word == "a"]
    assert (word.n, word["share"]) == (len(mine), pytest.approx(mine.share.mean(), rel=1e-5))

    monkeypatch.setattr(pipeline, "VARIANTS", {"as printed": pipeline.VARIANTS["as printed"]})
    run("two", seeds=1, maps=2)
    more = run("two", seeds=1, variants=1, epochs=2)  # other options in the same folders; only their tables stay
    assert not (tmp_path / "two" / "tables" / "fine_tuning_readings.csv").exists()
    assert {*more["fine_tuning_variants_all"].arm} == {"pretrained", *pipeline.ARMS, "as printed"}
    assert {*more["fine_tuning_epochs"].arm} == {
        "pretrained",
        *pipeline.ARMS,
        *(f"{a}, epoch 2" for a in pipeline.FURTHER),
    }
    with pytest.raises(cx.DataError, match=r"another code .*with --again"):
        run("two", seeds=1, code="b")
    run("two", seeds=1, code="b", again=True)
    model.profile, examples = "flickr8k", [*examples[:10], *cx.load_scenes("test", 20)]
    part = run("three", seeds=1, variants=1, maps=3, epochs=1)  # variants that need no map, readings of a part
    assert kept_photographs(tmp_path / "three" / "tables" / "tuned")["astronaut"][0].method == "lrp"
    assert {*part["fine_tuning_variants_all"].arm} == {"pretrained", *pipeline.ARMS, "as printed"}
    assert len({*part["fine_tuning_readings"].arm}) == 1 + len(pipeline.READINGS)
    assert {*part["fine_tuning_variants_all"].images} == {20}
    runs = tmp_path / "two" / "scenes" / "adaptive" / "tuned" / "mapped"
    again = pd.concat(pd.read_parquet(path) for path in (runs / "lrp-epoch-2-1-explained").glob("part-*/words.parquet"))
    before = pd.concat(pd.read_parquet(path) for path in (runs / "explained").glob("part-*/words.parquet"))
    assert {*again.image} == {*before.image} and not np.allclose(again.share.iloc[:5], before.share.iloc[:5])
    assert not (runs / "original-epoch-2-1-explained").exists()


def test_tuning_that_is_killed_goes_on_to_the_same_weights(tmp_path, monkeypatch, no_java):
    model = cx.load_captioner("scenes/adaptive")
    examples = [*cx.load_scenes("train", 6, seed=8), *cx.load_scenes("val", 4), *cx.load_scenes("counter", 6)]
    recipe = Recipe(d=128, k=64, min_count=1, images=3, captions=2, lr=1e-3, val_images=4)
    monkeypatch.setattr(inference, "PART", 3)

    def run(folder):
        place = tmp_path / folder / "scenes" / "adaptive" / "tuned", tmp_path / folder / "tables"
        table = pipeline.tune(model, examples, recipe, {"seed": 1, "weights": "0" * 64}, *place, seeds=1)["fine_tuning"]
        weights = sorted((tmp_path / folder).rglob("captioner.safetensors"))
        return table, {path.parent.name: path.read_bytes() for path in weights}

    def explaining(model, some, maps=False):
        if some[0].name != examples[0].name:
            raise KeyboardInterrupt
        return word_rows(model, some, maps)

    def training(self, batch, i):
        if batch[2] is not None and i == 1:  # with weights, in the middle of the epoch
            raise KeyboardInterrupt
        return step(self, batch, i)

    scored = {"ROUGE-L": 1.0, "METEOR": 1.0}
    monkeypatch.setattr(judged, "image_scores", lambda truth, said: {m: np.ones(len(said)) for m in scored})
    table, weights = run("whole")
    assert len(weights) == 3 and len([*tmp_path.rglob("judged-*.parquet")]) == 4
    step = captioning.CaptionTraining.training_step
    for where, name, dies in (
        (inference, "word_rows", explaining),
        (captioning.CaptionTraining, "training_step", training),
    ):
        with monkeypatch.context() as cut, pytest.raises(KeyboardInterrupt):
            cut.setattr(where, name, dies)
            run("cut")
    again, same = run("cut")
    pd.testing.assert_frame_equal(again, table)
    assert same == weights
