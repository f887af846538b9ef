# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Explaining a caption
#
# *Section IV-B of the paper, first part: figures 1 and 3.*
#
# Take one picture and one caption, and ask three methods the same question: why this word? **Attention** answers with
# the weights $\hat\alpha^{(t)}$ of {eq}`eq-10`. **Grad-CAM** {cite}`selvaraju2017` asks how the word's score would
# change with each of the encoder's feature maps. **LRP** takes the score itself apart ([](3_methodology)).
#
# The paper finds that attention points only coarsely, that Grad-CAM is more focused, and that LRP is fine-grained and
# signed: it shows what spoke *against* a word, too. And it finds that Grad-CAM and LRP explain something that
# attention cannot: which of the earlier words led to this one. Its example is the verb *is*, a word that nobody can
# see.

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% [markdown]
# ## The picture and what the model says
#
# We take the first picture of a test run whose caption begins like the paper's: a subject that is really there, then
# *is*.

# %%
import capxai_core as cx

captioner = cx.load_captioner(f"{profile}/{model}")
examples = cx.load_examples(profile, "test", 100, seed)
captioned = ((example, captioner.caption(example.image())) for example in examples)
grounded = ((e, c) for e, c in captioned if c.words[2:3] == ("is",) and e.supports(c.words[1]))
found = next(grounded, None)
assert found, "no caption of the first 100 pictures begins with a subject that is there and 'is': try another seed"
example, caption = found
image = example.image()
print(caption)

# %% [markdown]
# All words and the end of the sentence are explained at once, by each method:

# %%
methods = ("attention", "gradcam", "lrp")
explanations = [cx.explain(captioner, image, caption, m, include_end=True) for m in methods]
verb, last = caption.words.index("is"), len(caption.words) - 1

# %% [markdown]
# ## Figure 1: one word, three methods

# %%
cx.figure_words(image, explanations, [verb - 1])

# %% [markdown]
# Orange speaks for the word, blue against it; the maps of attention and Grad-CAM have no sign and are purple. Each map
# is scaled by its own largest value, so the colours compare places, never methods. Beneath each map stand the words
# before, coloured by their relevance where the method has one.
#
# ## Figure 3: three words of one caption
#
# The paper shows *dog*, *grass* and *is*: a thing, a place, and a word that holds the sentence together. Ours are the
# word before *is*, the last word, and *is*.

# %%
cx.figure_words(image, explanations, [verb - 1, last, verb])

# %% [markdown]
# The scores of the words before *is*, as in the table of figure 3. In the paper *dog* has the largest magnitude by
# both, 1 by LRP and −1 by Grad\*. That the *maps* of *is* lie on the dog as well, it reads as grammar: *is* is the
# predicate of *dog*.

# %%
cx.table_words(explanations, verb)

# %%
for e in explanations[1:]:
    scores = e.words[verb, : verb + 1] / e.words[verb].abs().max()
    k, subject = int(scores.abs().argmax()), e.tokens[verb]
    print(f"{e.method}: “{e.tokens[k]}” scores most, {scores[k]:+.2f}; the subject “{subject}” {scores[verb]:+.2f}")

# %% [markdown]
# Whether the subject wins on this caption says little either way: deleting the words that each method names, over all
# captions, is the paper's own test of it (table IV).
#
# ## All words
#
# The same picture and caption, to explore: choose a word and a method with the mouse or the arrow keys. Where LRP is
# chosen, the bars show the account of the word's score: how much of it reached the picture, how much the words
# before, and how much biases, the stabiliser and blocked units kept.

# %%
cx.Explorer(example.display(), explanations[::-1])

# %% [markdown]
# ## What to make of it
#
# - A map can look right for the wrong reason. Whether maps find the objects they name, and whether they differ
#   between words at all, has to be measured over many pictures (equation (13) of the paper); one picture is an
#   illustration.
# - The paper's figures show photographs and a model with a vocabulary of thousands of words; ours, by default, a
#   drawing and a model that has only ever seen drawings. The methods are the same to the letter.
# - Guided Grad-CAM, the fourth method in the paper's figures, joins in the [next chapter](4b_masking).
