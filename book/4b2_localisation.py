# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Do maps find what the words name?
#
# *Section IV-B2 of the paper: equation (13), figure 5.*
#
# If the model says *dog* because of the dog, the map of *dog* should lie on the dog. The paper measures that by
# **attention correctness**: of the positive evidence $E_p = \max(E, 0)$, divided by its maximum, the share that falls
# into the object's box,
#
# $$
# \mathrm{Correctness} = \frac{\sum_{ij \in \mathrm{bbox}} E_p[i, j]}{\sum_{ij} E_p[i, j]} \in [0, 1] .
# $$ (eq-13)
#
# A curve arises by counting only what is above a threshold. On 5,786 words of MSCOCO the paper finds attention lowest
# of all, LRP and Guided Grad-CAM highest; that all rise with the threshold; that what LRP marks as negative lies
# elsewhere (`N-LRP` is low), and what Guided Grad-CAM marks as negative on the objects too.
#
# Two doubts are looked into along the way. Is it *insight*, or only finer *resolution*? And does a map that finds the
# dog find it because of the word, or would any word have brought it there?

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% tags=["hide-input"]
import pandas as pd

import capxai_core as cx
from capxai_core.views.charts import verdicts

results = cx.load_results(profile, model)
both = [m for m in ("adaptive", "grid_td") if (results.folder.parent / m).is_dir()]
every = {m: cx.load_results(profile, m) for m in both}
tables = {
    name: pd.concat([r[name].assign(model=m) for m, r in every.items()], ignore_index=True)
    for name in ("localisation", "localisation_curves", "discrimination", "randomisation")
}
means = tables["localisation"]
for m, r in every.items():
    n, pictures = means.loc[means["model"] == m, ["n", "images"]].max()
    print(f"{m}: {n} object words in {pictures} pictures, seed {r.provenance['seed']}")
if means["value"].isna().all():
    print(f"The pictures of {profile} have no boxes, so nothing can be judged by them here.")

# %% [markdown]
# A word is judged when a reference caption has it too and it names an object with a box; of several such objects, all
# boxes together count.
#
# ## Figure 5
#
# The paper's methods, as it draws them: maps in their own resolution, negative evidence dashed. Bands are 95 %
# intervals, from a bootstrap over pictures.

# %% tags=["hide-input", "full-width"]
paper = ["guided_gradcam", "lrp", "gradient_input", "gradcam", "attention"]
curves = tables["localisation_curves"]
curves = curves[(curves["region"] == "union") & curves["method"].isin(paper)]
dashed = ["lrp", "guided_gradcam"]
curves = curves[(curves["sign"] == "+") | curves["method"].isin(dashed)]
curves = curves.assign(negative=curves["sign"] == "-")
curves = curves.sort_values("method", key=lambda of: of.map(paper.index), kind="stable")
own = curves[(curves["resolution"] == "own") & (curves["model"] == model)]
axes = ("threshold", "attention correctness")
cx.figure_curves(own, "threshold", "method", axes, "negative", title=f"Figure 5, {model}")

# %% tags=["hide-input", "full-width"]
other = [m for m in both if m != model] or [model]
own = curves[(curves["resolution"] == "own") & (curves["model"] == other[0])]
cx.figure_curves(own, "threshold", "method", axes, "negative", title=f"Figure 5, {other[0]}")

# %% [markdown]
# Look first for what agrees with the paper: the curves rise, above all from 0 to 0.1, where the haze goes that covers
# the whole picture; LRP's negative evidence lies low; Guided Grad-CAM's negative evidence lies as high as its positive.
# Then for what does not: where attention runs.
#
# ## Is it resolution?
#
# A map of pixels can follow the edge of a box, a map of cells cannot. So every map was also pooled to the encoder's
# grid, where all are equally coarse. And three maps join in that explain nothing: a uniform one, a spot in the middle
# of the picture, and the picture's edges times attention, which is sharp and knows nothing of the word but where
# attention looked. The points are means over all thresholds.

# %% tags=["hide-input", "full-width"]
simple = ["edges_attention", "centre", "uniform"]
chosen = means[(means["region"] == "union") & (means["sign"] == "+") & (means["against"] == "")]
rows = [*paper, "gradient", "guided_backprop", *simple]
chosen = chosen[chosen["method"].isin(rows)]
chosen = chosen.sort_values("method", key=lambda of: of.map(rows.index), kind="stable")
mean = "attention correctness, mean over thresholds [95 %]"
mine = chosen[chosen["model"] == model]
cx.figure_intervals(mine, "method", mean, "resolution", title=f"Boxes, {model}")

# %% [markdown]
# If edges × attention scores with the best, then sharp edges in the right region are worth as much as an explanation,
# by this measure. Word by word, how much more of the evidence of each method falls into the boxes than of attention:

# %% tags=["hide-input"]
versus = means[(means["region"] == "union") & (means["sign"] == "+")]
versus = versus[(versus["against"] == "attention") & versus["method"].isin(rows)]
versus = versus.sort_values("method", key=lambda of: of.map(rows.index), kind="stable")
fine = versus[versus["resolution"] == "own"]
more = "correctness less that of attention [95 %]"
cx.figure_intervals(fine, "method", more, "model", 0, title="Maps as they are")

# %% tags=["hide-input"]
coarse = versus[versus["resolution"] == "pooled"]
cx.figure_intervals(coarse, "method", more, "model", 0, title="Pooled to the grid")

