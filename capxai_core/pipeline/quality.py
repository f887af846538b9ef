"""How good a captioner's captions are on a whole split, from the features that its training left behind."""

from pathlib import Path

import pandas as pd
import torch

from capxai_core.data.vocabulary import END
from capxai_core.errors import RequestError
from capxai_core.evaluate.captions import caption_metrics
from capxai_core.files import atomic
from capxai_core.models.captioner import load_captioner
from capxai_core.models.search import beam_search
from capxai_core.pipeline.profiles import data_root, find_profile
from capxai_core.training.features import FeatureCache

BATCH = 50


def caption_quality(
    name: str, split: str, data: Path | None = None, results: Path = Path("results"), runs: Path = Path("runs")
) -> pd.DataFrame:
    """Table I of `profile/model` on a split of its own profile, with a beam of 3; also `quality_<split>.csv`.

    Missing features are computed first. `RequestError` for a split that the profile does not have.
    """
    profile, _, architecture = name.partition("/")
    chosen, model = find_profile(profile), load_captioner(name, data=data)
    examples = list(chosen.examples(data_root(data) if chosen.needs_data else Path()))
    judged = [e for e in examples if e.split == split]
    if not judged:
        known = ", ".join(sorted({e.split for e in examples}))
        raise RequestError(f"'{profile}' has no split '{split}'; it has {known}")
    features, said = FeatureCache(model.encoder, examples, runs / profile / "features"), []
    features.fill(torch.device("cpu"))
    for start in range(0, len(judged), BATCH):
        found = beam_search(model.decoder, features[[e.name for e in judged[start : start + BATCH]]])
        said += [model.vocabulary.decode(t for t in ids if t != END) for ids in found]
    table = caption_metrics([e.captions for e in judged], said)
    with atomic(results / profile / architecture / f"quality_{split}.csv") as unfinished:
        table.to_csv(unfinished, index=False, float_format="%.6g", lineterminator="\n")
    return table
