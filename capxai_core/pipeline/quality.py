"""How good a captioner's captions are on a whole split."""

from pathlib import Path

import pandas as pd
import torch
from rich.progress import track

from capxai_core.errors import RequestError
from capxai_core.evaluate.captions import caption_metrics
from capxai_core.evaluate.support import BATCH, captions_of, object_words
from capxai_core.evaluate.tuning import clothing_words, tuning_rows, tuning_table
from capxai_core.files import digest, read_facts, write_facts, write_table
from capxai_core.models.captioner import find_weights, load_captioner, read_metadata
from capxai_core.models.device import accelerator
from capxai_core.pipeline.profiles import find_profile


def caption_quality(
    name: str, split: str, data: Path | None = None, results: Path = Path("results"), against: str = ""
) -> list[pd.DataFrame]:
    """Table I of `profile/model` on a split of its own profile, with a beam of 3; also `quality_<split>.csv`.

    against: another model of the profile. A second table, `quality_against_<split>.csv`, then has the measures of
    `tuning_table` (words made up, clothes, scores) of both, the other as the arm `pretrained`, and by how much this one
    differs from it on the same images. `quality.json` beside them tells the weights and how they were trained.
    `RequestError` for a split that is not there, or a model of another profile.
    """
    profile, _, own = name.partition("/")
    chosen = find_profile(profile)
    root, weights = chosen.root(data), find_weights(name)
    if against and (of := read_metadata(find_weights(against), "captioner").get("profile")) != profile:
        raise RequestError(f"'{against}' is of the profile '{of}', not of '{profile}' as '{name}' is")
    examples = chosen.examples(root)
    arms = {own: (model := load_captioner(name, data=data).to(accelerator()))}
    if against:
        arms["pretrained"] = load_captioner(against, model.encoder).to(accelerator())
    judged = [e for e in examples if e.split == split]
    if not judged:
        known = ", ".join(sorted({e.split for e in examples}))
        raise RequestError(f"'{profile}' has no split '{split}'; it has {known}")
    said: dict[str, list[tuple[str, ...]]] = {arm: [] for arm in arms}
    for start in track(range(0, len(judged), BATCH), "captions", transient=True):
        a = torch.cat([model.see(example.image()) for example in judged[start : start + BATCH]])
        for arm in arms:
            said[arm] += captions_of(arms[arm], a)
    tables = {f"quality_{split}": caption_metrics([e.captions for e in judged], said[own])}
    folder = results / profile / own
    made = folder / "quality.json"
    facts = read_facts(made)
    if facts.get("weights") != digest(weights):
        facts = {}
        made.unlink(missing_ok=True)
        for old in folder.glob("quality_*.csv"):
            old.unlink()
    facts |= {"model": name, "weights": digest(weights), "trained": read_metadata(weights, "captioner")["trained"]}
    if against:
        words = clothing_words(profile), object_words(profile)
        rows = [pd.DataFrame(tuning_rows(judged, of, *words)).assign(arm=arm, seed=0) for arm, of in said.items()]
        tables[f"quality_against_{split}"] = tuning_table(pd.concat(rows))
        beside = {"model": against, "weights": digest(find_weights(against))}
        facts["against"] = facts.get("against", {}) | {split: beside}
    for table in tables:
        write_table(tables[table], folder / f"{table}.csv")
    write_facts(facts, made)
    return list(tables.values())
