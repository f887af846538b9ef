# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Methodology
#
# *Section III of the paper.*
#
# A captioner says one word after another, and every word has two parents: the picture, and the words that are already
# on the page. When it says "a man in a *shirt*", did it see the shirt, or does a man in its world simply always wear
# one? Attention {cite}`xu2015,lu2017` cannot answer. Its weights say *where* the model looked, never *how much* the
# look mattered beside the words, and they are positive by construction, so nothing can speak against a word
# {cite}`jain2019`.
#
# The answer of {cite:t}`sun2020` is to treat the score of a word as an amount of evidence and to account for it
# backwards through the whole network, layer by layer {cite}`bach2015,montavon2019`, until it sits on pixels and on
# preceding words, but for what the model has built in. This chapter follows the paper's section III equation by
# equation, shows the code that runs each of them, and then checks the account.

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% [markdown]
# ## A. LRP in brief
#
# A network is made of linear maps followed by activations,
#
# $$
# y_j = \sum_i w_{ij} x_i + b_j, \qquad z_j = f(y_j)
# $$ (eq-1)
#
# and LRP hands the relevance $R(z_j)$ of an output down to the inputs $x_i$ in proportion to what each of them
# contributed. Two rules differ in what "proportion" means. The **ε-rule** divides by the output itself, made safe by a
# small stabiliser,
#
# $$
# R_{i \leftarrow j} = R(z_j)\, \frac{x_i w_{ij}}{y_j + \varepsilon\, \mathrm{sign}(y_j)}
# $$ (eq-2)
#
# and keeps the signs: an input that pulled against the output gets relevance of the opposite sign.
#
# ```{literalinclude} ../capxai_core/lrp/reference.py
# :pyobject: epsilon_rule
# ```
#
# The **αβ-rule** keeps supporting and opposing contributions apart,
#
# $$
# R_{i \leftarrow j} = R(z_j) \left( \alpha\, \frac{(x_i w_{ij})^+}{y_j^+} - \beta\, \frac{(x_i w_{ij})^-}{y_j^-}
# \right), \qquad \alpha - \beta = 1 .
# $$ (eq-3)
#
# ```{literalinclude} ../capxai_core/lrp/reference.py
# :pyobject: alpha_beta_rule
# ```
#
# In both, the relevance of an input is the sum of what it receives:
#
# $$
# R(x_i) = \sum_j R_{i \leftarrow j} .
# $$ (eq-4)
#
# Relevance is thus neither made nor lost on the way, but for what biases, the stabiliser and blocked units absorb. How
# much that is can be counted, and [below](budget) it is.
#
# :::{admonition} Where we read the paper with care
# - Equation {eq}`eq-3` is printed with $y_j^+ = \max(y_j, 0)$. That would mix negative contributions and the bias
#   into the denominator, and the shares would no longer add up to one. We take $y_j^\pm = \sum_i (x_i w_{ij})^\pm$,
#   as {cite:t}`bach2015` do.
# - The paper asks for $\alpha > 1$ and then uses $\alpha = 1$, $\beta = 0$ (section IV-A). So do we.
# - $\mathrm{sign}(0) = +1$, or the stabiliser would fail exactly where it is needed.
# :::
#
# Where relevance meets a product of two signals, as in the gates of an LSTM, the gate acts as a switch and gets
# nothing; all relevance follows the signal that passes through it {cite}`arras2017`.
#
# ```{literalinclude} ../capxai_core/lrp/reference.py
# :pyobject: lstm_lrp
# ```

