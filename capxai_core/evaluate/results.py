"""The tables that `capxai evaluate` wrote, to read them again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from capxai_core.errors import DataError, ModelError
from capxai_core.evaluate.records import read_records
from capxai_core.files import digest, read_facts
from capxai_core.models.captioner import DECODERS, find_weights

OTHERS = ("fine_tuning", "quality", "log")  # tables of other commands: `capxai tune`, `quality`, `train`
# Of the images that are looked at many times: what `subset.json` tells of.
SUBSET = ("masking", "causes", "randomisation", "deletion", "robustness", "discrimination_rules", "conclusions")
SAME = ("weights", "data", "seed", "code")
# Columns that are text where they are empty in all rows, too: without boxes, say, no method has a localisation.
TEXTS = (
    "word", "method", "score", "resolution", "sign", "region", "against", "measure", "edit", "names", "fill", "ranking",
    "curve", "layer", "than", "conclusion",
)  # fmt: skip


@dataclass(frozen=True)
class Results:
    """What was found out about a model of a profile: `results["localisation"]` is a table, with a row an interval."""

    profile: str
    model: str
    folder: Path

    def __getitem__(self, table: str) -> pd.DataFrame:
        """A table by its name; `DataError` names those there are."""
        path = self.folder / f"{table}.csv"
        beside, made = read_facts(self._made(table)), self.provenance
        if beside and made and beside.get("weights") != made.get("weights"):
            raise DataError(f"{path}: is of other weights than the evaluation beside it; make it anew")
        if table not in self:
            known = ", ".join(sorted(p.stem for p in self.folder.glob("*.csv") if p.stem in self))
            raise DataError(f"{self.folder}: holds no table '{table}'; it has {known or 'none, being unfinished'}")
        found: pd.DataFrame = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str))
        texts = found.select_dtypes(include=["object", "string"]).columns
        return found.assign(**{name: found[name].fillna("") for name in texts})

    def __contains__(self, table: str) -> bool:
        return (self.folder / f"{table}.csv").is_file() and (self._made(table).is_file() or table.startswith("log"))

    def _made(self, table: str) -> Path:
        by = "subset" if table in SUBSET else next(filter(table.startswith, OTHERS), "provenance")
        return self.folder / f"{by}.json"

    def get(self, table: str, otherwise: pd.DataFrame) -> pd.DataFrame:
        """A table that not every evaluation has, or another in its place."""
        return self[table] if self.__contains__(table) else otherwise

    def records(self, name: str) -> pd.DataFrame:
        """The rows that the tables are made of, word by word: words, scores, localisation, masking …"""
        for folder in sorted(self.folder.glob("records/[!.]*")):
            found, made = read_records(folder, name), read_facts(folder / "provenance.json")
            if found is not None:
                same = [all(made.get(k) == of.get(k) for k in SAME) for of in (self.provenance, self.subset)]
                if not any(same) or len([*folder.glob("part-????")]) < made.get("parts", 0):
                    raise DataError(f"{folder}: is not, or not all, what the tables are made of; evaluate again")
                return found
        raise DataError(f"{self.folder}: holds no records '{name}'")

    @property
    def provenance(self) -> dict[str, Any]:
        """What the results belong to: model, weights, data, code, seed, images, versions."""
        return read_facts(self.folder / "provenance.json")

    @property
    def subset(self) -> dict[str, Any]:
        """The same of the tables `SUBSET`."""
        return read_facts(self.folder / "subset.json")


def load_results(profile: str, model: str, folder: str | Path = "results") -> Results:
    """The results of `profile/model`, found from the project's folder or from its book/.

    model: `grid_td`, or of another profile's captioner `flickr8k-grid_td`. `DataError` where there are none, or where
    they are of other weights than the model has here; it says how to make them. Results of weights that are not here,
    such as those that come with the project, stand for themselves.
    """
    places = [place / profile / model for place in (Path(folder), Path("..") / folder)]
    found = next((place for place in places if (place / "provenance.json").is_file()), None)
    make = f"capxai evaluate --profile {profile} --again"
    if found is None:
        raise DataError(f"{places[0]}: no results here; make them with {make}")
    results = Results(profile, model, found)
    made_with = results.provenance
    try:
        weights = find_weights(made_with["model"])
    except ModelError:
        return results
    if made_with["weights"] != digest(weights):
        of = found.name if trained_on(found) == profile else made_with["model"]
        raise DataError(f"{found}: of other weights than {made_with['model']} has now; {make} --model {of} helps")
    return results


def evaluated(folder: Path) -> dict[str, Path]:
    """Where a profile's finished evaluations are, by architecture: of its own captioners, else of another profile's."""
    places = {name: [folder / name, *sorted(folder.glob(f"*-{name}"))] for name in DECODERS}
    found = {name: [place for place in of if (place / "provenance.json").is_file()] for name, of in places.items()}
    return {name: of[0] for name, of in found.items() if of}


def trained_on(place: Path) -> str:
    """The profile whose captioner the results in a folder are of, e.g. flickr8k of coco2017/flickr8k-grid_td."""
    return place.name.rpartition("-")[0] or place.parent.name


def evaluated_profiles(root: Path, first: str) -> list[str]:
    """The profiles that have results in a folder of results, `first` before the others."""
    found = {place.name for place in root.iterdir() if place.is_dir() and evaluated(place)}
    return [first, *sorted(found - {first})]
