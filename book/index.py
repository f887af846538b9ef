# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Why did it say that?
#
# A captioning model writes a sentence about a picture, and *attention* is what one usually looks at to see why.
# *Layer-wise relevance propagation* (LRP) takes the score of each word apart instead, until it lies on pixels, on
# earlier words, and on what the model has built in. What this book found when it asked both, over many pictures:

# %% tags=["parameters", "remove-cell"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% tags=["remove-input"]
from operator import itemgetter

import pandas as pd
from IPython.display import Markdown

import capxai_core as cx
from capxai_core.views.charts import name_of, said

union = {"resolution": "own", "sign": "+", "region": "union", "against": ""}
masked = {"share": 0.25, "fill": "white", "kept": False, "measure": "drop", "region": "relevant", "against": ""}
cause = {"names": "all", "sign": "signed", "measure": "spearman", "against": ""}
means = {"score": "mean", "normalisation": "max", "selection": "all", "word": ""}
asked = {
    "evidence on the object that the word names": ("localisation", union),
    "… less that on another word’s object": ("discrimination", union),
    "probability lost with the quarter marked most": ("masking", masked),
    "ranks objects as removing them does": (
        "causes",
        {"edit": "removed", "score": "sum", **cause},
    ),
    "ranks earlier words as deleting them does": (
        "causes",
        {"edit": "deleted", "score": "score", **cause},
    ),
    "tells right words from made-up ones (AUC)": ("auc", {"pairs": "pooled", **means}),
    "… among occurrences of one word (AUC)": ("auc", {"pairs": "within words", **means}),
}
results, rows = cx.load_results(profile, model), {}
for question, (name, where) in asked.items():
    table = results[name] if len(results[name]) else pd.DataFrame(columns=[*where, "method"])
    chosen = table[(table[list(where)] == pd.Series(where)).all(axis=1)]
    at = {row["method"]: row for row in chosen.to_dict("records")}
    pair = [at.get(method) for method in ("attention", "lrp")]
    rows[question] = {name_of(m): said(row) if row else "–" for m, row in zip(("attention", "lrp"), pair, strict=True)}
    low, high = sorted(pair, key=itemgetter("value")) if all(pair) else (None, None)
    apart = low and low["high"] < high["low"]
    rows[question]["higher"] = name_of(high["method"]) if apart else "not clear" if low else ""
    counts = [max((row[of] for row in pair if row), default=0) for of in ("n", "images")]
    rows[question]["n in pictures"] = " in ".join(map(str, counts))
told = pd.DataFrame(rows).T
told.style.set_table_attributes('class="found"').set_uuid("found")

# %% tags=["remove-input"]
made = results.provenance
Markdown(
    f"`{profile}/{model}` on {made['images']} pictures, seed {made['seed']}; in brackets 95 % intervals. *Higher* "
    "names a method where the intervals do not meet (word by word more may be clear); AUC is 1 where every right word "
    "scores above every made-up one, 0.5 by chance; – no answer, or no such test. Three in four of the drawn scenes "
    "are ones where habits mislead."
)

# %% [markdown]
# Here is one. The captions that people would write for this picture know of no shirt. **Choose a word**: the map shows
# what spoke for it and against it, the colours of the earlier words how far they made it expected.

# %% tags=["remove-input"]
captioner = cx.load_captioner(f"{profile}/{model}")
examples = cx.load_examples(profile, "counter", 100, seed)
captioned = ((example, captioner.caption(example.image())) for example in examples)
invented = ((e, caption) for e, caption in captioned if "shirt" in caption.words and not e.supports("shirt"))
found = next(invented, None)
assert found, "no shirt was made up in the captions of the first 100 pictures: try another seed"
example, caption = found
image, methods = example.image(), ("lrp", "gradcam", "attention")
view = cx.Explorer(example.display(), [cx.explain(captioner, image, caption, m, include_end=True) for m in methods])
view.word, view.opacity = caption.words.index("shirt"), 0.7
view

# %% [markdown]
# In short, on drawn scenes: LRP's maps depend on the *word* more than attention's do; LRP has a sign that locates, an
# answer about the earlier words, and an account that adds up. But it does not find what the model needs better than
# attention does, unless it is the order of objects, in one captioner. And it tells right words from made-up ones only
# as far as knowing *which word it is* does: read the last two rows together. [The conclusion](5_conclusion) has both
# models beside the paper's own words, and [photographs](photographs) shows what a captioner of photographs says, and
# why.
#
# ## What this is
#
# A book you can run. It follows {cite:t}`sun2020`, *Understanding Image Captioning Models beyond Visualizing
# Attention*, section by section, and asks their two questions again:
#
# 1. **How good an explanation is attention?** The maps that captioning models come with say where the model looked.
#    Do they say why it chose the word?
# 2. **Did the model see it, or say it from habit?** Captions mention shirts that nobody wears, because the training
#    captions are full of them. Can an explanation tell a seen word from a guessed one?
#
# Each figure, table and view is computed by a small package, `capxai_core`, when the book is built, from pictures drawn
# then. What takes longer comes with the project: trained and tuned models, and the results on photographs. The chapters
# follow the paper's sections; those after its appendix go beyond it, or ask the same of [photographs](photographs):
# [looking at them again](looking_again), [improving on them](improving_on_photographs) and [what a reward
# does](rewarded), [what really causes a word](true_causes), [checks of the methods](sanity_checks), [the
# ledger](ledger) of all claims, and how to explain [your own picture](your_own_image) or [your own
# captioner](own_captioner).
#
# ## Three ways to use it
#
# **Read** it here. The views need no server, no kernel and no network. Under each figure stands what made it, and every
# chapter is there to download as the notebook that was run.
#
# **Run** it. `make lab` opens the chapters as notebooks; change the seed, the picture, the method. Explaining takes
# three lines:
#
# ```python
# import capxai_core as cx
#
# model = cx.load_captioner("scenes/grid_td")
# image = cx.sample_scene(7).render()
# cx.Explorer(image, cx.explain(model, image, model.caption(image)))
# ```
#
# **Re-execute** it. One command runs all chapters on other parameters, without a mouse, and picks up where it was
# stopped:
#
# ```bash
# capxai run -p seed 2
# make book PARAMETERS="-p seed 2"
# ```
#
# ## How sure is all this?
#
# - **The arithmetic** is checked, not trusted. LRP exists twice here, once written to be read beside the paper's
#   algorithm and once to be fast, and the two agree to rounding errors. Every score is accounted for up to rounding, in
#   five terms, each computed on its own: pixels, words, biases, stabiliser, blocked units. [Both are shown](check).
# - **The pictures** are drawn by the package (`scenes`), so that what is in them is known exactly, and so that the
#   whole book can be rebuilt on a laptop in twenty minutes. What holds for drawings need not hold for photographs:
#   [there](photographs) some of it turns round.
# - **The numbers** come with intervals, n and seed, and the rules that turn them into verdicts were written down before
#   there were any numbers, but for [one that was mended](ledger). One model of each kind was evaluated, so the
#   intervals are those of pictures, not of models.
