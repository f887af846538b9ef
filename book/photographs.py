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
# Everything before this page was found on drawn scenes, where the truth is known. The same commands train the same
# captioners on photographs, with VGG16 in front as in the paper. Here is what one says, trained on Flickr8k, and why.
# Its photographs may not be shown; in their place stand seven that may, since they are part of scikit-image and
# scikit-learn.

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1
photographs = "flickr8k"

# %% tags=["hide-input"]
import json

import pandas as pd

import capxai_core as cx
from capxai_core.data.scenes import CLOTHING, OBJECT_WORDS
from capxai_core.evaluate.results import evaluated_profiles
from capxai_core.evaluate.tuning import BIASED, CLOTHES
from capxai_core.models.captioner import DECODERS
from capxai_core.pipeline.photographs import kept_photographs, photograph
from capxai_core.views.claims import disagreements

root = cx.load_results(profile, model).folder.parents[1]
place = root / photographs / model
made = json.loads((place / "quality.json").read_text())
epoch, most = made["trained"]["epoch"], made["trained"]["recipe"]["epochs"]
print(f"{made['model']}, after epoch {epoch} of at most {most}; weights {made['weights'][:12]}…")

# %% [markdown]
# ## How good it is
#
# It was stopped while it still improved, so that a better one is to be had by training on. These are the validation
# photographs, half of which chose it; the test photographs have not been opened. Others report for
# adaptive attention on a frozen VGG16 and the test photographs: METEOR 0.199, ROUGE-L 0.457, BLEU-4 0.205, CIDEr 0.524.

# %% tags=["hide-input"]
quality = pd.read_csv(place / "quality_val.csv").dropna(subset="value")
cx.table_intervals(quality, "metric", caption="Validation photographs of Flickr8k")

# %% [markdown]
# ## Seven photographs
#
# **Choose a word.** The photographs were chosen before any caption of them was seen.

# %% tags=["hide-input"]
kept = kept_photographs(place / "photographs")
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
# Flickr8k has photographs of people and dogs doing things out of doors, and so people and dogs are what its captioner
# sees, whatever it is shown. Which clothes does it see? Of each word for clothes in these captions: its probability,
# the share of its score that reaches the pixels, and the preceding word that LRP gives most.

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
# A word with a small or negative share owes its score to the words before it: the model would have said it of another
# picture, too.
#
# ## The tables, on photographs
#
# Every table of this book can be made of photographs: `capxai reproduce --profile flickr8k` does it, in about a day on
# two cores, and the numbers then stand beside those of the drawn scenes in the verdicts of each chapter and in
# [the ledger](ledger). Claims that come out on the one and are contradicted on the other:

# %% tags=["hide-input", "full-width"]
there = [name for name in evaluated_profiles(root, profile) if name in (profile, photographs)]
print("" if len(there) > 1 else f"No tables of {photographs} yet.")
disagreements(root, there, list(DECODERS))
