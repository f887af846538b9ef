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
# \mathrm{Correctness} = \frac{\sum_{ij \in \mathrm{bbox}} E_p[i, j]}{\sum_{ij} E_p[i, j]}.
# $$ (eq-13)
#
# A curve arises by counting only what is above a threshold. On 5,786 words that grid-TD says of MSCOCO the paper finds
# attention lowest of all, and LRP and Guided Grad-CAM above Grad-CAM; that all rise with the threshold; that what LRP
# marks as negative lies elsewhere (`N-LRP` is low), and what Guided Grad-CAM marks as negative on the objects too.
#
# Two doubts are looked into along the way. Is it *insight*, or only finer *resolution*? And does a map that finds the
# dog find it because of the word, or would any word have brought it there?

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% tags=["hide-input"]
from IPython.display import display

import capxai_core as cx
from capxai_core.models.captioner import DECODERS
from capxai_core.views.charts import name_of, of_models, pick
from capxai_core.views.claims import verdicts

results = cx.load_results(profile, model)
means = of_models(results, "localisation")
if means["value"].isna().all():
    print(f"The pictures of {profile} have no boxes: nothing can be judged here.")
print(f"Results of {len(means['model'].unique())} models, seed {results.provenance['seed']}")

# %% [markdown]
# A word is judged when a reference caption has it too and it names an object with a box; of several such objects, all
# boxes together count.
#
# ## Figure 5
#
# The paper's methods, as it draws them: maps in their own resolution, negative evidence dashed. Bands are 95 %
# intervals, from a bootstrap over pictures.

# %% tags=["hide-input"]
paper = ["guided_gradcam", "lrp", "gradient_input", "gradcam", "attention"]
curves = pick(of_models(results, "localisation_curves"), method=paper)
curves = pick(curves, region="union", resolution="own")
drawn = (curves["sign"] == "+") | curves["method"].isin(["lrp", "guided_gradcam"])
curves = curves[drawn].assign(negative=curves["sign"] == "-")
axes = ("threshold", "attention correctness")
how = {"x": "threshold", "by": "method", "axes": axes, "dashed": "negative"}
title = f"Figure 5, {name_of(model)}"
cx.figure_curves(pick(curves, model=model), **how, title=title)

# %% tags=["hide-input"]
other = next(name for name in DECODERS if name != model)
title = f"Figure 5, {name_of(other)}"
cx.figure_curves(pick(curves, model=other), **how, title=title)

# %% [markdown]
# Look first for what agrees with the paper. The curves rise: LRP's from 0 to 0.1, where the haze goes that covers the
# whole picture, and hardly further. LRP's negative evidence lies low. Guided Grad-CAM's negative evidence lies as high
# as its positive. Then for what does not agree: on the drawn scenes the lowest curve of positive evidence is
# Grad-CAM's, not attention's.
#
# ## Is it resolution?
#
# A map of pixels can follow the edge of a box, a map of cells cannot. So every map was also pooled to the encoder's
# grid, where all are equally coarse. And three maps join in that explain nothing: a uniform one, a spot in the middle
# of the picture, and the picture's edges times attention, which is sharp and knows nothing of the word but where
# attention looked. The points are means over all thresholds.

# %% tags=["hide-input"]
rows = [*paper, "gradient", "guided_backprop", "edges_attention", "centre", "uniform"]
boxes = pick(means, method=rows, region="union", sign="+", against="")
sharp = {"own": "as it is", "pooled": "pooled to the grid"}
boxes = boxes.assign(resolution=boxes["resolution"].map(sharp))
mean = "attention correctness, mean over thresholds [95 %]"
title = f"Boxes, {name_of(model)}"
cx.figure_intervals(pick(boxes, model=model), "method", mean, "resolution", title=title)

# %% [markdown]
# Edges × attention explains nothing of the word that attention did not, and yet the edges alone lift it: by this
# measure, sharpness in the right region passes for an explanation. Word by word, how much more of each method's
# evidence falls into the boxes than of attention's:

