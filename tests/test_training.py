"""Training: that it learns, resumes to the same weights, and refuses what it cannot resume from."""

import hashlib
import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from filelock import FileLock, Timeout
from small import picture

import capxai_core as cx
from capxai_core.data.vocabulary import END
from capxai_core.models.captioner import load_captioner
from capxai_core.models.encoder import Encoder
from capxai_core.training import captioning, presence
from capxai_core.training.captioning import caption_loss, cider, pad_captions, train_captioner
from capxai_core.training.features import FeatureCache
from capxai_core.training.presence import train_encoder
from capxai_core.training.recipe import Recipe

CPU = torch.device("cpu")
RECIPE = Recipe(d=16, k=8, min_count=1, epochs=3, images=4, captions=2, lr=5e-3, val_images=6, patience=9)


@dataclass(frozen=True)
class Coloured:
    """A picture that is mostly one colour, and captions that name it."""

    seed: int
    split: str

    @property
    def name(self):
        return f"{self.split}-{self.seed}"

    @property
    def captions(self):
        return (("a", ("red", "green", "blue")[self.seed % 3], "thing"),) * (2 + self.seed % 2)

    @property
    def objects(self):
        return ()

    def display(self):
        return self.image()

    def supports(self, word):
        return word in self.captions[0]

    def image(self):
        image = picture(self.seed) * 0.3
        image[self.seed % 3] += 0.6
        return image


EXAMPLES = [Coloured(i, "train") for i in range(24)] + [Coloured(i, "val") for i in range(6)]


def train(folder, strength=0.4, again=False, **changes):
    torch.manual_seed(0)
    encoder = Encoder(((8,), (12,)), 16).eval().requires_grad_(False)
    for p in encoder.parameters():
        torch.nn.init.normal_(p, std=strength)
    recipe = RECIPE.model_copy(update=changes)
    path = train_captioner("grid_td", "test", encoder, EXAMPLES, recipe, folder, folder / "features", CPU, again=again)
    return path, encoder


def last_weights(folder):
    return torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]


@contextmanager
def power_cut(monkeypatch):
    """In the middle of the second epoch."""
    step = captioning.CaptionTraining.training_step

    def cut(self, batch, i):
        if self.current_epoch == 1 and i == 3:
            raise KeyboardInterrupt
        return step(self, batch, i)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(captioning.CaptionTraining, "training_step", cut)
        yield


@pytest.mark.parametrize("changes", [{}, {"average": 0.9, "smoothing": 0.1, "flips": True}], ids=["plain", "averaged"])
def test_interrupted_training_ends_with_the_same_weights(tmp_path, monkeypatch, changes):
    train(tmp_path / "whole", **changes)

    with power_cut(monkeypatch):
        train(tmp_path / "cut", **changes)
    # half a training is nobody's model
    assert [path.name for path in (tmp_path / "cut").glob("*.safetensors")] == [captioning.UNFINISHED]
    path, _ = train(tmp_path / "cut", **changes)
    whole, cut = last_weights(tmp_path / "whole"), last_weights(tmp_path / "cut")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert path.read_bytes() == (tmp_path / "whole" / "captioner.safetensors").read_bytes()
    log = (tmp_path / "cut" / "log.csv").read_text().splitlines()
    assert log[0].startswith("epoch,loss,cider,lr,captions_per_s") and len(log) == 4
    assert (tmp_path / "cut" / "curves.png").stat().st_size > 1000
    card = (tmp_path / "cut" / "captioner.md").read_text()
    assert "--profile test --model grid_td --seed 1" in card and hashlib.sha256(path.read_bytes()).hexdigest() in card


def test_a_second_process_waits_for_the_features(tmp_path, monkeypatch):
    def taken(self, device):
        with pytest.raises(Timeout):
            FileLock(self.folder / "filling.lock", timeout=0).acquire()
        return fill(self, device)

    fill = FeatureCache._fill
    monkeypatch.setattr(FeatureCache, "_fill", taken)
    train(tmp_path, epochs=1)
    with FileLock(next(tmp_path.rglob("filling.lock")), timeout=0):
        pass  # nobody holds it afterwards


