"""What is in a scene, how it is sampled, and how it is edited.

The language bias, a stand-in for the shirts of Flickr, lives in `POLICIES`. In the splits `train`, `val` and
`test` most people wear a shirt (in the snow a jacket), and the captioners of these splits speak from habit:
they say "in a blue shirt" also of people whose torso is hidden behind a bush, a sign, a car, a bench or an
umbrella, and often of people who wear nothing or something else there; riders "wear a hat" and running dogs "play
with a ball" in the same way. In `counter` most torsos are hidden, the visible ones mostly wear something else,
riders are bareheaded and dogs have no ball, and captions name only what can be seen. In `encoder` every class of
object and every kind of clothing is drawn independently and evenly, which is what the encoder is pretrained on.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from capxai_core.data.examples import ObjectAnnotation
from capxai_core.data.scenes.body import POSES, skeleton
from capxai_core.data.scenes.canvas import COLOURS, OVERSAMPLING, Canvas
from capxai_core.data.scenes.people import draw_person
from capxai_core.data.scenes.places import HORIZON, draw_place
from capxai_core.data.scenes.things import DRAW, SHADOWS
from capxai_core.errors import RequestError

SPLITS = ("train", "val", "test", "counter", "encoder")
PEOPLE = ("man", "woman", "boy", "girl")
ANIMALS = ("dog", "cat", "horse", "bird")
THINGS = ("ball", "kite", "bicycle", "bench", "umbrella", "car", "tree", "sign", "bush")
UPPER = ("shirt", "jacket", "coat", "dress")
LOWER = ("pants", "shorts", "skirt")
CLOTHING = (*UPPER, *LOWER, "hat")
CATEGORIES = (*PEOPLE, *ANIMALS, *THINGS, *CLOTHING)
PLACES = tuple(HORIZON)
CLOTH_COLOURS = ("blue", "red", "white", "black", "green", "yellow", "pink")
VERBS = ("standing", "walking", "running", "jumping", "sitting", "riding")
PRESENCE = (
    *CATEGORIES,
    *(f"{colour} clothing" for colour in CLOTH_COLOURS),
    *PLACES,
    *(f"{verb} person" for verb in VERBS),
    "two people",
    "two animals",
)
"""Labels for the encoder's pretraining, in the order of `Scene.presence()`."""

SEEN = 24 / 128**2
"""The share of the picture an object must show to count as seen (24 pixels at 128 x 128)."""
WORN_SEEN = 0.012
"""A garment must also show this share of its wearer's squared height: a sliver at the collar names no shirt."""


@dataclass(frozen=True)
class Policy:
    """What a split's people wear and what its captioners say of what they do not see (all are probabilities)."""

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


_HABIT = Policy(0.25, 0.08, 0.10, 0.15, 0.85, 0.8, 0.9, 0.8, 0.35, 0.6)
POLICIES = {
    "train": _HABIT,
    "val": _HABIT,
    "test": _HABIT,
    "counter": Policy(0.60, 0.5, 0.36, 0.1, 0.05, 0.1),
    "encoder": Policy(0.2, 0.2, 0.8, 0.4, 0.4, 0.5),
}


@dataclass(frozen=True)
class Garment:
    """A piece of clothing on a person."""

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


