"""Data sets in the layout of the Karpathy split files (`dataset_flickr8k.json` and its siblings)."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from capxai_core.data.annotations import STRICT, FileName, Records, read, wrong
from capxai_core.data.examples import FileExample, tokenize
from capxai_core.errors import DataError

SPLITS = {"train": "train", "restval": "train", "val": "val", "test": "test"}


@dataclass(config=STRICT, slots=True)
class Sentence:
    """One caption: its tokens, or the text they are made from."""

    tokens: list[str] | None = None
    raw: str | None = None


@dataclass(config=STRICT, slots=True)
class Picture:
    """One image with its captions."""

    filename: FileName
    split: Literal["train", "restval", "val", "test"]
    sentences: Annotated[list[Sentence], Field(min_length=1)]


@dataclass(config=STRICT, slots=True)
class SplitFile:
    """The whole file."""

    images: Annotated[Records[Picture], Field(min_length=1)]


def load_karpathy(annotations: str | Path, images: str | Path) -> list[FileExample]:
    """Read `images[].filename/split/sentences[].tokens|raw`; pictures are looked for in the folder `images`.

    `restval` counts as training, as in the field. Raises `DataError` naming file, field and index.
    """
    annotations, folder = Path(annotations), Path(images)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of images")
    examples: dict[str, FileExample] = {}
    for i, picture in enumerate(read(annotations, SplitFile).images):
        name = picture.filename
        captions = []
        for k, sentence in enumerate(picture.sentences):
            text = " ".join(sentence.tokens or ()) or sentence.raw
            if text is None:
                raise wrong(annotations, ("images", i, "sentences", k, "raw"), "is missing, and so is 'tokens'")
            if words := tokenize(text):
                captions.append(words)
        if not captions:
            raise wrong(annotations, ("images", i), "has no caption with a word")
        if name in examples:
            raise wrong(annotations, ("images", i, "filename"), f"'{name}' stands here a second time")
        examples[name] = FileExample(name, SPLITS[picture.split], tuple(captions), folder / name)
    return list(examples.values())