def test_the_mean_of_the_weights_is_what_is_kept(tmp_path):
    path, encoder = train(tmp_path, epochs=1, average=0.9)
    kept, whole = load_captioner(path, encoder).decoder.state_dict(), last_weights(tmp_path)
    assert all(torch.equal(kept[name], whole[f"mean.module.{name}"]) for name in kept)
    assert not torch.equal(kept["fc.weight"], whole["decoder.fc.weight"])


def test_the_mean_soon_forgets_the_weights_before_training_unless_they_mean_something():
    mean, follow = [torch.zeros(3)], captioning.running_mean(0.5, fresh=True)
    follow(mean, [torch.ones(3)], torch.tensor(0))
    assert torch.allclose(mean[0], torch.full((3,), 0.9))  # (1 + 0) / (10 + 0) of it stays
    follow(mean, [torch.zeros(3)], torch.tensor(100))
    assert torch.allclose(mean[0], torch.full((3,), 0.45))  # no more than the memory
    captioning.running_mean(0.5, fresh=False)(mean, [torch.zeros(3)], torch.tensor(0))
    assert torch.allclose(mean[0], torch.full((3,), 0.225))  # of a captioner that goes on, from the first step


def test_mirrored_pictures_have_features_of_their_own(tmp_path):
    encoder = Encoder(((4,), (6,)), 16).eval().requires_grad_(False)
    cache, names = FeatureCache(encoder, EXAMPLES, tmp_path, mirrored=True), [e.name for e in EXAMPLES]
    cache.fill(CPU)
    wanted = encoder(torch.cat([encoder.normalise(e.image().flip(2)) for e in EXAMPLES]))
    assert (cache[names] - wanted).norm() < 0.02 * wanted.norm()
    assert cache.folder != FeatureCache(encoder, EXAMPLES, tmp_path).folder


def test_a_captioner_learns_what_is_there_to_learn(tmp_path):
    path, encoder = train(tmp_path, epochs=20, patience=20, dropout=0.1, embedding_dropout=0.0, decay=1.0)
    model = load_captioner(path, encoder)
    said = [model.caption(e.image()).words for e in EXAMPLES[-6:]]
    assert said == [e.captions[0] for e in EXAMPLES[-6:]]


def test_a_run_that_stopped_early_is_not_trained_further(tmp_path):
    path, _ = train(tmp_path, epochs=9, patience=1, lr=1e-9)
    log, weights = (tmp_path / "log.csv").read_text(), path.read_bytes()
    assert len(log.splitlines()) == 3
    (tmp_path / "captioner.md").unlink()
    train(tmp_path, epochs=9, patience=1, lr=1e-9)
    assert (tmp_path / "log.csv").read_text() == log and path.read_bytes() == weights
    assert (tmp_path / "captioner.md").is_file()


def test_an_interrupted_run_stops_as_early_as_an_unbroken_one(tmp_path, monkeypatch):
    with power_cut(monkeypatch):
        train(tmp_path, epochs=9, patience=2, lr=1e-9)
    train(tmp_path, epochs=9, patience=2, lr=1e-9)
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 1 + 3


def test_the_encoder_resumes_and_refuses_another_seed_or_other_drawings(tmp_path, monkeypatch):
    asked, epochs = {"images": 32, "epochs": 2, "batch": 16, "fresh": 32}, []
    step = presence.PresenceTraining.training_step

    def counted(self, batch, i):
        epochs.append(self.current_epoch)
        if self.current_epoch == dies and i == 1:
            raise KeyboardInterrupt
        return step(self, batch, i)

    monkeypatch.setattr(presence.PresenceTraining, "training_step", counted)
    dies = None
    weights = train_encoder(tmp_path / "whole", **asked).read_bytes()
    dies = 1
    with pytest.raises(KeyboardInterrupt):
        train_encoder(tmp_path / "cut", **asked)
    dies, epochs[:] = None, []
    path = train_encoder(tmp_path / "cut", **asked)
    assert path.read_bytes() == weights and {*epochs} == {1}
    assert "--seed 1 --epochs 2" in (tmp_path / "cut" / "encoder.md").read_text()
    with pytest.raises(cx.ModelError, match="another seed"):
        train_encoder(tmp_path / "cut", **asked, seed=2)
    drawn = presence.draw
    monkeypatch.setattr(presence, "draw", lambda first, n: (255 - drawn(first, n)[0], *drawn(first, n)[1:]))
    with pytest.raises(cx.ModelError, match="another drawing;"):
        train_encoder(tmp_path / "cut", **asked)