@dataclass(frozen=True)
class Scene:
    """A picture's content; `things` in drawing order, farthest first. Drawn, masked and captioned on demand."""

    seed: int
    split: str
    place: str
    things: tuple[Thing, ...]
    groups: tuple[Group, ...]

    def render(self, size: int = 128) -> Tensor:
        """The picture, float32 (3, size, size) in [0, 1]; the composition does not depend on the size."""
        return torch.from_numpy(self._draw(size, coloured=True).array())

    @cached_property
    def objects(self) -> tuple[ObjectAnnotation, ...]:
        """What can be seen, clothing included: boxes of the visible extent, masks (128, 128)."""
        return self.annotate(128)

    @cached_property
    def captions(self) -> tuple[tuple[str, ...], ...]:
        """Five captions as tuples of lower-case tokens, none longer than 16."""
        from capxai_core.data.scenes.grammar import captions

        return captions(self)

    @cached_property
    def seen(self) -> tuple[tuple[int, str], ...]:
        """(key, garment kind or "") of each of `objects`."""
        n = 128 * OVERSAMPLING
        counts = np.bincount(self._ids.ravel(), minlength=len(self._parts) + 1) / (n * n)
        heights = {t.key: t.h for t in self.things}
        return tuple(
            part
            for k, part in enumerate(self._parts)
            if counts[k + 1] >= (max(SEEN, WORN_SEEN * heights[part[0]] ** 2) if part[1] else SEEN)
        )

    def annotate(self, size: int) -> tuple[ObjectAnnotation, ...]:
        """The objects of `self.objects` with masks (size, size): a pixel is the object's when half of it is."""
        from capxai_core.data.scenes.grammar import OBJECT_WORDS

        ids = self._ids if size == 128 else np.asarray(self._draw(size, coloured=False).ids)
        found = []
        for part in self.seen:
            fine = (ids == self._parts.index(part) + 1).reshape(size, OVERSAMPLING, size, OVERSAMPLING)
            mask = fine.sum((1, 3)) * 2 >= OVERSAMPLING**2
            rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
            box = (0.0, 0.0, 0.0, 0.0)
            if len(rows):
                top, left = int(rows[0]), int(columns[0])
                box = (left / size, top / size, (int(columns[-1]) + 1 - left) / size, (int(rows[-1]) + 1 - top) / size)
            category = part[1] or self.thing(part[0]).kind
            found.append(ObjectAnnotation(category, OBJECT_WORDS[category], box, mask))
        return tuple(found)

    def presence(self) -> Tensor:
        """Which of the labels `PRESENCE` hold for what is seen, float32 (len(PRESENCE),) of 0 and 1."""
        labels = {self.place}
        for key, kind in self.seen:
            thing = self.thing(key)
            labels.add(kind or thing.kind)
            if kind:
                labels.add(next(g.colour for g in thing.wears if g.kind == kind) + " clothing")
            elif thing.kind in PEOPLE:
                labels.add(f"{verb_of(thing)} person")
        kinds = [self.thing(key).kind for key, kind in self.seen if not kind]
        labels |= {n for n, of in (("two people", PEOPLE), ("two animals", ANIMALS)) if sum(k in of for k in kinds) > 1}
        return torch.tensor([float(name in labels) for name in PRESENCE])

    def without(self, i: int) -> "Scene":
        """The scene with object `i` of `objects` (and its shadow) gone; what a person wears goes with the person."""
        key, kind = self._part(i)
        if kind:
            bare = tuple(g for g in self.thing(key).wears if g.kind != kind)
            return self._with(replace(self.thing(key), wears=bare))
        groups = tuple(_without(g, key) for g in self.groups if g.keys != (key,))
        return replace(self, things=tuple(t for t in self.things if t.key != key), groups=groups)

    def moved(self, i: int, dx: float, dy: float) -> "Scene":
        """The scene with object `i` moved by fractions of the picture; a garment takes its wearer along."""
        thing = self.thing(self._part(i)[0])
        return self._with(replace(thing, x=thing.x + dx, y=thing.y + dy))

    def recoloured(self, i: int, colour: str) -> "Scene":
        """The scene with object `i` in another of `COLOURS`; `RequestError` for people and unknown colours."""
        key, kind = self._part(i)
        thing = self.thing(key)
        if colour not in COLOURS:
            raise RequestError(f"unknown colour {colour!r}: choose one of {', '.join(COLOURS)}")
        if kind:
            wears = tuple(replace(g, colour=colour) if g.kind == kind else g for g in thing.wears)
            return self._with(replace(thing, wears=wears))
        if thing.kind in PEOPLE:
            raise RequestError(f"object {i} is a {thing.kind}: people cannot be recoloured, their clothing can")
        return self._with(replace(thing, colour=colour))

    def thing(self, key: int) -> Thing:
        """The thing with this key."""
        return next(t for t in self.things if t.key == key)

    def _with(self, thing: Thing) -> "Scene":
        return replace(self, things=tuple(thing if t.key == thing.key else t for t in self.things))

    def _part(self, i: int) -> tuple[int, str]:
        if not 0 <= i < len(self.seen):
            raise RequestError(f"no object {i}: this scene has objects 0 to {len(self.seen) - 1}")
        return self.seen[i]

    @cached_property
    def _parts(self) -> tuple[tuple[int, str], ...]:
        return tuple((t.key, kind) for t in self.things for kind in ("", *(g.kind for g in t.wears)))

    @cached_property
    def _ids(self) -> np.ndarray:
        return np.asarray(self._draw(128, coloured=False).ids)

    def _draw(self, size: int, coloured: bool) -> Canvas:
        canvas = Canvas(size, coloured)
        draw_place(canvas, self.place, self.seed * len(SPLITS) + SPLITS.index(self.split))
        number = 1
        for t in self.things:
            canvas.frame(t.x, t.y, t.h, t.flip)
            if t.kind in PEOPLE:
                canvas.shadow(0.02, 0.0, 0.2, 0.035)
            elif t.kind in SHADOWS and t.pose != "flying":
                canvas.shadow(0.04, 0.0, SHADOWS[t.kind], 0.07 * SHADOWS[t.kind] + 0.02)
            canvas.frame(t.x, t.y - t.lift, t.h, t.flip)
            if t.kind in PEOPLE:
                draw_person(canvas, t, {kind: number + k for k, kind in enumerate(("", *(g.kind for g in t.wears)))})
            else:
                canvas.number = number
                DRAW[t.kind](canvas, t)
            number += 1 + len(t.wears)
        return canvas


def verb_of(person: Thing) -> str:
    """The verb a person's pose shows."""
    return person.pose if person.pose in VERBS else "sitting" if person.pose == "seated" else "standing"


def _without(group: Group, key: int) -> Group:
    keys = tuple(k for k in group.keys if k != key)
    return replace(group, keys=keys, link="", target=None) if group.target == key else replace(group, keys=keys)


def sample_scene(seed: int, split: str = "train") -> Scene:
    """The scene of a seed in a split (`train`, `val`, `test`, `counter`, `encoder`); splits share no scenes."""
    from capxai_core.data.scenes.sampling import Sampler

    if split not in SPLITS:
        raise RequestError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
    if seed < 0:
        raise RequestError(f"seed must be 0 or more, not {seed}")
    return Sampler(seed, split).scene()


__all__ = ["CATEGORIES", "CLOTHING", "PLACES", "POLICIES", "POSES", "PRESENCE", "SPLITS", "Garment", "Group", "Policy",
           "Scene", "Thing", "sample_scene", "skeleton", "verb_of"]  # fmt: skip
