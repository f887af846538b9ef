"""A scene that can be looked at, described and edited."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from capxai_core.data.examples import ObjectAnnotation
from capxai_core.data.scenes import grammar
from capxai_core.data.scenes.canvas import COLOURS, OVERSAMPLING, Canvas
from capxai_core.data.scenes.people import Figure
from capxai_core.data.scenes.places import draw_place
from capxai_core.data.scenes.things import draw_thing
from capxai_core.data.scenes.world import ANIMALS, KINDS, PEOPLE, PRESENCE, SPLITS, Group, Thing, verb_of
from capxai_core.errors import RequestError

SEEN = 24 / 128**2
"""The share of the picture an object must show to count as seen: 24 pixels at 128 x 128."""
WORN_SEEN = 0.009
"""A garment must also show this share of its wearer's squared height: a sliver at the collar names no shirt."""


@dataclass(frozen=True)
class Scene:
    """A picture's content, `things` in drawing order, the farthest first; drawn and captioned when asked for."""

    seed: int
    split: str
    place: str
    things: tuple[Thing, ...]
    groups: tuple[Group, ...]

    def render(self, size: int = 128) -> Tensor:
        """The picture, float32 (3, size, size) in [0, 1]; the composition does not depend on the size."""
        return torch.from_numpy(self._draw(size, coloured=True).array())

    @cached_property
    def captions(self) -> tuple[tuple[str, ...], ...]:
        """Five captions as tuples of lower-case tokens, none longer than 18."""
        return grammar.captions(self)

    @cached_property
    def objects(self) -> tuple[ObjectAnnotation, ...]:
        """What can be seen, clothing included: boxes of the visible extent, masks (128, 128)."""
        return self.annotate(128)

    @cached_property
    def seen(self) -> tuple[tuple[int, str], ...]:
        """(key of the thing, kind of garment or "") of each of `objects`."""
        parts = self._parts()
        shares = np.bincount(self._labels(128).ravel(), minlength=len(parts) + 1)[1:] / 128**2
        least = (max(SEEN, WORN_SEEN * self.thing(key).h ** 2) if worn else SEEN for key, worn in parts)
        return tuple(part for part, share, enough in zip(parts, shares, least, strict=True) if share >= enough)

    def annotate(self, size: int) -> tuple[ObjectAnnotation, ...]:
        """The same objects as `objects`, with masks (size, size): pixels of which the object fills more than half."""
        labels, parts, found = self._labels(size), self._parts(), []
        for key, worn in self.seen:
            mask = labels == parts.index((key, worn)) + 1
            left, top, right, bottom = Image.fromarray(mask).getbbox() or (0, 0, 0, 0)
            box = (left / size, top / size, (right - left) / size, (bottom - top) / size)
            category = worn or self.thing(key).kind
            found.append(ObjectAnnotation(category, grammar.OBJECT_WORDS[category], box, mask))
        return tuple(found)

    def presence(self) -> Tensor:
        """Which of the labels `PRESENCE` hold for what is seen, float32 (len(PRESENCE),) of 0 and 1."""
        parts = [(self.thing(key), worn) for key, worn in self.seen]
        kinds = [thing.kind for thing, worn in parts if not worn]
        labels = {self.place, *kinds, *(worn for _, worn in parts)}
        labels |= {f"{verb_of(thing)} person" for thing, worn in parts if thing.kind in PEOPLE and not worn}
        labels |= {f"{g.colour} clothing" for thing, worn in parts for g in thing.wears if g.kind == worn}
        labels |= {n for n, of in (("two people", PEOPLE), ("two animals", ANIMALS)) if sum(k in of for k in kinds) > 1}
        return torch.tensor([float(name in labels) for name in PRESENCE])

    def without(self, i: int) -> "Scene":
        """The scene without object `i` of `objects`, its shadow, a person's clothing, a jacket's lining."""
        thing, worn = self._part(i)
        if worn:
            return self._with(replace(thing, wears=tuple(g for g in thing.wears if g.kind != worn)))
        groups = [replace(g, link="", target=None) if g.target == thing.key else g for g in self.groups]
        groups = [replace(g, keys=tuple(k for k in g.keys if k != thing.key)) for g in groups]
        things = tuple(t for t in self.things if t is not thing)
        return replace(self, things=things, groups=tuple(g for g in groups if g.keys))

    def moved(self, i: int, dx: float, dy: float) -> "Scene":
        """The scene with object `i` moved by fractions of the picture; a garment takes its wearer along."""
        thing, _ = self._part(i)
        return self._with(replace(thing, x=thing.x + dx, y=thing.y + dy))

    def recoloured(self, i: int, colour: str) -> "Scene":
        """The scene with object `i` in another of `COLOURS`; `RequestError` for people and unknown colours."""
        thing, worn = self._part(i)
        if colour not in COLOURS:
            raise RequestError(f"unknown colour {colour!r}: choose one of {', '.join(COLOURS)}")
        if worn:
            wears = tuple(replace(g, colour=colour) if g.kind == worn else g for g in thing.wears)
            return self._with(replace(thing, wears=wears))
        if thing.kind in PEOPLE:
            raise RequestError(f"object {i} is a {thing.kind}: people cannot be recoloured, their clothing can")
        return self._with(replace(thing, colour=colour))

    def thing(self, key: int) -> Thing:
        """The thing with this key."""
        return next(t for t in self.things if t.key == key)

    def _with(self, thing: Thing) -> "Scene":
        return replace(self, things=tuple(thing if t.key == thing.key else t for t in self.things))

    def _part(self, i: int) -> tuple[Thing, str]:
        if not 0 <= i < len(self.seen):
            raise RequestError(f"no object {i}: {len(self.seen)} objects can be seen in this scene, counted from 0")
        return self.thing(self.seen[i][0]), self.seen[i][1]

    def _parts(self) -> list[tuple[int, str]]:
        """All there is, seen or not, in the order of the canvas's numbers from 1."""
        return [(t.key, worn) for t in self.things for worn in ("", *(g.kind for g in t.wears))]

    def _labels(self, size: int) -> np.ndarray:
        """(size, size): the number of the object that fills most of each pixel, 0 where none does."""
        fine = np.asarray(self._draw(size, coloured=False).ids).reshape(size, OVERSAMPLING, size, OVERSAMPLING)
        fine = np.sort(fine.transpose(0, 2, 1, 3).reshape(size, size, OVERSAMPLING**2), axis=2)
        median = fine[:, :, OVERSAMPLING**2 // 2]  # what fills more than half is the median
        return np.where((fine == median[:, :, None]).sum(2) * 2 > OVERSAMPLING**2, median, 0)

    def _draw(self, size: int, coloured: bool) -> Canvas:
        canvas = Canvas(size, coloured)
        if coloured:
            draw_place(canvas, self.place, self.seed * len(SPLITS) + SPLITS.index(self.split))
        for t in self.things:
            canvas.frame(t.x, t.y, t.h, t.flip)
            if t.pose != "flying" or t.kind in PEOPLE:
                canvas.shadow(KINDS[t.kind].shadow)
            canvas.frame(t.x, t.y - t.lift, t.h, t.flip)
            canvas.number = 1 + self._parts().index((t.key, ""))
            if t.kind in PEOPLE:
                Figure(canvas, t).draw()
            else:
                draw_thing(canvas, t)
        return canvas
