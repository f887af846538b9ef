# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # True causes
#
# *What the paper could not ask: sections I and IV-B of it, with the answer known.*
#
# An explanation names what led to a word. The paper checks it against boxes: a map for *dog* should lie on the dog.
# But that is what *should* cause the word. A captioner with a habit may say *shirt* because of a face, or because
# of the word *man*, and the map that says so would be the honest one.
#
# With drawn scenes the cause can be tried. Draw the scene again with one object removed, moved or recoloured, and
# see how much of the word's score goes with it. Delete a word of the prefix, or make it unknown, and see the same.
# That is the truth which maps and word scores are ranked against here.

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% tags=["hide-input"]
import capxai_core as cx
from capxai_core.evaluate.causes import edited, with_clothes
from capxai_core.views.alt import number, percent
from capxai_core.views.charts import name_of, of_models, table_intervals
from capxai_core.views.claims import verdicts

if profile != "scenes":
    print(f"Photographs of {profile} cannot be drawn again; this page shows the drawn scenes.")
captioner = cx.load_captioner(f"scenes/{model}")
every = {m: cx.load_results("scenes", m) for m in ("adaptive", "grid_td")}
causes = of_models(every[model], "causes")
for m, r in every.items():
    of = causes[(causes["model"] == m) & (causes["names"] == "all")]
    print(f"{m}: seed {r.provenance['seed']}, {of['images'].max()} pictures")

# %% [markdown]
# ## One scene, drawn again
#
# The first test scene of more than three objects whose caption names a piece of clothing. Each object is taken out in
# turn. Beneath each picture stand how much the logit of that word falls, along the same caption, and how much of LRP's
# relevance lay on the object, as a share of all relevance in the picture; clothes go with their wearer, and their
# relevance, too.

# %% tags=["hide-input", "full-width"]
from capxai_core.data.scenes import CLOTHING_WORDS

examples = cx.load_examples("scenes", "test", 100, seed)
captioned = ((e, captioner.caption(e.image())) for e in examples if len(e.objects) > 3)
found = ((e, c, w) for e, c in captioned for w in c.words if w in CLOTHING_WORDS)
example, caption, word = next(found)
scene, position = example.scene, caption.words.index(word)
why = cx.explain(captioner, example.image(), caption, "lrp", [position])
drawn, notes, total = [scene], [str(caption)], why.image[0].abs().sum()
things = scene.annotate(captioner.size)
for i, thing in enumerate(things):
    without = edited(scene, i, "removed")
    image = without.render(captioner.size)
    less = cx.explain(captioner, image, caption, "lrp", [position])
    on = why.image[0][with_clothes(scene, i, [t.mask for t in things]) > 0].sum() / total
    drawn.append(without)
    fall = (why.logits - less.logits).item()
    notes.append(f"without {thing.category}: “{word}” {number(-fall, True)}\nrelevance {percent(on.item())}")
cx.figure_scenes(drawn, notes)

# %% [markdown]
# ## Which object mattered most
#
# One picture tells little. So every word of many captions is taken: the objects are ranked by what removing them
# takes off the word's score, and again by the relevance that lies on them, added up. The figure shows how the two
# rankings agree: Spearman's correlation, 1 for the same order and 0 for none. The *uniform map* gives each object
# its area and nothing else; it is what a map must beat. *Occlusion* and *integrated gradients* join the paper's
# methods.
#
# **seen** are words for something that is in the picture, **unseen** those the model made up, **other** all that name
# nothing, such as *is*.

# %% tags=["hide-input"]
order = ["lrp", "integrated_gradients", "occlusion", "gradcam", "guided_gradcam", "attention"]
order += ["nearest", "uniform"]
causes = causes.set_index("method").loc[order].reset_index()
signed = causes[causes["sign"] == "signed"]
plain = signed[(signed["against"] == "") & (signed["names"] != "all")]
removed = plain[(plain["edit"] == "removed") & (plain["score"] == "sum")]
rank = "rank correlation with the true causes [95 %]"
ours = removed[(removed["model"] == model) & (removed["measure"] == "spearman")]
cx.figure_intervals(ours, "method", rank, "names", 0, title=f"Objects removed, {name_of(model)}")

# %% [markdown]
# The same for both models, with what area alone tells taken off, word by word, and over all words. Right of the
# line a map knows more than how large things are.

# %% tags=["hide-input"]
apart = signed[(signed["against"] == "uniform") & (signed["names"] == "all")]
apart = apart[apart["method"] != "uniform"]
objects = apart[(apart["edit"] == "removed") & (apart["score"] == "sum")]
more = "rank correlation, less the uniform map's [95 %]"
by_rank = objects[objects["measure"] == "spearman"]
cx.figure_intervals(by_rank, "method", more, "model", 0, title="Objects removed")

