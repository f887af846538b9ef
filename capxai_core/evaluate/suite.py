"""All evaluations of section IV and the appendix: one pass over the images where they share it, then the tables."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from capxai_core.data.examples import Example
from capxai_core.data.scenes import SceneExample
from capxai_core.errors import DataError, RequestError
from capxai_core.evaluate import unsupported
from capxai_core.evaluate.ablation import DELETED, ablation_rows, ablation_table, deleted_words
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
from capxai_core.evaluate.records import FEW, OPTIONS, PART, Explained, Tables, explained, parts, read_all, work
from capxai_core.evaluate.robustness import conclusions_table, robustness_rows, robustness_table, variants
from capxai_core.evaluate.sanity import deletion_rows, deletion_table, randomisation_rows, randomisation_table
from capxai_core.evaluate.support import object_words
from capxai_core.files import digest, read_facts, write_facts, write_table
from capxai_core.methods.registry import METHODS
from capxai_core.models.captioner import Captioner
from capxai_core.models.device import accelerator

SLOW = ("integrated_gradients", "occlusion")  # hundreds of forward passes a caption: judged on the subset only
FAST = tuple(name for name in METHODS if name not in SLOW)
LOOKED_AT = ("attention", "gradcam", "guided_gradcam", "lrp")  # the paper's
AGAINST = ("attention", "uniform")
AGAIN, ONCE = "looking-again", "explaining-words"
# Share of the cells, what they are filled with, and whether they are hidden or all the others are.
MASKS = ((0.25, "white", (False, True)), (0.25, "mean", (False,)), (0.25, "blur", (False,)),
         (0.1, "white", (False,)), (0.5, "white", (False,)))  # fmt: skip
SWEPT, SHUFFLED = 64, 16  # images, at most, explained with each option changed, and with shuffled weights
Rows = Callable[[Explained], Tables]
Pass = tuple[str, Sequence[Example], Sequence[str], Collection[str] | None, Rows]


@dataclass(frozen=True)
class Evaluation:
    """A model's captions of some examples, to be explained and judged; records and tables go to `folder`.

    training: examples the model was trained on, for how often a word is right there. provenance: what the results
    belong to. given: settings of the training, for the table `settings`. subset: how many images, evenly spread, are
    looked at many times (masking, causes, deletion); a quarter of that number with shuffled weights, twice as many
    with other options of LRP, up to `SHUFFLED` and `SWEPT` images. subset_only: the tables of all images are there, of
    the same weights, and stay. again: records of other code, weights or data that are in the way are deleted. bfloat16:
    for the encoder's looks at pictures hidden in part or faded, hundreds a caption.
    """

    model: Captioner
    examples: Sequence[Example]
    training: Sequence[Example]
    folder: Path
    provenance: Mapping[str, Any]
    given: Mapping[str, float]
    subset: int = 32
    seed: int = 0
    subset_only: bool = False
    again: bool = False
    bfloat16: bool = False

    def tasks(self) -> list[Callable[[], None]]:
        """What is left to record, what takes longest first. `DataError` where other results are in the way."""
        if self.subset_only:
            self._beside()
        left, short = list[Callable[[], None]](), {"bfloat16": self.bfloat16}
        options = {name: {**OPTIONS.get(name, {}), **short} for name in SLOW}
        for name, chosen, methods, only, rows in self._passes():
            make = partial(gather, self.model, methods=methods, only=only, rows=rows, options=options)
            names = hashlib.sha256("\n".join(e.name for e in chosen).encode()).hexdigest()
            asked = {"images": len(chosen), "names": names, "bfloat16": self.bfloat16 and name == AGAIN}
            folder, size = self.folder / "records" / name, PART if name == ONCE else FEW
            left += parts(folder, chosen, make, {**self.provenance, **asked}, size, self.again)
        return left

    def _passes(self) -> list[Pass]:
        few, objects = self._spread(self.subset), object_words(self.model.profile)
        scenes = all(isinstance(example, SceneExample) for example in few)
        passes: list[Pass] = [
            (AGAIN, few, (*LOOKED_AT, *SLOW), None if scenes else objects, self._look_again),
            ("shuffling-weights", self._spread(min(SHUFFLED, -(-self.subset // 4))), LOOKED_AT, None, self._shuffle),
            ("changing-options", self._spread(min(SWEPT, 2 * self.subset)), AGAINST[:1], None, self._sweep),
            (ONCE, () if self.subset_only else self.examples, FAST, objects | DELETED.keys(), self._judge),
        ]
        return [asked for asked in passes if asked[1]]

    def _beside(self) -> None:
        made = read_facts(path := self.folder / "provenance.json")
        if not self.subset:
            raise RequestError("a subset of 0 images leaves nothing to look at: give --subset, or not --subset-only")
        if not made:
            raise DataError(f"{path}: there are no tables of all images to go beside; leave out --subset-only")
        for key in sorted(self.provenance.keys() - {"code", "versions"}, key=lambda key: (key != "images", key)):
            if made.get(key) != self.provenance[key]:
                told = f"of another number of {key}" if key == "images" else f"of another {key}"
                raise DataError(f"{path}: the tables of all images are {told} ({made.get(key)}, not "
                                f"{self.provenance[key]}); ask for the same, or leave out --subset-only")  # fmt: skip

    def _spread(self, k: int) -> Sequence[Example]:
        n = len(self.examples)
        return [self.examples[i * n // k] for i in range(k)] if n > k else self.examples

    def _judge(self, e: Explained) -> Tables:
        words, grid = object_words(self.model.profile), self.model.encoder.grid
        return {
            "captions": [{"image": e.example.name, "caption": str(e.caption)}],
            "words": unsupported.word_rows(e, words),
            "scores": unsupported.score_rows(e, words),
            "localisation": localisation_rows(e, grid),
            "discrimination": discrimination_rows(e, grid),
            "ablation": ablation_rows(self.model, e),
        }

    def _shuffle(self, e: Explained) -> Tables:
        return {"randomisation": randomisation_rows(self.model, e, self.seed)}

    def _look_again(self, e: Explained) -> Tables:
        model, words, seed, short = self.model, object_words(self.model.profile), self.seed, self.bfloat16
        paper = replace(e, explanations={name: e.explanations[name] for name in LOOKED_AT if e.explanations})
        return {
            "masking": [
                row
                for share, fill, kept in MASKS
                for row in masking_rows(model, paper, words, share, fill, kept, seed=seed, bfloat16=short)
            ],
            "deletion": deletion_rows(model, e, words, seed=seed, bfloat16=short),
            "causes": causes_rows(model, e) if isinstance(e.example, SceneExample) else [],
        }

    def _sweep(self, e: Explained) -> Tables:
        model, varied = self.model, variants(self.model, e)
        beside = replace(varied, explanations={**varied.explanations, **e.explanations})
        return {
            "robustness": robustness_rows(model, varied),
            "swept_localisation": localisation_rows(beside, model.encoder.grid),
            "swept_discrimination": discrimination_rows(beside, model.encoder.grid),
            "swept_words": unsupported.word_rows(varied, object_words(model.profile)),
            "swept_scores": unsupported.score_rows(varied, object_words(model.profile)),
            "swept_ablation": ablation_rows(model, varied),
        }

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables of all records, once these are complete; also written to `folder`, the same bytes each time.

        Without a subset, tables that are there of a subset of the same images and weights stay.
        """
        passes = [name for name, *_ in self._passes()]
        found = defaultdict(pd.DataFrame, read_all(self.folder / "records", passes))
        rates = unsupported.training_rates(
            self.model.to(accelerator()), self.training, object_words(self.model.profile)
        )
        made = {} if self.subset_only else self._written("provenance", self._of_all(found, rates), {})
        there = read_facts(self.folder / "subset.json")
        if self.subset or any(there.get(key) != self.provenance.get(key) for key in ("weights", "data", "seed")):
            few = {"images": len(self._spread(self.subset)), "bfloat16": self.bfloat16}
            made |= self._written("subset", self._of_subset(found, rates), few)
        return made

    def _written(self, name: str, tables: dict[str, pd.DataFrame], few: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
        made = self.folder / f"{name}.json"
        made.unlink(missing_ok=True)  # it tells that its tables are whole
        for table, rows in tables.items():
            write_table(rows, self.folder / f"{table}.csv")
        write_facts({**self.provenance, **few}, made)
        return tables

    def _of_subset(self, found: Mapping[str, pd.DataFrame], rates: pd.DataFrame) -> dict[str, pd.DataFrame]:
        seed = self.seed
        swept = {
            "localisation": localisation_table(found["swept_localisation"], AGAINST, seed),
            "discrimination": localisation_table(found["swept_discrimination"], AGAINST, seed),
            "auc": unsupported.auc_table(found["swept_words"], found["swept_scores"], rates, seed=seed),
            "ablation": ablation_table(found["swept_ablation"], seed=seed),
        }
        return {
            "masking": masking_table(found["masking"], seed),
            "causes": causes_table(found["causes"], seed),
            "randomisation": randomisation_table(found["randomisation"], seed),
            "deletion": deletion_table(found["deletion"], seed),
            "robustness": robustness_table(found["robustness"], seed),
            "discrimination_rules": swept["discrimination"],
            "conclusions": conclusions_table(swept),
        }

    def _of_all(self, found: Mapping[str, pd.DataFrame], rates: pd.DataFrame) -> dict[str, pd.DataFrame]:
        seed, said, scores = self.seed, found["words"], found["scores"]
        references = [example.captions for example in self.examples]
        hypotheses = [tuple(caption.split()) for caption in found["captions"]["caption"]]
        return {
            "settings": settings(self.model, **self.given),
            "captions": caption_metrics(references, hypotheses, seed),
            "made_up": unsupported.made_up_rates(said, rates, seed=seed),
            "auc": unsupported.auc_table(said, scores, rates, seed=seed),
            "auc_differences": unsupported.auc_differences(said, scores, rates, seed=seed),
            "roc": unsupported.roc_points(said, scores, rates),
            "adds": unsupported.adds_anything(said, scores, rates, seed),
            "localisation": localisation_table(found["localisation"], AGAINST, seed),
            "localisation_curves": localisation_curves(found["localisation"], seed),
            "discrimination": localisation_table(found["discrimination"], AGAINST, seed),
            "ablation": ablation_table(found["ablation"], seed=seed),
            "ablation_words": deleted_words(found["ablation"]),
        }


def evaluate(evaluations: Sequence[Evaluation], jobs: int = 1) -> list[dict[str, pd.DataFrame]]:
    """The tables of each, by `jobs` processes. Goes on where it was interrupted; a second run writes the same bytes."""
    longest_first = chain.from_iterable(zip_longest(*(evaluation.tasks() for evaluation in evaluations)))
    work([task for task in longest_first if task], jobs, "explaining and judging")
    return work([evaluation.tables for evaluation in evaluations], jobs, "intervals")


def gather(
    model: Captioner,
    examples: Sequence[Example],
    methods: Sequence[str],
    only: Collection[str] | None,
    rows: Rows,
    options: Mapping[str, Mapping[str, Any]],
) -> Tables:
    """The rows of each table of all examples. options: of the methods, as for `explained`."""
    tables: dict[str, list[dict[str, Any]]] = {}
    for e in explained(model.to(accelerator()), examples, methods, only, options):
        for name, found in rows(e).items():
            tables.setdefault(name, []).extend(found)
    return tables


ROOMS = ("data", "models", "lrp", "methods", "evaluate")
READ_ONLY = ("results.py", "claims.toml")  # these read results and make none


def provenance_of(model: Captioner, data: str, weights: Path, seed: int, n: int) -> dict[str, Any]:
    """What results belong to: code, weights, data, profile, seed, number of images, versions."""
    code = hashlib.sha256()
    package = Path(__file__).parents[1]
    for source in sorted([*package.rglob("*.py"), *package.rglob("*.toml")]):
        where = source.relative_to(package)
        if (where.parts[0] in ROOMS or where.name == "inference.py") and where.name not in READ_ONLY:
            code.update(source.read_bytes())
    return {
        "model": model.name,
        "weights": digest(weights),
        "encoder": model.encoder.fingerprint(),
        "data": data,
        "code": code.hexdigest(),
        "seed": seed,
        "images": n,
        "versions": {name: version(name) for name in ("capxai", "torch", "numpy", "pandas", "scikit-learn")},
    }