# %% [markdown]
# ## B. The captioner
#
# Two models are to be explained. The **grid-TD** captioner has the two LSTMs of {cite:t}`anderson2018`, with the
# adaptive attention of {cite:t}`lu2017` between them; the **adaptive-attention** captioner is that of {cite:t}`lu2017`,
# with one LSTM. A convolutional encoder {cite}`simonyan2015` turns the picture into a grid of features $A = \{a_1,
# \dots, a_L\}$; from these come $v_i = \mathrm{ReLU}(W_a a_i)$, one vector for each position, and $v_g =
# \mathrm{ReLU}(W_b \frac{1}{L} \sum_i a_i)$, one for the whole. At every time step $t$ the first LSTM reads $x^1_t =
# [h^2_{t-1}; v_g; W_e w_{t-1}]$, and its memory offers a **visual sentinel**, a summary of what has been *said*:
#
# $$
# s_t = \sigma(W_x x^1_t + W_h h^1_{t-1}) \odot \tanh(m_t)
# $$ (eq-5)
#
# Attention weighs the positions by
#
# $$
# a = w_a \tanh(W_v V + W_g h^1_t \mathbf{1}^T)
# $$ (eq-6)
#
# $$
# \alpha^{(t)} = \mathrm{softmax}(a)
# $$ (eq-7)
#
# $$
# c_t = \sum_{i=1}^{L} \alpha^{(t)}_i v_i
# $$ (eq-8)
#
# and the sentinel competes with them for its share $\beta_t$:
#
# $$
# b = w_a \tanh(W_s s_t + W_g h^1_t)
# $$ (eq-9)
#
# $$
# \hat\alpha^{(t)} = \mathrm{softmax}([a : b]), \qquad \beta_t = \hat\alpha^{(t)}_{L+1}
# $$ (eq-10)
#
# $$
# \hat c_t = (1 - \beta_t)\, c_t + \beta_t s_t .
# $$ (eq-11)
#
# The second LSTM reads $[\hat c_t; h^1_t]$, and a linear layer turns $\hat c_t + h^2_t$ into one score, a *logit*,
# for each word of the vocabulary. The adaptive-attention captioner has one LSTM, which reads
# $x_t = [W_e w_{t-1}; v_g]$; its state takes the place of both: it asks for $\hat c_t$ and is added to it. In the
# code the weights carry the paper's symbols as names:
#
# | paper | code |
# |---|---|
# | $W_a$, $W_b$, $W_e$ | `decoder.project_v`, `decoder.project_g`, `decoder.embedding` |
# | $W_v$, $W_g$, $W_s$, $w_a$ | `decoder.attention.w_v`, `.w_g`, `.w_s`, `.w_a` |
# | $W_x$, $W_h$ | `decoder.sentinel.w_x`, `.w_h` |
#
# It is tempting to read $\beta_t$ as the answer to our question, being the weight of "what was said" against "what is
# seen". But words enter $h^1_t$ and $h^2_t$ as well, past the sentinel, and the picture enters the LSTMs through
# $v_g$, past the attention. Only an account of *all* paths can tell.

# %% [markdown]
# ## C. LRP through attention
#
# The one new step is the attention. The paper reads {eq}`eq-8` and {eq}`eq-11` together as a linear combination of the
# positions and the sentinel,
#
# $$
# \hat c_t = (1 - \beta_t) \sum_i \alpha^{(t)}_i v_i + \beta_t s_t ,
# $$ (eq-12)
#
# whose weights $(1 - \beta_t)\, \alpha^{(t)}_i$ and $\beta_t$ are constants. Then the ε-rule applies as to any linear
# layer. The price: what made the model look there is not explained, only what it saw when it looked.

