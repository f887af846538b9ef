"""What a view says in words: every sentence is computed from the explanation it describes."""

from collections.abc import Sequence

from torch import Tensor

from capxai_core.errors import RequestError
from capxai_core.methods import METHODS
from capxai_core.methods.explanation import Explanation

REGIONS = (
    ("in the upper left", "at the top", "in the upper right"),
    ("at the left", "in the centre", "at the right"),
    ("in the lower left", "at the bottom", "in the lower right"),
)


def label(method: str) -> str:
    """How a method is written for readers: "LRP", "Grad-CAM"."""
    return METHODS[method].label


def number(value: float, signed: bool = False) -> str:
    """Hundredths, or two digits of a value below 0.1, with a true minus sign: +0.41, −12.30, 3.4e−05."""
    digits = "2f" if abs(value) >= 0.1 or value == 0 else "2g"
    return f"{value:{'+' if signed else ''}.{digits}}".replace("-", "−")


def percent(share: float) -> str:
    """A share as a whole percentage, with a narrow no-break space: 37 %."""
    return f"{round(100 * share)}\u202f%".replace("-", "−")


def check_row(explanation: Explanation, row: int) -> None:
    """`RequestError` unless the explanation has this row."""
    if not 0 <= row < len(explanation.positions):
        words = ", ".join(f"{k} {word}" for k, word in enumerate(explanation.targets))
        raise RequestError(f"there is no word {row}; {label(explanation.method)} explains: {words}")


def same_words(explanations: Sequence[Explanation]) -> Explanation:
    """The first of explanations of the same words, one a method; `RequestError` where there are none such."""
    if not explanations:
        raise RequestError("a view needs at least one explanation")
    first = explanations[0]
    for other in explanations[1:]:
        if (other.caption.words, other.positions) != (first.caption.words, first.positions):
            raise RequestError(
                f"the explanations {first.method} and {other.method} are not of the same words: "
                "explain one caption with the same words= and include_end= for every method"
            )
    if len({e.method for e in explanations}) < len(explanations):
        raise RequestError("two explanations are of the same method; show one of each")
    return first


def where(mass: Tensor) -> str:
    """Where in a picture most of a non-negative map (H, W) lies, and which share of it.

    One ninth of the picture if it holds at least 40 %, else one half if it holds at least 65 %, else everywhere.
    """
    total = mass.sum().item()
    ninths = {
        name: cell.sum().item() / total
        for names, band in zip(REGIONS, mass.tensor_split(3, 0), strict=True)
        for name, cell in zip(names, band.tensor_split(3, 1), strict=True)
    }
    (upper, lower), (left, right) = mass.tensor_split(2, 0), mass.tensor_split(2, 1)
    halves = {"upper": upper, "lower": lower, "left": left, "right": right}
    halves_share = {f"in the {name} half": half.sum().item() / total for name, half in halves.items()}
    for shares, enough in ((ninths, 0.4), (halves_share, 0.65)):
        region = max(shares, key=shares.__getitem__)
        if shares[region] >= enough:
            return f"mostly {region} ({percent(shares[region])} of it)"
    return "spread over the picture"


def _picture(image: Tensor, signed: bool) -> str:
    positive, negative = image.clamp(min=0), (-image).clamp(min=0)
    p, n = positive.sum().item(), negative.sum().item()
    if p + n * signed == 0:
        return "nothing in the picture; the map is zero everywhere"
    if not signed:
        return f"weight {where(positive)}"
    sides = [("for", p / (p + n), positive), ("against", n / (p + n), negative)]
    sides.sort(key=lambda side: -side[1])
    return "; ".join(
        f"evidence {side} it, {percent(share)} of all, {where(mass)}" for side, share, mass in sides if share >= 0.005
    )


def alt_text(explanation: Explanation, row: int) -> str:
    """The map and the preceding words of one explained word (a row of the explanation) in a few sentences."""
    check_row(explanation, row)
    position = explanation.positions[row]
    image = explanation.image[row].detach().float().cpu()
    text = f"{label(explanation.method)} for “{explanation.targets[row]}”: {_picture(image, explanation.signed)}."
    if explanation.words is not None:
        scores = explanation.words[row, : position + 1].tolist()
        best, worst = (pick(range(len(scores)), key=scores.__getitem__) for pick in (max, min))
        said = []
        if scores[best] > 0:
            said.append(f"“{explanation.tokens[best]}” speaks most for it ({number(scores[best], signed=True)})")
        if scores[worst] < 0:
            said.append(f"“{explanation.tokens[worst]}” most against it ({number(scores[worst], signed=True)})")
        text += f" Of the words before it, {', '.join(said)}." if said else " The words before it play no part."
    if explanation.budget is not None:
        of = explanation.budget
        score, pixels, words = (term[row].item() for term in (of.logit, of.pixels, of.words))
        # Terms of both signs may exceed the score they add up to: they are shares of it only between none and all.
        if score and all(0 <= term / score <= 1 for term in (pixels, words)):
            text += f" {percent(pixels / score)} of its score {number(score)} reached the pixels."
        else:
            to_pixels, to_words = (number(term, signed=True) for term in (pixels, words))
            text += f" Of its score {number(score)}, {to_pixels} reached the pixels and {to_words} the earlier words."
    return text
