"""Backgrounds: five places with light, texture and clutter that belongs to no object."""

import numpy as np
from PIL import Image

from capxai_core.data.scenes.canvas import Canvas, Colour, dark, light, mix

HORIZON = {"field": 0.46, "beach": 0.44, "street": 0.5, "snow": 0.48, "room": 0.56}
"""Where the ground begins, as a fraction of the height from the top."""

_SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((150, 196, 228), (226, 238, 240)),
    ((172, 204, 222), (246, 236, 218)),
    ((196, 206, 220), (232, 232, 234)),
    ((240, 196, 170), (252, 232, 206)),
)
_WALLS: tuple[Colour, ...] = ((226, 202, 178), (206, 176, 158), (190, 200, 206), (222, 214, 196), (204, 188, 200))
_FLOWERS: tuple[Colour, ...] = ((250, 240, 200), (236, 150, 160), (248, 214, 110))
_GROUNDS: dict[str, tuple[Colour, Colour]] = {
    "field": ((166, 200, 126), (118, 166, 92)),
    "beach": ((240, 222, 178), (226, 200, 150)),
    "street": ((176, 174, 178), (142, 142, 150)),
    "snow": ((236, 242, 248), (214, 224, 238)),
    "room": ((206, 166, 124), (176, 134, 98)),
}


def _fade(c: Canvas, top: float, bottom: float, upper: Colour, lower: Colour) -> None:
    """A vertical gradient over the picture's full width, from `top` to `bottom` (fractions from the top)."""
    assert c.pixels is not None
    a, b = round(top * c.side), round(bottom * c.side)
    rows = np.linspace(upper, lower, b - a).astype(np.uint8)[:, None, :]
    c.pixels.paste(Image.fromarray(np.ascontiguousarray(np.broadcast_to(rows, (b - a, c.side, 3)))), (0, a))


def draw_place(c: Canvas, place: str, seed: int) -> None:
    """Sky or wall, ground, texture and clutter, the same for a seed at every size."""
    rng = np.random.default_rng([seed, 99])
    c.number = 0
    c.frame(0.0, 1.0, 1.0)
    ground = 1 - HORIZON[place]
    if place == "room":
        _room(c, rng, ground)
    else:
        overcast = place == "snow" and rng.random() < 0.6
        sky = _SKIES[2 if overcast else int(rng.integers(2 if place == "beach" else 4))]
        _fade(c, 0, HORIZON[place] + 0.02, *sky)
        for _ in range(int(rng.integers(0, 4))):
            u, v, r = rng.uniform(0, 1), rng.uniform(ground + 0.2, 0.95), rng.uniform(0.03, 0.06)
            for du, k in ((-1.2, 0.7), (0.0, 1.0), (1.3, 0.75)):
                c.ellipse(u + du * r, v + 0.2 * r * k, r * k * 1.25, r * k * 0.7, light(sky[1], 0.55))
        {"field": _hills, "snow": _peaks, "beach": _sea, "street": _houses}[place](c, rng, ground)
    _fade(c, HORIZON[place] + (0.09 if place == "street" else 0.0), 1.0, *_GROUNDS[place])
    _mottle(c, rng, HORIZON[place])
    {"field": _grass, "snow": _drifts, "beach": _shore, "street": _road, "room": _floor}[place](c, rng, ground)


def _mottle(c: Canvas, rng: np.random.Generator, horizon: float) -> None:
    """Uneven light on the ground."""
    assert c.pixels is not None
    top = round(horizon * c.side)
    cloud = np.clip(rng.normal(20, 16, (10, 14)), 0, 60).astype(np.uint8)
    veil = Image.fromarray(cloud).resize((c.side, c.side - top), Image.Resampling.BILINEAR)
    c.pixels.paste((70, 66, 96), (0, top), veil)


def _hills(c: Canvas, rng: np.random.Generator, g: float) -> None:
    for tone, rise in (((176, 204, 178), 0.13), ((150, 188, 132), 0.07)):
        knots = [(x, g + rise * rng.uniform(0.3, 1.0)) for x in np.linspace(-0.1, 1.1, 7)]
        c.smooth([(-0.3, g - 0.1), *knots, (1.3, g - 0.1)], tone)
    for _ in range(int(rng.integers(3, 9))):
        u, r = rng.uniform(0, 1), rng.uniform(0.015, 0.03)
        c.ellipse(u, g + r * 0.7, r, r * 1.1, mix((116, 160, 108), (150, 180, 110), rng.random()))


