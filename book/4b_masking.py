# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Masking what a map points at
#
# *Section IV-B1 of the paper: figure 4.*
#
# A map says: *here* is why the model said *suit*. If that is so, the model should not say *suit* without it, and should
# still say it with nothing else. The paper tries this on one photograph. The maps of LRP and Guided Grad-CAM lie on
# shoulders, collar and tie. With the upper part of the picture in white the model speaks of a *jacket*; with the lower
# part in white, of a *suit* as before. {cite:t}`sun2020` call this anecdotal evidence.
#
# Here it is tried on one picture, to see what is done, and then on many words, with what the anecdote lacks: controls.
# A model may well lose a word when any quarter of the picture turns white.

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% [markdown]
# ## Figure 4: one picture
#
# Like the paper we take a piece of clothing that is really there, the first one named in a test run, and the paper's
# three methods. Grad-CAM joins in below.

# %% tags=["hide-input"]
import capxai_core as cx
from capxai_core.data.scenes import CLOTHING_WORDS
from capxai_core.evaluate.masking import REGIONS
from capxai_core.evaluate.records import Explained
from capxai_core.views.charts import by_fill, figure_masked, name_of, of_models, pick
from capxai_core.views.claims import verdicts

captioner = cx.load_captioner(f"{profile}/{model}")
examples = cx.load_examples(profile, "test", 100, seed)
captioned = ((e, captioner.caption(e.image())) for e in examples)
named = ((e, c, w) for e, c in captioned for w in c.words if w in CLOTHING_WORDS)
found = next((one for one in named if one[0].supports(one[2])), None)
assert found, "no clothes are named rightly in the first 100 pictures: try another seed"
example, caption, word = found

# %%
image, position = example.image(), caption.words.index(word)
methods = ("attention", "lrp", "guided_gradcam")
explanations = {m: cx.explain(captioner, image, caption, m) for m in methods}
cx.figure_words(image, list(explanations.values()), [position])

# %% [markdown]
# Now the picture is cut into the cells of the encoder's grid, and a quarter turns white: those in which each map has
# most that speaks for the word. Beneath stand the new caption, and how probable the word still is at its place after
# the old words. The two can part: after *a man in a red*, a good guess needs no picture.

# %% tags=["full-width"]
explained = Explained(example, image, caption, explanations)
figure_masked(captioner, explained, position)

# %% [markdown]
# The other way round, with these cells alone:

# %% tags=["full-width"]
figure_masked(captioner, explained, position, kept=True)

# %% [markdown]
# To try out: how much is hidden, by whose map, and which part of it. The caption and the word's probability were looked
# up beforehand for every step.

# %%
ranked = [cx.explain(captioner, image, caption, m, words=[position]) for m in ("lrp", "attention")]
cx.MaskingView(captioner, example, ranked)

# %% [markdown]
# ## Many words
#
# The same was done with the first mention of every object word in the captions of many pictures, and with five choices
# of the cells:
#
# - **what speaks for the word**: the quarter with the most relevance, as above;
# - **what speaks against it**: the quarter with the least (of a map without sign, merely the least);
# - **what speaks for or against it**: the most relevance of either sign;
# - **at random**: as many cells by chance;
# - **the same outline elsewhere**: the first quarter, shifted. Objects hang together, and so does what a map marks;
#   cells by chance leave some of every object to be seen. This is the control to beat.

# %% tags=["hide-input"]
results = cx.load_results(profile, model)
order = ["lrp", "guided_gradcam", "gradcam", "attention"]
everything = pick(of_models(results, "masking"), method=order)
table = pick(everything, share=0.25, fill="white")
mine = pick(table, method=order, region=list(REGIONS), model=model, measure="survives")
print(f"Results of {len(table['model'].unique())} models, seed {results.provenance['seed']}")

# %% [markdown]
# How often is the word still in the new caption when the cells are white? The further left, the more the model needed
# them. What counts is how far the coloured points of a method lie from its grey ones.

# %% tags=["hide-input"]
share = "share of the words that are still said [95 %]"
hidden = pick(mine, against="", kept=False)
title = f"Cells hidden, {name_of(model)}"
cx.figure_intervals(hidden, "method", share, "region", title=title)

# %% [markdown]
# And when everything *but* these cells is white? Here the further right, the better.

