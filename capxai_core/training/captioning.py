"""Training of a captioner on a frozen encoder, by cross-entropy or another loss, chosen on validation CIDEr-D."""

import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from capxai_core.data.examples import Example
from capxai_core.data.vocabulary import END, PAD, START, Vocabulary
from capxai_core.errors import DataError, ModelError
from capxai_core.evaluate.captions import cider
from capxai_core.files import atomic
from capxai_core.models.captioner import DECODERS, Captioner, save_captioner
from capxai_core.models.decoder import Decoder
from capxai_core.models.device import faster_in_bfloat16
from capxai_core.models.encoder import Encoder
from capxai_core.models.search import MAX_WORDS, beam_search
from capxai_core.training.card import fingerprint, write_card
from capxai_core.training.features import FeatureCache
from capxai_core.training.history import finished, read_history, write_log
from capxai_core.training.recipe import Recipe

Weights = Mapping[str, Tensor]  # of the scores of an image's captions, by its name: eq. (14)
Batch = tuple[Tensor, Tensor, Tensor | None]
Loss = Callable[[Decoder, Tensor, Tensor, Recipe, Tensor | None], Tensor]
UNFINISHED = "best-so-far.safetensors"  # what commands load by a profile's name appears when the training has ended


@dataclass(frozen=True)
class Further:
    """A training that goes on from a captioner, and to what end.

    aim: of what the loss is made, which tells it from others. made_by: the command, for the model card. variant: what
    the captioner becomes, see `Captioner`. weights: see `caption_loss`.
    """

    start: Captioner
    loss: Loss
    aim: str
    made_by: str
    variant: str = ""
    weights: Weights = field(default_factory=dict)


class CaptionTraining(L.LightningModule):
    """Lightning's view of a decoder in training; `history` holds one row an epoch and travels in the checkpoint.

    After every epoch `folder` gets the log, its picture, the best captioner, and the checkpoint to resume from.
    """

    def __init__(
        self,
        captioner: Captioner,
        recipe: Recipe,
        references: list[tuple[tuple[str, ...], ...]],
        identity: dict[str, str],
        loss: Loss,
        fresh: bool,
        folder: Path,
        captions: int,
    ) -> None:
        super().__init__()
        self.folder, self.captions = folder, captions  # those of an epoch
        self.decoder = captioner.decoder
        average = running_mean(recipe.average, fresh)
        self.mean = AveragedModel(captioner.decoder, multi_avg_fn=average) if recipe.average else None
        self.recipe, self.references, self.identity, self.loss = recipe, references, identity, loss
        # A list hides the captioner from Lightning: the frozen encoder is no part of a checkpoint.
        self.captioner = [captioner]
        self.history: list[dict[str, float]] = []
        self.losses: list[Tensor] = []
        self.hypotheses: list[tuple[str, ...]] = []

    def training_step(self, batch: Batch, _: int) -> Tensor:
        """The loss of a batch: by default the mean cross-entropy of the next word over all its words."""
        a, tokens, weights = batch
        # What is drawn follows from seed and step alone, so that a resumed run repeats an unbroken one.
        torch.manual_seed(self.recipe.seed * 1_000_000 + self.global_step)
        loss = self.loss(self.decoder, a, tokens, self.recipe, weights)
        self.losses.append(loss.detach())
        self.log("loss", loss, prog_bar=True, batch_size=len(tokens))
        return loss

    @property
    def judged(self) -> Decoder:
        """The weights that are validated and kept: the running mean where the recipe has one."""
        kept = self.mean.module if self.mean else self.decoder
        assert isinstance(kept, Decoder)
        return kept

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Follow the weights with their mean."""
        if self.mean:
            self.mean.update_parameters(self.decoder)

    def on_train_epoch_start(self) -> None:
        """The learning rate follows from the epoch alone."""
        r, epoch = self.recipe, self.current_epoch
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = r.lr * r.decay ** max(0, epoch + 1 - r.constant_epochs)
        self.losses, self.started = [], time.monotonic()

    def validation_step(self, a: Tensor, _: int) -> None:
        """Caption a batch of validation images, in the precision in which the weights will be used."""
        with torch.autocast(a.device.type, enabled=False):
            found = beam_search(self.judged, a, self.recipe.beam_size)
        self.hypotheses += [self.captioner[0].vocabulary.decode(t for t in ids if t != END) for ids in found]

    def on_validation_start(self) -> None:
        """The epoch's training ends here; captioning the validation images is not counted as throughput."""
        self.seconds, self.hypotheses = time.monotonic() - self.started, []

    def on_validation_epoch_end(self) -> None:
        """CIDEr-D of the validation captions, which chooses the model."""
        self.log("cider", cider(self.references, self.hypotheses), prog_bar=True)

    def on_train_epoch_end(self) -> None:
        """Everything is written under another name and then renamed: a kill leaves the last whole state."""
        score = float(self.trainer.callback_metrics["cider"])
        best = max((row["cider"] for row in self.history), default=-1.0)
        row = {
            "epoch": self.current_epoch + 1,
            "loss": float(torch.stack(self.losses).mean()),
            "cider": score,
            "lr": self.trainer.optimizers[0].param_groups[0]["lr"],
            "captions_per_s": self.captions / self.seconds,
        }
        self.history.append(row)
        self.trainer.should_stop = finished(self.history, self.recipe)
        print("  ".join(f"{k} {v:.4g}" for k, v in row.items()), flush=True)
        if score > best:
            trained = {"recipe": self.recipe.model_dump(), "epoch": row["epoch"], "val_cider": score}
            trained |= {"aim": self.identity["weighting"]} if self.identity["weighting"] else {}
            whole = self.captioner[0]
            told = whole.vocabulary, whole.architecture, whole.profile, whole.variant
            save_captioner(Captioner(whole.encoder, self.judged, *told), self.folder / UNFINISHED, trained)
        write_log(self.history, self.folder)
        with atomic(self.folder / "last.ckpt") as partial:
            self.trainer.save_checkpoint(partial)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history, and what the run is, beside the weights."""
        checkpoint["capxai"] = {"history": self.history, "identity": self.identity}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW; the learning rate is set at each epoch's start."""
        r = self.recipe
        return torch.optim.AdamW(self.decoder.parameters(), lr=r.lr, betas=(0.9, 0.98), weight_decay=r.weight_decay)


