"""LRP inference from beginning to end: explain the training set, tune each arm with each seed, judge, tabulate."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich.progress import track

from capxai_core.data.examples import Example
from capxai_core.errors import DataError
from capxai_core.evaluate.records import work
from capxai_core.evaluate.support import BATCH, captions_of, object_words
from capxai_core.evaluate.tuning import clothing_subset, clothing_words, tuning_rows, tuning_table
from capxai_core.files import atomic, digest, write_facts, write_table
from capxai_core.methods import explain, mean_relevance
from capxai_core.models.captioner import Captioner, load_captioner
from capxai_core.models.device import accelerator
from capxai_core.pipeline.photographs import explain_photographs
from capxai_core.pipeline.profiles import find_profile
from capxai_core.training.captioning import Further, caption_loss, train_captioner
from capxai_core.training.card import fingerprint
from capxai_core.training.features import FeatureCache, looks
from capxai_core.training.inference import Weighting, describe, explained_training_set, weights_of
from capxai_core.training.recipe import Recipe

ARMS = {arm: Weighting(arm=arm) for arm in ("original", "frequency", "lrp")}
# One thing of the text's or the code's at a time; only where maps are made of all.
FINER = {
    "as printed, stop words at 1": Weighting(reading="mean", strength=None, others=0),
    "mean(E) / max|E|, half of the loss": Weighting(reading="relative", strength=None, plain=0.5),
    "no function words, λ = 0.03": Weighting(function_words=True),
}
# How the text, the released code and other strengths come out; of fewer seeds.
VARIANTS = {
    "as printed": Weighting(reading="mean", strength=None, others=0, stop=0),
    "mean(E)": Weighting(reading="mean", strength=None),
    "mean(E) / max|E|": Weighting(reading="relative", strength=None),
    "mean(E) / max|E|, λ = 0.03": Weighting(reading="relative"),
    **{f"share, λ = {strength:g}": Weighting(strength=strength) for strength in (-0.3, -0.1, 0.01, 0.1, 0.3)},
    **{f"frequency, λ = {strength:g}": Weighting(arm="frequency", strength=strength) for strength in (0.01, 0.1, 0.3)},
    **FINER,
}
# The released code's reading wants maps, which are dear: where they are made of a part of the training set, these are
# tuned with the weights of that part, one seed each, and are no variants.
READINGS = {name: of for name, of in VARIANTS.items() if of.reading == "relative" and name not in FINER}
READINGS["share, λ = 0.03"] = ARMS["lrp"]
# What the weights are made of, word by word: the mean share, how often the word is right, how often it is said.
BY_WORD: Any = {"share": ("share", "mean"), "right": ("right", "mean"), "n": ("share", "size")}
SLOWER = 0.1  # of the learning rate that the model was trained with
FURTHER = ("original", "lrp")  # arms of several epochs, with as many seeds as the variants have


def tune(
    model: Captioner,
    examples: Sequence[Example],
    recipe: Recipe,
    provenance: dict[str, Any],
    runs: Path,
    results: Path,
    seeds: int = 3,
    variants: int = 0,
    maps: int = 0,
    epochs: int = 3,
    jobs: int = 1,
    again: bool = False,
) -> dict[str, pd.DataFrame]:
    """Table III: tune a pretrained model in each of `ARMS`, once a seed, and compare them.

    examples: all splits. recipe: the profile's; one epoch at a tenth of its learning rate. variants: seeds of each of
    `VARIANTS`, at most `seeds`, and of the arms that go on for `epochs`, explained anew after each. maps: of how many
    training images maps are made, for `READINGS`; 0: of all where there are variants. Weights, explanations and
    captions are kept in `runs`, tables and `fine_tuning.json`, what they were made from, go to `results`, in place of
    those that were there; what was interrupted goes on. again: what is kept of other code, weights or data is deleted.
    Judged on the test images, of drawn scenes those of `counter`, where habits mislead (those of `test`, where they
    hold, have the table `fine_tuning_usual`). What the LRP arm of the first seed says of free photographs, where the
    profile has any, goes to `results / "tuned"`.
    """
    train = [e for e in examples if e.split == "train"]
    test = [e for e in examples if e.split in ("counter", "test")]
    misleading = {e.name for e in test if e.split == "counter"} or {e.name for e in test}
    subset = {e.name for e in clothing_subset(test, clothing_words(model.profile))} & misleading
    if not train or not subset:
        raise DataError("tuning needs training images, and test images whose captions name a garment but no shirt")
    # Here, before processes that read them would write them at the same time.
    cache = runs.parent.parent / "features"
    FeatureCache(model.encoder, examples, cache).fill(accelerator())
    if recipe.flips:
        FeatureCache(model.encoder, train, cache, mirrored=True).fill(accelerator())
    whole, maps, variants = variants > 0 and not maps, min(maps, len(train)), min(variants, seeds)
    # Its weights differ in the last bit from those without maps, and what is begun with the one goes on with the one.
    runs = runs / "mapped" if whole else runs
    varied = {name: of for name, of in VARIANTS.items() if not maps or name not in READINGS | FINER}
    readings = {f"{maps} images, {name}": of for name, of in READINGS.items()} if maps else {}
    words = explained_training_set(model, train, runs / "explained", provenance, whole, jobs, again)
    mapped = runs / f"mapped-{maps}"
    few = explained_training_set(model, train[:maps], mapped, provenance, True, jobs, again) if maps else words
    asked = {"seeds": seeds, "variants": variants, "maps": maps, "epochs": epochs if variants else 0}
    options = "".join(f" --{option} {n}" for option, n in asked.items() if n)
    command = f"capxai tune --profile {model.profile} --model {model.name.partition('/')[2]}{options}"
    shared = _Shared(model, examples, test, seen_of(model, test, runs), recipe, cache, runs, provenance, command, again)
    tasks = [
        partial(shared.tuned, of, name, weighting, seed, last)
        for chosen, n, of in ((ARMS, seeds, words), (varied, variants, words), (readings, 1, few))
        for seed in range(1, n + 1)
        for name, weighting in chosen.items()
        for last in (epochs if seed <= variants and name in FURTHER else 1,)
    ]
    tasks.sort(key=lambda task: -task.args[-1])  # what takes longest first
    tasks.insert(0, partial(shared.judged, model, "pretrained", 0, runs, provenance["weights"]))
    rows = pd.concat(work(tasks, jobs, "tuning and captioning"))
    usual = rows[rows["arm"].isin([*ARMS, "pretrained"]) & ~rows["image"].isin(misleading)]
    rows = rows[rows["image"].isin(misleading)]
    main = rows["arm"].isin([*ARMS, "pretrained"])
    tables = {
        "fine_tuning": tuning_table(rows[rows["image"].isin(subset) & main]),
        "fine_tuning_all": tuning_table(rows[main]),
        "fine_tuning_words": words.groupby("word", as_index=False).agg(**BY_WORD),
        "fine_tuning_cost": costs(model, train[:32]),
    }
    if len(usual):
        tables["fine_tuning_usual"] = tuning_table(usual)
    if variants:
        some = main & (rows["seed"] <= variants)
        tables["fine_tuning_variants_all"] = tuning_table(rows[some | rows["arm"].isin(varied)])
    if variants and epochs > 1:
        tables["fine_tuning_epochs"] = tuning_table(rows[some | rows["arm"].str.contains(", epoch ")])
    if maps:
        beside = rows["arm"].isin(["original", *readings]) & (rows["seed"] <= 1)
        tables["fine_tuning_readings"] = tuning_table(rows[beside])
    (results / "fine_tuning.json").unlink(missing_ok=True)  # it tells that its tables are whole
    for name, table in tables.items():
        write_table(table, results / f"{name}.csv")
    for old in {*results.glob("fine_tuning*.csv")} - {results / f"{name}.csv" for name in tables}:
        old.unlink()  # of other options or weights
    made = {**provenance, **asked, "test_images": len(misleading), "lr": recipe.lr * SLOWER}
    write_facts(made, results / "fine_tuning.json")
    if find_profile(model.profile).needs_data:  # what may be shown of photographs
        tuned = load_captioner(runs / "lrp-1" / "captioner.safetensors", model.encoder).to(accelerator())
        list(explain_photographs(tuned, results / "tuned"))
    return tables


def costs(model: Captioner, examples: Sequence[Example]) -> pd.DataFrame:
    """Captions explained a second, with maps and without, the search for them apart; it differs from run to run."""
    rows, model = [], model.to(accelerator())
    said = [(e.image(), model.caption(e.image())) for e in examples]
    for name, reading in (("mean_relevance", mean_relevance), ("maps", explain)):
        reading(model, *said[0])  # what is done but once
        started = time.perf_counter()
        for image, caption in said:
            reading(model, image, caption)
        speed = len(said) / (time.perf_counter() - started)
        rows.append({"reading": name, "captions_per_s": speed, "n": len(said)})
    return pd.DataFrame(rows)


def seen_of(model: Captioner, examples: Sequence[Example], folder: Path) -> Path:
    """A of each example (n, C, grid, grid), float32, kept in `folder`: every arm is judged on the same pictures."""
    path = folder / f"seen-{looks(model.encoder, examples)}.npy"
    if not path.is_file():
        model, shown = model.to(accelerator()), track(examples, "seeing the test images", transient=True)
        with atomic(path) as unfinished:
            np.save(unfinished, np.concatenate([model.see(example.image()).cpu().numpy() for example in shown]))
    return path


@dataclass(frozen=True)
class _Shared:
    """What all arms start from and are judged on."""

    model: Captioner
    examples: Sequence[Example]
    test: Sequence[Example]
    seen: Path
    recipe: Recipe
    cache: Path
    runs: Path
    provenance: dict[str, Any]
    command: str
    again: bool

    def tuned(self, words: pd.DataFrame, name: str, weighting: Weighting, seed: int, epochs: int) -> pd.DataFrame:
        """The rows of the test images by the model tuned in one way with one seed, after each epoch.

        Each epoch is a training of its own, that starts from the last one's model and, from the second on, with weights
        from that model's captions and explanations.
        """
        model, before, found = self.model, str(self.provenance["weights"]), []
        for epoch in range(1, epochs + 1):
            arm = name if epoch == 1 else f"{name}, epoch {epoch}"
            folder = self.runs / f"{arm.replace(' / ', '-by-').replace(', ', '-').replace(' ', '-')}-{seed}"
            if epoch > 1 and weighting.arm != "original":
                train = [e for e in self.examples if e.split == "train"]
                started = {**self.provenance, "weights": before}
                kept = folder.with_name(f"{folder.name}-explained")
                words = explained_training_set(model, train, kept, started, again=self.again)
            changes = {"epochs": 1, "lr": self.recipe.lr * SLOWER, "average": 0.0, "seed": seed + 1000 * (epoch - 1)}
            recipe, made_by = self.recipe.model_copy(update=changes), f"{self.command}; this is arm {arm}, seed {seed}"
            start = model.architecture, model.profile, model.encoder, self.examples, recipe
            loss, m = partial(caption_loss, plain=weighting.plain), weights_of(words, weighting, len(model.vocabulary))
            further = Further(model, loss, describe(weighting, words), made_by, self.model.variant, m)
            path = train_captioner(*start, folder, self.cache, accelerator(), further, self.again)
            model, before = load_captioner(path, model.encoder), digest(path)
            found.append(self.judged(model, arm, seed, folder, before))
        return pd.concat(found)

    def judged(self, model: Captioner, arm: str, seed: int, folder: Path, weights: str) -> pd.DataFrame:
        """The rows of the test images by a model, kept in `folder`."""
        code = str(self.provenance.get("code", ""))
        kept = folder / f"judged-{weights[:12]}-{fingerprint(self.test)[:12]}-{code[:12]}.parquet"
        if not kept.is_file():
            seen, model = torch.from_numpy(np.load(self.seen)), model.to(accelerator())
            said = [words for a in seen.split(BATCH) for words in captions_of(model, a.to(accelerator()))]
            rows = tuning_rows(self.test, said, clothing_words(model.profile), object_words(model.profile))
            if "METEOR" not in rows[0]:  # for want of Java, which may come
                return pd.DataFrame(rows).assign(arm=arm, seed=seed)
            with atomic(kept) as unfinished:
                pd.DataFrame(rows).to_parquet(unfinished, index=False)
        return pd.read_parquet(kept).assign(arm=arm, seed=seed)
