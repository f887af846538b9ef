"""The paper's claims and this book's conclusions, judged: verdicts of a chapter, the ledger, what an option decides."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler

from capxai_core.errors import DataError, RequestError
from capxai_core.evaluate.ledger import Claim, Reading, claims, ledger
from capxai_core.evaluate.results import evaluated_profiles
from capxai_core.models.captioner import DECODERS
from capxai_core.views.charts import counted, name_of, said
from capxai_core.views.evidence import Markup
from capxai_core.views.heatmap import styled
from capxai_core.views.view import HERE

# Blue for what came out, orange for what did not, as in the maps; the words say it too.
TINTS = {
    "reproduced": "background-color: #6baed670",
    "in direction": "background-color: #6baed635",
    "not": "background-color: #fdae6b60",
}
_CELLS = "text-align: left; white-space: pre-line; vertical-align: top; overflow-wrap: anywhere; "
_VERDICTS: Any = [
    {"selector": "", "props": "table-layout: fixed; width: 100%; min-width: 30rem; font-size: 0.9em"},
    {"selector": "th, td", "props": _CELLS + "border-top: 1px solid #8884; padding: 0.2rem 0.3rem"},
    {"selector": "tbody th", "props": "font-weight: normal"},
    {"selector": ".level1", "props": "width: 12%"},
]
OPEN = ("contradicted", "undecided at this n")  # why a claim is not reproduced, as the ledger ends its notes
_NUMBERS = re.compile(r" (\S+ \[[^]]*\])")
KINDS = ("reproduced", "in direction", "contradicted", "undecided", "not tested")
_LEDGER = (HERE / "ledger.css").read_text(encoding="utf-8")


def verdicts(results: Path, profile: str, chapter: str, only: Sequence[str] = ()) -> Styler:
    """What the paper claims in a chapter, as `4b_masking`, and what came out: a row a claim, a column a model.

    results: the folder above those of the profiles; where others than `profile` have results that judge a claim, each
    of these has a row too. only: the ids of some of the claims. A claim that does not fit its table is told so, not
    judged. `RequestError` where no claim names the chapter. `.data` has the text.
    """
    mine = [c for c in claims() if c.chapter == f"book/{chapter}" and (not only or c.id in only)]
    if not mine:
        raise RequestError(f"no claim of the paper is judged in a chapter '{chapter}'")
    rows: dict[tuple[str, str], dict[str, str]] = {}
    tints: dict[tuple[str, str], dict[str, str]] = {}
    for claim in mine:
        lines = (claim.says, f"Paper: {claim.printed}", claim.remark and f"({claim.remark})".replace("`", ""))
        about = "\n".join(filter(None, lines))
        for name in evaluated_profiles(results, profile):
            judged = [row for row, _ in _judged(claim, results, [name])]
            if name != profile and (not claim.table or {row["verdict"] for row in judged} == {"not tested"}):
                continue
            of = {row["model"]: row for row in judged}
            found = {model: of.get(model, judged[0]) for model in DECODERS}
            rows[about, name] = {name_of(m): _outcome(claim, row) for m, row in found.items()}
            tints[about, name] = {name_of(m): TINTS.get(row["verdict"], "") for m, row in found.items()}
    shown = pd.DataFrame(rows.values(), pd.MultiIndex.from_tuples(rows))
    colours = pd.DataFrame(tints.values(), shown.index)
    others = shown.index.get_level_values(1).nunique() > 1
    if not others:
        shown, colours = shown.droplevel(1), colours.droplevel(1)
    styler = styled(shown, f"What the paper claims, and what came out{'' if others else f' on {profile}'}")
    return styler.set_table_styles(_VERDICTS).apply(lambda _: colours, axis=None)


def table_conclusions(table: pd.DataFrame, caption: str = "") -> Styler:
    """Which conclusions stand whatever the options: a row each, with what comes out by the paper's, and by which not.

    table: that of `conclusions_table`. `.data` has the text.
    """
    rows = {}
    for conclusion, part in table.groupby("conclusion", sort=False):
        own = part[part["method"] == "paper"].to_dict("records")
        others = part[~part["survives"].astype(bool)].to_dict("records")
        rows[str(conclusion)] = {
            "the paper’s options": "; ".join(f"{row['holds']}: {said(row)}" for row in own) or "not tested",
            "comes out otherwise with": "; ".join(f"{row['method']} ({row['holds']}: {said(row)})" for row in others)
            or "none of the others",
        }
    return styled(pd.DataFrame(rows).T, f"{caption} ({counted(table)})" if caption else counted(table))


def disagreements(results: Path, profiles: Sequence[str], models: Sequence[str]) -> Styler:
    """The claims that profiles decide in opposite ways for one model: a row each, a column a profile. `.data` has them.

    Reproduced or in direction by one and contradicted by another; what is undecided agrees with both.
    """
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for claim in claims():
        judged = list(_judged(claim, results, profiles))
        for model in models:
            of = [(row, kind) for row, kind in judged if row["model"] == model]
            kinds = {kind for _, kind in of}
            if "contradicted" in kinds and kinds & {"reproduced", "in direction"}:
                told = {row["profile"]: _outcome(claim, row) for row, _ in of}
                rows[f"{claim.says}\nPaper: {claim.printed}", name_of(model)] = told
    shown = pd.DataFrame(rows.values(), pd.MultiIndex.from_tuples(rows), list(profiles)) if rows else pd.DataFrame()
    return styled(shown, f"Decided in opposite ways on {' and '.join(profiles)}").set_table_styles(_VERDICTS)


def table_ledger(results: Path, profiles: Sequence[str]) -> Markup:
    """Every claim of the paper: what it prints, what came out for each profile and model, the verdict and its rule.

    results: the folder above those of the profiles. The filters are the page's own: no script, no kernel.
    """
    judged = [(claim, list(_judged(claim, results, profiles))) for claim in claims()]
    rows = [{"claim": c.says, "paper": c.printed, **row, "kind": kind} for c, found in judged for row, kind in found]
    count = {name: sum(name in {k for _, k in found} for _, found in judged) for name in KINDS}
    chapters = list(dict.fromkeys(claim.chapter.removeprefix("book/") for claim in claims()))
    radios = "".join(
        f'<label><input type="radio" name="capxai-kind" value="{_class(name)}"{" checked" * (name == "all")}> '
        f"{name} ({n})</label>"
        for name, n in {"all": len(judged), **count}.items()
    )
    options = "".join(f'<option value="{name}">{name}</option>' for name in chapters)
    hide = [f':has(input[value="{_class(k)}"]:checked) tr.claim:not(.{_class(k)})' for k in count]
    hide += [f':has(option[value="{c}"]:checked) tr.claim:not([data-chapter="{c}"])' for c in chapters]
    style = _LEDGER + "".join(f".capxai-ledger{one} {{ display: none }}\n" for one in hide)
    body = "".join(_claim(claim, found, results) for claim, found in judged)
    text = (
        f'<div class="capxai-ledger"><style>{style}</style><fieldset><legend>Claims with a verdict</legend>{radios}'
        f'</fieldset><p><label>Chapter <select><option value="">all</option>{options}</select></label></p>'
        f"<table><thead><tr><th>claim<th>paper<th>here</tr></thead><tbody>{body}</tbody></table></div>"
    )
    return Markup(text, pd.DataFrame(rows))


def _judged(claim: Claim, results: Path, profiles: Sequence[str]) -> Iterator[tuple[dict[str, Any], str]]:
    """The ledger's rows of a claim, each with the kind of its verdict; what cannot be judged is not tested."""
    try:
        rows: list[dict[Any, Any]] = ledger(results, profiles, [claim]).to_dict("records")
    except DataError as error:
        nothing = {"value": None, "n": None, "verdict": "not tested", "note": str(error)}
        rows = [{"profile": ", ".join(profiles), "model": "", **nothing}]
    for row in rows:
        decided = str(row["note"]).removesuffix(claim.remark).rstrip("; ")
        why = "contradicted" if decided.endswith("contradicted") else "undecided"
        yield row, why if row["verdict"] == "not" else row["verdict"]