def running_mean(memory: float, fresh: bool) -> Callable[[Any, Any, Any], None]:
    """How the mean weights follow: at each step as much of them stays as `memory`.

    fresh: the weights before training mean nothing, and are soon forgotten: of n steps at most (1 + n) / (10 + n) stay.
    """

    def update(mean: Any, current: Any, n: Any) -> None:
        torch._foreach_lerp_(mean, current, 1 - (min(memory, (1 + int(n)) / (10 + int(n))) if fresh else memory))

    return update


def train_captioner(
    architecture: str,
    profile: str,
    encoder: Encoder,
    examples: Sequence[Example],
    recipe: Recipe,
    folder: Path,
    cache: Path,
    device: torch.device,
    further: Further | None = None,
    again: bool = False,
) -> Path:
    """Train on the `train` split and return the path of the captioner best on `val`.

    further: where it goes on from a captioner, and to what end; else it is trained from nothing, by `caption_loss`.

    Resumes from `folder/last.ckpt` where there is one. again: of another training, it is deleted. Writes into `folder`:
    last.ckpt, log.csv, curves.png, in the end captioner.safetensors (best epoch) with its model card; features go to
    `cache`.
    """
    train = [e for e in examples if e.split == "train"]
    judged = [e for e in examples if e.split == "val"][: recipe.val_images]
    if not train or not judged:
        raise DataError("training needs images in both the 'train' and the 'val' split")
    folder.mkdir(parents=True, exist_ok=True)
    known = further.start.vocabulary if further else None
    vocabulary = known or Vocabulary.build((c for e in train for c in e.captions), recipe.min_count)
    torch.manual_seed(recipe.seed)
    decoder = DECODERS[architecture](encoder.channels, len(vocabulary), recipe.d, recipe.k)
    if further:
        decoder.load_state_dict(further.start.decoder.state_dict())
    captioner = Captioner(encoder, decoder, vocabulary, architecture, profile, further.variant if further else "")
    identity = {
        "model": captioner.name,
        "data": fingerprint(examples),
        "encoder": encoder.fingerprint(),
        "recipe": recipe.model_copy(update={"epochs": 1}).model_dump_json(),
        "weighting": further.aim if further else "",
    }
    history = read_history(folder / "last.ckpt", identity, again)  # before the features, which may take hours
    features = FeatureCache(encoder, examples, cache).fill(device)
    mirrored = FeatureCache(encoder, train, cache, mirrored=True).fill(device) if recipe.flips else None
    loss = further.loss if further else caption_loss
    references, captions = [e.captions for e in judged], recipe.captions * len(train)
    module = CaptionTraining(captioner, recipe, references, identity, loss, not further, folder, captions)
    trainer = quiet_trainer(
        accelerator=device.type,
        devices=1,
        precision="bf16-mixed" if faster_in_bfloat16(device) else "32-true",
        # A processor adds in one order anyhow; a GPU must be told to, for a resumed run to repeat an unbroken one.
        deterministic=None if device.type == "cpu" else "warn",
        max_epochs=recipe.epochs,
        gradient_clip_val=recipe.clip,
    )
    data = EpochData(train, vocabulary, recipe, features, mirrored, judged, further.weights if further else {})
    module.history = history
    if not finished(module.history, recipe):
        fit(trainer, module, data, folder / "last.ckpt")
    path = folder / "captioner.safetensors"
    if (folder / UNFINISHED).is_file():
        (folder / UNFINISHED).replace(path)
    if not path.is_file():
        raise ModelError(f"{path}: is gone, though its training has ended; to train anew delete {folder / 'last.ckpt'}")
    best = max(module.history, key=lambda row: row["cider"])
    facts = {
        "validation CIDEr-D": f"{best['cider']:.3f} ({len(judged)} images, beam {recipe.beam_size}, chosen on these)",
        "epoch": f"{best['epoch']} of {len(module.history)}",
        "training images": len(train),
        "vocabulary": len(vocabulary),
        "data": identity["data"],
        "encoder": identity["encoder"],
        "recipe": recipe.model_dump(),
    } | ({"aim": further.aim} if further else {})
    epochs = max(recipe.epochs, len(module.history))
    options = f"--profile {profile} --model {architecture} --seed {recipe.seed} --epochs {epochs}"
    command = further.made_by if further else f"capxai train {options}"
    write_card(path, f"{captioner.name}{', tuned' if further else ''}", profile, command, facts)
    return path