# %% [markdown]
# ### Algorithm 1, beside the code that runs it
#
# On the left the paper's algorithm, on the right the lines of `capxai_core/lrp/reference.py` that do it, taken from
# the file when this page is built. They work on one word at a time, in double precision.
#
# ::::::{grid} 1
# :gutter: 0
# :class-container: algorithm full-width
#
# :::::{grid-item}
# ::::{grid} 1 1 1 2
# :::{grid-item}
# :columns: 12 12 12 4
# **Require** $R(\mathrm{word}_T)$, $\alpha^{(t)}$, $\beta_t$
#
# $R(\mathrm{word}_T)$, fc $\;\xRightarrow{\varepsilon}\; R(\hat c_T + h^2_T)$
#
# $R(\hat c_T + h^2_T)$, ⊕ $\;\xRightarrow{\varepsilon}\; R_1(\hat c_T),\; R(h^2_T)$
# :::
# :::{grid-item}
# :columns: 12 12 12 8
# ```{literalinclude} ../capxai_core/lrp/reference.py
# :pyobject: score_lrp
# :start-at: "fused ="
# :dedent:
# ```
# :::
# ::::
# :::::
#
# :::::{grid-item}
# ::::{grid} 1 1 1 2
# :::{grid-item}
# :columns: 12 12 12 4
# **for** $t \in [T, \dots, 0, \mathrm{start}]$ **do**
#
# $R(h^2_t)$, Language-LSTM $\;\xRightarrow{\text{LRP-LSTM}}\; R_2(\hat c_t),$ $R(h^1_t),$ $R_1(h^2_{t-1})$
# :::
# :::{grid-item}
# :columns: 12 12 12 8
# ```{literalinclude} ../capxai_core/lrp/reference.py
# :pyobject: algorithm_1
# :start-at: "in reversed(steps)"
# :end-before: "r_v_t, r_s"
# :dedent:
# ```
# :::
# ::::
# :::::
#
# :::::{grid-item}
# ::::{grid} 1 1 1 2
# :::{grid-item}
# :columns: 12 12 12 4
# $R_1(\hat c_t) + R_2(\hat c_t)$, adaptive module $\;\xRightarrow{\varepsilon}\; R(s_t),\; R_t(V)$
# :::
# :::{grid-item}
# :columns: 12 12 12 8
# ```{literalinclude} ../capxai_core/lrp/reference.py
# :pyobject: attended_lrp
# :start-at: "parts ="
# :dedent:
# ```
# :::
# ::::
# :::::
#
# :::::{grid-item}
# ::::{grid} 1 1 1 2
# :::{grid-item}
# :columns: 12 12 12 4
# $R(h^1_t)$, $R(s_t)$, Top-down Attention LSTM $\;\xRightarrow{\text{LRP-LSTM}}\; R(W^e_{t-1}),\; R_t(v_g),$
# $R_2(h^2_{t-1}),\; R(h^1_{t-1})$
# :::
# :::{grid-item}
# :columns: 12 12 12 8
# ```{literalinclude} ../capxai_core/lrp/reference.py
# :pyobject: algorithm_1
# :start-at: "# s_t is a gated"
# :end-before: "r_words.append"
# :dedent:
# ```
# :::
# ::::
# :::::
#
# :::::{grid-item}
# ::::{grid} 1 1 1 2
# :::{grid-item}
# :columns: 12 12 12 4
# $R(W^e_{t-1}) \;\xRightarrow{\sum}\; R(\mathrm{word}_{t-1})$
#
# **end for**
# :::
# :::{grid-item}
# :columns: 12 12 12 8
# ```{literalinclude} ../capxai_core/lrp/reference.py
# :pyobject: algorithm_1
# :start-at: "r_words.append"
# :end-before: "return"
# :dedent:
# ```
# :::
# ::::
# :::::
#
# :::::{grid-item}
# ::::{grid} 1 1 1 2
# :::{grid-item}
# :columns: 12 12 12 4
# $\sum_t R_t(V)$, $\sum_t R_t(v_g)$, CNN $\;\xRightarrow{\varepsilon,\ \text{LRP-CNN}}\; R(\mathrm{image})$
#
# **return** $R(\mathrm{image})$, $R(\mathrm{word}_{T-1}), \dots, R(\mathrm{word}_0)$
# :::
# :::{grid-item}
# :columns: 12 12 12 8
# ```{literalinclude} ../capxai_core/lrp/reference.py
# :pyobject: explain_word
# :start-at: "# back through"
# :dedent:
# ```
# :::
# ::::
# :::::
# ::::::
#
# The adaptive-attention captioner needs less, as the paper's **algorithm 2** says. Its $\hat c_t$ leads to the words of
# step $t$ and nowhere else, so attention is explained at the last step only (the paper prints that line with $t$, and
# sums $R_t(V)$ over $t$ in the end; we take $T$); from there everything runs through the one LSTM:
#
# ```{literalinclude} ../capxai_core/lrp/reference.py
# :pyobject: algorithm_2
# :start-at: "r_context, r_h"
# :dedent:
# ```
#
# Every recurrent path counts: what reaches $h^1$, $h^2$ and the two memories from later steps is *added* to what they
# pass on.
#
# (check)=
# ## Checking the books
#
# Reading is one thing, and computing hundreds of captions another. The package therefore does LRP a second time, as a
# derivative. Write relevance as $R = x \cdot G$. Each rule then becomes a function that returns the unit's own value,
# and whose derivative, its denominator held constant, is $G$. A captioner read with these functions says what it says,
# and autograd carries all words of a caption back at once; what is the same for every word is computed once. The two
# were written independently and must agree. Here they are on every fourth word of one caption, for the literal one
# takes its time; the tests compare them on random captions of random models, with all kinds of options, and on the
# trained ones.

