"""The files of each data set of photographs: where they belong, where they come from, and how to fetch them.

Sizes and SHA-256 sums of COCO's and Karpathy's archives are those that TensorFlow Datasets publishes for the same
addresses (`url_checksums/coco_captions.txt`). VGG16's sum begins with the digits of torchvision's file name.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pooch  # type: ignore[import-untyped]
import torch
from rich.progress import track

from capxai_core.errors import DataError

ATTEMPTS = 50  # times that a broken connection is taken up again, as long as each brings something
RANGE_NOT_SATISFIABLE = 416


@dataclass(frozen=True)
class Archive:
    """A published file: a zip, or the very file that is wanted."""

    url: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Source:
    """Something a profile needs. path: file or folder, below the data folder; files: how many the whole set has there.

    archive: what holds it, at the same place below the profile's folder; or form: the page where to ask for it.
    """

    path: str
    files: int = 1
    archive: Archive | None = None
    form: str = ""

    def count(self, root: Path) -> int:
        """How many of its files are there."""
        path = root / self.path
        return sum(file.is_file() for file in path.iterdir()) if path.is_dir() else int(path.is_file())

    def way_out(self, profile: str) -> str:
        """How to get it."""
        if self.archive:
            return f"capxai data fetch {profile} ({self.archive.size / 1e9:.2g} GB from {self.archive.url})"
        return f"ask for the photographs at {self.form} and put the .jpg files there"


COCO, STANFORD = "http://images.cocodataset.org", "https://cs.stanford.edu/people/karpathy/deepimagesent"
KARPATHY = Archive(
    f"{STANFORD}/caption_datasets.zip", 36745453, "4cfd70132527b80933105e5829dc9034eaab9573482e2e680abbab6130244817"
)
COCO_TRAIN = Archive(
    f"{COCO}/zips/train2017.zip", 19336861798, "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929"
)
COCO_VAL = Archive(
    f"{COCO}/zips/val2017.zip", 815585330, "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05"
)
COCO_ANNOTATIONS = Archive(
    f"{COCO}/annotations/annotations_trainval2017.zip",
    252907541,
    "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
)
VGG16 = Archive(
    "https://download.pytorch.org/models/vgg16-397923af.pth",
    553433881,
    "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
)
COCO_TABLES = [
    f"coco2017/annotations/{kind}_{s}2017.json" for kind in ("captions", "instances") for s in ("train", "val")
]

SOURCES = {
    "flickr8k": (
        Source("flickr8k/dataset_flickr8k.json", archive=KARPATHY),
        Source("flickr8k/images", 8000, form="https://forms.illinois.edu/sec/1713398"),
    ),
    "flickr30k": (
        Source("flickr30k/dataset_flickr30k.json", archive=KARPATHY),
        Source("flickr30k/images", 31014, form="https://forms.illinois.edu/sec/229675"),
    ),
    "coco2017": (
        *(Source(path, archive=COCO_ANNOTATIONS) for path in COCO_TABLES),
        Source("coco2017/train2017", 118287, COCO_TRAIN),
        Source("coco2017/val2017", 5000, COCO_VAL),
    ),
}


def sources_of(profile: str, root: Path) -> tuple[Source, ...]:
    """What a profile needs, VGG16's weights last: those in the data folder, else torchvision's where it keeps them."""
    own = "vgg16/vgg16_features.fp16.safetensors"
    kept = Path(torch.hub.get_dir()) / "checkpoints" / VGG16.url.rsplit("/", 1)[-1]
    weights = Source(own) if (root / own).is_file() else Source(str(kept), archive=VGG16)
    return (*SOURCES[profile], weights) if profile in SOURCES else ()


def fetch(sources: Sequence[Source], root: Path) -> None:
    """Download and unpack what is not there in full; what only a form gives is left out.

    Interrupted, it goes on where it was. `DataError` where a file cannot be had or is not the published one, of which
    then nothing is kept, or where the disk is too small.
    """
    wanted = [s for s in sources if s.count(root) < s.files]
    for archive in dict.fromkeys(s.archive for s in wanted if s.archive):
        paths = [Path(s.path) for s in wanted if s.archive == archive]
        if archive.url.endswith(".zip"):
            whole = download(archive, root / "downloads")
            unpack(whole, root / paths[0].parts[0], ["/".join(path.parts[1:]) for path in paths])
            whole.unlink()
        else:
            download(archive, paths[0].parent)


def download(archive: Archive, folder: Path) -> Path:
    """The verified file in the folder. The part that has come so far stays beside it; see `fetch` for errors.

    Not by `pooch.retrieve`, which deletes what it was interrupted in checking, all of it.
    """
    name = archive.url.rsplit("/", 1)[-1]
    folder.mkdir(parents=True, exist_ok=True)
    whole, part = folder / name, folder / f"{name}.part"
    if whole.is_file() and pooch.file_hash(str(whole)) == archive.sha256:
        return whole
    part.touch()
    needed = (1 + name.endswith(".zip")) * archive.size - part.stat().st_size
    if shutil.disk_usage(folder).free < needed:
        raise DataError(f"{folder}: {needed / 1e9:.1f} GB must be free there for {name}")
    try:
        for _attempt in range(ATTEMPTS):
            if (have := part.stat().st_size) == archive.size:
                break
            headers = {"Range": f"bytes={have}-", "Accept-Encoding": "identity"}
            get = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=2**16, headers=headers)
            try:
                with part.open("ab") as file:
                    get(archive.url, file, None)
            except OSError as error:
                if getattr(getattr(error, "response", None), "status_code", 0) == RANGE_NOT_SATISFIABLE:
                    raise ValueError from None  # shorter than the published file
                if part.stat().st_size == have:
                    raise
            if part.stat().st_size > archive.size:
                if not have:
                    raise ValueError  # longer; else the server knows no ranges and has begun anew
                os.truncate(part, 0)
        else:
            raise ConnectionError(f"it broke off {ATTEMPTS} times")
        if pooch.file_hash(str(part)) != archive.sha256:
            raise ValueError
        return part.replace(whole)
    except ValueError:
        part.unlink()
        raise DataError(
            f"{archive.url}: what came is not the published file (its SHA-256 is another) and was deleted; try again"
        ) from None
    except OSError as error:
        raise DataError(
            f"{archive.url}: could not be downloaded ({error}). Run the same command again to go on where it stopped, "
            f"or get the file from elsewhere as {folder / name}"
        ) from None


def unpack(archive: Path, folder: Path, members: Sequence[str]) -> None:
    """Extract these files and folders of a zip; files that are there in full size are left alone."""
    folder.mkdir(parents=True, exist_ok=True)  # it may be a link to another disk
    with ZipFile(archive) as packed, TemporaryDirectory(dir=folder) as aside:
        chosen = [i for i in packed.infolist() if not i.is_dir() and i.filename.startswith(tuple(members))]
        for info in track(chosen, f"unpacking {archive.name}", disable=not sys.stderr.isatty()):
            target = folder / info.filename
            if not (target.is_file() and target.stat().st_size == info.file_size):
                whole = Path(packed.extract(info, aside))
                target = folder / whole.relative_to(aside)  # a name cannot lead out of the folder
                target.parent.mkdir(parents=True, exist_ok=True)
                whole.replace(target)
