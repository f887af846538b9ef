"""The command line: what a user types, what comes out, and one clear line for what was wrong."""

import os
import subprocess
import sys

import pandas as pd
import pytest
from PIL import Image

from capxai_core import cli, sample_scene
from capxai_core.methods.registry import USUAL

SCENES_ONLY = "This captioner knows only drawn scenes: what it says about a photograph means nothing.\n"


def capxai(*words):
    """Run the command in this process; exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["capxai", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
            sys.exit(0)
    return ended.value.code or 0


@pytest.fixture
def scene(tmp_path):
    folder = tmp_path / "scenes"
    folder.mkdir()
    for seed in (1, 2):
        pixels = (sample_scene(seed, "test").render(128).permute(1, 2, 0) * 255).byte().numpy()
        Image.fromarray(pixels).save(folder / f"scene {seed}.png")
    return folder / "scene 1.png"


def test_explain_writes_one_page_that_needs_nothing_else(scene, tmp_path, capsys):
    assert capxai("explain", scene, "--model", "scenes/grid_td", "--out", tmp_path / "page.html") == 0
    caption, path = capsys.readouterr().out.strip().splitlines()
    page = (tmp_path / "page.html").read_text()
    assert path == str(tmp_path / "page.html") and all(word in page for word in caption.split())
    assert "knows only drawn scenes" in page
    assert 'src="http' not in page and "@import" not in page


def test_explain_own_caption_and_one_method(scene, tmp_path, capsys):
    words = ("explain", scene, "--model", "scenes/grid_td", "--caption", "A dog is running.", "--method", "gradcam")
    assert capxai(*words, "--out", tmp_path / "page.html") == 0
    assert capsys.readouterr().out.startswith("a dog is running\n")


def test_explain_folder_writes_a_gallery_and_a_table_and_names_what_failed(scene, tmp_path, capsys):
    (scene.parent / "broken.jpg").write_text("no picture")
    (scene.parent / "phone.heic").write_text("of another kind")
    out = tmp_path / "gallery"
    assert capxai("explain", scene.parent, "--model", "scenes/grid_td", "--out", out) == 2
    err = capsys.readouterr().err
    assert "broken.jpg: cannot be decoded" in err and "no pictures of a known kind: phone.heic\n" in err
    table = pd.read_csv(out / "words.csv")
    assert set(table.picture) == {"scene 1.png", "scene 2.png"} and set(table.method) == set(USUAL)
    lrp = table[table.method == "lrp"]
    total = lrp[["pixels", "words", "biases", "stabiliser", "blocked"]].sum(axis=1)
    assert (total - lrp.logit).abs().max() < 1e-3
    assert (out / "index.html").is_file() and len(list(out.glob("*.html"))) == 3
    assert not [p for p in out.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("explain", "nothing.jpg", "--model", "scenes/grid_td"), "nothing.jpg: no such file"),
        (("explain", "{scene}", "--model", "scenes/nobody"), "no captioner 'scenes/nobody'"),
        (("explain", "{scene}", "--model", "scenes/grid_td", "--method", "lime"), "unknown method 'lime'"),
        (("explain", "{scene}", "--model", "scenes/grid_td", "--out", "{scene}/x/y.html"), "existing folder"),
        (("explain", "{empty}", "--model", "scenes/grid_td"), "holds no picture"),
        (("explain", "{scene}", "--model", "scenes/grid_td", "--out", "{scene}"), "names a picture"),
        (("explain", "{empty}/..", "--model", "scenes/grid_td"), "holds no picture"),
        (("explain", "{scene}", "--model", "scenes/grid_td", "--data", "/nowhere"), "/nowhere: no such data folder"),
        (("explain", "{scene}", "--model", "scenes/grid_td", "--out", "{empty}/x.html", "--caption", ""), "1 to 100"),
        (("explain", "x" * 300, "--model", "scenes/grid_td"), "File name too long"),
        (
            ("explain", "{scene}", "--model", "scenes/grid_td", "--out", "{own}"),
            "own.html: is there and is none of these",
        ),
        (("evaluate", "--profile", "flickr8k", "--data", "/nowhere"), "/nowhere: no such data folder"),
        (("quality", "--model", "flickr8k/grid_td", "--data", "/nowhere"), "/nowhere: no such data folder"),
        (("photographs", "--model", "scenes/grid_td", "--data", "/nowhere"), "/nowhere: no such data folder"),
        (("tune", "--profile", "flickr8k", "--data", "/nowhere"), "/nowhere: no such data folder"),
        (("train", "--profile", "imagenet"), "unknown profile 'imagenet'; known: scenes, flickr8k"),
        (("train", "--model", "transformer"), "unknown model 'transformer'"),
        (("train", "--profile", "flickr8k"), "set CAPXAI_DATA"),
        (("train", "--profile", "flickr8k", "--data", "{empty}"), "no such folder of images"),
        (("train", "--profile", "flickr8k", "--model", "encoder"), "only 'scenes' has an encoder"),
        (("train", "--model", "encoder", "--reward", "cider"), "is for captioners: adaptive, grid_td; not 'encoder'"),
        (("train", "--reward", "spider"), "unknown reward 'spider'; known: cider, recall"),
        (("train", "--out", "{scene}"), "File exists"),
        (("run", "99_nothing"), "99_nothing"),
        (("run", "-p", "speed", "1"), "speed"),
        (("run", "3_methodology", "--data", "/nowhere"), "/nowhere: no such data folder"),
        (("run", "-p", "profile"), "-p profile: give the parameter's name and its value"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(words, message, scene, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("CAPXAI_DATA", raising=False)
    (tmp_path / "empty").mkdir()
    (tmp_path / "own.html").write_text("one's own")
    places = {"scene": scene, "empty": tmp_path / "empty", "own": tmp_path / "own.html"}
    if words[0] != "run":  # which looks for the book where it is called
        monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert capxai(*(w.format(**places) for w in words)) == 2
    err = capsys.readouterr().err.replace(SCENES_ONLY, "")
    assert message in err and err.count("\n") == 1 and "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_command_that_was_interrupted_says_how_to_go_on(capsys, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("capxai_core.pipeline.reproduce.reproduce_profile", stopped)
    assert capxai("reproduce") == 130
    assert capsys.readouterr().err == "capxai: interrupted; run the same command again\n"


def test_chapters_find_the_data_folder_that_the_command_is_given(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("CAPXAI_DATA", "/nowhere")
    monkeypatch.setattr("capxai_core.pipeline.notebooks.run_notebooks", lambda *_: [os.environ["CAPXAI_DATA"]])
    assert capxai("run", "--data", tmp_path) == 0
    assert capsys.readouterr().out == f"{tmp_path}\n"


def test_the_command_is_installed_and_says_what_it_does():
    done = subprocess.run([sys.executable, "-m", "capxai_core.cli", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("train", "explain", "run"))


def test_a_model_named_twice_is_evaluated_once(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("capxai_core.evaluate.suite.evaluate", lambda evaluations, jobs: None)
    both = ("--model", "grid_td", "--model", "scenes/grid_td")  # two processes would write one folder
    assert capxai("evaluate", *both, "--n", 2, "--subset", 0, "--out", tmp_path) == 0
    assert capsys.readouterr().out.split() == [str(tmp_path / "scenes" / "grid_td")]
