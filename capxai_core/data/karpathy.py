"""Data sets in the layout of the Karpathy split files (`dataset_flickr8k.json` and its siblings)."""

import json
from pathlib import Path
from typing import Any

from capxai_core.data.examples import FileExample, tokenize
from capxai_core.errors import DataError

SPLITS = {"train": "train", "restval": "train", "val": "val", "test": "test"}


def load_karpathy(annotations: str | Path, images: str | Path) -> list[FileExample]:
    """Read `images[].filename/split/sentences[].tokens|raw`; pictures are looked for in the folder `images`.

    `restval` counts as training, as in the field. Raises `DataError` naming file, field and index.
    """
    annotations, folder = Path(annotations), Path(images)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of images")
    examples: dict[str, FileExample] = {}
    for i, record in enumerate(_read(annotations)):
        example = _example(record, folder, f"{annotations}: images[{i}]")
        if example.name in examples:
            raise DataError(f"{annotations}: images[{i}].filename: '{example.name}' stands here a second time")
        examples[example.name] = example
    return list(examples.values())


def _read(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON ({error})") from None
    records = content.get("images") if isinstance(content, dict) else None
    if not isinstance(records, list) or not records:
        raise DataError(f"{path}: field 'images' must be a list with at least one entry")
    return records


def _example(record: Any, folder: Path, where: str) -> FileExample:
    name, split, sentences = (_field(record, key, kind, where) for key, kind in FIELDS)
    if split not in SPLITS:
        raise DataError(f"{where}.split: {split!r} is none of {', '.join(SPLITS)}")
    if Path(name).name != name or name in ("", ".."):
        raise DataError(f"{where}.filename: {name!r} must be a plain file name")
    captions = tuple(_tokens(s, f"{where}.sentences[{k}]") for k, s in enumerate(sentences))
    if not captions:
        raise DataError(f"{where}.sentences: an image needs at least one caption")
    return FileExample(name, SPLITS[split], captions, folder / name)


FIELDS: tuple[tuple[str, type], ...] = (("filename", str), ("split", str), ("sentences", list))


def _field(record: Any, key: str, kind: type, where: str) -> Any:
    if not isinstance(record, dict) or not isinstance(record.get(key), kind):
        raise DataError(f"{where}.{key}: must be a {kind.__name__}")
    return record[key]


def _tokens(sentence: Any, where: str) -> tuple[str, ...]:
    if isinstance(sentence, dict) and isinstance(sentence.get("tokens"), list):
        if not all(isinstance(token, str) for token in sentence["tokens"]):
            raise DataError(f"{where}.tokens: must be a list of words")
        text = " ".join(sentence["tokens"])
    else:
        text = _field(sentence, "raw", str, where)
    words = tokenize(text)
    if not words:
        raise DataError(f"{where}: has no word")
    return words