# %% tags=["hide-input"]
versus = pick(means, method=rows, region="union", sign="+", against="attention")
more = "correctness less that of attention [95 %]"
fine = pick(versus, resolution="own")
cx.figure_intervals(fine, "method", more, "model", 0, title="Maps as they are")

# %% tags=["hide-input"]
coarse = pick(versus, resolution="pooled")
cx.figure_intervals(coarse, "method", more, "model", 0, title="Pooled to the grid")

# %% [markdown]
# The paper's first finding is that all explanation methods lie above attention. Points left of the line contradict it:
# on the drawn scenes Grad-CAM's and guided backpropagation's do for both captioners, while LRP's side of the line
# depends on the captioner. Why may it differ? The paper's encoder looks at photographs on a grid of 14 × 14 places;
# that of the drawn scenes at large, plain things on a coarser grid, and its attention may simply be better. The paper's
# own reason, that high resolution lifts the fine maps over the coarse ones, can be read off: it is how far a method
# falls from the one figure to the other. At equal resolution LRP lies on the boxes less well than attention for *both*
# captioners. What it gains on them is sharpness, and sharpness alone can be had without explaining anything, as *edges
# × attention* shows; what LRP knows of its own word shows [further down](one-map).
#
# ## Boxes are not objects
#
# A box holds background too, most of all around somebody with raised arms. Where masks are known, correctness can be
# taken on the object's own pixels. *Best*: the best single box, where a word names several objects.

# %% tags=["hide-input"]
regions = {"union": "all boxes", "best": "best box", "mask": "mask"}
kinds = pick(means, method=rows, sign="+", against="", resolution="own", model=model)
kinds = kinds.assign(on=kinds["region"].map(regions))
title = f"Mean correctness, {name_of(model)}, maps as they are"
cx.table_intervals(kinds, "method", "on", title)

# %% [markdown]
# On the objects' own pixels the order changes: what is fine has the advantage that the paper speaks of, and what is
# coarse spills over the edge.
#
# ## The sign
#
# Where does the negative evidence lie? For LRP the paper's reading is that it opposes the word; for Guided Grad-CAM,
# that its sign means nothing.

# %% tags=["hide-input"]
signs = pick(means, method=rows, region="union", against="", resolution="own", model=model)
signs = signs[signs["method"].isin(signs.loc[signs["sign"] == "-", "method"])]
title = f"Both signs, {name_of(model)}"
cx.figure_intervals(signs, "method", mean, "sign", title=title)

# %% [markdown]
# A map may also have no evidence of one sign, and then scores 0. How many maps have some:

# %% tags=["hide-input"]
there = signs.assign(value=signs["covered"], low=None, high=None)
title = f"Share of maps that are not empty, {name_of(model)}"
cx.table_intervals(there, "method", "sign", title)

# %% [markdown]
# (one-map)=
# ## One map for every word?
#
# A caption of a man and a dog has two objects, and so two maps. If both lie on the man, the first is correct, and
# explains no more than a map of *man* always does. Here are all object words of one such caption.

# %% tags=["hide-input"]
captioner = cx.load_captioner(f"{profile}/{model}")
examples = cx.load_examples(profile, "test", 50, seed)
captioned = ((e, captioner.caption(e.image())) for e in examples)
known = ((e, c, {w for o in e.objects for w in o.words}) for e, c in captioned)
pairs = ((e, c, [p for p, w in enumerate(c.words) if w in words]) for e, c, words in known)
example, caption, at = next((one for one in pairs if len(one[2]) > 1), (None, None, []))
print(caption or "")

# %% tags=["full-width"]
methods = ("attention", "gradcam", "guided_gradcam", "lrp") if at else ()
shown = [cx.explain(captioner, example.image(), caption, m) for m in methods]
cx.figure_words(example.image(), shown, at[:3]) if at else "No caption of the first 50 names two objects with boxes."

