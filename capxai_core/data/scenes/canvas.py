"""A picture that is drawn twice at once: its colours, and at each place the number of the object seen there.

Both are drawn at `OVERSAMPLING` times the final size without anti-aliasing and averaged down afterwards, so an
object's pixels and its mask come from the same geometry and an edit changes nothing outside the object.
"""

import math
import tomllib
from copy import copy
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageColor, ImageDraw

OVERSAMPLING = 3

Point = tuple[float, float]
Colour = tuple[int, ...]

DRAWINGS = tomllib.loads(Path(__file__).with_name("drawings.toml").read_text("utf-8"))
"""How people and things look; the file says what each entry means."""
COLOURS: dict[str, Colour] = {word: ImageColor.getrgb(code) for word, code in DRAWINGS["colours"].items()}
"""The palette: every colour word the captions know."""
TONES = {name: [ImageColor.getrgb(code) for code in codes] for name, codes in DRAWINGS["tones"].items()}
"""What people and places differ in."""

_RAMP = Image.fromarray(np.add.outer(np.arange(32), np.arange(32)).astype(np.float32) * 4.1).convert("L")
_CIRCLE = [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 28, endpoint=False)]
_SPLINE = [
    (-t / 2 + t**2 - t**3 / 2, 1 - 2.5 * t**2 + 1.5 * t**3, t / 2 + 2 * t**2 - 1.5 * t**3, t**3 / 2 - t**2 / 2)
    for t in (0.0, 0.25, 0.5, 0.75)
]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`a` with `share` of `b` in it."""
    return tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))


def light(colour: Colour, share: float) -> Colour:
    """Towards warm white."""
    return mix(colour, (255, 250, 240), share)


def dark(colour: Colour, share: float) -> Colour:
    """Towards a cool dark, the colour of shadows."""
    return mix(colour, (40, 36, 62), share)


class Canvas:
    """Shapes in a local frame: the origin at a thing's foot, u to where it faces, v up, in units of its height.

    A shape's `shade` is how much darker its lower right is than its upper left.
    """

    def __init__(self, size: int, coloured: bool = True) -> None:
        self.side = size * OVERSAMPLING
        self.ids = Image.new("L", (self.side, self.side))
        self.pixels = Image.new("RGB", (self.side, self.side)) if coloured else None
        self.number = 0
        self.frame(0.0, 1.0, 1.0)

    def frame(self, x: float, y: float, height: float, flip: bool = False) -> None:
        """Put the origin at (x, y), fractions of the picture; `height` is the unit of length."""
        self._x, self._y = x * self.side, y * self.side
        self._v = height * self.side
        self._u = -self._v if flip else self._v

    def inside(self, origin: Point, scale: float = 1.0) -> "Canvas":
        """The same canvas with a smaller frame inside this one, `scale` its unit of length."""
        inner = copy(self)
        inner._x, inner._y = self._x + origin[0] * self._u, self._y - origin[1] * self._v
        inner._u, inner._v = self._u * scale, self._v * scale
        return inner

    def sketch(self, name: str, word: str = "", at: Point = (0.0, 0.0), scale: float = 1.0, **tones: Colour) -> None:
        """The `shapes` of this name in these `tones`, of which `tone` is what the colour `word` stands for."""
        tones |= {"tone": COLOURS[word]} if word else {}
        frame = self.inside(at, scale)
        for shape in DRAWINGS["shapes"][name]:
            base, *mixed = shape.get(word, shape["fill"]).split()
            colour = tones[base] if base in tones else ImageColor.getrgb(base)
            if mixed:
                colour = {"light": light, "dark": dark}[mixed[0]](colour, float(mixed[1]))
            form, geometry = next(iter(shape.items()))
            options = {option: shape[option] for option in ("shade", "angle") if option in shape}
            for spot in map(frame.inside, shape["at"]) if "at" in shape else [frame]:
                getattr(spot, form)(colour, *geometry, **options)

    def polygon(self, colour: Colour, *points: Point, shade: float = 0.0) -> None:
        """The area between the points."""
        xy = [(self._x + u * self._u, self._y - v * self._v) for u, v in points]
        ImageDraw.Draw(self.ids).polygon(xy, fill=self.number)
        if self.pixels is None:
            return
        ImageDraw.Draw(self.pixels).polygon(xy, fill=light(colour, shade * 0.55) if shade else colour)
        if shade:
            left, top = (int(min(side)) - 1 for side in zip(*xy, strict=True))
            right, bottom = (int(max(side)) + 2 for side in zip(*xy, strict=True))
            mask = Image.new("L", (right - left, bottom - top))
            ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in xy], fill=255)
            veil = ImageChops.multiply(mask, _RAMP.resize(mask.size, Image.Resampling.BILINEAR))
            self.pixels.paste(dark(colour, shade * 1.2), (left, top), veil)

    def ellipse(self, colour: Colour, p: Point, ru: float, rv: float, shade: float = 0.0, angle: float = 0.0) -> None:
        """An ellipse around p, turned by `angle` degrees counter-clockwise."""
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        outline = ((p[0] + ru * a * c - rv * b * s, p[1] + ru * a * s + rv * b * c) for a, b in _CIRCLE)
        self.polygon(colour, *outline, shade=shade)

    def box(self, colour: Colour, left: float, low: float, right: float, high: float, shade: float = 0.0) -> None:
        """An upright rectangle."""
        self.polygon(colour, (left, low), (right, low), (right, high), (left, high), shade=shade)

    def limb(self, colour: Colour, p: Point, q: Point, rp: float, rq: float, shade: float = 0.0) -> None:
        """A rounded, tapering stroke: the hull of a disc of radius `rp` at p and one of `rq` at q."""
        along = math.atan2(q[1] - p[1], q[0] - p[0])
        ends = ((p, rp, along + math.pi / 2), (q, rq, along - math.pi / 2))
        turns = [(u, v, r, start + k * math.pi / 6) for (u, v), r, start in ends for k in range(7)]
        self.polygon(colour, *((u + r * math.cos(a), v + r * math.sin(a)) for u, v, r, a in turns), shade=shade)

    def path(self, colour: Colour, radius: float, *points: Point) -> None:
        """A stroke of even width through the points."""
        for p, q in pairwise(points):
            self.limb(colour, p, q, radius, radius)

    def smooth(self, colour: Colour, *points: Point, shade: float = 0.0) -> None:
        """The area in a closed Catmull-Rom curve through the points."""
        around = np.asarray(points)[np.add.outer((-1, 0, 1, 2), range(len(points))) % len(points)]
        self.polygon(colour, *np.einsum("tk,kni->nti", _SPLINE, around).reshape(-1, 2).tolist(), shade=shade)

    def shadow(self, radius: float) -> None:
        """A soft veil on the ground below the origin; it darkens what is there and belongs to no object's mask."""
        if self.pixels is None or not radius:
            return
        for grow, strength in ((1.0, 38), (0.7, 76)):
            x, rx, ry = self._x + 0.03 * self._u, radius * self._v * grow, (0.07 * radius + 0.021) * self._v * grow
            left, top, right, bottom = int(x - rx), int(self._y - ry), int(x + rx) + 1, int(self._y + ry) + 1
            mask = Image.new("L", (right - left, bottom - top))
            ImageDraw.Draw(mask).ellipse((0, 0, mask.width - 1, mask.height - 1), fill=strength)
            self.pixels.paste((44, 40, 66), (left, top), mask)

    def array(self) -> np.ndarray:
        """The colours averaged down: float32 (3, size, size) in [0, 1]."""
        assert self.pixels is not None
        small = np.asarray(self.pixels.reduce(OVERSAMPLING), np.float32) / 255
        return np.ascontiguousarray(small.transpose(2, 0, 1))
