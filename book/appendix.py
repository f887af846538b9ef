# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Words made up, whole captions, words left out
#
# *The paper's appendix: figures 9, 10 and 11, table IV.*
#
# The appendix of {cite:t}`sun2020` shows more pictures and one more experiment. Appendix A, LRP for the adaptive
# attention model (algorithm 2), stands in [](3_methodology) beside the code. Here follow B, made-up words; C, whole
# captions; and D, the one with numbers: delete the words that an explanation names, and see whether the explained
# word's probability falls.

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import display

import capxai_core as cx
from capxai_core.evaluate.results import evaluated
from capxai_core.evaluate.statistics import mean_interval
from capxai_core.pipeline.profiles import evaluation_examples
from capxai_core.views.charts import name_of, of_models, pick, table_intervals
from capxai_core.views.claims import verdicts
from capxai_core.views.evidence import alike_when_repeated, figure_maps, repeated

results = cx.load_results(profile, model)
both = [*evaluated(results.folder.parent)]
every = {m: cx.load_results(profile, m) for m in both}
captioners = {m: cx.load_captioner(f"{profile}/{m}") for m in both}
judged, _ = evaluation_examples(profile, results.provenance["images"])
examples = {example.name: example for example in judged}
for m, r in every.items():
    print(f"{m}: {r.provenance['images']} pictures, seed {r.provenance['seed']}")

# %% [markdown]
# ## B. Words the picture does not support (figure 9)
#
# The paper shows six made-up words; LRP's maps of five of them are "nearly all negative", and that of the sixth,
# *banana*, lies on a yellow ring that the model may have taken for one. Here are the first six made-up words of the
# test, one of each kind. Beneath each map stand the words before it with their relevance.

# %% tags=["hide-input", "full-width"] made="{profile}/{model}, pictures, captions and seed of the evaluation"
captions = results.records("captions").set_index("image")["caption"]
words = results.records("words")
unseen = words[words["object"] & words["first"] & ~words["supported"].astype(bool)]
cells = []
for case in unseen.drop_duplicates("word").head(6).itertuples():
    image = examples[case.image].image()
    caption = captioners[model].read(image, captions[case.image])
    e = cx.explain(captioners[model], image, caption, "lrp", [case.position])
    cells += [(image, e, None), (image, e, 0)]
figure_maps(cells)

# %% [markdown]
# Are the maps of made-up words negative? All first mentions of object words: the share of them whose LRP map has a
# negative mean, for words that name something there and for words that do not.

# %% tags=["hide-input"]
rows = []
for m, r in every.items():
    scores = r.records("scores").query("method == 'lrp' and score == 'mean' and normalisation == 'raw'")
    said = r.records("words").merge(scores, on=["image", "position", "word"])
    for there, part in said[said["object"] & said["first"]].groupby("supported"):
        share = mean_interval(part["value"] < 0, part["image"], seed).row()
        rows.append({"of": f"{'there' if there else 'made up'}, {name_of(m)}", **share})
table_intervals(pd.DataFrame(rows), "of", caption="Share of LRP’s maps with a negative mean")

# %% [markdown]
# Compare the two kinds of words. A negative map is a sign of a made-up word only as far as they differ; the fair
# test, among occurrences of the same word, is in [](4b3_unsupported_words).
#
# ## C. Whole captions (figures 10 and 11)
#
# ### A man and a woman
#
# In figure 10 the maps of *man* and *woman* lie on the man and on the woman, and those of *to each other* on both,
# supported by *man* and *woman* and not by *standing*. Our models hardly ever name two different people, so we let them
# read the first reference caption that does: the first picture with two different people in it. This is what each model
# would have had in mind, had it said that.

# %% tags=["hide-input", "full-width"] made="{profile}/{model}, pictures and seed of the evaluation"
people = {"man", "woman", "boy", "girl", "lady", "guy"}
told = [(e, " ".join(c)) for e in judged for c in e.captions if len(people & {*c}) > 1]
assert told, "no reference names two different people: give more pictures to capxai evaluate"
example, sentence = told[0]
image = example.image()
read = {m: captioner.read(image, sentence) for m, captioner in captioners.items()}
explained = {m: cx.explain(captioners[m], image, c, "lrp") for m, c in read.items()}
rows = (None, *range(len(read[model].words)))
figure_maps([(image, explained[model], row) for row in rows])

# %% [markdown]
# All words by the other model, to compare:

# %% tags=["hide-input", "full-width"] made="the other captioner of {profile}, pictures and seed of the evaluation"
other = next((m for m in both if m != model), model)
figure_maps([(image, explained[other], row) for row in rows])

# %% [markdown]
# Is it so in general? Of each object word of the models' own captions, the share of its map's positive evidence on
# its own object, less that on another word's (equation (13), mean over the thresholds): 0 for a map that does not
# tell them apart.

# %% tags=["hide-input"]
tell = of_models(results, "discrimination")
where = {"resolution": "own", "sign": "+", "region": "union", "against": ""}
tell = tell[tell[[*where]].eq(where.values()).all(axis=1)]
tell = tell[tell["method"].isin(["lrp", "attention", "gradcam"])]
tell = tell.assign(of=tell["method"].map(name_of) + ", " + tell["model"].map(name_of))
table_intervals(tell, "of", caption="On its own object, less on another’s")

