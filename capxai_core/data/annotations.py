"""Annotation files: JSON read into records of known fields, and errors that name file, field and index."""

import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, ConfigDict, FailFast, TypeAdapter, ValidationError

from capxai_core.errors import DataError

STRICT = ConfigDict(strict=True, allow_inf_nan=False)  # no "7" for 7, no NaN; fields that no record names are ignored

T = TypeVar("T")
Records = Annotated[list[T], FailFast()]  # one wrong entry is named, not a million


def _plain(name: str) -> str:
    if name in ("", ".", "..") or set(name) & {"/", "\\", "\0"}:
        raise ValueError(f"must be a plain file name, not {reprlib.repr(name)}")
    return name


FileName = Annotated[str, AfterValidator(_plain)]


def read(path: Path, layout: type[T]) -> T:
    """The content of a JSON file as the record `layout`; `DataError` for anything that is not laid out so."""
    try:
        return TypeAdapter(layout).validate_json(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as invalid:
        # Where a field may be one of several things, the attempt that came furthest is about the one that was meant.
        found = max(invalid.errors(include_url=False, include_context=False), key=lambda error: len(error["loc"]))
        raise wrong(path, found["loc"], _reason(found["type"], found["msg"], found["input"])) from None


def wrong(path: Path, location: tuple[int | str, ...], reason: str) -> DataError:
    """The error to raise: `("annotations", 17, "image_id")` is told as `<path>: annotations[17].image_id: <reason>`."""
    # pydantic puts the names of alternatives ("list[float]", "RunLengths") among those of the fields
    fields = [part for part in location if isinstance(part, int) or (part.isidentifier() and part.islower())]
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fields).lstrip(".")
    return DataError(f"{path}: {where}: {reason}" if where else f"{path}: {reason}")


def unique(path: Path, field: str, key: str, records: Iterable[T]) -> dict[Any, T]:
    """The records of the list `field` by their `key`; `DataError` where it comes twice."""
    found: dict[Any, T] = {}
    for i, record in enumerate(records):
        value = getattr(record, key)
        if value in found:
            raise wrong(path, (field, i, key), f"{value!r} stands here a second time")
        found[value] = record
    return found


def _reason(kind: str, message: str, found: Any) -> str:
    if kind == "json_invalid":
        return f"is not JSON ({message.removeprefix('Invalid JSON: ')})"
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    told = message.replace("Input should be", "must be").replace(" after validation", "")
    return f"{told}, not {reprlib.repr(found)}" if message.startswith("Input") else told
