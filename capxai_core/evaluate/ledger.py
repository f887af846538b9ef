"""The claims ledger: every claim, number, parameter, table and figure of the paper, and what came out here.

`claims.toml` holds the claims, each with the rule that will judge it; the rule computes the verdict from the result
tables alone, by the 95 % intervals of their rows:

- `above`, `below`: every row lies beyond `than`, a constant or its like among other rows, intervals disjoint. (That is
  strict; where a table has the paired difference, a claim compares that with 0.) *reproduced*; but where the paper
  prints a number, *in direction* unless the value is within `tolerance` of it and was measured on the paper's data.
- `near`: every interval lies within `tolerance` of the number: *reproduced*.
- `ordered`: the last row lies above the first, *in direction*; and every step between them rises, *reproduced*.

What does not come out is *not*, and `note` says whether the data contradict it or leave it undecided. Of several rows
the worst counts and is shown. Where there is nothing to judge, or too little (less than `FEWEST` images), the claim is
*not tested*, and `note` says why.
"""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, product
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from rich.table import Table

from capxai_core.errors import DataError
from capxai_core.evaluate.results import Results, evaluated, trained_on
from capxai_core.methods.registry import METHODS
from capxai_core.models.captioner import DECODERS, Captioner

Where = dict[str, Any]
VERDICTS = ("not", "in direction", "reproduced")
FEWEST = 8  # images: of fewer, the bootstrap's intervals exclude what is true much more often than they say


@dataclass(frozen=True)
class Claim:
    """Something the paper says.

    source: where; says: in our words; printed: as the paper has it; chapter: file of the book that shows it.
    table: judged by the rows of this result table that hold these values (`where`; a list stands for several rows), in
    this `column`; or facts: by numbers that follow from the paper's text alone, by name; or not_tested: why by neither.
    than: a constant, or the values by which the rows to compare with differ from `where`; of the rest each row has its
    own to compare with.
    number: as printed; a mapping where it was printed for a profile, or profile/model, only.
    remark: what to know beside the verdict.
    """

    id: str
    source: list[str]
    says: str
    printed: str
    chapter: str
    table: str = ""
    where: Where = field(default_factory=dict)
    column: str = "value"
    facts: dict[str, float] = field(default_factory=dict)
    not_tested: str = ""
    rule: str = ""
    than: float | Where = 0.0
    number: float | dict[str, float] | None = None
    tolerance: float = 0.0
    remark: str = ""

    def rule_in_words(self) -> str:
        """What is looked at, and what must hold."""
        what = ", ".join(f"{key} {value}" for key, value in (self.where or self.facts).items() if value != "")
        than = ", ".join(map(str, self.than.values())) if isinstance(self.than, dict) else f"{self.than:g}"
        near = f"within {self.tolerance:g} of the printed number"
        holds = {"near": near, "ordered": "rising in this order"}.get(self.rule, f"{self.rule} {than}")
        also = f"; reproduced {near}" if self.rule != "near" and self.number is not None else ""
        return f"{self.table} {what}: {holds}{also}".strip() if self.rule else ""


class Reading(NamedTuple):
    """A row of a result table; name: what tells it from the other rows asked for."""

    value: float
    low: float
    high: float
    n: int | None = None
    images: int | None = None
    name: str = ""

    def __str__(self) -> str:
        value, low, high = (f"{round(x, 3):,.10g}" for x in self[:3])
        return (
            f"{self.name} {value} [{low}, {high}]".strip() if self.low < self.high else f"{self.name} {value}".strip()
        )


class Untested(Exception):
    """Why a claim cannot be judged."""


Read = Callable[[Where], list[Reading]]


def claims() -> list[Claim]:
    """The claims in the order of the paper."""
    return [Claim(**row) for row in tomllib.loads(Path(__file__).with_name("claims.toml").read_text("utf-8"))["claim"]]


def settings(model: Captioner, **given: float) -> pd.DataFrame:
    """What results were made with, as the table `settings` (setting, value, …). given: what the model does not tell."""
    told = {"d": model.embedding.embedding_dim, "positions": model.encoder.grid**2, "channels": model.encoder.channels}
    told |= {name: getattr(METHODS["lrp"], name) for name in ("epsilon", "alpha")} | given
    rows = [{"setting": name, "value": value, "low": value, "high": value} for name, value in told.items()]
    return pd.DataFrame(rows).assign(n=1, images=0, note="")


def ledger(results: Path, profiles: Sequence[str], of: Sequence[Claim] | None = None) -> pd.DataFrame:
    """A row for each claim, profile and model (empty where a claim compares the models, or needs none).

    Columns: id, source, says, printed, profile, model, ours as value, low, high, n, images, then verdict, note, rule in
    words, chapter.
    Reads `results/<profile>/<model>/<table>.csv`; `DataError` where a claim and its table do not fit.
    """
    rows = []
    for claim, profile in product(claims() if of is None else of, profiles):
        told = {"id": claim.id, "source": ", ".join(claim.source), "says": claim.says, "printed": claim.printed}
        for model in DECODERS if claim.table and "architecture" not in claim.where else ("",):
            try:
                place = evaluated(results / profile).get(model, results / profile / model)
                data = f"{trained_on(place)}/{model}" if model else profile
                verdict, row, note = judge(claim, _reader(claim, results / profile, model), data)
            except Untested as why:
                verdict, row, note = "not tested", Reading(nan, nan, nan), str(why)
            ours = row._replace(name=profile)._asdict() | {"verdict": verdict}
            last = {"note": "; ".join(filter(None, (note, claim.remark))), "rule": claim.rule_in_words()}
            rows.append(told | {"profile": profile, "model": model} | ours | last | {"chapter": claim.chapter})
    return pd.DataFrame(rows).drop(columns="name").astype({"n": "Int64", "images": "Int64"})


