"""All evaluations of section IV and the appendix: one pass over the images where they share it, then the tables."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from capxai_core.data.examples import Example
from capxai_core.data.scenes import CATEGORIES, CLOTHING, OBJECT_WORDS, SceneExample
from capxai_core.data.synonyms import COCO, words_of
from capxai_core.evaluate import unsupported
from capxai_core.evaluate.ablation import ablation_rows, ablation_table
from capxai_core.evaluate.captions import caption_metrics
from capxai_core.evaluate.causes import causes_rows, causes_table
from capxai_core.evaluate.ledger import settings
from capxai_core.evaluate.localisation import (
    discrimination_rows,
    localisation_curves,
    localisation_rows,
    localisation_table,
)
from capxai_core.evaluate.masking import masking_rows, masking_table
from capxai_core.evaluate.records import Explained, Tables, explained, stream
from capxai_core.evaluate.sanity import (
    deletion_rows,
    deletion_table,
    randomisation_rows,
    randomisation_table,
    robustness_rows,
    robustness_table,
    variants,
)
from capxai_core.files import atomic
from capxai_core.methods.registry import METHODS
from capxai_core.models.captioner import Captioner

SLOW = ("integrated_gradients", "occlusion")  # hundreds of forward passes a caption: judged on the subset only
FAST = tuple(name for name in METHODS if name not in SLOW)
LOOKED_AT = ("attention", "gradcam", "guided_gradcam", "lrp")  # the paper's
AGAINST = ("attention", "uniform")


def object_words(profile: str) -> frozenset[str]:
    """The words that may name an object: of the drawn scenes, or of COCO's categories and clothing."""
    clothing = chain.from_iterable(OBJECT_WORDS[category] for category in CLOTHING)
    known = (OBJECT_WORDS[c] for c in CATEGORIES) if profile == "scenes" else (words_of(c) for c in COCO)
    return frozenset(chain(clothing, *known))


def evaluate(
    model: Captioner,
    examples: Sequence[Example],
    training: Sequence[Example],
    folder: Path,
    provenance: Mapping[str, Any],
    given: Mapping[str, float],
    subset: int = 48,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Explain and judge the model's captions of the examples; write the tables to `folder` and return them.

    training: examples the model was trained on, for how often a word is right there. subset: how many images, evenly
    spread, are looked at many times (masking, causes, deletion, robustness; a quarter of them with shuffled weights).
    provenance: what the results belong to. given: settings of the training, for the table `settings`. Whatever was
    interrupted goes on where it was; a second run writes the same bytes.
    """
    words, grid = object_words(model.profile), model.encoder.grid
    few = [examples[i * len(examples) // subset] for i in range(subset)] if len(examples) > subset else list(examples)

    def judge(e: Explained) -> Tables:
        return {
            "captions": [{"image": e.example.name, "caption": str(e.caption)}],
            "words": unsupported.word_rows(e, words),
            "scores": unsupported.score_rows(e, words),
            "localisation": localisation_rows(e, grid),
            "discrimination": discrimination_rows(e, grid),
            "ablation": ablation_rows(model, e),
        }

    def shuffle(e: Explained) -> Tables:
        return {"randomisation": randomisation_rows(model, e, seed)}

    def look_again(e: Explained) -> Tables:
        paper = replace(e, explanations={name: e.explanations[name] for name in LOOKED_AT if e.caption.words})
        return {
            "masking": masking_rows(model, paper, words, seed=seed),
            "deletion": deletion_rows(model, e, words, seed=seed),
            "causes": causes_rows(model, e) if isinstance(e.example, SceneExample) else [],
            "robustness": robustness_rows(model, variants(model, e)),
        }

    passes: tuple[tuple[str, Sequence[Example], Sequence[str], Callable[[Explained], Tables]], ...] = (
        ("explaining every word", examples, FAST, judge),
        ("looking again", few, (*LOOKED_AT, *SLOW), look_again),
        ("shuffling weights", few[: max(1, len(few) // 4)], LOOKED_AT, shuffle),
    )
    found: dict[str, pd.DataFrame] = {}
    for what, chosen, methods, rows in passes:
        records = folder / "records" / what.replace(" ", "-")
        make = partial(gather, model, methods=methods, rows=rows)
        found |= stream(records, chosen, make, {**provenance, "images": len(chosen)}, f"{model.name}: {what}")
    rates = unsupported.training_rates(model, training, words)
    said, scores = found["words"], found["scores"]
    references = [example.captions for example in examples]
    hypotheses = [tuple(caption.split()) for caption in found["captions"]["caption"]]
    tables = {
        "settings": settings(model, **given),
        "captions": caption_metrics(references, hypotheses, seed),
        "made_up": unsupported.made_up_rates(said, rates, seed=seed),
        "auc": unsupported.auc_table(said, scores, rates, seed=seed),
        "auc_differences": unsupported.auc_differences(said, scores, rates, seed=seed),
        "roc": unsupported.roc_points(said, scores, rates),
        "adds": unsupported.adds_anything(said, scores, rates, seed),
        "localisation": localisation_table(found["localisation"], AGAINST, seed),
        "localisation_curves": localisation_curves(found["localisation"], seed),
        "discrimination": localisation_table(found["discrimination"], AGAINST, seed),
        "masking": masking_table(found["masking"], seed),
        "ablation": ablation_table(found["ablation"], seed=seed),
        "causes": causes_table(found["causes"], seed),
        "randomisation": randomisation_table(found["randomisation"], seed),
        "deletion": deletion_table(found["deletion"], seed),
        "robustness": robustness_table(found["robustness"], seed),
    }
    for name, table in tables.items():
        with atomic(folder / f"{name}.csv") as unfinished:
            table.to_csv(unfinished, index=False, float_format="%.6g", lineterminator="\n")
    return tables


def gather(
    model: Captioner, examples: Sequence[Example], methods: Sequence[str], rows: Callable[[Explained], Tables]
) -> Tables:
    """The rows of each table of all examples."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for e in explained(model, examples, methods):
        for name, found in rows(e).items():
            tables.setdefault(name, []).extend(found)
    return tables


def provenance_of(model: Captioner, data: str, weights: Path, seed: int, n: int) -> dict[str, Any]:
    """What results belong to: code, weights, data, profile, seed, number of images, versions."""
    code = hashlib.sha256()
    package = Path(__file__).parents[1]
    for source in sorted([*package.rglob("*.py"), *package.rglob("*.toml")]):
        if source.relative_to(package).parts[0] in ("data", "models", "lrp", "methods", "evaluate"):
            code.update(source.read_bytes())
    return {
        "model": model.name,
        "weights": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "encoder": model.encoder.fingerprint(),
        "data": data,
        "code": code.hexdigest(),
        "seed": seed,
        "images": n,
        "versions": {name: version(name) for name in ("capxai", "torch", "numpy", "pandas", "scikit-learn")},
    }
