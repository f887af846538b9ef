# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How this was made
#
# *Not in the paper: what it takes to get this book again.*
#
# Everything on these pages was computed by the commands below from the sources, the weights and the versions listed
# here. Two runs with the same ones on the same kind of processor write the same tables, to the byte, but for what
# measures time.

# %% tags=["parameters"]
profile = "scenes"
model = "grid_td"
seed = 1

# %% [markdown]
# ## The commands
#
# ```bash
# make setup                  # .venv: what requirements.lock names, checked by hash
# capxai evaluate --profile scenes --again           # every table, of both captioners
# capxai run                  # every chapter, by papermill
# jupyter-book build . -W -n  # the pages; a warning is an error
# ```
#
# `make book` does all four. The weights that come with the package are made by `make train`, in about half an hour on
# two cores; the models of [](4c_improving) and their tables by `make tune`, in as long again; costs by `make bench`.
#
# Numbers of photographs come from the steps of `capxai reproduce --profile flickr8k`, about nineteen hours, those of
# COCO from `capxai evaluate --profile coco2017 --model flickr8k/adaptive --subset 0` and likewise grid-TD. What these
# make comes with the project, and so do captioners that they are of, as `runs/` had them: weights, card and log
# (`results/flickr8k`), with one exception: of what grid-TD rewarded for CIDEr-D alone says only the pictures shown were
# explained.
#
# Not all processors multiply bfloat16. Where grid-TD looked again at the last 72 of its 200 photographs with cells
# hidden, it did so in float32 rounded to bfloat16 layer by layer, and with faster convolutions than the package's; at
# three of the others that gave probabilities of words of partly hidden pictures again to 0.003, and whether the word is
# still said always.
#
# The tables of the two captioners rewarded for recall come from faster convolutions, too (Winograd's, in float32). On
# six photographs they gave the same captions, and of each word's map LRP's mean over its maximum, which the areas under
# ROC curves are of, to one part in ten thousand. In a gradient, which is not continuous, single units tip over: its
# mean over its maximum changed by up to six thousandths. LRP's maps as a whole err by half a per cent in norm against
# float64 with those convolutions, by a tenth with the package's own.
#
# ## The weights

# %% tags=["hide-input"]
import hashlib
import platform
from importlib.metadata import version

import pandas as pd

import capxai_core as cx
from capxai_core.models.captioner import DECODERS, find_weights, read_metadata

rows = []
for name in DECODERS:
    path = find_weights(f"{profile}/{name}")
    trained = read_metadata(path, "captioner")["trained"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    rows.append({"captioner": f"{profile}/{name}", "size": size, "SHA-256": digest} | trained)
wide = 'class="hashes"'
pd.json_normalize(rows).set_index("captioner").T.style.set_uuid("weights").set_table_attributes(wide)

# %% [markdown]
# ## The results

# %% tags=["hide-input"]
results = {name: cx.load_results(profile, name) for name in DECODERS}
made = pd.DataFrame({name: found.provenance for name, found in results.items()}).drop(index="versions")
made.style.set_uuid("results").set_table_attributes(wide)

# %% [markdown]
# Of these pictures some were looked at many times, for masking, deletion and true causes (fewer for shuffled weights,
# more for LRP's options):

# %% tags=["hide-input"]
again = pd.DataFrame({name: found.subset for name, found in results.items()}).drop(index="versions")
again.loc[["images", "bfloat16", "code"]].style.set_uuid("again").set_table_attributes(wide)

# %% [markdown]
# *weights*, *encoder*, *data* and *code* are SHA-256 hashes: of the file, of the encoder's tensors, of the pictures'
# names and captions, and of the modules that compute results; for photographs, of those that made the records, from
# which later ones made some tables again. Results of other weights are refused when a chapter asks for them.
#
# ## The versions

# %% tags=["hide-input"]
names = ("torch", "torchvision", "numpy", "pandas", "scikit-learn", "matplotlib", "jupyter-book", "papermill")
versions = {"python": platform.python_version(), "capxai": version("capxai")} | {n: version(n) for n in names}
evaluated = results[model].provenance["versions"]
table = pd.DataFrame({"this page": versions, "the results": evaluated}).reindex([*versions]).fillna("")
table.style.set_uuid("versions")

# %% [markdown]
# The machine's processor shows in the last digits only: tests hold a caption explained alone, in a batch and on other
# numbers of threads together to 1e-4 of the map's norm, and the fast LRP to the literal one to 1e-8 in double
# precision.
#
# ## The parameters of the chapters
#
# Each chapter has a `parameters` cell; `capxai run -p seed 2` sets them in all, and refuses what a chapter does not
# have. A chapter whose text, parameters, weights, package and versions have not changed is not executed again. The
# executed notebook of each chapter can be downloaded at its top, and from beneath each figure.
#
# ## What is not ours
#
# The methods and the questions are the paper's {cite}`sun2020`. No code of others was copied; `requirements.lock` names
# every package that is used. The scenes are drawn by `capxai_core/data/scenes`, and nobody in them is real. The
# photographs are those that scikit-image and scikit-learn carry.