def _peaks(c: Canvas, rng: np.random.Generator, g: float) -> None:
    for _ in range(4):
        u, w, h = rng.uniform(-0.1, 1.1), rng.uniform(0.18, 0.34), rng.uniform(0.1, 0.26)
        tone = mix((158, 174, 200), (192, 204, 220), rng.random())
        c.polygon([(u - w, g - 0.02), (u, g + h), (u + w, g - 0.02)], tone, 0.15)
        cap = [(-0.3, 0.68), (0.0, 1.0), (0.3, 0.68), (0.1, 0.76), (-0.06, 0.64)]
        c.polygon([(u + w * du, g + h * dv) for du, dv in cap], (246, 249, 252))
    for _ in range(int(rng.integers(2, 6))):
        u, h = rng.uniform(0, 1), rng.uniform(0.05, 0.09)
        c.polygon([(u - h * 0.35, g - 0.01), (u, g + h), (u + h * 0.35, g - 0.01)], (126, 150, 150))


def _sea(c: Canvas, rng: np.random.Generator, g: float) -> None:
    h = 1 - g
    _fade(c, h - 0.07, h + 0.06, (104, 166, 196), (150, 204, 212))
    if rng.random() < 0.5:
        u = rng.uniform(0.1, 0.9)
        c.polygon([(u, g + 0.072), (u + 0.012, g + 0.15), (u + 0.055, g + 0.076)], (248, 246, 240))
        hull = [(u - 0.03, g + 0.07), (u + 0.06, g + 0.07), (u + 0.045, g + 0.052), (u - 0.015, g + 0.052)]
        c.polygon(hull, (186, 110, 96))
    for _ in range(9):
        u, v, w = rng.uniform(0, 1), g + rng.uniform(0.005, 0.06), rng.uniform(0.02, 0.06)
        c.limb((u - w, v), (u + w, v), 0.0028, 0.002, (214, 236, 238))


def _houses(c: Canvas, rng: np.random.Generator, g: float) -> None:
    u = -0.05
    while u < 1.0:
        w, h = rng.uniform(0.16, 0.28), rng.uniform(0.2, 0.38)
        wall = _WALLS[int(rng.integers(5))]
        c.box(u, g - 0.1, u + w, g + h, wall, 0.12)
        roof = [(u - 0.01, g + h), (u + w + 0.01, g + h), (u + w - 0.03, g + h + 0.06), (u + 0.03, g + h + 0.06)]
        c.polygon(roof, mix((168, 104, 90), (120, 116, 130), rng.random()))
        for row in np.arange(g + 0.05, g + h - 0.05, 0.09):
            for x in np.arange(u + 0.03, u + w - 0.04, 0.07):
                c.box(x, row, x + 0.034, row + 0.05, mix((150, 176, 196), (246, 228, 170), float(rng.random() < 0.25)))
        u += w + rng.choice([0.0, 0.0, 0.05])
    c.box(0, g - 0.1, 1, g - 0.0, (200, 196, 192))
    c.box(0, g - 0.1, 1, g - 0.085, (168, 166, 168))


def _room(c: Canvas, rng: np.random.Generator, g: float) -> None:
    wall = ((232, 220, 200), (206, 218, 214), (226, 206, 200), (212, 214, 228))[int(rng.integers(4))]
    _fade(c, 0, 1 - g + 0.01, light(wall, 0.2), dark(wall, 0.06))
    for x in np.arange(0.04, 1.0, 0.12):
        c.box(x, g, x + 0.02, 1, mix(wall, (255, 255, 255), 0.22))
    u = rng.uniform(0.08, 0.55)
    if rng.random() < 0.6:
        c.box(u, g + 0.14, u + 0.3, 0.95, (250, 246, 238))
        for x in (0.02, 0.16):
            c.box(u + x, g + 0.16, u + x + 0.12, 0.93, (176, 210, 232), 0.3)
    else:
        for k, size in ((0.0, 0.16), (0.24, 0.12)):
            x, low = u + k, 0.8 - size / 2
            c.box(x, low, x + size, low + size, (136, 104, 82))
            inner = ((214, 170, 150), (150, 182, 170), (176, 180, 212))[int(rng.integers(3))]
            c.box(x + 0.015, low + 0.015, x + size - 0.015, low + size - 0.015, inner, 0.4)
    c.box(0, g, 1, g + 0.025, (246, 240, 230))


