"""Pretraining of the `scenes` encoder on what is in a picture, without any language."""

import os
import time
from pathlib import Path

import lightning as L
import numpy as np
import torch
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from capxai_core.data.scenes import PRESENCE, load_scenes
from capxai_core.models.captioner import save_encoder
from capxai_core.models.encoder import MEAN, SCENES_BLOCKS, STD, Encoder
from capxai_core.training.captioning import quiet_lightning

SIZE = 128


class PresenceTraining(L.LightningModule):
    """An encoder and a linear read-out of the maxima and means of its maps, one logit for each of `PRESENCE`."""

    def __init__(self, encoder: Encoder, steps: int, seed: int) -> None:
        super().__init__()
        self.encoder, self.steps, self.seed = encoder, steps, seed
        self.head = nn.Linear(2 * encoder.channels, len(PRESENCE))

    def forward(self, images: Tensor) -> Tensor:
        """uint8 pictures (n, 3, size, size) → logits (n, labels)."""
        x = (images.float() / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
        a = self.encoder(x.contiguous(memory_format=torch.channels_last)).flatten(2)
        logits: Tensor = self.head(torch.cat([a.amax(-1), a.mean(-1)], dim=1))
        return logits

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        """Binary cross-entropy of the labels; half of the pictures are mirrored."""
        images, labels = batch
        torch.manual_seed(self.seed * 1_000_000 + self.global_step)
        mirrored = torch.rand(len(images)) < 0.5
        images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(-1), images)
        loss = F.binary_cross_entropy_with_logits(self(images), labels)
        self.log("loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> dict[str, object]:
        """AdamW with one cycle of the learning rate."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=2e-3, weight_decay=1e-3)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=self.steps, pct_start=0.15)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}


class PresenceData(L.LightningDataModule):
    """Fresh pictures for every epoch would cost more than learning from them: each is drawn once and kept."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, batch: int, seed: int) -> None:
        super().__init__()
        self.images, self.labels, self.batch, self.seed = torch.from_numpy(images), torch.from_numpy(labels), batch, seed

    def train_dataloader(self) -> DataLoader[tuple[Tensor, Tensor]]:
        """A shuffling that depends on seed and epoch alone."""
        assert self.trainer is not None
        order = torch.Generator().manual_seed(self.seed * 10_000 + self.trainer.current_epoch)
        batches = list(torch.randperm(len(self.images), generator=order).split(self.batch))
        return DataLoader(batches, batch_size=None, collate_fn=lambda rows: (self.images[rows], self.labels[rows]))  # type: ignore[arg-type]


def train_encoder(folder: Path, images: int = 8000, epochs: int = 12, seed: int = 1, batch: int = 64) -> Path:
    """Train the `scenes` encoder on the split `encoder`, write `folder/encoder.safetensors` and return its path.

    Resumes from `folder/encoder.ckpt`. The file's description holds the mean AUC on 1000 further scenes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    steps = epochs * -(-images // batch)
    module = PresenceTraining(Encoder(SCENES_BLOCKS, SIZE), steps, seed)
    for layer in module.encoder.features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    module.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    data = PresenceData(*draw(0, images, folder / "encoder-images.npz"), batch, seed)
    quiet_lightning()
    checkpoint = folder / "encoder.ckpt"
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        reload_dataloaders_every_n_epochs=1,
        callbacks=[KeepLast(checkpoint)],
    )
    started = time.monotonic()
    resume = str(checkpoint) if checkpoint.is_file() else None
    trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    auc = presence_auc(module, images)
    mean = float(np.mean(list(auc.values())))
    print(f"{images * epochs / (time.monotonic() - started):.0f} images/s; mean AUC on 1000 fresh scenes {mean:.3f}")
    trained = {"images": images, "epochs": epochs, "seed": seed, "auc": auc, "mean_auc": mean}
    path = folder / "encoder.safetensors"
    save_encoder(module.encoder, path, trained)
    return path


class KeepLast(L.Callback):
    """The checkpoint to resume from, written whole after each epoch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write, then rename."""
        partial = self.path.with_name(f".{self.path.name}.part")
        trainer.save_checkpoint(partial)
        os.replace(partial, self.path)


def draw(first: int, n: int, cache: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Scenes first … first + n - 1 of the split `encoder`: uint8 (n, 3, size, size) and float32 (n, labels)."""
    if cache is not None and cache.is_file():
        with np.load(cache) as kept:
            if len(kept["images"]) == n:
                return kept["images"], kept["labels"]
    scenes = load_scenes("encoder", first + n)[first:]
    images = np.empty((n, 3, SIZE, SIZE), np.uint8)
    labels = np.empty((n, len(PRESENCE)), np.float32)
    for i, example in enumerate(track(scenes, "drawing scenes", transient=True)):
        images[i] = (example.scene.render(SIZE) * 255).round().to(torch.uint8).numpy()
        labels[i] = example.scene.presence()
    if cache is not None:
        partial = cache.with_name(f".{cache.name}.part.npz")
        np.savez(partial, images=images, labels=labels)
        os.replace(partial, cache)
    return images, labels


@torch.no_grad()
def presence_auc(module: PresenceTraining, first: int, n: int = 1000) -> dict[str, float]:
    """Area under the ROC curve of each label on scenes that training did not see."""
    from sklearn.metrics import roc_auc_score

    images, labels = draw(first, n)
    module.eval()
    logits = torch.cat([module(torch.from_numpy(part)) for part in np.array_split(images, 20)]).numpy()
    both = [k for k in range(len(PRESENCE)) if 0 < labels[:, k].mean() < 1]
    return {PRESENCE[k]: round(float(roc_auc_score(labels[:, k], logits[:, k])), 4) for k in both}