def judge(claim: Claim, read: Read, data: str) -> tuple[str, Reading, str]:
    """Verdict, the row that decided it, and a note. read: the rows that a `where` selects; data: profile/model."""
    rows, number = read(claim.where), claim.number
    if claim.rule != "near" and (few := [row.images for row in rows if row.images and row.images < FEWEST]):
        raise Untested(f"{min(few)} images are too few to judge by")
    if isinstance(number, dict):
        number = number.get(data, number.get(data.split("/")[0]))
    if claim.rule == "near" and number is None:
        return "not tested", rows[0], "the number was printed for other data"
    found = []
    for row, other, as_printed in _pairs(claim, rows, read, number):
        holds, contradicted = _holds(claim.rule, row, other)
        why = "" if holds else "contradicted" if contradicted else "undecided at this n"
        note = f"{row} against {other}" if other.name else row.name
        found.append((holds * (1 + as_printed), not contradicted, row, ": ".join(filter(None, (note, why)))))
    level, _, row, note = min(found, key=lambda pair: pair[:2])
    return VERDICTS[level], row, note


def _pairs(claim: Claim, rows: list[Reading], read: Read, number: float | None) -> list[tuple[Reading, Reading, bool]]:
    """What is compared with what, and whether that would be all the paper prints."""
    than, near = claim.than, claim.tolerance
    if claim.rule == "ordered":
        return [(rows[-1], rows[0], all(a.value < b.value for a, b in pairwise(rows)))]
    if claim.rule == "near" and number is not None:
        return [(row, Reading(number, number - near, number + near), True) for row in rows]
    if isinstance(than, dict):  # like with like: in what it does not name, both rows are the same
        each = {key: values for key, values in claim.where.items() if isinstance(values, list) and key not in than}
        likes = [claim.where | dict(zip(each, values, strict=True)) for values in product(*each.values())]
        pairs = [pair for like in likes for pair in product(read(like), read(like | than))]
    else:
        pairs = [(row, Reading(than, than, than)) for row in rows]
    met = [claim.number is None or (number is not None and abs(row.value - number) <= near) for row, _ in pairs]
    return [(*pair, as_printed) for pair, as_printed in zip(pairs, met, strict=True)]


def _holds(rule: str, row: Reading, other: Reading) -> tuple[bool, bool]:
    """Whether the rule holds, and whether the data contradict it; neither: undecided."""
    if rule == "near":
        return other.low <= row.low and row.high <= other.high, row.low > other.high or row.high < other.low
    above, below = (other, row) if rule == "below" else (row, other)
    return above.low > below.high, above.high <= below.low


def _reader(claim: Claim, folder: Path, model: str) -> Read:
    if claim.not_tested:
        raise Untested(claim.not_tested)
    if claim.facts:
        return lambda _: [Reading(value, value, value, name=name) for name, value in claim.facts.items()]
    tables, places = [], evaluated(folder)
    for architecture in (model,) if model else DECODERS:
        found = Results(folder.name, architecture, places.get(architecture, folder / architecture))
        if claim.table not in found:
            raise Untested(f"no results {folder.name}/{architecture}/{claim.table}.csv")
        tables.append(found[claim.table].assign(architecture=architecture))
    return lambda where: _select(claim, pd.concat(tables), where)


def _select(claim: Claim, table: pd.DataFrame, where: Where) -> list[Reading]:
    numbers = ["value", "low", "high"] if claim.column == "value" else [claim.column] * 3
    if missing := {*where, *numbers} - {*table}:
        raise DataError(f"claim '{claim.id}': table '{claim.table}' has no column {', '.join(sorted(missing))}")
    asked = f"{claim.table} with {', '.join(f'{key} {value}' for key, value in where.items() if value != '')}"
    lists = [value if isinstance(value, list) else [value] for value in where.values()]
    wanted = pd.DataFrame(product(*lists), columns=list(where), dtype=object)
    # a column of empty cells alone is read as numbers
    keys = {key: table[key].astype(object).where(table[key].notna(), "") for key in where}
    rows = wanted.merge(table.assign(**keys), how="left")
    if len(rows) > len(wanted):
        raise DataError(f"claim '{claim.id}': {len(rows)} rows instead of {len(wanted)} of {asked}")
    if claim.rule == "near":  # what has no interval may still be near
        rows = rows.assign(**{end: rows[end].fillna(rows[numbers[0]]) for end in numbers[1:]})
    if rows[numbers].isna().any(axis=None):
        lacks = f"nothing in {asked if table[numbers[0]].notna().any() else claim.table}"
        raise Untested("; ".join(filter(None, rows["note"].dropna())) or lacks)
    differs = claim.than if isinstance(claim.than, dict) else {}
    told = [key for key in where if key in differs or isinstance(claim.where.get(key), list)]
    names = [" ".join(map(str, key)) for key in rows[told].to_numpy()]
    return [Reading(*row) for row in zip(*(rows[name] for name in (*numbers, "n", "images")), names, strict=True)]


def show(table: pd.DataFrame) -> Table:
    """A ledger for the terminal: a line for each claim, its profiles and models beneath each other."""
    shown = Table("claim", "paper", "ours", "verdict", show_lines=True)
    for _, rows in table.groupby("id", sort=False):
        readings = rows[["profile", "model", "value", "low", "high"]].to_numpy()
        ours = [f"{p} {m} {'' if pd.isna(x[0]) else Reading(*x)}".replace("  ", " ").strip() for p, m, *x in readings]
        first = rows.iloc[0]
        shown.add_row(f"{first.says} ({first.source})", first.printed, "\n".join(ours), "\n".join(rows["verdict"]))
    return shown