def _grass(c: Canvas, rng: np.random.Generator, g: float) -> None:
    for u, k, tall, tint in rng.random((70, 4)):
        v, n = g * (1 - k**0.7), 0.5 + k
        tone = mix((96, 146, 76), (188, 212, 130), tint)
        tip = (u + 0.008 * (tint - 0.5), v + 0.022 * n * (0.6 + tall))
        c.polygon([(u - 0.004 * n, v), (u + 0.004 * n, v), tip], tone)
    for u, k, tint in rng.random((int(rng.integers(0, 14)), 3)):
        c.ellipse(u, g * (1 - k), 0.006 + 0.004 * k, 0.005 + 0.004 * k, _FLOWERS[int(tint * 3)])


def _drifts(c: Canvas, rng: np.random.Generator, g: float) -> None:
    for u, k, w in rng.random((7, 3)):
        v = g * (0.95 - 0.9 * k)
        c.ellipse(u, v, 0.1 + 0.16 * w, 0.012 + 0.018 * k, (244, 248, 252))
        c.limb((u - 0.08, v - 0.014), (u + 0.1, v - 0.018), 0.004, 0.003, (200, 212, 230))
    for u, v in rng.random((26, 2)):
        c.ellipse(u, v, 0.0055, 0.0055, (252, 253, 255))


def _shore(c: Canvas, rng: np.random.Generator, g: float) -> None:
    wave = [(x, g - 0.012 + 0.018 * rng.random()) for x in np.linspace(-0.05, 1.05, 8)]
    c.smooth([(-0.2, g + 0.02), *reversed([(x, v - 0.03) for x, v in wave]), (1.2, g + 0.02)][::-1], (246, 246, 240))
    for u, k, tint in rng.random((46, 3)):
        tone = mix((206, 178, 130), (250, 236, 204), tint)
        c.ellipse(u, g * (0.9 - 0.88 * k), 0.004 + 0.006 * k, 0.002 + 0.003 * k, tone)
    for u, k, tint in rng.random((int(rng.integers(1, 6)), 3)):
        c.ellipse(u, g * (0.8 - 0.75 * k), 0.011, 0.008, mix((240, 196, 180), (196, 180, 190), tint), 0.2)


def _road(c: Canvas, rng: np.random.Generator, g: float) -> None:
    v = g * rng.uniform(0.32, 0.5)
    for u in np.arange(rng.uniform(-0.1, 0.1), 1.0, 0.26):
        c.polygon([(u, v), (u + 0.13, v), (u + 0.12, v - 0.02), (u - 0.01, v - 0.02)], (232, 228, 214))
    for u, k, tint in rng.random((40, 3)):
        tone = mix((120, 120, 130), (190, 188, 190), tint)
        c.ellipse(u, g * (0.78 - 0.76 * k), 0.004 + 0.006 * k, 0.002 + 0.003 * k, tone)


def _floor(c: Canvas, rng: np.random.Generator, g: float) -> None:
    tone = _GROUNDS["room"][1]
    for k in (0.1, 0.24, 0.42, 0.64, 0.88):
        c.limb((0, g * (1 - k)), (1, g * (1 - k)), 0.0025, 0.0025, dark(tone, 0.2))
        for u in rng.random(3):
            c.limb((u, g * (1 - k)), (u + (u - 0.5) * 0.05, g * (1 - k * 1.25) - 0.02), 0.002, 0.002, dark(tone, 0.2))
    if rng.random() < 0.6:
        rug = ((196, 120, 112), (120, 150, 170), (170, 168, 120))[int(rng.integers(3))]
        c.ellipse(rng.uniform(0.3, 0.7), g * 0.38, 0.34, 0.1, rug)
        c.ellipse(rng.uniform(0.45, 0.55), g * 0.38, 0.2, 0.05, light(rug, 0.25))