def test_a_disk_too_small_for_features_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))
    with pytest.raises(cx.DataError, match=r"features.*GB must be free there for image features"):
        train(tmp_path)


def test_checkpoints_that_do_not_fit_are_refused(tmp_path):
    train(tmp_path, epochs=1)
    with pytest.raises(cx.ModelError, match="another recipe"):
        train(tmp_path, lr=1.0)
    with pytest.raises(cx.ModelError, match=r"another encoder; delete it with --again, or train into another"):
        train(tmp_path, strength=0.5)
    assert len([*(tmp_path / "features").iterdir()]) == 1  # told before its features were made
    log = (tmp_path / "log.csv").read_text()
    train(tmp_path, again=True, epochs=1)  # the same training: it is done
    assert (tmp_path / "log.csv").read_text() == log
    train(tmp_path, again=True, epochs=1, lr=1.0)
    assert (tmp_path / "log.csv").read_text() != log
    checkpoint = tmp_path / "last.ckpt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:500])
    with pytest.raises(cx.ModelError, match=r"cannot be resumed from .* --again"):
        train(tmp_path)
    train(tmp_path, again=True, epochs=1)
    (tmp_path / "captioner.safetensors").unlink()
    with pytest.raises(cx.ModelError, match=r"is gone, .* delete .*last\.ckpt"):
        train(tmp_path, epochs=1)


def test_features_go_on_where_they_stopped(tmp_path):
    encoder = Encoder(((4,), (6,)), 16).eval().requires_grad_(False)
    cache = FeatureCache(encoder, EXAMPLES, tmp_path)
    cache.fill(CPU)
    wanted = encoder(torch.cat([encoder.normalise(e.image()) for e in EXAMPLES]))
    assert (cache[[e.name for e in EXAMPLES]] - wanted).norm() < 0.02 * wanted.norm()  # half precision
    (cache.folder / "done.json").write_text('{"ima')
    cache.fill(CPU)  # a damaged count means nothing is done
    (cache.folder / "done.json").write_text(json.dumps({"images": 16}))
    store = np.load(cache.folder / "features.npy", mmap_mode="r+")
    store[:16], store[16:] = 7, 0
    store.flush()
    cache.fill(CPU)
    again = cache[[e.name for e in EXAMPLES]]
    assert (again[:16] == 7).all()  # what was done is not done again
    assert (again[16:] - wanted[16:]).norm() < 0.02 * wanted.norm()
    (path := cache.folder / "features.npy").write_bytes(path.read_bytes()[:-200])
    cache.fill(CPU)  # nor is any of what was cut off taken for done
    assert (cache[[e.name for e in EXAMPLES]] - wanted).norm() < 0.02 * wanted.norm()
    assert FeatureCache(Encoder(((4,), (6,)), 16), EXAMPLES, tmp_path).folder != cache.folder


def test_the_loss_is_the_cross_entropy_of_each_next_word():
    from small import captioner

    model = captioner(1)
    a = torch.cat([model.see(picture(1)), model.see(picture(2))])
    spoken = [[5, 6, 7], [8], [9, 9], [4, 5, 6]]  # two captions of each picture
    recipe = Recipe(dropout=0, embedding_dropout=0)
    loss = caption_loss(model.decoder, a, pad_captions([[*ids, END] for ids in spoken]), recipe)
    losses = []
    for row, ids in enumerate(spoken):
        logits = model.decoder.fc(model.unroll(a[row // 2 : row // 2 + 1], model.embed(ids)).fused[0])
        losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor([*ids, 2]), reduction="none"))
    assert loss.item() == pytest.approx(torch.cat(losses).mean().item(), rel=1e-6)


def test_cider_rewards_the_reference():
    references = [[("a", "dog", "runs"), ("the", "dog", "is", "running")], [("a", "cat", "sits"), ("one", "cat")]]
    right, wrong = [r[0] for r in references], [references[1][0], references[0][0]]
    assert cider(references, right) > 1 > cider(references, wrong)


def test_training_without_a_split_says_so(tmp_path):
    encoder = Encoder(((4,), (6,)), 16)
    with pytest.raises(cx.DataError, match="'train' and the 'val' split"):
        train_captioner("grid_td", "test", encoder, EXAMPLES[:3], RECIPE, tmp_path, tmp_path, CPU)
