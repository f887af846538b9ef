# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The claims ledger
#
# *The claims of the paper, section by section.*
#
# What does {cite:t}`sun2020` claim, and what of it comes out here? Each row below is something the paper says: a
# result, a number, a setting, a definition. Beside it stand what the paper prints and what came out for each model,
# with its 95 % interval and the number of cases it was measured on.
#
# The verdicts are computed. Each claim has a rule, written down before the results it judges were made, that looks at
# the intervals in the result tables and at nothing else; *how it is judged* shows it. Nobody types a verdict in.
#
# Some rules were mended afterwards. Whether grid-TD captions better had been judged across metrics, ROUGE-L against
# F_BERT; now each metric is compared with itself, and on Flickr8k the verdict is *undecided* where it was
# *contradicted*. Whether attention misses the regions a model relies on, and LRP's negative part the objects, is judged
# by paired differences, as other claims are; of adaptive attention on Flickr8k that made *contradicted* of *undecided*,
# by Guided Grad-CAM. And no verdict rests on fewer than eight pictures any longer, since intervals of so few are too
# narrow: *man* and *woman* of figure 10, *reproduced* on COCO by three and by seven pictures, are *not tested* there.

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% [markdown]
# ## What the verdicts mean
#
# - **reproduced**: the rule holds for every row it looks at. Where the paper prints a number, the value is also
#   near it, on the paper's own data.
# - **in direction**: the effect is there, but the printed number is for other data, or is not met.
# - **contradicted**: the intervals say the opposite, or exclude the printed value.
# - **undecided**: the interval holds both. More pictures might tell.
# - **not tested**: a definition, a number that was printed for other data only, or something that cannot be computed
#   here, or was seen in too few pictures. The row says which.
#
# Where a claim speaks of several methods or words, the worst of them decides, and it is the one shown.

# %% tags=["hide-input"]
import pandas as pd

import capxai_core as cx
from capxai_core.evaluate.results import Results, evaluated, evaluated_profiles
from capxai_core.pipeline.profiles import PROFILES
from capxai_core.views.claims import KINDS, table_ledger

results = cx.load_results(profile, model)
folder = results.folder.parents[1]
there = evaluated_profiles(folder, profile)
for name in there:
    for place in evaluated(folder / name).values():
        made = Results(name, place.name, place).provenance
        print(f"{name}: {made['model']} on {made['images']} pictures, seed {made['seed']}")
for name in PROFILES:
    if name not in there:
        print(f"{name}: no results yet; capxai evaluate --profile {name} makes them")
ledger = table_ledger(folder, there)

# %% [markdown]
# ## How many
#
# A claim about models is judged for each of them. The table counts the verdicts.

# %% tags=["hide-input", "full-width"]
told = ledger.data.assign(of=ledger.data["profile"] + " " + ledger.data["model"])
told["of"] = told["of"].str.strip().replace(dict.fromkeys(PROFILES, "neither model alone"))
counts = pd.crosstab(told["of"], told["kind"]).reindex(columns=[*KINDS], fill_value=0)
counts.rename_axis(None).rename_axis(None, axis=1).style.set_uuid("counts")

# %% [markdown]
# ## All claims
#
# Choose a verdict or a chapter to see its claims alone.

# %% tags=["hide-input", "full-width"]
ledger

# %% [markdown]
# ## How to read it
#
# - The paper's numbers are for photographs and large models; the default results are for drawn scenes and small
#   ones. Settings such as the size of the grid therefore differ by design, and their rows say so. Of a claim's
#   *direction* one may hope that it carries over; where it does not, the chapter asks why.
# - Many claims judged at the 95 % level make some false verdicts likely. No correction was made: the rules ask for
#   whole intervals, and usually for several of them at once, which errs on the side of *undecided*.
# - Not all claims can be wrong in the same way. A claim that one chosen picture illustrates is judged here over many
#   words, which asks more of it than the paper did.
