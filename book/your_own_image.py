# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own image
#
# *Not in the paper: what would it say of my photograph, and why?*
#
# Open this chapter as a notebook (`make lab`), give `photo` the path of a picture, and run it. This page shows what
# comes out for a photograph that scikit-learn carries. `profile` and `model` choose who looks at it: `flickr8k`, or
# another that you have trained, knows photographs; the default knows only drawn scenes, and says so.

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1
photo = ""

# %%
from importlib.resources import files

import capxai_core as cx

captioner = cx.load_captioner(f"{profile}/{model}")
image = cx.load_image(photo or files("sklearn.datasets") / "images" / "flower.jpg")
caption = captioner.caption(image, beam_size=3)
print(captioner.warning or f"{captioner.name} knows photographs.")
print(caption)

# %%
methods = ("lrp", "gradcam", "guided_gradcam", "attention")
explanations = [cx.explain(captioner, image, caption, m, include_end=True) for m in methods]
cx.Explorer(image, explanations)

# %% [markdown]
# To try out: another picture, by path or upload, a caption of your own (*what if it had said …*), another word to
# contrast with, a wider search.

# %%
cx.Workbench(captioner, image)

# %% [markdown]
# `load_image` reads what cameras and the web make (JPEG, PNG, WebP, TIFF, GIF, also rotated, grey, 16-bit or with an
# alpha channel), and tells what is wrong with a file that it cannot read. What some phones make, HEIC, has to be saved
# as JPEG first.
#
# ## A picture of its own kind
#
# The same on a drawn scene, which the default captioner does know. Another `seed` draws another.

# %% made="scenes/{model}, seed {seed}"
scene = cx.sample_scene(seed)
drawn = scene.render()
own = cx.load_captioner(f"scenes/{model}")
said = own.caption(drawn)
print(said)
cx.Explorer(drawn, [cx.explain(own, drawn, said, m) for m in ("lrp", "attention")])

# %% [markdown]
# ## Seen, or said from habit?
#
# The account of each word in one table: how much of its score arrived at pixels, how much at the words before. A word
# with little from the pixels comes from its sentence or from the model's biases. Whether that makes it wrong is
# [another matter](5_conclusion).

# %%
import pandas as pd

ex = cx.explain(own, drawn, said)
account = pd.DataFrame(ex.budget.terms().T.numpy(), columns=ex.budget.names, index=ex.targets)
account.insert(0, "score", ex.logits.numpy())
account["pixel share"] = ex.pixel_share.numpy()
account.style.format("{:.2f}").set_uuid("account")

# %% [markdown]
# ## What if it had said something else?
#
# `read` takes any caption, also one that the model would not have said. Here its second word is explained against a
# rival: the evidence for the one *less* that for the other, so that what they share drops out.

# %% made="scenes/{model}, seed {seed}"
words = list(said.words)
other = own.read(drawn, " ".join([*words[:1], "woman" if words[1] == "man" else "man", *words[2:]]))
ex = cx.explain(own, drawn, other, words=[1], against=words[1])
print(f"Evidence for “{other.words[1]}” less that for “{words[1]}”: {ex.logits[0]:+.2f}")
cx.figure_words(drawn, [ex], [0])

# %% [markdown]
# ## Without a notebook
#
# ```bash
# capxai explain photo.jpg --model flickr8k/adaptive --out page.html  # one page, works offline and in an e-mail
# capxai explain holiday/ --model flickr8k/adaptive --out gallery     # a gallery and words.csv
# capxai explain photo.jpg --caption "a dog runs on the beach"        # your words instead of the model's
# ```
#
# What these say of seven photographs is in [](photographs). The captioners that its numbers are of come with the
# project, and look through the VGG16 they were trained on, converted from Caffe's, which cannot be given away with it;
# torchvision's weights are others, and refused. With those, train your own, in about an hour on two cores, once
# Flickr8k and its split file lie in a folder:
#
# ```bash
# CAPXAI_DATA=… capxai train --profile flickr8k --model grid_td
# ```