# %% [markdown]
# Perhaps the order of all objects is too much to ask. How often is the *first* the right one, again compared with the
# uniform map?

# %% tags=["hide-input"]
by_first = objects[objects["measure"] == "top1"]
first = "how often the first is right, less the uniform map [95 %]"
cx.figure_intervals(by_first, "method", first, "model", 0, title="Objects removed")

# %% [markdown]
# On the drawn scenes the methods that try things out (*occlusion*) or integrate over a path (*integrated gradients*)
# find the order best, clearly better than LRP, whose interval overlaps attention's (word by word LRP is clearly ahead
# of it in adaptive attention only). And note on which side of the line *Guided Grad-CAM* lies, whose sign the paper,
# too, finds to tell little.
#
# ## Moved and recoloured
#
# Removing is a coarse edit. A map of *red* should care for the colour of the thing and not for its place; whether
# maps know such differences is asked by the other two edits. Of each object the *mean* relevance counts here, so
# that area plays no part; the uniform map then has no order at all and scores 0.

# %% tags=["hide-input"]
of_edit = signed[signed["score"].eq("mean") & signed["measure"].eq("spearman")]
of_edit = of_edit[of_edit["against"].eq("") & of_edit["names"].eq("all")]
of_edit = of_edit[(of_edit["model"] == model) & (of_edit["method"] != "uniform")]
title = f"All words, {name_of(model)}"
cx.figure_intervals(of_edit, "method", rank, "edit", 0, title=title)

# %% [markdown]
# ## Which word mattered most
#
# Now the words before. Each is deleted, or made `<unk>` in its place, and the change of the score ranks them. The
# *nearest* words first is the baseline here, and a strong one: grammar is local, and deleting a word also shifts all
# that follow. (*Occlusion*'s word scores are the truth of *unknown* by definition; they are left out there.)

# %% tags=["hide-input"]
words = signed[signed["against"].eq("") & signed["names"].eq("all")]
words = words[words["score"].eq("score") & words["measure"].eq("spearman")]
words = words[~(words["edit"].eq("unknown") & words["method"].eq("occlusion"))]
words = words[(words["method"] != "uniform")]
one = words[words["edit"] == "deleted"]
cx.figure_intervals(one, "method", rank, "model", 0, title="Words deleted")

# %% tags=["hide-input"]
two = words[words["edit"] == "unknown"]
cx.figure_intervals(two, "method", rank, "model", 0, title="Words made unknown")

# %% [markdown]
# Grad-CAM, Guided Grad-CAM, the gradient and guided backpropagation have the same word scores, the paper's Grad\*: a
# sum of derivatives, whose sign means little. The paper reads it by magnitude. So do the following rows, of both:
# magnitudes against the magnitude of the change.

# %% tags=["hide-input"]
size = causes[causes["sign"].eq("absolute") & causes["edit"].eq("deleted")]
size = size[size["against"].eq("") & size["names"].eq("all") & size["measure"].eq("spearman")]
size = size[size["method"] != "uniform"]
cx.figure_intervals(size, "method", rank, "model", 0, title="Words deleted, by magnitude")

# %% [markdown]
# ## Seen or made up
#
# Do explanations fail where the model does? For a made-up word nothing in the picture *should* be the cause, and yet
# something is: removing it changes the score. LRP's numbers, with the count of words; it fails there if *unseen* lies
# below *seen*:

# %% tags=["hide-input"]
lrp = plain[plain["method"].eq("lrp") & plain["measure"].eq("spearman")]
lrp = lrp[lrp["score"].isin(["sum", "score"]) & lrp["model"].eq(model)]
lrp = lrp.assign(edit=lrp["edit"] + ": " + lrp["names"]).sort_values("edit")
table_intervals(lrp, "edit", caption=f"LRP, {name_of(model)}: rank correlation")

# %% [markdown]
# ## What to make of it
#
# - Truth has a price. An edited scene is another picture, in which more may change than the one thing: what was
#   behind an object comes to light. That is the price of every counterfactual, and the reason why three edits are
#   tried.
# - A map has only so much to say about a *change*. LRP divides the score that is there; it does not predict what the
#   score would be. Where the two agree it is a finding, and where they do not it is no mistake in the arithmetic.
# - Claims that the paper makes from one picture are judged by the table behind this page:

# %% tags=["full-width"]
verdicts(every[model].folder.parents[1], "scenes", "true_causes")
