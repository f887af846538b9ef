"""How good a captioner's captions are on a whole split."""

import hashlib
import json
from pathlib import Path

import pandas as pd

from capxai_core.errors import RequestError
from capxai_core.evaluate.captions import caption_metrics
from capxai_core.evaluate.support import say
from capxai_core.files import write_facts, write_table
from capxai_core.models.captioner import find_weights, load_captioner, read_metadata
from capxai_core.models.device import accelerator
from capxai_core.pipeline.profiles import find_profile


def caption_quality(name: str, split: str, data: Path | None = None, results: Path = Path("results")) -> pd.DataFrame:
    """Table I of `profile/model` on a split of its own profile, with a beam of 3; also `quality_<split>.csv`.

    `quality.json` beside it tells the weights and how they were trained. `RequestError` for a split that is not there.
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
    table = caption_metrics([e.captions for e in judged], list(say(model, judged)))
    folder = results / profile / architecture
    made = folder / "quality.json"
    if made.is_file() and json.loads(made.read_text())["weights"] != digest:
        for other in folder.glob("quality_*.csv"):
            other.unlink()
    write_table(table, folder / f"quality_{split}.csv")
    facts = {"model": name, "weights": digest, "trained": read_metadata(weights, "captioner")["trained"]}
    write_facts(facts, made)
    return table