def _claim(claim: Claim, found: Sequence[tuple[dict[str, Any], str]], results: Path) -> str:
    chapter = claim.chapter.removeprefix("book/")
    here = any((results.parent / f"{claim.chapter}.{kind}").is_file() for kind in ("py", "md"))
    link = f'<a href="{chapter}.html">{chapter}</a>' if here else chapter
    rule = html.escape("; ".join(filter(None, (claim.rule_in_words(), claim.remark))).replace("`", ""))
    said = f"<details><summary>how it is judged</summary>{rule}</details>" if rule else ""
    told = [(_class(kind), f"{row['profile']} {name_of(row['model'])}", _outcome(claim, row)) for row, kind in found]
    readings = "".join(
        f'<div class="reading {kind}"><small>{html.escape(of)}</small><p class="what">{html.escape(what)}</p></div>'
        for kind, of, what in told
    )
    kinds = " ".join(dict.fromkeys(kind for kind, *_ in told))
    return (
        f'<tr class="claim {kinds}" data-chapter="{chapter}"><th scope="row">'
        f"<p>{html.escape(claim.says)}</p><small>{html.escape(', '.join(claim.source))}; {link}</small>{said}</th>"
        f'<td class="printed">{html.escape(claim.printed)}</td><td>{readings}</td></tr>'
    )


def _class(kind: str) -> str:
    return kind.replace(" ", "-")


def _outcome(claim: Claim, row: Mapping[Any, Any]) -> str:
    """The verdict on a claim, what it was judged by, and n, a line each."""
    note = str(row["note"]).removesuffix(claim.remark).rstrip("; ")
    reading = "" if pd.isna(row["value"]) else str(Reading(row["value"], row["low"], row["high"]))
    if row["verdict"] == "not tested":
        head = f"not tested: {note}"
    else:
        by, _, why = note.rpartition(": ") if note.endswith(OPEN) else (note, "", "")
        head = "not reproduced" if row["verdict"] == "not" else row["verdict"]
        head, named = f"{head}: {why}".rstrip(": "), " ".join(map(name_of, by.split(" ")))
        reading = _NUMBERS.sub(r": \1", named) if " against " in by else ": ".join(filter(None, (named, reading)))
    reading = re.sub(r"-(?=\d)", "−", reading)
    n = f"n = {row['n']:,}" if claim.table and reading else ""
    return "\n".join(filter(None, (head, reading, n)))
