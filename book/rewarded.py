# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Trained for a reward
#
# *Beyond the paper: how the field makes captions better, and what becomes of the made-up words.*
#
# LRP inference ([](improving_on_photographs)) asks explanations how a captioner should go on learning. The field asks
# the metric. The captioner draws captions $c$ of a photograph from its own probabilities; each is scored by its CIDEr-D
# $r(c)$ against the references; what scored better than the other captions of the same photograph, $\bar r$ on average,
# is made more probable, what scored worse less {cite}`rennie2017,luo2020`:
#
# $$\nabla L = -\,\mathrm{E}\,\big[\,(r(c) - \bar r)\; \nabla \log p(c)\,\big].$$
#
# The metrics rise. But captioners trained so have been found to make up more objects {cite}`rohrbach2018`: a reward for
# sounding like the references is none for looking at the picture. Is it so here, where the question of the paper is
# asked: does it still say what it sees?

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1
photographs = "flickr8k"

# %% tags=["hide-input"]
import json

import pandas as pd

import capxai_core as cx
from capxai_core.evaluate.results import Results
from capxai_core.pipeline.photographs import kept_photographs, photograph
from capxai_core.views.charts import pick

before = cx.load_results(photographs, model)
after = Results(photographs, f"{model}_cider", before.folder.with_name(f"{model}_cider"))
both = {"as trained": before, "for a reward": after}
for name, of in both.items():
    made = json.loads((of.folder / "quality.json").read_text())
    print(f"{name}: {made['model']} ({made['weights'][:12]}…), seed {made['trained']['recipe']['seed']}")

# %% [markdown]
# ## How good
#
# Grid-TD goes on from where [](photographs) left it, for two epochs on the same 6,000 photographs. What is kept is a
# running mean of its weights, of which after two epochs two thirds are still the old captioner's; CIDEr-D on 500
# validation photographs chooses the epoch. The reward is that of the captions drawn in training.

# %% tags=["hide-input"] made="capxai train --profile flickr8k --model grid_td --reward cider, seed 1"
log = after["log"]
log = log.assign(reward=-log["loss"])[["epoch", "reward", "cider"]].rename(columns={"cider": "CIDEr-D, validation"})
log.style.format(precision=3).hide().set_uuid("log")

# %% tags=["hide-input"]
validated = pd.concat([of["quality_val"].assign(of=name) for name, of in both.items()]).dropna(subset="value")
cx.table_intervals(validated, "metric", "of", "All validation photographs of Flickr8k")

# %% tags=["hide-input"]
tested = pd.concat([of["quality_test"].assign(of=name) for name, of in both.items()]).dropna(subset="value")
cx.table_intervals(tested, "metric", "of", "Test photographs of Flickr8k")

# %% [markdown]
# On the test photographs that is what others report for adaptive attention with the same encoder, or better
# ([](photographs)). CIDEr-D, the aim, rises, and BLEU-4, which it resembles, by as large a part; METEOR, which counts
# what is left out, rises little or not at all.
#
# ## Does it make up more?
#
# On all test photographs, the same for both, less the captioner it was. The measures are those of
# [](improving_on_photographs), in per cent but for the number of words and the scores, which here are means over
# captions:

# %% tags=["hide-input"] made="capxai quality --split test --against, seed 0 of the bootstrap"
compared = pick(after["quality_against_test"], against="pretrained")
shares = pick(compared, measure=["CHAIR i", "CHAIR i of other words", "CHAIR s", "biased word made up"])
cx.figure_intervals(shares, "measure", "per cent, less the captioner it was [95 %]", reference=0, title="Made-up words")

# %% tags=["hide-input"]
asked = ["biased word said", "clothes said", "TP", "recall", "words", "METEOR", "ROUGE-L", "CIDEr-D"]
cx.table_intervals(pick(compared, measure=asked), "measure", caption="For a reward, less as trained")

# %% [markdown]
# It makes up *less*, against what was found on COCO, and not only by naming fewer things: of the objects that it names,
# fewer are made up, with the *shirt* left out as well. Of what is made up the shirt falls by the largest part, a third.
# The price is what it no longer says: fewer clothes, and of those in the references a smaller share; captions are
# shorter. TP, the share of the clothing words that are right, rises as in the paper's table III, but too few are said
# to be sure of it.
#
# This is what LRP inference was to do. On photographs it does so with its weights turned round and mildly, by less and
# for no gain in the scores; pushed further that way, or with equation (15) as printed, it loses as many shirts, and
# makes up other things ([](improving_on_photographs); of the other captioner, for one epoch). The likeliest reason: a
# reference is one caption of five, and cross-entropy asks for the shirt wherever one of them has it; the reward is
# that of a whole caption against all five, where words that four of them lack cost more than they earn. Why it came
# out otherwise on COCO was not tested here. It may be the length of the training: two epochs, of which a mean was kept
# that holds much of the captioner before.
#
# One training, with one seed; the intervals are of photographs alone. Whether LRP tells right words from made-up ones
# as well as before ([](photographs)) was not evaluated for it.
#
# ## A reward that also asks for what is left out
#
# CIDEr-D alone makes captions shorter, and METEOR gains little by it. So adaptive attention is trained in the same way
# for CIDEr-D *plus* METEOR's own mean of precision $P$ and recall $R$ of the words that match a reference, in which
# recall weighs most, $P R / (0.85\,P + 0.15\,R)$:

# %% tags=["hide-input"] made="capxai train --profile flickr8k --model adaptive --reward recall, seed 1"
recall = {"as trained": cx.load_results(photographs, "adaptive")}
recall["for a reward"] = Results(photographs, "adaptive_recall", before.folder.with_name("adaptive_recall"))
log = recall["for a reward"]["log"]
log = log.assign(reward=-log["loss"])[["epoch", "reward", "cider"]].rename(columns={"cider": "CIDEr-D, validation"})
log.style.format(precision=3).hide().set_uuid("log-recall")

# %% tags=["hide-input"]
validated = pd.concat([of["quality_val"].assign(of=name) for name, of in recall.items()]).dropna(subset="value")
cx.table_intervals(validated, "metric", "of", "Adaptive attention: all validation photographs of Flickr8k")

# %% [markdown]
# Every score rises, METEOR by little; the intervals, of each captioner by itself, overlap. After one epoch the mean of
# the weights scored worse than the captioner it was, after two better. Whether this is the reward's doing or the
# captioner's cannot be told: each reward was tried on one. The test photographs have not been shown to it, and what it
# makes up has not been counted.
#
# ## What it says now
#
# Of the free photographs of [](photographs):

# %% tags=["hide-input"]
told = [kept_photographs(of.folder / "photographs") for of in both.values()]
said = [
    {"photograph": name, "as trained": str(told[0][name][0].caption), "for a reward": str(of[0].caption)}
    for name, of in told[1].items()
]
pd.DataFrame(said).style.format(escape="html").hide().set_uuid("said")

# %% tags=["remove-input"] made="capxai photographs, the captioner trained for a reward, seed 1"
cx.Explorer(photograph("astronaut"), told[1]["astronaut"], "astronaut (scikit-image), trained for a reward")
