# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # On real photographs
#
# *The paper's own ground: its captioners read the photographs of Flickr30k and COCO.*
#
# Everything before this page was found on drawn scenes, where the truth is known. Does it hold on photographs? The same
# commands trained the same two captioners on Flickr8k, with VGG16 in front as in the paper, and made the same tables.
# The numbers come with the project; the photographs do not, since they may not be shown. In their place stand seven
# that may: they are part of scikit-image and scikit-learn.

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1
photographs = "flickr8k"

# %% tags=["hide-input"]
import pandas as pd

import capxai_core as cx
from capxai_core.data.scenes import CLOTHING, OBJECT_WORDS
from capxai_core.evaluate.results import Results, evaluated
from capxai_core.evaluate.tuning import BIASED, CLOTHES
from capxai_core.models.captioner import DECODERS
from capxai_core.pipeline.photographs import kept_photographs, photograph
from capxai_core.views.charts import name_of, of_models, of_profiles, pick
from capxai_core.views.claims import disagreements

results = cx.load_results(profile, model)
root = results.folder.parents[1]
for name, place in evaluated(root / photographs).items():
    made = Results(photographs, name, place).provenance
    print(f"{photographs}/{name}: {made['images']} test photographs, {made['looked_at_again']} looked at many times")

# %% [markdown]
# ## How good the captioners are
#
# Chosen on the validation photographs alone; the test photographs were opened once. Others report for adaptive
# attention on a frozen VGG16 and Flickr8k: METEOR 0.199, ROUGE-L 0.457, BLEU-4 0.205, CIDEr 0.524. The paper's table I
# is for Flickr30k and COCO, five and twenty times the photographs.

# %% tags=["hide-input"]
whole = of_profiles(results, "quality_test")
own = of_models(results, "captions")
own = own[~own["profile"].isin(whole["profile"])]
quality = pd.concat([own, whole])
quality = quality.assign(of=quality["profile"] + ", " + quality["model"].map(name_of))
quality = pick(quality, metric=["BLEU-4", "METEOR", "ROUGE-L", "CIDEr-D"])
cx.table_intervals(quality, "metric", "of", "Table I, as far as it can be had")

# %% [markdown]
# ## Seven photographs
#
# **Choose a word.** The photographs were chosen before any caption of them was seen.

# %% tags=["hide-input"]
kept = kept_photographs(root / photographs / model / "photographs")
print(f"Explained by {photographs}/{model}")

# %% tags=["remove-input"] made="capxai photographs, Flickr8k’s captioner of seed 1"
cx.Explorer(photograph("astronaut"), kept["astronaut"], "astronaut (scikit-image)")

# %% tags=["remove-input"] made="capxai photographs, Flickr8k’s captioner of seed 1"
cx.Explorer(photograph("chelsea"), kept["chelsea"], "chelsea (scikit-image)")

# %% tags=["remove-input"] made="capxai photographs, Flickr8k’s captioner of seed 1"
cx.Explorer(photograph("motorcycle"), kept["motorcycle"], "motorcycle_left (scikit-image)")

# %% tags=["remove-input"] made="capxai photographs, Flickr8k’s captioner of seed 1"
cx.Explorer(photograph("coffee"), kept["coffee"], "coffee (scikit-image)")

# %% tags=["remove-input"] made="capxai photographs, Flickr8k’s captioner of seed 1"
cx.Explorer(photograph("camera"), kept["camera"], "camera (scikit-image)")

# %% tags=["remove-input"] made="capxai photographs, Flickr8k’s captioner of seed 1"
cx.Explorer(photograph("china"), kept["china"], "china (scikit-learn)")

# %% tags=["remove-input"] made="capxai photographs, Flickr8k’s captioner of seed 1"
cx.Explorer(photograph("flower"), kept["flower"], "flower (scikit-learn)")

# %% [markdown]
# Photographs of people are what Flickr8k has, and so people and dogs are what its captioners see, in a cup of coffee as
# well. Which clothes do they see? Of each word for clothes in these captions: its probability, the share of its score
# that reaches the pixels, and the preceding word that LRP gives most.