# %%
import copy
from html import escape

import pandas as pd
import torch

import capxai_core as cx
from capxai_core.lrp import reference

captioner = cx.load_captioner(f"{profile}/{model}")
image = cx.load_examples(profile, "test", 1, seed)[0].image()
caption = captioner.caption(image)
print(caption)

# %%
exact = copy.deepcopy(captioner).double()
fast = cx.explain(exact, image.double(), caption)
ids, some = caption.token_ids, fast.positions[::4]
literal = {k: reference.explain_word(exact, image.double(), ids, k) for k in some}
pixels = torch.stack([pixels.sum(0) - fast.image[k] for k, (pixels, _) in literal.items()])
words = torch.cat([words - fast.words[k, : k + 1] for k, (_, words) in literal.items()])
print("The largest difference, as a share of the largest relevance:")
print(f"pixels {pixels.abs().max() / fast.image.abs().max():.0e}")
print(f"words  {words.abs().max() / fast.words.abs().max():.0e}")

# %% [markdown]
# (budget)=
# ## Where every bit of a score went
#
# The score of a word should be the sum of what pixels and words received. It is not, quite, and the paper does not say
# where the rest goes. Three places keep some: biases, which belong to no input; the stabiliser $\varepsilon$ of
# {eq}`eq-2`; and convolution units without any positive input, where {eq}`eq-3` has nothing to hand relevance to
# (*blocked*). The package computes all five terms, pixels, words and these three, each on its own and none as "the
# rest", so that their sum is a check.

# %%
budget = fast.budget
account = pd.DataFrame(budget.terms().T.numpy(), columns=budget.names)
account["sum"], account["logit"] = account.sum(axis=1), budget.logit.numpy()
bars = {"axis": None, "align": "zero", "color": ["#6baed680", "#fdae6b60"]}
table = account.style.format("{:+.2f}").bar(subset=list(budget.names), **bars)
table.relabel_index([escape(word) for word in fast.targets]).set_uuid("account")

# %%
print(f"the account closes to {budget.residual.max():.0e} of what was moved")

# %% [markdown]
# Two things are worth noticing. The biases' share is no rounding error: a score is partly what the model would say to
# any picture, and a map alone hides that. And the *pixel share*, pixels divided by logit, which says how much of a
# word's score came from the picture, differs from word to word. Whether it tells seen words from made-up ones, as the
# paper asks of maps in its section IV-B3, [a later chapter](4b3_unsupported_words) tells.
#
# With a smaller $\varepsilon$ the stabiliser's part vanishes, as it should:

# %%
for epsilon in (1e-1, 1e-2, 1e-4, 1e-6):
    kept = cx.explain(exact, image.double(), caption, epsilon=epsilon).budget.stabiliser
    share = kept.abs().sum() / budget.logit.abs().sum()
    print(f"ε = {epsilon:.0e}: the stabiliser keeps {share:.4%} of all scores")

# %% [markdown]
# (methods)=
# ## All methods
#
# The other explanations that the paper compares, and a few it does not, are read off the same model by the same call,
# `cx.explain(…, method=name)`. *Signed* says whether the maps have a sign that is meant to be read; *scores words*
# whether the method has anything to say of the preceding words. The cost is that of all ten words of a caption by
# grid-TD on VGG16 with pictures of 224 × 224, in forward passes of one picture through the encoder, measured by `make
# bench` on two threads; the times themselves depend on the machine.

# %%
from capxai_core.views.costs import figure_growth, read_bench, table_methods

bench = read_bench()
table_methods(bench)

# %% [markdown]
# LRP of all words costs about as much as their plain gradients, because what does not depend on the word, the
# denominators of {eq}`eq-3`, is computed once a picture, and because nothing is computed that the map does not need.
# With convolutions in bfloat16, where the processor has them, it costs less than two thirds of that; and the mean of a
# map can be had without making the map:

# %%
for figure, measured in bench["figures"].items():
    print(f"{figure:45}{measured:6.2f}")

# %% [markdown]
# The cost of LRP grows by about a forward pass of the encoder with each word, on top of what a picture costs once, and
# in proportion to the number of pictures and to their area:

# %% made="make bench: grid-TD on VGG16, 224 × 224, random weights and no seed"
figure_growth(bench)