# %% [markdown]
# ### The same word twice
#
# In figure 11 the caption has *tennis* twice, first for the game and then for the court. The first map lies on player
# and field, the second on the background too, and *playing* supports the first more. Our captions say the same word
# twice as well: mostly a colour, of two pieces of clothing.

# %% tags=["hide-input", "full-width"] made="{profile}/{model}, pictures, captions and seed of the evaluation"
twice = [(examples[name], said) for name, said in captions.items() if repeated(said)]
print(f"{len(twice)} of {len(captions)} captions")
for example, said in twice[:1]:
    caption = captioners[model].read(example.image(), said)
    e = cx.explain(captioners[model], example.image(), caption, "lrp")
    rows = (None, *range(len(caption.words)))
    display(figure_maps([(example.image(), e, row) for row in rows]))

# %% [markdown]
# Over such captions: how alike are the maps of the two, and their scores of the words before both? For comparison,
# the same of the two words that follow them, which are mostly different things.

# %% tags=["hide-input"]
alike = alike_when_repeated(captioners[model], twice[:60], seed)
table_intervals(alike, "which", caption=f"{name_of(model)}: rank correlation")

# %% [markdown]
# If the two mentions are of different things, as *tennis* and *tennis court*, their maps should be no more alike than
# those of the words that follow. As far as they are more alike, the word itself makes a part of its map.
#
# ## D. Words left out (table IV)
#
# Is what an explanation names of the words before really what the word came from? The paper deletes it: before *is* the
# one word with the highest score, before *are* the two highest, LRP's by score and Grad\*'s (the gradient by the word's
# embedding, summed) by magnitude. Then it watches the softmax score of *is* or *are* drop. The control is a random
# choice.
#
# Two things are added. The random choice is not drawn but taken in full: every choice of as many words is tried,
# and the mean is exact. And there is a second control, the *nearest* words, which needs no explanation at all.

# %% tags=["hide-input"]
left = of_models(results, "ablation")
asked = {("lrp", "score"), ("gradcam", "absolute"), ("random", "score"), ("nearest", "score")}
chosen = [pair in asked for pair in zip(left["method"], left["ranking"], strict=True)]
left = left[chosen].sort_values(["word", "model"], ascending=[False, True], kind="stable")
paper = {("is", "lrp"): 0.01, ("is", "gradcam"): -0.006, ("is", "random"): -0.13}
paper |= {("are", "lrp"): 0.02, ("are", "gradcam"): 0.0002, ("are", "random"): -0.08}
left["printed"] = [paper.get(pair) for pair in zip(left["word"], left["method"], strict=True)]
drops = left[left["against"] == ""]
fall = "drop of the word’s probability [95 %]"
for word, title in {"is": "is: one word deleted", "are": "are: two words deleted"}.items():
    shown = drops[drops["word"] == word]
    display(cx.figure_intervals(shown, "method", fall, "model", 0, "printed", title))

# %% [markdown]
# With *n*, the standard deviation over occurrences (the paper prints one after ±, and puts its size down to the
# captions' diverse contexts), and the occurrences that had too few words before them to be judged:

# %% tags=["hide-input", "full-width"]
table = drops.assign(of=[f"{r.word}, {name_of(r.method)}, {name_of(r.model)}" for r in drops.itertuples()])
table["printed"] = table["printed"].map("{:g}".format, na_action="ignore")
table_intervals(table, "of", caption="Table IV", extra=("printed", "sd", "left_out"))

# %% [markdown]
# Each occurrence against its own control, the exact mean of a random choice. Right of the line, the explanation chose
# words that matter more than others do.

# %% tags=["hide-input"]
gain = left[left["against"] == "random"]
gain = gain.assign(of=gain["word"] + ", " + gain["method"].map(name_of))
cx.figure_intervals(gain, "of", "drop, less that of a random choice [95 %]", "model", 0)

# %% [markdown]
# Which words were they? The most frequent choices of each method, how often of *n*, and the mean drop:

# %% tags=["hide-input"]
gone = pick(results["ablation_words"], word="is")
gone = gone[[pair in asked for pair in zip(gone["method"], gone["ranking"], strict=True)]]
gone = gone.groupby("method").head(4)[["method", "deleted", "times", "n", "drop"]]
gone = gone.assign(method=gone["method"].map(name_of))
gone.style.hide().format(precision=2, escape="html").set_uuid("gone")

# %% [markdown]
# This tells what the experiment measures. Delete a noun, and what is left is no English: after *a man in blue* comes no
# *is*. So the word falls, whatever led to it, most where the noun is a garment, and the nearest word is always a noun.
# Delete an article or an *in*, and *is* still follows. These are what LRP mostly chose, and why its words cost less
# than a random choice before *is*: to be *relevant* to a score and to be *missed* are not the same, and the test
# rewards the second. In [](true_causes) words are also made unknown in their place, which keeps the rest of the
# sentence where it is.
#
# ## What the paper says, and what came out

# %% tags=["full-width"]
verdicts(results.folder.parents[1], profile, "appendix")
