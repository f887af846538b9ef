"""LRP inference (section IV-B4, eq. 14 and 15): training on scores that the model's own explanations weight.

The text and the authors' released code differ, and the text leaves things open; every reading is an option, and the
default is one that trains sanely. A mean of E is of the order of 1e-4, so that as printed m is 1 and nothing happens;
the released code divides it by max|E|. Here the default is the share of the logit that reaches the pixels, which needs
no map (`mean_relevance`). As printed, all words but the caption's get the weight 0, which sets their scores to 0 and so
raises all that were negative; the default is the code's 1. The default strength is the largest of 0.01, 0.03, 0.1 that
costs the drawn scenes' captioner less than 5 % of its validation CIDEr-D in an epoch (3.93; 3.86, 3.76, 2.81).
"""

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict, Field
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from capxai_core.data.examples import Example
from capxai_core.evaluate.records import PART, Tables, parts, read_records, work
from capxai_core.evaluate.support import object_words
from capxai_core.evaluate.tuning import DEFAULT
from capxai_core.lrp.relevance import mean_relevance
from capxai_core.methods import explain
from capxai_core.models.captioner import Captioner
from capxai_core.models.device import accelerator
from capxai_core.training.captioning import Weights

STOP_WORDS = ("a", "an", "the")


class Weighting(BaseModel):
    """How eq. (15) is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arm: Literal["original", "frequency", "lrp"] = Field(default="lrp", description="where the weights come from")
    reading: Literal["share", "mean", "relative"] = Field(
        default="share",
        description="of LRP: pixels' share of the logit, mean(E) as printed, mean(E) / max|E| as in the code",
    )
    strength: float | None = Field(
        default=DEFAULT, description="mean |m - 1| of the weighted words; below 0: turned round; None: as it comes"
    )
    others: Literal[0, 1] = Field(default=1, description="weight of words that are not in the caption; the text says 0")
    stop: Literal[0, 1] = Field(default=1, description="weight of stop words; the text says 0")
    function_words: bool = Field(default=False, description="stop words: not a, an, the alone, but scikit-learn's list")
    plain: float = Field(default=0, ge=0, lt=1, description="share of the loss on scores without weights; code: 0.5")


def word_rows(model: Captioner, examples: Sequence[Example], maps: bool = False) -> Tables:
    """What the model says of each example, word by word, and how much of it the pixels carry.

    Columns: image, word, token, mean (of E), share (of the logit), right (the picture has what an object word names; of
    other words, and of photographs: a reference has the word); with maps also relative, mean(E) / max|E|.
    """
    rows: list[dict[str, Any]] = []
    objects = object_words(model.profile)
    for example in examples:
        image = example.image()
        caption = model.caption(image)
        if not caption.words:
            continue
        ids = caption.token_ids
        if maps:
            found = explain(model, image, caption)
            means, logits = found.image.mean((1, 2)), found.logits
            peak = found.image.abs().amax((1, 2)).clamp(min=1e-30)
        else:
            means, logits = (of.cpu() for of in mean_relevance(model, image, ids, range(len(ids))))
            peak = None
        shares, told = means * model.size**2 / logits, set(chain(*example.captions))
        for k, (word, token) in enumerate(zip(caption.words, ids, strict=True)):
            row = {"image": example.name, "word": word, "token": token, "mean": means[k].item()}
            row |= {"share": shares[k].item(), "right": example.supports(word) if word in objects else word in told}
            rows.append(row if peak is None else row | {"relative": (means[k] / peak[k]).item()})
    return {"words": rows}


def explained_training_set(
    model: Captioner,
    examples: Sequence[Example],
    folder: Path,
    provenance: Mapping[str, Any],
    maps: bool = False,
    jobs: int = 1,
    again: bool = False,
) -> pd.DataFrame:
    """`word_rows` of many examples, kept in `folder`; goes on where it was interrupted. again: see `parts`."""

    def rows(some: Sequence[Example]) -> Tables:
        return word_rows(model.to(accelerator()), some, maps)

    work(parts(folder, examples, rows, {**provenance, "maps": maps}, PART, again), jobs, "explaining the training set")
    found = read_records(folder, "words")
    assert found is not None
    return found


def weights_of(words: pd.DataFrame, weighting: Weighting, vocabulary: int) -> Weights:
    """m of eq. (15) for each image, (V,); images of which nothing is known are left out, and have no weights.

    A word said twice in a caption has the mean of its values; m is, after that, kept between 0 and 2.
    """
    if weighting.arm == "original":
        return {}
    stopped = words["word"].isin({*STOP_WORDS, *(ENGLISH_STOP_WORDS if weighting.function_words else ())})
    told = words[~stopped]
    if weighting.arm == "frequency":
        rate = told.groupby("word")["right"].mean()
        told = told.assign(value=told["word"].map(rate))
    else:
        told = told.assign(value=told[weighting.reading])
    told = told[np.isfinite(told["value"])].groupby(["image", "token"], sort=False)["value"].mean().reset_index()
    scale = 1.0 if weighting.strength is None else weighting.strength / told["value"].abs().mean()
    stops = words[stopped].groupby("image")["token"].unique()
    found = {}
    for image, of in told.groupby("image", sort=False):
        m = torch.full((vocabulary,), float(weighting.others))
        values = torch.tensor((1 + scale * of["value"]).to_list())
        m[of["token"].to_list()] = values.clamp(0, 2)
        if image in stops.index:
            m[stops[image].tolist()] = float(weighting.stop)
        found[str(image)] = m
    return found


def describe(weighting: Weighting, words: pd.DataFrame) -> str:
    """What tells one set of weights from another, for a checkpoint's identity."""
    return json.dumps([weighting.model_dump(), int(pd.util.hash_pandas_object(words, index=False).sum())])