def quiet_trainer(**options: Any) -> L.Trainer:
    """A trainer that keeps nothing by itself, without the advice that is not for users of these commands."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    quiet: dict[str, Any] = dict.fromkeys(("logger", "enable_checkpointing", "enable_model_summary"), False)
    return L.Trainer(num_sanity_val_steps=0, reload_dataloaders_every_n_epochs=1, **quiet, **options)


def fit(trainer: L.Trainer, module: L.LightningModule, data: L.LightningDataModule, checkpoint: Path) -> None:
    """Train, from the checkpoint where there is one; Ctrl-C is a `KeyboardInterrupt`, not Lightning's exit code."""
    resume = str(checkpoint) if checkpoint.is_file() else None
    try:
        trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    except SystemExit:
        if not trainer.interrupted:
            raise
    if trainer.interrupted:
        raise KeyboardInterrupt


class EpochData(L.LightningDataModule):
    """Batches of image features with token ids (n·m, T + 1), and of features alone for validation."""

    def __init__(
        self,
        train: Sequence[Example],
        vocabulary: Vocabulary,
        recipe: Recipe,
        features: FeatureCache,
        mirrored: FeatureCache | None,
        val: Sequence[Example],
        weights: Weights,
    ) -> None:
        super().__init__()
        self.names = [e.name for e in train]
        # `<end>` is the first word not said: a caption cut short has none, or it would teach to stop in mid-sentence
        self.ids = [[[*vocabulary.encode(c), END][: MAX_WORDS + 1] for c in e.captions] for e in train]
        self.recipe, self.features, self.mirrored, self.val = recipe, features, mirrored, [e.name for e in val]
        self.weights, self.neutral = weights, torch.ones(len(vocabulary))

    def train_dataloader(self) -> DataLoader[Batch]:
        """A shuffling that depends on seed and epoch alone."""
        assert self.trainer is not None
        self.epoch = self.trainer.current_epoch
        order = torch.Generator().manual_seed(self.recipe.seed * 10_000 + self.epoch)
        # The order is fixed here, not in a sampler: Lightning starts the loader's iterator more than once on resuming.
        batches: Any = [b.tolist() for b in torch.randperm(len(self.names), generator=order).split(self.recipe.images)]
        return DataLoader(batches, batch_size=None, collate_fn=self._collate)

    def val_dataloader(self) -> DataLoader[Tensor]:
        """Features of the validation images, 50 at a time."""
        names: Any = self.val
        return DataLoader(names, batch_size=50, collate_fn=lambda names: self.features[names])

    def _collate(self, rows: list[int]) -> Batch:
        chosen = []
        for row in rows:
            captions = self.ids[row]
            # drawn from epoch and image alone, not from a running generator: a resumed run draws the same
            order = np.random.default_rng((self.recipe.seed, self.epoch, row)).permutation(len(captions))
            chosen += [captions[order[i % len(order)]] for i in range(self.recipe.captions)]
        a = self.features[[self.names[row] for row in rows]]
        if self.mirrored:
            flips = [np.random.default_rng((self.recipe.seed, self.epoch, row, 1)).integers(2) for row in rows]
            turned = [i for i, flip in enumerate(flips) if flip]
            a[turned] = self.mirrored[[self.names[rows[i]] for i in turned]]
        tokens = pad_captions(chosen)
        if not self.weights:
            return a, tokens, None
        m = torch.stack([self.weights.get(self.names[row], self.neutral) for row in rows])
        return a, tokens, m.repeat_interleave(self.recipe.captions, 0)


