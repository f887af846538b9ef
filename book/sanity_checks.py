# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Sanity checks
#
# *What the paper leaves out. It mentions one such check in section IV-B2: that Guided Grad-CAM fails it.*
#
# A map may look right and have nothing to do with the model. Four questions, each with a control:
#
# 1. Does the map change when the model's weights are shuffled?
# 2. Does its sign mean anything?
# 3. Does the word go when the marked cells go, sooner than in a random order?
# 4. Does it depend on options that nobody can choose for a reason?

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% tags=["hide-input"]
from IPython.display import display

import capxai_core as cx
from capxai_core.evaluate.results import evaluated
from capxai_core.evaluate.sanity import layers
from capxai_core.views.charts import by_order, name_of, of_models, pick, table_intervals
from capxai_core.views.claims import table_conclusions, verdicts
from capxai_core.views.evidence import figure_shuffled

results = cx.load_results(profile, model)
both = [*evaluated(results.folder.parent)]
every = {m: cx.load_results(profile, m) for m in both}
judged = ("randomisation", "localisation", "deletion", "robustness", "conclusions")
tables = {t: of_models(results, t) for t in judged}
for m, r in every.items():
    n = {t: f"{tables[t].loc[tables[t]['model'] == m, 'images'].max():.0f}" for t in judged}
    print(f"{m}: seed {r.provenance['seed']}; pictures:", *(f"\n  {t} {k}" for t, k in n.items()))

# %% [markdown]
# ## Shuffled weights
#
# Shuffle the weights of the last layer, then of the last two, and so on down to the pixels (the cascade of Adebayo
# and others, *Sanity checks for saliency maps*, 2018). The model knows less and less; in the end it knows nothing.
# A map that stays as it was explains no model. It is a picture of the picture.
#
# First one word of one caption, the first that names something there. The caption is kept, however little the
# shuffled model would say it.

