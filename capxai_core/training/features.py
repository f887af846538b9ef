"""What a frozen encoder sees, computed once and kept on disk in half precision."""

import contextlib
import hashlib
import logging
import math
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from rich.progress import Progress
from torch import Tensor

from capxai_core.data.examples import Example
from capxai_core.errors import DataError
from capxai_core.files import read_facts, write_facts
from capxai_core.models.device import at_once, faster_in_bfloat16
from capxai_core.models.encoder import Encoder

BATCH = 16


class FeatureCache:
    """A memory map (n, C, grid, grid) of float16 in `folder`, filled in order; an interrupted filling goes on.

    The folder's name is what `looks` tells. mirrored: of the images turned left to right.
    """

    def __init__(self, encoder: Encoder, examples: Sequence[Example], folder: Path, mirrored: bool = False) -> None:
        self.encoder, self.examples, self.mirrored = encoder, examples, mirrored
        self.folder = folder / f"{looks(encoder, examples)}{'-mirrored' * mirrored}"
        self.index = {example.name: i for i, example in enumerate(examples)}
        self.shape = (len(examples), encoder.channels, encoder.grid, encoder.grid)

    def fill(self, device: torch.device) -> "FeatureCache":
        """Compute what is missing, with progress; a second process waits for the first. Raises what decoding raises."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "filling.lock")
        try:
            held = lock.acquire(timeout=1)
        except Timeout:
            logging.getLogger(__name__).warning("waiting for another process, which fills %s", self.folder)
            held = lock.acquire()
        with held:
            self._fill(device)
        self.store = np.load(self.folder / "features.npy", mmap_mode="r")
        return self

    def _fill(self, device: torch.device) -> None:
        counter, path, done = self.folder / "done.json", self.folder / "features.npy", 0
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, EOFError):  # nothing is done, or whole
            np.load(path, mmap_mode="r")  # "r+" would fill up with zeros what was cut off
            done = int(read_facts(counter)["images"])
        needed = 0 if done else 2 * math.prod(self.shape)
        if shutil.disk_usage(self.folder).free < needed:  # a full disk ends a process that writes to a map of it
            raise DataError(f"{self.folder}: {needed / 1e9:.1f} GB must be free there for image features")
        store = np.lib.format.open_memmap(path, "r+" if done else "w+", dtype=np.float16, shape=self.shape)
        home = next(self.encoder.parameters()).device
        encoder = self.encoder.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        n = at_once(encoder.mean, BATCH)
        with Progress(transient=True) as progress, ThreadPoolExecutor() as decoding:
            task = progress.add_task("image features", total=len(self.examples), completed=done)
            for start in range(done, len(self.examples), n):
                images = list(decoding.map(lambda e: e.image(), self.examples[start : start + n]))
                batch = torch.cat([encoder.normalise(image) for image in images])
                batch = (batch.flip(3) if self.mirrored else batch).contiguous(memory_format=torch.channels_last)
                with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=faster_in_bfloat16(device)):
                    a = encoder(batch)
                store[start : start + len(images)] = a.to("cpu", torch.float16).numpy()
                if (start // n) % 8 == 7 or start + n >= len(self.examples):
                    store.flush()
                    write_facts({"images": start + len(images)}, counter)
                progress.update(task, advance=len(images))
        self.encoder.to(home)

    def __getitem__(self, names: Sequence[str]) -> Tensor:
        """A of the named images, (n, C, grid, grid) float32."""
        rows = [self.index[name] for name in names]
        return torch.from_numpy(self.store[rows].astype(np.float32))


def looks(encoder: Encoder, examples: Sequence[Example]) -> str:
    """What tells an encoder's looks at pictures from others: its fingerprint, their names, three of the pictures."""
    data = hashlib.sha256("\n".join(e.name for e in examples).encode())
    for example in (examples[0], examples[len(examples) // 2], examples[-1]):
        data.update(example.image().numpy().tobytes())
    return f"{encoder.fingerprint()[:12]}-{data.hexdigest()[:12]}"
