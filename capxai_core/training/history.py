"""What a training did, epoch by epoch: read from a checkpoint, judged for its end, written as table and picture."""

from collections.abc import Sequence
from pathlib import Path

import torch

from capxai_core.errors import ModelError
from capxai_core.files import atomic
from capxai_core.training.recipe import Recipe


def read_history(checkpoint: Path, identity: dict[str, str], again: bool = False) -> list[dict[str, float]]:
    """What an interrupted run did so far, nothing where there is no checkpoint.

    `ModelError` where the file cannot be read, or belongs to a run with another model, data, encoder, recipe or
    weighting (of what the loss is made: weights, reward, start); such a file is deleted `again`.
    """
    if not checkpoint.is_file():
        return []
    history: list[dict[str, float]] = []
    try:
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)["capxai"]
        history, other = list(saved["history"]), dict(saved["identity"])
        wrong = next((f"was made with another {name}" for name, of in identity.items() if other.get(name) != of), "")
    except Exception as error:
        wrong = f"cannot be resumed from ({type(error).__name__})"
    if wrong and not again:
        raise ModelError(f"{checkpoint}: {wrong}; delete it with --again, or train into another folder")
    if wrong:
        checkpoint.unlink()
    return [] if wrong else history


def finished(history: Sequence[dict[str, float]], recipe: Recipe) -> bool:
    """Whether a run has done its epochs, or has stopped early."""
    if not history:
        return False
    best = max(range(len(history)), key=lambda i: history[i]["cider"])
    return len(history) >= recipe.epochs or len(history) - 1 - best >= recipe.patience


def write_log(history: Sequence[dict[str, float]], folder: Path) -> None:
    """`log.csv` and the picture of it, `curves.png`."""
    import matplotlib.pyplot as plt
    import pandas as pd
    import seaborn as sns

    table = pd.DataFrame(history)
    with atomic(folder / "log.csv") as partial:
        table.to_csv(partial, index=False)
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
    for ax, column, label in zip(axes, ("loss", "cider"), ("loss", "validation CIDEr-D"), strict=True):
        sns.lineplot(table, x="epoch", y=column, marker="o", ax=ax)
        ax.set(ylabel=label)
    with atomic(folder / "curves.png") as partial:
        figure.savefig(partial, dpi=120)
    plt.close(figure)