# %% [markdown]
# The paper's first sentence on this figure is that all explanation methods are above attention. The points left of the
# line say otherwise. Why may it differ? Attention in VGG16 looks through features that are dispersed over a photograph;
# the small encoder of the drawn scenes has features as wide as the things in it. And the paper's own reason, that
# resolution lifts the fine maps over the coarse ones, can be read off: how far a method falls from the first figure to
# the second.
#
# ## Boxes are not objects
#
# A box holds background too, most of all around somebody with raised arms. Where masks are known, correctness can be
# taken on the object's own pixels. *Best*: the best single box, where a word names several objects.

# %% tags=["hide-input", "full-width"]
regions = {"union": "all boxes", "best": "best box", "mask": "mask"}
kinds = means[(means["sign"] == "+") & (means["against"] == "")]
kinds = kinds[(kinds["resolution"] == "own") & kinds["method"].isin(rows)]
kinds = kinds[kinds["model"] == model].assign(on=kinds["region"].map(regions))
kinds = kinds.sort_values("method", key=lambda of: of.map(rows.index), kind="stable")
cx.table_intervals(kinds, "method", "on", f"Mean correctness, {model}, own resolution")

# %% [markdown]
# On pixels the order changes: what is fine has the advantage that the paper speaks of, and what is coarse spills over
# the edge.
#
# ## The sign
#
# Where does the negative evidence lie? For LRP the paper's reading is that it opposes the word; for Guided Grad-CAM,
# that its sign means nothing.

# %% tags=["hide-input"]
signs = means[(means["region"] == "union") & (means["against"] == "")]
signs = signs[(signs["resolution"] == "own") & (signs["model"] == model)]
signed = signs.loc[signs["sign"] == "-", "method"]
signs = signs[signs["method"].isin(signed)]
cx.figure_intervals(signs, "method", mean, "sign", title=f"Both signs, {model}")

# %% [markdown]
# A map may also have none: a word without any positive evidence scores 0. How many maps had some:

# %% tags=["hide-input"]
there = signs.assign(value=signs["covered"], low=None, high=None)
cx.table_intervals(there, "method", "sign", f"Share of maps that are not empty, {model}")

# %% [markdown]
# ## One map for every word?
#
# A caption of a man and a dog has two objects, and so two maps. If both lie on the man, the first is correct, and
# explains no more than a map of *man* always does. Here are all object words of one such caption.

# %%
captioner = cx.load_captioner(f"{profile}/{model}")
examples = cx.load_examples(profile, "test", 50, seed)
captioned = ((e, captioner.caption(e.image())) for e in examples)
named = ((e, c, [w for w in dict.fromkeys(c.words) if e.supports(w)]) for e, c in captioned)
pairs = ((e, c, [c.words.index(w) for w in words if any(w in o.words for o in e.objects)]) for e, c, words in named)
several = ((e, c, at) for e, c, at in pairs if len(at) > 1)
example, caption, at = next(several, (None, None, []))
print(caption or f"No caption of the first 50 pictures of {profile} names two objects with boxes.")

# %% tags=["full-width"]
methods = ("attention", "gradcam", "guided_gradcam", "lrp") if at else ()
shown = [cx.explain(captioner, example.image(), caption, m) for m in methods]
cx.figure_words(example.image(), shown, at[:3]) if at else None

# %% [markdown]
# **Word discrimination** holds each map against the other words' objects: correctness on what the word names, less
# correctness on what another object word of the same caption names. A map that is the same for every word gets 0,
# however well it lies. (Words that can name the same object, as *man* and *person*, are not held against each other.)

# %% tags=["hide-input", "full-width"]
tell = tables["discrimination"]
tell = tell[(tell["region"] == "union") & (tell["sign"] == "+") & (tell["against"] == "")]
tell = tell[tell["method"].isin(rows) & (tell["resolution"] == "own")]
tell = tell.sort_values("method", key=lambda of: of.map(rows.index), kind="stable")
differ = "correctness on its object less on another's [95 %]"
cx.figure_intervals(tell, "method", differ, "model", 0, title="Word discrimination")

# %% [markdown]
# This is where the methods part from attention and from the edges: what a map knows of *its* word. Guided
# backpropagation, whose maps hardly depend on the word, falls back.
#
# ## Sanity checks
#
# The paper grants that Guided Grad-CAM fails the sanity checks of parameter randomisation. It was tried: layer by
# layer, from the last to the first, the weights were shuffled, and the maps compared with those of the model as it is.
# After all layers the rank correlation of the maps is

# %% tags=["hide-input"]
shuffled = tables["randomisation"]
shuffled = shuffled[shuffled["depth"] == shuffled.groupby("model")["depth"].transform("max")]
shuffled = shuffled[shuffled["measure"] == "map_rank"]
cx.table_intervals(shuffled, "method", "model", "Rank correlation, all layers shuffled")

# %% [markdown]
# Each layer has its place in the chapter on [sanity checks](sanity_checks).
#
# ## The paper's claims

# %%
verdicts(results.folder.parents[1], profile, "4b2_localisation")

# %% [markdown]
# ## What to make of it
#
# - Correctness asks whether the evidence is where a person would look for it. A model that says *grass* because of the
#   cow is explained well by a map that scores badly. Where the true causes are known they are the better judge
#   ([](true_causes)).
# - One number decides little. The order of the methods on boxes, on masks, at one resolution and between words is not
#   the same order.
# - The drawn scenes have large, plain things on a grid of 8 × 8 cells, photographs 14 × 14 and clutter. Whether
#   attention's good showing here holds there is for photographs to say.