# %% [markdown]
# **Word discrimination** holds each map against the other words' objects: correctness on what the word names, less
# correctness on what another object word of the same caption names. A map that is the same for every word gets 0,
# however well it lies. (Words that can name the same object, as *man* and *person*, are not held against each other.)

# %% tags=["hide-input"]
tell = pick(of_models(results, "discrimination"), method=rows, region="union", sign="+")
differ = "correctness on its object, less on another's [95 %]"
fine = pick(tell, against="", resolution="own")
cx.figure_intervals(fine, "method", differ, "model", 0, title="Word discrimination")

# %% [markdown]
# On the drawn scenes LRP leaves attention and the edges behind: its maps know more of *their* word (at equal
# resolution, more than attention's clearly in adaptive attention only). Guided backpropagation, whose maps are much the
# same for every word, falls back. The centre and the uniform map are at 0 by construction.
#
# The rule that the paper takes for convolutions, $\alpha = 1$ and $\beta = 0$, is known for maps that look alike
# whatever is explained, since within the CNN it lets nothing speak against. Other rules do. The same words, fewer
# pictures, LRP with each of them:

# %% tags=["hide-input"]
rules = {
    "paper": "α = 1, β = 0 (the paper’s)",
    "α = 2": "α = 2, β = 1",
    "γ = 0.25": "γ = 0.25",
    "z^B": "z^B at the pixels",
}
by_rule = pick(of_models(results, "discrimination_rules"), method=list(rules), region="union", sign="+")
by_rule = pick(by_rule, against="", resolution="own")
by_rule = by_rule.assign(rule=by_rule["method"].map(rules))
cx.figure_intervals(by_rule, "rule", differ, "model", 0, title="Word discrimination by rule of the convolutions")

# %% [markdown]
# On the drawn scenes the suspicion is not borne out: no rule that lets more speak against a word tells words apart
# clearly better than the paper's.
#
# ## Sanity checks
#
# The paper grants, citing others, that Guided Grad-CAM fails sanity checks, and recommends it all the same: they target
# other properties. The best known of these checks shuffles the model's weights. Here this is tried: layer by layer,
# from the last to the first, the weights were shuffled, and the maps compared with those of the model as it is. In the
# end, the maps of a method that explains the model should have nothing in common with what they were. After all layers:

# %% tags=["hide-input"]
shuffled = pick(of_models(results, "randomisation"), measure="map_rank")
last = shuffled.groupby("model")["depth"].transform("max") == shuffled["depth"]
shuffled = pick(shuffled[last], method=["attention", "gradcam", "guided_gradcam", "lrp"])
title = "Rank correlation of the maps, all layers shuffled"
cx.table_intervals(shuffled, "method", "model", title)

# %% [markdown]
# Look at LRP: on the drawn scenes its maps' magnitudes keep more than those of the other three, and Guided Grad-CAM's
# next to nothing, against what the paper grants. (With their sign it is Guided Grad-CAM's that keep most.) Each layer
# has its place in the chapter on [sanity checks](sanity_checks).

# %% [markdown]
# ## From the curve to the pictures
#
# Each small point is one word of one picture. Choose it to see its map, cut at the threshold, with the box that it is
# judged by.

# %% tags=["hide-input"]
captioner = cx.load_captioner(f"{profile}/{model}")
records, shown = results.records("localisation"), ("lrp", "gradcam", "attention")
examples = cx.load_examples(profile, "test", 8) if len(records) else []  # without boxes no word is judged
judged = {e.name: records.loc[records["image"] == e.name, "position"].unique().tolist() for e in examples}
captioned = [(e, captioner.caption(e.image()), sorted(judged[e.name])) for e in examples if judged[e.name]]
explained = [
    (e, [cx.explain(captioner, e.image(), caption, m, words=at) for m in shown]) for e, caption, at in captioned
]
display(cx.CurveView(records, explained) if explained else f"{profile} has no boxes")

# %% [markdown]
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
# - That attention is ahead where all maps have the encoder's resolution holds of the drawn scenes. On the photographs
#   of COCO that were tried, LRP is ahead of it there as well ([](photographs)).