# %% tags=["hide-input"]
alone = pick(mine, against="", kept=True)
title = f"Cells kept alone, {name_of(model)}"
cx.figure_intervals(alone, "method", share, "region", title=title)

# %% [markdown]
# Mind Guided Grad-CAM. On the drawn scenes, what it marks as speaking *for* a word matters no more than the grey
# controls, what it marks as speaking *against* it matters a lot, and so does the most of either sign.
# [The next chapter](4b2_localisation) comes back to that sign.
#
# ## Against the same outline elsewhere
#
# Each word compared with itself: the cells that the map chose, less the same outline elsewhere. First how much more
# often the word is still said with the cells hidden; a method that finds what the model needs lies left of the line.

# %% tags=["hide-input"]
apart = pick(table, region="relevant", against="shifted")
said = pick(apart, measure="survives", kept=False)
more = "still said: own cells, less elsewhere [95 %]"
cx.figure_intervals(said, "method", more, "model", 0, title="Hidden")

# %% [markdown]
# And what each method marks, less what *attention* marks, word by word:

# %% tags=["hide-input"]
versus = pick(table, region="relevant", against="attention", measure="survives", kept=False)
cx.figure_intervals(versus, "method", "still said: own cells, less attention’s [95 %]", "model", 0, title="Hidden")

# %% [markdown]
# Then how much further the word's probability drops, at its place in the old caption. Now the right side is the good
# one.

# %% tags=["hide-input"]
drop = pick(apart, measure="drop", kept=False)
lost = "drop of the probability: own cells, less elsewhere [95 %]"
cx.figure_intervals(drop, "method", lost, "model", 0, title="Hidden")

# %% [markdown]
# And how much more often the word is said with nothing but these cells:

# %% tags=["hide-input"]
said = pick(apart, measure="survives", kept=True)
cx.figure_intervals(said, "method", more, "model", 0, title="Kept alone")

# %% [markdown]
# LRP does what the paper says of it. But the paper puts attention behind, for being dispersed, and on the drawn scenes
# hiding the quarter that *attention* marks costs more words. One reason is plain: attention is what the model itself
# weighs its places by, and a place without weight reaches the word only through the mean over all places.
#
# ## Not white alone, and not a quarter alone
#
# White is something to see. So the same cells were also filled with the picture's mean colour, or blurred until nothing
# finer than a cell is left; and a tenth and a half of the cells turned white instead of a quarter. Each point is again
# the difference to the same outline elsewhere, filled alike.

# %% tags=["hide-input"]
other = pick(everything, region="relevant", against="shifted", measure="survives", kept=False, model=model)
cx.figure_intervals(by_fill(other), "how", more, "method", 0, title=f"Hidden in other ways, {name_of(model)}")

# %% [markdown]
# What the cells are filled with changes little, and the tenth that LRP or attention ranks first tells at least as much
# as a quarter. With half of the picture gone, the control loses most words too, and less is left to see.
#
# ## Not one share, but all
#
# A quarter is a choice. So the cells were also hidden one step after the other in the map's order, in the picture's
# mean colour, and the word's probability averaged on the way: the area under the *deletion* curve. It is lower the
# earlier the map names what matters. *For* follows the sign, *either sign* the magnitude; *at random* is an
# order by chance.

# %% tags=["hide-input"]
curves = pick(of_models(results, "deletion"), model=model, curve="deletion", against="")
names = {"score": "for", "absolute": "either sign"}
area = curves.assign(order=curves["ranking"].map(names)).sort_values("value")
mean = "mean probability of the word on the way [95 %]"
title = f"Deletion, {name_of(model)}"
cx.figure_intervals(area, "method", mean, "order", title=title)

# %% [markdown]
# ## The paper's claims
#
# They are judged by [rules](ledger) that were written before the results; a claim about several methods stands only if
# each of them bears it out, and the one that bears it out least is shown.

# %%
verdicts(results.folder.parents[1], profile, "4b_masking")

# %% [markdown]
# ## What to make of it
#
# - White is not nothing. A white patch is something to see, the more so in a drawing, and part of what a word loses it
#   loses to any patch. That is what the controls are for.
# - That a model needs a place does not mean that a map which marks it explains the word: the place of the *person* may
#   be needed for every word of a caption about a person. Whether maps tell words apart is asked in
#   [](4b2_localisation).
# - The paper's example had a white background, where white hides without adding anything to see.
# - The paper's example was a photograph. What comes out of many is on [a page of its own](looking_again).
