"""How good a captioner's captions are on a whole split."""

import hashlib
from pathlib import Path

import pandas as pd

from capxai_core.errors import RequestError
from capxai_core.evaluate.captions import caption_metrics
from capxai_core.evaluate.support import object_words, say
from capxai_core.evaluate.tuning import clothing_words, tuning_rows, tuning_table
from capxai_core.files import read_facts, write_facts, write_table
from capxai_core.models.captioner import find_weights, load_captioner, read_metadata
from capxai_core.models.device import accelerator
from capxai_core.pipeline.profiles import find_profile


def caption_quality(
    name: str, split: str, data: Path | None = None, results: Path = Path("results"), against: str = ""
) -> pd.DataFrame:
    """Table I of `profile/model` on a split of its own profile, with a beam of 3; also `quality_<split>.csv`.

    against: another model of the profile; `quality_against_<split>.csv` then has the measures of `tuning_table` (words
    made up, clothes, scores) of both, and how this one differs from that, image by image. `quality.json` beside them
    tells the weights and how they were trained. `RequestError` for a split that is not there.
    """
    profile, _, architecture = name.partition("/")
    weights = find_weights(name)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    chosen, model = find_profile(profile), load_captioner(name, data=data).to(accelerator())
    examples = chosen.examples(chosen.root(data))
    judged = [e for e in examples if e.split == split]
    if not judged:
        known = ", ".join(sorted({e.split for e in examples}))
        raise RequestError(f"'{profile}' has no split '{split}'; it has {known}")
    said = list(say(model, judged))
    table = caption_metrics([e.captions for e in judged], said)
    folder = results / profile / architecture
    made = folder / "quality.json"
    facts = read_facts(made)
    if facts.get("weights") != digest:
        facts = {}
        for old in folder.glob("quality_*.csv"):
            old.unlink()
    write_table(table, folder / f"quality_{split}.csv")
    facts |= {"model": name, "weights": digest, "trained": read_metadata(weights, "captioner")["trained"]}
    if against:
        other = load_captioner(against, model.encoder).to(accelerator())
        words = clothing_words(profile), object_words(profile)
        arms = {"pretrained": list(say(other, judged)), architecture: said}
        rows = [pd.DataFrame(tuning_rows(judged, of, *words)).assign(arm=arm, seed=0) for arm, of in arms.items()]
        write_table(tuning_table(pd.concat(rows)), folder / f"quality_against_{split}.csv")
        facts["against"] = {"model": against, "weights": hashlib.sha256(find_weights(against).read_bytes()).hexdigest()}
    write_facts(facts, made)
    return table
