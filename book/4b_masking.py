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
# Like the paper we take a piece of clothing that is really there: the first one named in a test run. (The paper has one
# row for three methods, and so have we; Grad-CAM joins in below.)

# %%
import pandas as pd

import capxai_core as cx
from capxai_core.data.scenes import CLOTHING, OBJECT_WORDS
from capxai_core.evaluate.records import Explained
from capxai_core.evaluate.suite import LOOKED_AT
from capxai_core.views.charts import figure_masked, verdicts

clothes = {word for kind in CLOTHING for word in OBJECT_WORDS[kind]}
captioner = cx.load_captioner(f"{profile}/{model}")
examples = cx.load_examples(profile, "test", 100, seed)
captioned = ((e, captioner.caption(e.image())) for e in examples)
worn = ((e, c, w) for e, c in captioned for w in c.words if w in clothes and e.supports(w))
found = next(worn, None)
assert found, "no caption of the first 100 pictures names clothes that are there: try another seed"
example, caption, word = found
image, position = example.image(), caption.words.index(word)
methods = ("attention", "lrp", "guided_gradcam")
explanations = {m: cx.explain(captioner, image, caption, m) for m in methods}
cx.figure_words(image, list(explanations.values()), [position])

# %% [markdown]
# Now the picture is cut into the cells of the encoder's grid, and a quarter turns white: those in which each map
# has most that speaks for the word. Beneath stand the new caption, and how probable the word still is at its place if
# the old caption is kept up to there.

# %% tags=["full-width"]
explained = Explained(example, image, caption, explanations)
figure_masked(captioner, explained, position)

# %% [markdown]
# The other way round, with these cells alone:

# %% tags=["full-width"]
figure_masked(captioner, explained, position, kept=True)

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
both = [m for m in ("adaptive", "grid_td") if (results.folder.parent / m).is_dir()]
every = {m: cx.load_results(profile, m) for m in both}
table = pd.concat([r["masking"].assign(model=m) for m, r in every.items()], ignore_index=True)
table = table[(table["share"] == 0.25) & (table["fill"] == "white")]
regions = ["relevant", "strongest", "opposed", "random", "shifted"]
order = {name: k for k, name in enumerate((*LOOKED_AT, *regions))}
table = table.sort_values(["method", "region"], key=lambda of: of.map(order), kind="stable")
plain = table[(table["against"] == "") & (table["measure"] == "survives") & (table["model"] == model)]
hidden, alone = plain[~plain["kept"]], plain[plain["kept"]]
for m, r in every.items():
    n, pictures = table.loc[table["model"] == m, ["n", "images"]].max()
    print(f"{m}: {n} words in {pictures} pictures, seed {r.provenance['seed']}")

# %% [markdown]
# How often is the word still in the new caption when the cells are white? The further left, the more the model needed
# them. What counts is how far the coloured points of a method lie from its grey ones.

# %% tags=["hide-input", "full-width"]
share = "share of the words that are still said [95 %]"
cx.figure_intervals(hidden, "method", share, "region", title=f"Cells hidden, {model}")

# %% [markdown]
# And when everything *but* these cells is white? Here the further right, the better.

# %% tags=["hide-input", "full-width"]
cx.figure_intervals(alone, "method", share, "region", title=f"Cells kept alone, {model}")

# %% [markdown]
# Both show the same of Guided Grad-CAM: what it marks as speaking *for* a word does nothing much, while the most of
# either sign does. [The next chapter](4b2_localisation) comes back to that sign.
#
# ## Against the same outline elsewhere
#
# Each word compared with itself: the cells that the map chose, less the same outline elsewhere. First how much more
# often the word is still said with the cells hidden; a method that finds what the model needs lies left of the line.

# %% tags=["hide-input"]
apart = table[(table["against"] == "shifted") & (table["region"] == "relevant")]
said = apart[apart["measure"] == "survives"]
more = "still said: own cells, less elsewhere [95 %]"
cx.figure_intervals(said[~said["kept"]], "method", more, "model", 0, title="Hidden")

# %% [markdown]
# Then how much further the word's probability drops, at its place in the old caption. Now the right side is the good
# one.

# %% tags=["hide-input"]
drop = apart[(apart["measure"] == "drop") & ~apart["kept"]]
lost = "drop of the probability: own cells, less elsewhere [95 %]"
cx.figure_intervals(drop, "method", lost, "model", 0, title="Hidden")

# %% [markdown]
# And how much more often the word is said with nothing but these cells:

# %% tags=["hide-input"]
cx.figure_intervals(said[said["kept"]], "method", more, "model", 0, title="Kept alone")

# %% [markdown]
# The paper ranks attention behind, for being dispersed. On the drawn scenes compare its points with those of the
# others: hiding what *attention* marks costs at least as many words. One reason is plain. Attention is what the model
# itself weighs its places by, and a place with no weight cannot reach the word but through the mean of all.
#
# ## Not one share, but all
#
# A quarter is a choice. So the cells were also hidden one step after the other in the map's order, in the picture's
# mean colour, and the word's probability averaged on the way: the area under the *deletion* curve. It is lower the
# earlier the map names what matters. *For* follows the sign, *either sign* the magnitude; the last row is an order by
# chance.

# %% tags=["hide-input"]
curves = pd.concat([r["deletion"].assign(model=m) for m, r in every.items()], ignore_index=True)
area = curves[(curves["curve"] == "deletion") & (curves["against"] == "")]
names = {"score": "for", "absolute": "either sign"}
area = area.assign(order=area["ranking"].map(names))
area = area[area["model"] == model].sort_values("value")
mean = "mean probability of the word on the way [95 %]"
cx.figure_intervals(area, "method", mean, "order", title=f"Deletion, {model}")

# %% [markdown]
# ## The paper's claims
#
# They are judged by rules that were written before the results ([all of them](ledger)); a claim about several methods
# stands only if each of them bears it out, and the one that bears it out least is shown.

# %%
verdicts(results.folder.parents[1], profile, "4b_masking")

# %% [markdown]
# ## What to make of it
#
# - White is not nothing. A white patch is something to see, the more so in a drawing, and part of what a word loses it
#   loses to any patch. That is what the controls are for.
# - That a model needs a place does not mean that a map which marks it explains the word: the place of the *person* is
#   needed for nearly every word of a caption about a person. Whether maps tell words apart is asked in
#   [](4b2_localisation).
# - The paper's example had a white background, where white hides without adding anything; it was chosen for that.
