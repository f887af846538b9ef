"""The tables that `capxai evaluate` wrote, to read them again."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from capxai_core.errors import DataError
from capxai_core.evaluate.records import read_records
from capxai_core.models.captioner import find_weights


@dataclass(frozen=True)
class Results:
    """What was found out about a model of a profile: `results["localisation"]` is a table, with a row an interval."""

    profile: str
    model: str
    folder: Path

    def __getitem__(self, table: str) -> pd.DataFrame:
        """A table by its name; `DataError` names those there are."""
        path = self.folder / f"{table}.csv"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in self.folder.glob("*.csv")))
            raise DataError(f"{self.folder}: holds no table '{table}'; it has {known or 'none, being unfinished'}")
        found: pd.DataFrame = pd.read_csv(path)
        texts = found.select_dtypes(include=["object", "string"]).columns
        return found.assign(**{name: found[name].fillna("") for name in texts})

    def __contains__(self, table: str) -> bool:
        return (self.folder / f"{table}.csv").is_file()

    def records(self, name: str) -> pd.DataFrame:
        """The rows that the tables are made of, word by word: words, scores, localisation, masking …"""
        for folder in sorted(self.folder.glob("records/*")):
            found = read_records(folder, name)
            if found is not None:
                return found
        raise DataError(f"{self.folder}: holds no records '{name}'")

    @property
    def provenance(self) -> dict[str, Any]:
        """What the results belong to: model, weights, data, code, seed, images, versions."""
        paths = sorted(self.folder.glob("records/*/provenance.json"))
        found: dict[str, Any] = json.loads(paths[0].read_text())
        return found


def load_results(profile: str, model: str, folder: str | Path = "results") -> Results:
    """The results of `profile/model`, found from the project's folder or from its book/.

    `DataError` where there are none, or where they are of other weights than the model's; it says how to make them.
    """
    places = [place / profile / model for place in (Path(folder), Path("..") / folder)]
    found = next((place for place in places if list(place.glob("records/*/provenance.json"))), None)
    make = f"capxai evaluate --profile {profile} --again"
    if found is None:
        raise DataError(f"{places[0]}: no results here; make them with {make}")
    results = Results(profile, model, found)
    made_with = results.provenance
    if made_with["weights"] != hashlib.sha256(find_weights(made_with["model"]).read_bytes()).hexdigest():
        raise DataError(f"{found}: results of other weights than {made_with['model']} has now; {make} makes them anew")
    return results
