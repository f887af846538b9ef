"""Pretraining of the `scenes` encoder on what is in a picture, and where, without any language."""

import hashlib
import time
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from capxai_core.data.scenes import PRESENCE, Scene, load_scenes
from capxai_core.data.scenes.world import PEOPLE, verb_of
from capxai_core.files import atomic
from capxai_core.models.captioner import save_encoder
from capxai_core.models.device import faster_in_bfloat16
from capxai_core.models.encoder import MEAN, SCENES_BLOCKS, STD, Encoder
from capxai_core.training.captioning import fit, quiet_trainer
from capxai_core.training.card import write_card
from capxai_core.training.history import read_history

SIZE = 128
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


class PresenceTraining(L.LightningModule):
    """An encoder with two linear read-outs of `PRESENCE`: of the picture, and of each position of A.

    Whether a thing is there is a weak signal for a small network and a few thousand pictures; where it is says more.
    """

    def __init__(self, encoder: Encoder, steps: int, seed: int, identity: dict[str, str], checkpoint: Path) -> None:
        super().__init__()
        self.encoder, self.steps, self.seed, self.identity, self.checkpoint = encoder, steps, seed, identity, checkpoint
        self.whole = nn.Linear(2 * encoder.channels, len(PRESENCE))
        self.each = nn.Conv2d(encoder.channels, len(PRESENCE), 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 pictures (n, 3, size, size) → logits (n, labels) and (n, labels, grid, grid)."""
        x = (images.float() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        with torch.autocast("cpu", torch.bfloat16, enabled=faster_in_bfloat16(torch.device("cpu"))):
            a = self.encoder(x.contiguous(memory_format=torch.channels_last))
            pooled = torch.cat([a.amax((-2, -1)), a.mean((-2, -1))], dim=1)
            return self.whole(pooled).float(), self.each(a).float()

    def training_step(self, batch: tuple[Tensor, ...], _: int) -> Tensor:
        """Binary cross-entropies of both read-outs; half of the pictures are mirrored."""
        images, labels, cells = batch
        chance = torch.Generator().manual_seed(self.seed * 1_000_000 + self.global_step)
        mirrored = (torch.rand(len(images), generator=chance) < 0.5).view(-1, 1, 1, 1)
        images, cells = torch.where(mirrored, images.flip(-1), images), torch.where(mirrored, cells.flip(-1), cells)
        whole, each = self(images)
        # a thing fills few of the positions: without the weight the easiest answer is "nothing anywhere"
        where = F.binary_cross_entropy_with_logits(each, cells.float(), pos_weight=torch.tensor(4.0))
        loss = F.binary_cross_entropy_with_logits(whole, labels) + 4 * where
        self.log("loss", loss, prog_bar=True)
        return loss

    def on_train_epoch_end(self) -> None:
        """The checkpoint to resume from: written, then renamed."""
        print(f"epoch {self.current_epoch + 1}  loss {float(self.trainer.callback_metrics['loss']):.4f}", flush=True)
        with atomic(self.checkpoint) as partial:
            self.trainer.save_checkpoint(partial)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep beside the weights what run this is."""
        checkpoint["capxai"] = {"history": [], "identity": self.identity}

    def configure_optimizers(self) -> Any:
        """AdamW with one cycle of the learning rate."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=3e-3, weight_decay=1e-3)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=self.steps, pct_start=0.2)
        return [optimizer], [{"scheduler": cycle, "interval": "step"}]


class PresenceData(L.LightningDataModule):
    """Pictures drawn once and kept, in an order that depends on seed and epoch alone."""

    def __init__(self, arrays: Arrays, batch: int, seed: int) -> None:
        super().__init__()
        self.arrays, self.batch, self.seed = [torch.from_numpy(a) for a in arrays], batch, seed

    def train_dataloader(self) -> DataLoader[list[Tensor]]:
        """Batches of pictures, labels and labels of the positions."""
        assert self.trainer is not None
        order = torch.Generator().manual_seed(self.seed * 10_000 + self.trainer.current_epoch)
        batches = list(torch.randperm(len(self.arrays[0]), generator=order).split(self.batch))
        return DataLoader(batches, batch_size=None, collate_fn=lambda rows: [a[rows] for a in self.arrays])  # type: ignore[arg-type]


def train_encoder(
    folder: Path,
    images: int = 8000,
    epochs: int = 16,
    seed: int = 1,
    batch: int = 64,
    fresh: int = 1000,
    again: bool = False,
) -> Path:
    """Train the `scenes` encoder on the split `encoder`, write `folder/encoder.safetensors` and return its path.

    Resumes from `folder/encoder.ckpt`; of another training, that is deleted `again`. The file's description holds each
    label's AUC on `fresh` further scenes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "encoder.ckpt"
    identity = {"images": str(images), "epochs": str(epochs), "seed": str(seed), "batch": str(batch)}
    first = b"".join(array.tobytes() for array in draw(0, min(images, batch)))
    identity["drawing"] = hashlib.sha256(first).hexdigest()
    read_history(checkpoint, identity, again)
    arrays = draw(0, images)
    torch.manual_seed(seed)
    module = PresenceTraining(Encoder(SCENES_BLOCKS, SIZE), epochs * -(-images // batch), seed, identity, checkpoint)
    scale_to_data(module, torch.from_numpy(arrays[0][:batch]))
    module.encoder.to(memory_format=torch.channels_last)
    trainer = quiet_trainer(accelerator="cpu", max_epochs=epochs)
    started = time.monotonic()
    fit(trainer, module, PresenceData(arrays, batch, seed), checkpoint)
    seconds = time.monotonic() - started
    auc = presence_auc(module, images, fresh)
    mean = float(np.mean(list(auc.values())))
    print(f"{seconds:.0f} s; mean AUC of {len(auc)} labels on {fresh} fresh scenes {mean:.3f}")
    path = folder / "encoder.safetensors"
    trained = {"images": images, "epochs": epochs, "seed": seed, "auc": auc, "mean_auc": mean}
    save_encoder(module.encoder, path, trained)
    command = f"capxai train --profile scenes --model encoder --seed {seed} --epochs {epochs}"
    write_card(path, "scenes encoder", "scenes", command, trained)
    return path


@torch.no_grad()
def scale_to_data(module: PresenceTraining, images: Tensor) -> None:
    """Scale each layer so that its outputs on a first batch have unit variance: training starts at once."""
    for layer in module.encoder.features:
        if isinstance(layer, nn.Conv2d):
            nn.init.orthogonal_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            outputs: list[Tensor] = []
            hook = layer.register_forward_hook(lambda _m, _i, y, kept=outputs: kept.append(y))
            module(images)
            hook.remove()
            layer.weight /= outputs[0].float().std()


def draw(first: int, n: int) -> Arrays:
    """Scenes first … first + n - 1 of the split `encoder`.

    Pictures (n, 3, size, size), labels (n, labels) and labels of the positions (n, labels, grid, grid).
    """
    grid = Encoder(SCENES_BLOCKS, SIZE).grid
    images = np.empty((n, 3, SIZE, SIZE), np.uint8)
    labels = np.empty((n, len(PRESENCE)), np.float32)
    cells = np.empty((n, len(PRESENCE), grid, grid), np.uint8)
    scenes = load_scenes("encoder", first + n)[first:]
    for i, example in enumerate(track(scenes, "drawing scenes", transient=True)):
        images[i] = (example.scene.render(SIZE) * 255).round().to(torch.uint8).numpy()
        labels[i] = example.scene.presence()
        cells[i] = where_present(example.scene, grid)
    return images, labels, cells


def where_present(scene: Scene, grid: int) -> np.ndarray:
    """(labels, grid, grid) of 0 and 1: the positions an object fills by a tenth, or the one it fills most."""
    cells = np.zeros((len(PRESENCE), grid, grid), np.uint8)
    for (key, worn), seen in zip(scene.seen, scene.objects, strict=True):
        assert seen.mask is not None
        thing, side = scene.thing(key), seen.mask.shape[0] // grid
        share = seen.mask.reshape(grid, side, grid, side).mean((1, 3))
        names = [seen.category]
        if worn:
            names.append(next(g.colour for g in thing.wears if g.kind == worn) + " clothing")
        elif thing.kind in PEOPLE:
            names.append(f"{verb_of(thing)} person")
        filled = (share >= 0.1) | (share == share.max())
        for name in names:
            cells[PRESENCE.index(name)] |= filled
    return cells


@torch.no_grad()
def presence_auc(module: PresenceTraining, first: int, n: int) -> dict[str, float]:
    """Area under the ROC curve of each label of the picture, on scenes that training did not see."""
    from sklearn.metrics import roc_auc_score

    images, labels, _ = draw(first, n)
    module.eval()
    logits = torch.cat([module(torch.from_numpy(part))[0] for part in np.array_split(images, 20)]).numpy()
    both = [k for k in range(len(PRESENCE)) if 0 < labels[:, k].mean() < 1]
    return {PRESENCE[k]: round(float(roc_auc_score(labels[:, k], logits[:, k])), 4) for k in both}
