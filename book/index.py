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
# A small captioning model looked at the picture below and wrote the sentence over it. The descriptions that come with
# the picture know of no shirt. **Choose a word**: the map shows what in the picture spoke for it and against it, the
# colours of the earlier words how far they made it expected.

# %% tags=["parameters", "remove-cell"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% tags=["remove-input"]
import capxai_core as cx

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
# The view is computed, not drawn. *Layer-wise relevance propagation* takes the score of a word apart, backwards
# through the whole network, until every part of it lies on a pixel or on an earlier word; the bars add it up. Switch
# to *Attention* to see what is usually shown instead: it has no colour for "against", and nothing to say about words.
#
# ## What this is
#
# A book you can run. It follows {cite:t}`sun2020`, *Understanding Image Captioning Models beyond Visualizing
# Attention*, section by section, and asks their two questions again:
#
# 1. **How good an explanation is attention?** The maps that captioning models come with say where the model looked.
#    Do they say why it chose the word?
# 2. **Did the model see it, or say it from habit?** Captions mention shirts that nobody wears, because in the
#    training captions everybody wears one. Can an explanation tell a seen word from a guessed one?
#
# Each figure, table and view is computed by a small package, `capxai_core`, when the book is built. Nothing is pasted
# in.
#
# | chapter | the paper's section | what you find |
# |---|---|---|
# | [](3_methodology) | III | the equations, algorithm 1 beside its code, where every bit of a score goes |
# | [](4a_the_data) | IV-A | the pictures, what is known of them, the habit in their captions, what models make of it |
# | [](4b_explaining_a_caption) | IV-B | attention, Grad-CAM and LRP on the same words (figures 1 and 3) |
# | [](own_captioner) | – | what a captioner of your own must offer to be explained |
#
# ## Three ways to use it
#
# **Read** it here. The views need no server, no kernel and no network.
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
#   algorithm and once to be fast, and the two agree to rounding errors. Every score is accounted for to the last
#   bit, in five terms each computed on its own. [Both are shown](check).
# - **The pictures** are drawn by the package (`scenes`), so that what is in them is known exactly, and so that the
#   whole book can be rebuilt on a laptop in minutes. What holds for drawings need not hold for photographs: the same
#   chapters run on photographs when you have them.
# - **Single pictures prove nothing.** This first form of the book shows how explanations are made and what they look
#   like. How often they are right is a matter of counting, and the chapters that count come next.