def pad_captions(captions: Sequence[Sequence[int]]) -> Tensor:
    """Token ids, `<end>` included → (B, T + 1) with `<start>` and trailing `<pad>`, T the longest caption's length."""
    longest = max(len(c) for c in captions)
    return torch.tensor([[START, *c] + [PAD] * (longest - len(c)) for c in captions])


def caption_loss(
    model: Any, a: Tensor, tokens: Tensor, recipe: Recipe, weights: Tensor | None = None, plain: float = 0.0
) -> Tensor:
    """Mean cross-entropy of each next word given the words before: a (n, C, H, W), tokens (n·m, T + 1) → scalar.

    weights: (n·m, V), which the scores of a caption's words are multiplied by, eq. (14). plain: the share of the loss
    that is taken of the scores as they are.
    """
    logits, wanted, smoothing = *next_words(model, a, tokens, recipe), recipe.smoothing
    lengths = (tokens[:, 1:] != PAD).sum(1)
    weighted = logits if weights is None else logits * weights.repeat_interleave(lengths, 0)
    loss = F.cross_entropy(weighted.float(), wanted, label_smoothing=smoothing)
    return loss.lerp(F.cross_entropy(logits.float(), wanted, label_smoothing=smoothing), plain) if plain else loss


def next_words(model: Any, a: Tensor, tokens: Tensor, recipe: Recipe) -> tuple[Tensor, Tensor]:
    """Scores (N, V) at each place of the captions, in their order, and the words (N,) that stand there.

    a (n, C, H, W); tokens (n·m, T + 1) as `pad_captions` has them; N words in all, `<end>` included.
    """
    features = model.encode(a)
    spoken = tokens[:, 1:] != PAD
    places = torch.arange(spoken.numel(), device=a.device).view_as(spoken)
    # An image's longest caption first: where only long ones go on, the others cost nothing.
    lengths = spoken.sum(1).unflatten(0, (len(a), -1))
    ranks = lengths.argsort(1, descending=True) + lengths.shape[1] * torch.arange(len(a), device=a.device).unsqueeze(1)
    embedded = F.dropout(model.embedding(tokens[:, :-1]), recipe.embedding_dropout)
    state = model.start(len(tokens), features.v)
    fused, said = [], []
    for t in range(spoken.shape[1]):
        ranks = ranks[:, : int((lengths > t).sum(1).max())]
        rows = ranks.flatten()
        state = tuple(s.unflatten(0, (len(a), -1))[:, : ranks.shape[1]].flatten(0, 1) for s in state)
        step, state = model.step(embedded[rows, t], features, state)
        going = spoken[rows, t]
        fused.append(model.fuse(step)[going])
        said.append(places[rows, t][going])
    # Back in the order of captions and words, in which dropout is drawn whatever was left out on the way.
    order = torch.cat(said).argsort()
    return model.fc(F.dropout(torch.cat(fused)[order], recipe.dropout)), tokens[:, 1:][spoken]