# %% tags=["hide-input", "full-width"]
captioner = cx.load_captioner(f"{profile}/{model}")
examples = cx.load_examples(profile, "test", 100, seed)
captioned = ((e, captioner.caption(e.image())) for e in examples)
named = ((e, c, w) for e, c in captioned for w in c.words if e.supports(w) and len(w) > 2)
found = next(named, None)
assert found, "no caption of the first 100 pictures names what is there: try another seed"
example, caption, word = found
image, position, names = example.image(), caption.words.index(word), [*layers(captioner)]
decoder = sum(name.startswith("decoder") for name, _ in names)
depths = [0, 1, decoder, (decoder + len(names)) // 2, len(names)]
methods = ("lrp", "guided_gradcam", "gradcam", "attention")
print(f"“{word}” in “{caption}”")
figure_shuffled(captioner, image, caption, position, methods, depths, seed)

# %% [markdown]
# Then over many words. The magnitude of each map is averaged over the cells of the encoder's grid, and compared
# with that of the trained model by rank correlation: 1 means unchanged, 0 unrelated. A point further right has one
# more layer shuffled.

# %% tags=["hide-input"]
alike = tables["randomisation"][tables["randomisation"]["model"] == model]
ranks = alike[alike["measure"] == "map_rank"]
axes = ("layers shuffled, from the output down", "rank correlation of |E|")
for m in both:
    curves = pick(tables["randomisation"], model=m, measure="map_rank")
    display(cx.figure_curves(curves, "depth", "method", axes, title=name_of(m)))

# %% [markdown]
# The layers' names, and what is left at three stages: the output layer alone shuffled, the whole decoder, everything.

# %% tags=["hide-input", "full-width"]
stages = ranks[ranks["depth"].isin([1, decoder, len(names)])]
stages = stages.assign(layer="down to " + stages["layer"])
table_intervals(stages, "method", "layer", f"{name_of(model)}: rank correlation of |E| [95 %]")

# %% [markdown]
# Read two things off. Attention cannot react to the output layer, which comes after it, so a 1 at the start is no
# failure; a method that explains the *word* must react there. And a curve that stays high down to the last layer
# means that much of the map is the picture: edges and bright places, whatever the weights. Look for it in LRP's
# curve, too: with $\alpha = 1$ and $\beta = 0$ its convolution rule is known to keep a good part of the map when
# upper layers are shuffled.
#
# How alike are the maps with their *sign*? Here −1 would be the same map turned round.

# %% tags=["hide-input"]
turned = alike[(alike["measure"] == "signed") & alike["method"].isin(["lrp", "guided_gradcam"])]
sign_axes = (axes[0], "correlation of E with its sign")
cx.figure_curves(turned, "depth", "method", sign_axes, title=name_of(model))

# %% [markdown]
# And the scores of the words before:

# %% tags=["hide-input"]
prefix = alike[alike["measure"] == "words"].dropna(subset="value")
prefix = prefix[prefix["method"].isin(["lrp", "gradcam"])]
word_axes = (axes[0], "rank correlation of the words' scores")
cx.figure_curves(prefix, "depth", "method", word_axes, title=name_of(model))

# %% [markdown]
# ## The sign turned round
#
# If orange means *for* and blue *against*, then the negative part of a map must find what the word names worse than
# the positive. The paper does this in figure 5 ("N-LRP", dashed). Equation (13), mean over all thresholds, on the
# boxes:

# %% tags=["hide-input"]
signs = tables["localisation"]
signs = signs[signs["method"].isin(["lrp", "guided_gradcam", "gradient_input", "uniform"])]
signs = signs[signs["resolution"].eq("own") & signs["region"].eq("union") & signs["against"].eq("")]
signs = signs[signs["model"] == model]
if not len(signs):
    print(f"{profile} has no boxes")
inside = "share of the evidence inside the box [95 %]"
cx.figure_intervals(signs, "method", inside, "sign", title=name_of(model))

# %% [markdown]
# Compare the two points of each row, and both with the uniform map. For a method whose sign means something the *−*
# lies well to the left of the *+*. One whose *−* is the better of the two has its sign the wrong way round, or
# none.
#
# ## Hidden and shown, cell by cell
#
# Hide the cells in the map's order and follow the word's probability (*deletion*): the sooner it falls, the smaller
# the area under its curve. Or start from nothing and show them in that order (*insertion*): the larger the better.
# The control is a random order, taken off word by word. *Either sign* ranks by magnitude.

# %% tags=["hide-input"]
areas = tables["deletion"].set_index("model").loc[model]
areas = by_order(areas[areas["against"] == "random"])
less = "area under the curve, less that of a random order [95 %]"
cx.figure_intervals(areas, "map", less, "curve", 0, title=name_of(model))

# %% [markdown]
# A good map has its *deletion* left of the line and its *insertion* right of it. Guided Grad-CAM shows what the sign
# does: the same map fails when its cells are ranked by score, and works when they are ranked by magnitude.
#
# The hidden cells are filled with the picture's mean colour, which makes pictures the model has never seen; the
# random order suffers from that as well, and so the difference is what counts.
#
# ## Options that nobody chose
#
# LRP has options, and the paper and the authors' own code do not agree on all of them ($\varepsilon$ is 0.01 in the
# one and $10^{-7}$ in the other). Does it matter? Every word is explained again with one option changed, and
# compared with the paper's setting.

# %% tags=["hide-input"]
swept = tables["robustness"][tables["robustness"]["model"] == model]
like = swept[swept["measure"].isin(["map_rank", "words"]) & (swept["method"] != "paper")]
like = like.assign(measure=like["measure"].map({"map_rank": "maps", "words": "words before"}))
agree = "rank correlation with the paper's setting [95 %]"
cx.figure_intervals(like, "method", agree, "measure", title=name_of(model))

# %% [markdown]
# Where the points are near 1, the option can be forgotten. Rules of the convolutions cannot touch the words'
# scores: those are 1 by construction. What an option does to the *amounts* is another matter. The share of a word's
# score that reaches the pixels, which [](4b_explaining_a_caption) shows as an account:

# %% tags=["hide-input"]
shares = tables["robustness"][tables["robustness"]["measure"] == "pixel_share"]
part = "share of the score that reaches the pixels [95 %]"
cx.figure_intervals(shares, "method", part, "model", title="All options")

# %% [markdown]
# Alike is not the same, and what counts is whether anything this book *concludes* hangs on an option. So the words were
# judged again with each set of options, by the same measures as in the chapters before: whose objects the maps find,
# which words they tell from made-up ones, which of the words before matters. *Yes*: the whole interval speaks for the
# conclusion. *No*: all of it against. *Undecided*: neither, at this n.

# %% tags=["hide-input", "full-width"]
concluded = tables["conclusions"]
for m in both:
    display(table_conclusions(pick(concluded, model=m), f"Conclusions, {name_of(m)}"))

# %% [markdown]
# These are fewer pictures than the chapters before have, so read the table for what *changes* with an option; the
# verdicts themselves are better founded there. A conclusion that comes out otherwise with some option is one that the
# option makes. On the drawn scenes few do: none about where the maps lie, none about right and made-up words over all
# words. What hangs on a choice rests on few cases: whether LRP tells right from made-up uses of the *same* word, and
# whether the words that it ranks first matter to *is* and *are*, which a tenfold $\varepsilon$ is the readiest to say.
#
# ## What to make of it
#
# - A check can only fail a method. Passing all four makes no map true; [true causes](true_causes) asks for more.
# - Correlations of magnitudes may have a floor that is not 0, as LRP's have: maps of an untrained network also follow
#   the picture. Hence the curves are to be compared with each other, and with their own ends.
# - The cascade shuffles, so that every layer keeps the scale of its weights; with fresh random weights the picture
#   could differ. One order of shuffling was used for all pictures, and few pictures: see the counts above.
# - The same checks on photographs are [here](looking_again).
# - What the paper says of Guided Grad-CAM and this check, judged:

# %% tags=["full-width"]
verdicts(results.folder.parents[1], profile, "4b2_localisation", only=["guided-fails-sanity-checks"])
