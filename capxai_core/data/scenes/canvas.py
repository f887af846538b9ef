"""A picture that is drawn twice at once: its colours, and at each place the number of the object seen there.

Both are drawn at `OVERSAMPLING` times the final size without anti-aliasing and averaged down afterwards, so an
object's pixels and its mask come from the same geometry and an edit changes nothing outside the object.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import numpy as np
from PIL import Image, ImageChops, ImageDraw

OVERSAMPLING = 3

Point = tuple[float, float]
Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (206, 76, 66),
    "blue": (74, 120, 190),
    "green": (88, 156, 92),
    "yellow": (238, 200, 84),
    "white": (246, 244, 238),
    "black": (54, 54, 64),
    "pink": (238, 150, 176),
    "orange": (234, 142, 72),
    "brown": (150, 104, 70),
    "gray": (152, 156, 164),
}
"""The palette: every colour word the captions know."""

_RAMP = Image.fromarray(np.add.outer(np.arange(32), np.arange(32)).astype(np.float32) * 4.1).convert("L")
_CIRCLE = [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 28, endpoint=False)]


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`a` with `share` of `b` in it."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def light(colour: Colour, share: float = 0.25) -> Colour:
    """Towards warm white."""
    return mix(colour, (255, 250, 240), share)


def dark(colour: Colour, share: float = 0.25) -> Colour:
    """Towards a cool dark, the colour of shadows."""
    return mix(colour, (40, 36, 62), share)


class Canvas:
    """Shapes in a local frame: the origin at a thing's foot, u to where it faces, v up, in units of its height."""

    def __init__(self, size: int, coloured: bool = True) -> None:
        self.side = size * OVERSAMPLING
        self.ids = Image.new("L", (self.side, self.side))
        self.pixels = Image.new("RGB", (self.side, self.side)) if coloured else None
        self.number = 0
        self._draw_ids = ImageDraw.Draw(self.ids)
        self._draw = ImageDraw.Draw(self.pixels) if self.pixels is not None else None
        self.frame(0.0, 1.0, 1.0)

    def frame(self, x: float, y: float, height: float, flip: bool = False) -> None:
        """Put the origin at (x, y), fractions of the picture; `height` is the unit of length."""
        self._x, self._y = x * self.side, y * self.side
        self._v = height * self.side
        self._u = -self._v if flip else self._v

    @contextmanager
    def within(self, u: float, v: float, scale: float) -> Iterator[None]:
        """A smaller frame inside this one: its origin at (u, v), `scale` its unit of length."""
        kept = self._x, self._y, self._u, self._v
        self._x, self._y = self._x + u * self._u, self._y - v * self._v
        self._u, self._v = self._u * scale, self._v * scale
        yield
        self._x, self._y, self._u, self._v = kept

    def polygon(self, points: Sequence[Point], colour: Colour, shade: float = 0.0) -> None:
        """Fill a polygon; `shade` is how much darker its lower right is than its upper left."""
        x0, y0, su, sv = self._x, self._y, self._u, self._v
        xy = [(x0 + u * su, y0 - v * sv) for u, v in points]
        self._draw_ids.polygon(xy, fill=self.number)
        if self.pixels is None or self._draw is None:
            return
        if not shade:
            self._draw.polygon(xy, fill=colour)
            return
        left, top = int(min(x for x, _ in xy)) - 1, int(min(y for _, y in xy)) - 1
        width, height = int(max(x for x, _ in xy)) + 2 - left, int(max(y for _, y in xy)) + 2 - top
        self._draw.polygon(xy, fill=light(colour, shade * 0.55))
        mask = Image.new("L", (width, height))
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in xy], fill=255)
        veil = ImageChops.multiply(mask, _RAMP.resize((width, height), Image.Resampling.BILINEAR))
        self.pixels.paste(dark(colour, shade * 1.2), (left, top), veil)

    def ellipse(
        self, u: float, v: float, ru: float, rv: float, colour: Colour, shade: float = 0.0, angle: float = 0.0
    ) -> None:
        """An ellipse around (u, v), turned by `angle` degrees counter-clockwise."""
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        self.polygon([(u + ru * a * c - rv * b * s, v + ru * a * s + rv * b * c) for a, b in _CIRCLE], colour, shade)

    def box(self, left: float, low: float, right: float, high: float, colour: Colour, shade: float = 0.0) -> None:
        """An upright rectangle."""
        self.polygon([(left, low), (right, low), (right, high), (left, high)], colour, shade)

    def limb(self, p: Point, q: Point, rp: float, rq: float, colour: Colour, shade: float = 0.0) -> None:
        """A rounded, tapering stroke: the hull of a disc of radius `rp` at p and one of `rq` at q."""
        along = math.atan2(q[1] - p[1], q[0] - p[0])
        outline = []
        for (u, v), r, start in ((p, rp, along + math.pi / 2), (q, rq, along - math.pi / 2)):
            outline += [
                (u + r * math.cos(start + k * math.pi / 6), v + r * math.sin(start + k * math.pi / 6)) for k in range(7)
            ]
        self.polygon(outline, colour, shade)

    def path(self, points: Sequence[Point], radius: float, colour: Colour) -> None:
        """A stroke of even width through the points."""
        for p, q in pairwise(points):
            self.limb(p, q, radius, radius, colour)

    def smooth(self, points: Sequence[Point], colour: Colour, shade: float = 0.0) -> None:
        """A closed Catmull-Rom curve through the points."""
        n, outline = len(points), []
        for i in range(n):
            (ax, ay), (bx, by), (cx, cy), (dx, dy) = (points[(i + k) % n] for k in (-1, 0, 1, 2))
            for t in (0.0, 0.25, 0.5, 0.75):
                wa, wb = 0.5 * (-t + 2 * t * t - t**3), 0.5 * (2 - 5 * t * t + 3 * t**3)
                wc, wd = 0.5 * (t + 4 * t * t - 3 * t**3), 0.5 * (t**3 - t * t)
                outline.append((wa * ax + wb * bx + wc * cx + wd * dx, wa * ay + wb * by + wc * cy + wd * dy))
        self.polygon(outline, colour, shade)

    def shadow(self, u: float, v: float, ru: float, strength: float = 0.3) -> None:
        """A soft veil on the ground; it darkens what is there and belongs to no object's mask."""
        if self.pixels is None or not ru:
            return
        rv = 0.07 * ru + 0.021
        for grow, share in ((1.0, 0.5), (0.7, 1.0)):
            x, y = self._x + u * self._u, self._y - v * self._v
            rx, ry = abs(ru * self._u) * grow, abs(rv * self._v) * grow
            box = (int(x - rx), int(y - ry), int(x + rx) + 1, int(y + ry) + 1)
            mask = Image.new("L", (max(box[2] - box[0], 1), max(box[3] - box[1], 1)))
            ImageDraw.Draw(mask).ellipse((0, 0, mask.width - 1, mask.height - 1), fill=round(255 * strength * share))
            self.pixels.paste((44, 40, 66), box[:2], mask)

    def array(self) -> np.ndarray:
        """The colours averaged down: float32 (3, size, size) in [0, 1]."""
        assert self.pixels is not None
        small = np.asarray(self.pixels.reduce(OVERSAMPLING), np.float32) / 255
        return np.ascontiguousarray(small.transpose(2, 0, 1))