# %% tags=["hide-input"]
clothes = CLOTHES | {BIASED} | {word for kind in CLOTHING for word in OBJECT_WORDS[kind]}
rows = [
    {
        "photograph": name,
        "word": word,
        "probability": e.caption.log_probs[p].exp().item(),
        "pixel share": e.pixel_share[p].item(),
        "most from": e.tokens[int(e.words[p, : p + 1].argmax())],
        "caption": str(e.caption),
    }
    for name, (e, *_) in kept.items()
    for p, word in enumerate(e.caption.words)
    if word in clothes
]
told = pd.DataFrame(rows, columns=["photograph", "word", "probability", "pixel share", "most from", "caption"])
told.style.format(precision=2).hide().set_uuid("clothes")

# %% [markdown]
# ## Are made-up words as common?
#
# The paper: 65 % of the shirts its captioner names on Flickr30k are not there, and 48 % of the frequent object words. A
# word is right where one of the five references has it, so that part of what counts as made up is merely unmentioned;
# on the drawn scenes the drawing decides.

# %% tags=["hide-input"] made="evaluations of the profiles named, seed 0"
made_up = of_profiles(results, "made_up")
made_up = made_up.assign(of=made_up["profile"] + ", " + made_up["model"].map(name_of))
made_up = pick(made_up, word=["all", "frequent", "shirt"])
wrong = "share of the words that are made up [95 %]"
cx.figure_intervals(made_up, "word", wrong, "of", printed="printed", title="Made-up words")

# %% [markdown]
# ## Does LRP know?
#
# Table II: the area under the ROC curve of each score, over all object words, and among uses of the same word alone.

# %% tags=["hide-input"] made="evaluations of the profiles named, seed 0"
areas = of_profiles(results, "auc")
areas = areas[areas["normalisation"].eq("max") | areas["label"].eq("1 - β")]
areas = pick(areas, label=["L-max", "L", "Guided-abs", "Att.", "1 - β", "Guided"], selection="all", word="")
areas = areas.assign(of=areas["profile"] + ", " + areas["model"].map(name_of))
pooled, within = pick(areas, pairs="pooled"), pick(areas, pairs="within words")
area = "area under the ROC curve [95 %]"
cx.figure_intervals(pooled, "label", area, "of", 0.5, title="All object words")

# %% tags=["hide-input"] made="evaluations of the profiles named, seed 0"
cx.figure_intervals(within, "label", area, "of", 0.5, title="Among uses of the same word")

# %% [markdown]
# Does it matter that each map is divided by its own maximum? LRP's mean with and without:

# %% tags=["hide-input"] made="evaluations of the profiles named, seed 0"
norms = pick(of_profiles(results, "auc"), method="lrp", score="mean", selection="all", word="", pairs="pooled")
norms = norms.assign(how=norms["normalisation"].map({"max": "mean(E) / max|E|", "raw": "mean(E)"}))
norms = norms.assign(of=norms["profile"] + ", " + norms["model"].map(name_of))
cx.figure_intervals(norms.dropna(subset="how"), "of", area, "how", 0.5, title="Normalisation")

# %% [markdown]
# ## Do the maps mark what matters?
#
# As in [](4b_masking): the quarter that each map marks most, in white, less the same outline elsewhere; how much more
# often the word is still said.

# %% tags=["hide-input"] made="evaluations of the profiles named, seed 0"
masked = of_profiles(results, "masking")
masked = pick(masked, method=["lrp", "guided_gradcam", "gradcam", "attention"], share=0.25, fill="white", kept=False)
masked = pick(masked, measure="survives", region="relevant", against="shifted")
masked = masked.assign(of=masked["profile"] + ", " + masked["model"].map(name_of))
less = "still said: own cells, less elsewhere [95 %]"
cx.figure_intervals(masked, "method", less, "of", 0, title="Hidden")

# %% [markdown]
# ## Where drawings and photographs disagree
#
# Every claim that comes out on the one and is contradicted on the other, with the numbers of both. ([The
# ledger](ledger) has all claims.)

# %% tags=["hide-input", "full-width"]
disagreements(root, list(dict.fromkeys([profile, photographs])), list(DECODERS))
