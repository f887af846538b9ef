"""What a scene is made of, and the habits that bias its captions.

The language bias, a stand-in for the shirts of Flickr, lives in `POLICIES`. In the splits `train`, `val` and
`test` most people wear a shirt (in the snow a jacket), and the captioners of these splits speak from habit:
they say "in a blue shirt" also of people whose torso is hidden behind a bush, a sign, a car, a bench or an
umbrella, and often of people who wear nothing or something else there; riders "wear a hat" and running dogs "play
with a ball" in the same way. In `counter` three torsos of four are hidden, bare or wear something else than usual,
riders are bareheaded and dogs have no ball, and captions name only what can be seen. In `encoder` every class of
object and every kind of clothing is drawn independently and evenly, which is what the encoder is pretrained on.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of person, animal or thing; `world.toml` says what each field means."""

    height: float
    shadow: float = 0.0
    width: float = 0.0
    tints: Sequence[str] = ()
    poses: Sequence[str] = ()


class Setting(NamedTuple):
    """What is particular to a place; `world.toml` says what each field means."""

    horizon: float
    ground: tuple[str, str]
    around: Sequence[str]
    screens: Sequence[str]
    doings: Sequence[str]
    said: Sequence[str]


_DATA = tomllib.loads(Path(__file__).with_name("world.toml").read_text("utf-8"))
KINDS = {kind: Kind(**row) for kind, row in _DATA["kinds"].items()}
"""People first, then animals, then things."""
SETTINGS = {place: Setting(**row) for place, row in _DATA["places"].items()}
NAMES: dict[str, list[tuple[str, str]]] = _DATA["names"]
"""(singular, plural) of what has more than its own name, the likelier ones repeated."""

SPLITS = ("train", "val", "test", "counter", "encoder")
PEOPLE = ("man", "woman", "boy", "girl")
FEMALE = ("woman", "girl")
ANIMALS = ("dog", "cat", "horse", "bird")
UPPER = ("shirt", "jacket", "coat", "dress")
LOWER = ("pants", "shorts", "skirt")
CLOTHING = (*UPPER, *LOWER, "hat")
CATEGORIES = (*KINDS, *CLOTHING)
PLACES = tuple(SETTINGS)
CLOTH_COLOURS = ("blue", "red", "white", "black", "green", "yellow", "pink")
VERBS = ("standing", "walking", "running", "jumping", "sitting", "riding")
PRESENCE = (*CATEGORIES, *(f"{colour} clothing" for colour in CLOTH_COLOURS), *PLACES,
            *(f"{verb} person" for verb in VERBS), "two people", "two animals")  # fmt: skip
"""Labels for the encoder's pretraining, in the order of `Scene.presence()`."""


@dataclass(frozen=True)
class Policy:
    """What a split's people wear and what its captioners say of what they do not see; all are probabilities.

    hidden: the torso is behind something. bare: it wears nothing; unusual: it wears not what is usual in its place.
    hat, rider_hat: a hat on anybody, on a rider. dog_ball: a running dog has a ball.
    habit_hidden, habit_bare: the usual garment is told of a torso that is hidden, that is bare.
    habit_unusual: another garment is called a shirt. habit_extra: an absent rider's hat or dog's ball is told.
    """

    hidden: float
    bare: float
    unusual: float
    hat: float
    rider_hat: float
    dog_ball: float
    habit_hidden: float = 0.0
    habit_bare: float = 0.0
    habit_unusual: float = 0.0
    habit_extra: float = 0.0


_HABIT = Policy(
    hidden=0.25, bare=0.08, unusual=0.10, hat=0.15, rider_hat=0.85, dog_ball=0.8,
    habit_hidden=0.9, habit_bare=0.8, habit_unusual=0.35, habit_extra=0.6,
)  # fmt: skip
POLICIES = {
    "train": _HABIT,
    "val": _HABIT,
    "test": _HABIT,
    "counter": Policy(hidden=0.42, bare=0.33, unusual=0.25, hat=0.35, rider_hat=0.05, dog_ball=0.1),
    "encoder": Policy(hidden=0.2, bare=0.2, unusual=0.8, hat=0.4, rider_hat=0.4, dog_ball=0.5),
}


@dataclass(frozen=True)
class Garment:
    """A piece of clothing on a person; `pattern` 1: a striped shirt, a dotted dress, a jacket lined in gray."""

    kind: str
    colour: str
    pattern: int = 0


@dataclass(frozen=True)
class Thing:
    """A person, animal or thing: foot at (x, y), height h (fractions of the picture), `key` unique in its scene.

    `lift` raises it above its shadow; `anchor` is where a kite's string ends; `detail` varies its looks.
    """

    key: int
    kind: str
    x: float
    y: float
    h: float
    colour: str = "white"
    pose: str = "standing"
    flip: bool = False
    detail: int = 0
    lift: float = 0.0
    anchor: tuple[float, float] | None = None
    wears: tuple[Garment, ...] = ()


@dataclass(frozen=True)
class Group:
    """Who does what: things `keys` are `verb`-ing, `link` (a preposition or nothing) the thing `target`."""

    keys: tuple[int, ...]
    verb: str
    link: str = ""
    target: int | None = None


def verb_of(person: Thing) -> str:
    """The verb a person's pose shows."""
    return person.pose if person.pose in VERBS else "sitting" if person.pose == "seated" else "standing"
