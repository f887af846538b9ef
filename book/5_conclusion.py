# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Conclusion
#
# *Section V of the paper.*
#
# The paper ends with seven statements. Which of them stand here? Each was taken apart into claims with a rule that
# judges it, before there were results ([one was mended](ledger) later); the verdicts below are computed from the tables
# of this run. A claim is *reproduced*, or holds *in direction* (the paper prints a number, and ours is another), or
# does *not* come out: contradicted, or undecided at this n. No verdict in the tables was typed in.

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% tags=["hide-input"]
import pandas as pd
from IPython.display import Markdown

import capxai_core as cx
from capxai_core.evaluate.ledger import claims, ledger
from capxai_core.models.captioner import DECODERS
from capxai_core.views.charts import name_of, said

statements = {
    "“improved localization”": ["all-beat-attention", "gradcam-more-focused", "negative-lrp-misses"],
    "“high-resolution image explanations”": ["fine-beats-coarse", "resolution-explains-it"],
    "“the capability to identify supporting words”": ["supporting-words", "dog-is", "ablation-lrp-beats-random"],
    "“identify those words which are unsupported by the image content”": [
        "auc-l",
        "lrp-tells-made-up-words",
        "made-up-from-words",
        "better-than-beta",
    ],
    "“help to identify bias in the training data”": ["shirts-made-up", "inference-helps-clothes"],
    "“Guided Grad-CAM performs best for localization”": ["guided-locates-best", "guided-fails-sanity-checks"],
    "“LRP best for identifying words unsupported by image content”": ["lrp-tells-them-best", "lrp-sign-informs"],
}
results = cx.load_results(profile, model)
wanted = [claim for claim in claims() if any(claim.id in ids for ids in statements.values())]
judged = ledger(results.folder.parents[1], [profile], wanted)
judged["n"] = [
    f"\nn = {n}" if table and pd.notna(n) else "" for n, table in zip(judged["n"], judged["rule"], strict=True)
]
judged["out"] = [f"{r['verdict']}\n{said(r)}{r['n']}" for r in judged.to_dict("records")]
made = results.provenance
Markdown(
    f"Profile `{profile}`, {made['images']} pictures, one trained model of each kind, bootstrap seed {made['seed']}. "
    "In brackets 95 % intervals; n counts words or captions; where a claim has several rows, the deciding one is shown."
)

# %% tags=["remove-input", "full-width"]
parts = []
for statement, ids in statements.items():
    part = judged[judged["id"].isin(ids)]
    columns = {"says": "claim", "printed": "the paper"}
    shown = part.drop_duplicates("id").set_index("id")[list(columns)].rename(columns=columns)
    for name in DECODERS:
        mine = part[part["model"].isin([name, ""])].set_index("id")
        shown[name_of(name)] = mine["out"]
    styled = shown.loc[ids].style.hide().set_uuid(ids[0]).set_table_attributes('class="claims"')
    parts.append(f'<p class="statement">{statement}</p>{styled.to_html()}')
Markdown("\n\n".join(parts))

# %% [markdown]
# Beneath each verdict stands the quantity that the claim is judged by, a difference where it compares two things. [The
# ledger](ledger) tells each claim's rule and what decided it.
#
# ## What follows
#
# On the drawn scenes; the rows above say how far it holds in the profile of this run.
#
# - **What LRP showed that attention did not.** Which *word* a map belongs to: its maps keep apart the objects of one
#   caption better than attention's do, at equal resolution clearly by one captioner ([](4b2_localisation)). A sign that
#   locates: what speaks against a word lies elsewhere than what speaks for it. An account: how much of a score came
#   from the picture, how much from the words.
# - **Where it did not get ahead.** On the objects' boxes it lies better than attention for one captioner and worse for
#   the other, and at equal resolution worse for both; what it gains there is sharpness. Hiding the quarter that it
#   marks costs fewer words than hiding the quarter that attention marks ([](4b_masking)). And of the things that cause
#   a word, found out by removing them, integrated gradients find the order better than either ([](true_causes)).
# - **Evidence from words is real, and LRP's depends on the test.** Its scores of the earlier words follow what deleting
#   them does better than chance, and much worse than the rule that the nearest word matters most; where words are made
#   unknown in their place, not clearly worse, and by one captioner better. For *is*, the word it ranks first matters
#   *less* than one at random: there the paper is contradicted, not merely unproven ([](appendix)).
# - **Whether a word is made up is largely a matter of which word it is.** Over all words together LRP's scores tell
#   right from made-up ones, better than the paper's. Among uses of the same word they cannot be seen to
#   ([](4b3_unsupported_words)).
# - **Scores weighted by explanations move a captioner, but not by what they say of its objects.** The drawn scenes'
#   captioner makes up less, by saying less; where function words keep the weight 1 nothing of that is left
#   ([](4c_improving)). On photographs adaptive attention does not move when pushed as hard, gets worse in its habit
#   when pushed harder, and better with the same weights turned round; with equation (15) as we read it, 0 for all other
#   words, it says fewer shirts, right ones too ([](improving_on_photographs)). A plain reward, which needs no
#   explanation, makes captions score higher in CIDEr-D and ROUGE-L. Rewarded with CIDEr-D alone, grid-TD writes shorter
#   captions and makes up fewer shirts and fewer other things; rewarded for recall too, its captions are hardly shorter,
#   and it makes up fewer other things but as many shirts. Adaptive attention, rewarded for both together, makes up
#   fewer shirts ([](rewarded)).
# - **The paper's order of methods should not be carried over.** Which is best depends on the measure, the captioner and
#   the data. Guided Grad-CAM, by the magnitudes of its maps, *passes* here the kind of sanity check that the paper,
#   citing others, says it fails, and LRP's magnitudes change least when all weights are shuffled ([](sanity_checks)).
#
# ## What photographs change
#
# The same commands on test photographs of Flickr8k and on a sample of COCO ([](photographs)): Flickr8k's shirts are
# made up as often, and LRP's two scores tell right from made-up words about as well as printed. Four things come out
# otherwise than above. First, the word that LRP ranks first matters more to *is* than one at random, as the paper says.
# Second, on some fifty words of COCO LRP lies on the objects better than attention at equal resolution too (in grid-TD
# only just), which resolution, the paper's own reason, cannot explain. Third, LRP's mean, undivided, tells right from
# wrong uses of one word, which the paper did not ask and the drawn words, a third as many, leave undecided. On Flickr8k
# the probability that the model gave the word does so as well; beside it LRP adds under a hundredth of a nat, clear of
# zero in adaptive attention only.
#
# Fourth, hiding what LRP marks, which on the drawn scenes costs fewer words than hiding as much that attention marks,
# here costs more words, unless half of the picture is white: clearly in the mean colour, or with a tenth of it white,
# by both captioners, with a quarter white by adaptive attention, blurred by grid-TD. Hidden or shown in LRP's order, a
# photograph's cells cost a word or bring it back sooner than in attention's, in both captioners ([](looking_again)).
#
# ## What remains open
#
# One model of each kind was evaluated, on COCO the one trained on Flickr8k: intervals are over pictures, not over
# trainings. The drawn scenes have a hundred words and a planted habit. Their advantage is that the truth is known; the
# price is that they do not say how often the same holds in photographs. Of these, only some were looked at many times
# (masking, deletion).

# %% tags=["remove-input"]
counts = judged["verdict"].value_counts()
pd.DataFrame({"verdicts on the claims above, by model": counts}).style.set_uuid("counts")
