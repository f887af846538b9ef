"""Is everything there that a profile needs? To be asked before hours of work."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from capxai_core.data.examples import Example
from capxai_core.data.fetch import fetch, sources_of
from capxai_core.data.vocabulary import Vocabulary
from capxai_core.errors import CapxaiError, DataError
from capxai_core.pipeline.profiles import absent, find_profile


class Finding(NamedTuple):
    """What was looked at, what was found, and the way out where that is not enough."""

    what: str
    found: str
    way_out: str = ""


def check_data(name: str, root: Path) -> Iterator[Finding]:
    """Files, annotations, pictures (those listed but missing, and one of each split decoded), VGG16's weights.

    A subset of a data set is complete where every picture that its annotations list is there.
    """
    profile, complete = find_profile(name), True
    if not profile.needs_data:
        yield Finding("data and weights", "none needed: the package draws its pictures and brings its weights")
        return
    *data, weights = sources_of(name, root)
    for source in data:
        n = source.count(root)
        whole = f" of the {source.files:,} of the whole set" if n < source.files else ""
        complete &= n > 0
        found = f"{n:,} file{'s' * (n != 1)}{whole}" if n else "missing"
        yield Finding(source.path, found, "" if n else source.way_out(name))
    if complete:
        try:
            yield from check_examples(profile.listed(root), profile.recipe.min_count, name)
        except DataError as error:
            yield Finding("annotations", "not as they should be", str(error))
    if not weights.count(root):
        yield Finding(weights.path, "missing", weights.way_out(name))
        return
    try:
        yield Finding("VGG16", f"{weights.path}, fingerprint {profile.encoder(root).fingerprint()[:12]}…")
    except (CapxaiError, RuntimeError) as error:
        again = f"then {weights.way_out(name)}" if weights.archive else "or put a whole one there"
        yield Finding("VGG16", "cannot be read", f"delete {root / weights.path}, {again}: {error}")


def check_examples(examples: Sequence[Example], min_count: int, name: str) -> Iterator[Finding]:
    """What the annotations say, and whether the pictures are there and can be decoded."""
    lost = {example.name: example.path for example in absent(examples)}
    for split, n in sorted(Counter(example.split for example in examples).items()):
        own = [example for example in examples if example.split == split]
        captions, objects = sum(len(e.captions) for e in own), sum(len(e.objects) for e in own)
        found = f"{n:,} images, {captions:,} captions" + (f", {objects:,} objects" if objects else "")
        there = [example for example in own if example.name not in lost]
        if there:
            try:
                height, width = there[0].image().shape[1:]
                yield Finding(f"split {split}", f"{found}; {there[0].name} decoded, {width} x {height} pixels")
            except CapxaiError as error:
                yield Finding(f"split {split}", found, f"{error}; replace the file")
        if missing := [lost[example.name] for example in own if example.name in lost]:
            told = (
                f"put {missing[0].name} and its like into {missing[0].parent}; capxai data fetch {name} says from where"
            )
            yield Finding(f"split {split}", f"{len(missing):,} of {found} missing", told)
    for needed in {"train", "val", "test"} - {example.split for example in examples}:
        yield Finding(f"split {needed}", "no images", "the annotations list none; get the whole annotations")
    words = Vocabulary.build((c for e in examples if e.split == "train" for c in e.captions), min_count)
    yield Finding("vocabulary", f"{len(words):,} words, each at least {min_count} times in the training captions")


def check_profile(name: str, data: Path | None = None) -> None:
    """Show the findings as a table, then each way out; `DataError` where there is one to take."""
    root = find_profile(name).root(data)
    table = Table(title=f"{name} in {root}" if root.name else name)
    for column in ("", "what", "found"):
        table.add_column(column, overflow="fold")
    findings = list(check_data(name, root))
    for what, found, way_out in findings:
        table.add_row("[red]✗" if way_out else "[green]✓", escape(what), escape(found))
    Console().print(table)
    lacking = [finding for finding in findings if finding.way_out]
    for finding in lacking:
        print(f"{finding.what}: {finding.way_out}")
    if lacking:
        raise DataError(f"profile '{name}' is not ready: {len(lacking)} of {len(findings)} things are missing or wrong")


def fetch_profile(name: str, data: Path | None = None) -> None:
    """Download what of a profile may be downloaded and is not there, then check."""
    root = find_profile(name).root(data)
    fetch(sources_of(name, root), root)
    check_profile(name, data)
