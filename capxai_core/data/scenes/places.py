"""Backgrounds: five places with light, texture and clutter that belongs to no object."""

import numpy as np
from PIL import Image, ImageColor

from capxai_core.data.scenes.canvas import TONES, Canvas, Colour, dark, light, mix
from capxai_core.data.scenes.world import SETTINGS


def draw_place(c: Canvas, place: str, seed: int) -> None:
    """Sky or wall, ground, texture and clutter, the same for a seed at every size."""
    rng = np.random.default_rng([seed, 99])
    c.number = 0
    c.frame(0.0, 1.0, 1.0)
    horizon = SETTINGS[place].horizon
    if place != "room":
        _sky(c, rng, place, horizon)
    {"field": _hills, "beach": _sea, "street": _houses, "snow": _peaks, "room": _room}[place](c, rng, 1 - horizon)
    _fade(c, horizon + (0.09 if place == "street" else 0.0), 1.0, *map(ImageColor.getrgb, SETTINGS[place].ground))
    _mottle(c, rng, horizon)
    {"field": _grass, "beach": _shore, "street": _road, "snow": _drifts, "room": _floor}[place](c, rng, 1 - horizon)


def _fade(c: Canvas, top: float, bottom: float, upper: Colour, lower: Colour) -> None:
    """A vertical gradient over the picture's full width, from `top` to `bottom` (fractions from the top)."""
    assert c.pixels is not None
    a, b = round(top * c.side), round(bottom * c.side)
    rows = np.linspace(upper, lower, b - a).astype(np.uint8)
    c.pixels.paste(Image.fromarray(np.tile(rows[:, None], (1, c.side, 1))), (0, a))


def _mottle(c: Canvas, rng: np.random.Generator, horizon: float) -> None:
    """Uneven light on the ground."""
    assert c.pixels is not None
    top = round(horizon * c.side)
    cloud = np.clip(rng.normal(20, 16, (10, 14)), 0, 60).astype(np.uint8)
    veil = Image.fromarray(cloud).resize((c.side, c.side - top), Image.Resampling.BILINEAR)
    c.pixels.paste((70, 66, 96), (0, top), veil)


def _sky(c: Canvas, rng: np.random.Generator, place: str, horizon: float) -> None:
    overcast = place == "snow" and rng.random() < 0.6
    weather = 2 if overcast else int(rng.integers(2 if place == "beach" else 4))
    haze = TONES["hazes"][weather]
    _fade(c, 0, horizon + 0.02, TONES["skies"][weather], haze)
    for _ in range(int(rng.integers(0, 4))):  # clouds
        u, v, r = rng.uniform(0, 1), rng.uniform(1 - horizon + 0.2, 0.95), rng.uniform(0.03, 0.06)
        for du, k in ((-1.2, 0.7), (0.0, 1.0), (1.3, 0.75)):
            c.ellipse(light(haze, 0.55), (u + du * r, v + 0.2 * r * k), r * k * 1.25, r * k * 0.7)


# What is behind the ground, which begins at the height g.


def _hills(c: Canvas, rng: np.random.Generator, g: float) -> None:
    for tone, rise in (((176, 204, 178), 0.13), ((150, 188, 132), 0.07)):
        knots = [(x, g + rise * rng.uniform(0.3, 1.0)) for x in np.linspace(-0.1, 1.1, 7)]
        c.smooth(tone, (-0.3, g - 0.1), *knots, (1.3, g - 0.1))
    for _ in range(int(rng.integers(3, 9))):
        u, r = rng.uniform(0, 1), rng.uniform(0.015, 0.03)
        c.ellipse(mix((116, 160, 108), (150, 180, 110), rng.random()), (u, g + r * 0.7), r, r * 1.1)


def _peaks(c: Canvas, rng: np.random.Generator, g: float) -> None:
    for _ in range(4):
        u, w, h = rng.uniform(-0.1, 1.1), rng.uniform(0.18, 0.34), rng.uniform(0.1, 0.26)
        tone = mix((158, 174, 200), (192, 204, 220), rng.random())
        c.polygon(tone, (u - w, g - 0.02), (u, g + h), (u + w, g - 0.02), shade=0.15)
        cap = ((-0.3, 0.68), (0.0, 1.0), (0.3, 0.68), (0.1, 0.76), (-0.06, 0.64))
        c.polygon((246, 249, 252), *((u + w * du, g + h * dv) for du, dv in cap))
    for _ in range(int(rng.integers(2, 6))):
        u, h = rng.uniform(0, 1), rng.uniform(0.05, 0.09)
        c.polygon((126, 150, 150), (u - h * 0.35, g - 0.01), (u, g + h), (u + h * 0.35, g - 0.01))


def _sea(c: Canvas, rng: np.random.Generator, g: float) -> None:
    _fade(c, 1 - g - 0.07, 1 - g + 0.06, (104, 166, 196), (150, 204, 212))
    if rng.random() < 0.5:
        c.sketch("sail", at=(rng.uniform(0.1, 0.9), g))
    for _ in range(9):
        u, v, w = rng.uniform(0, 1), g + rng.uniform(0.005, 0.06), rng.uniform(0.02, 0.06)
        c.limb((214, 236, 238), (u - w, v), (u + w, v), 0.0028, 0.002)


def _houses(c: Canvas, rng: np.random.Generator, g: float) -> None:
    u = -0.05
    while u < 1.0:
        w, h = rng.uniform(0.16, 0.28), rng.uniform(0.2, 0.38)
        right, top = u + w, g + h
        c.box(TONES["houses"][int(rng.integers(5))], u, g - 0.1, right, top, shade=0.12)
        roof = [(u - 0.01, top), (right + 0.01, top), (right - 0.03, top + 0.06), (u + 0.03, top + 0.06)]
        c.polygon(mix((168, 104, 90), (120, 116, 130), rng.random()), *roof)
        for v in np.arange(g + 0.05, top - 0.05, 0.09):
            for x in np.arange(u + 0.03, right - 0.04, 0.07):
                c.box((246, 228, 170) if rng.random() < 0.25 else (150, 176, 196), x, v, x + 0.034, v + 0.05)
        u += w + rng.choice([0.0, 0.0, 0.05])
    c.box((200, 196, 192), 0, g - 0.1, 1, g)
    c.box((168, 166, 168), 0, g - 0.1, 1, g - 0.085)


def _room(c: Canvas, rng: np.random.Generator, g: float) -> None:
    wall = TONES["walls"][int(rng.integers(4))]
    _fade(c, 0, 1 - g + 0.01, light(wall, 0.2), dark(wall, 0.06))
    for x in np.arange(0.04, 1.0, 0.12):
        c.box(mix(wall, (255, 255, 255), 0.22), x, g, x + 0.02, 1)
    u = rng.uniform(0.08, 0.55)
    if rng.random() < 0.6:  # a window
        c.box((250, 246, 238), u, g + 0.14, u + 0.3, 0.95)
        for x in (u + 0.02, u + 0.16):
            c.box((176, 210, 232), x, g + 0.16, x + 0.12, 0.93, shade=0.3)
    else:
        for x, size in ((u, 0.16), (u + 0.24, 0.12)):
            low, high = 0.8 - size / 2, 0.8 - size / 2 + size
            c.box((136, 104, 82), x, low, x + size, high)
            picture = TONES["pictures"][int(rng.integers(3))]
            c.box(picture, x + 0.015, low + 0.015, x + size - 0.015, high - 0.015, shade=0.4)
    c.box((246, 240, 230), 0, g, 1, g + 0.025)


# What is on the ground, which ends at the height g.


def _grass(c: Canvas, rng: np.random.Generator, g: float) -> None:
    for u, k, tall, tint in rng.random((70, 4)):
        v, n = g * (1 - k**0.7), 0.5 + k
        tip = (u + 0.008 * (tint - 0.5), v + 0.022 * n * (0.6 + tall))
        c.polygon(mix((96, 146, 76), (188, 212, 130), tint), (u - 0.004 * n, v), (u + 0.004 * n, v), tip)
    for u, k, tint in rng.random((int(rng.integers(0, 14)), 3)):
        c.ellipse(TONES["flowers"][int(tint * 3)], (u, g * (1 - k)), 0.006 + 0.004 * k, 0.005 + 0.004 * k)


def _drifts(c: Canvas, rng: np.random.Generator, g: float) -> None:
    for u, k, w in rng.random((7, 3)):
        v = g * (0.95 - 0.9 * k)
        c.ellipse((244, 248, 252), (u, v), 0.1 + 0.16 * w, 0.012 + 0.018 * k)
        c.limb((200, 212, 230), (u - 0.08, v - 0.014), (u + 0.1, v - 0.018), 0.004, 0.003)
    for u, v in rng.random((26, 2)):
        c.ellipse((252, 253, 255), (u, v), 0.0055, 0.0055)


def _shore(c: Canvas, rng: np.random.Generator, g: float) -> None:
    foam = [(x, g - 0.042 + 0.018 * rng.random()) for x in np.linspace(-0.05, 1.05, 8)]
    c.smooth((246, 246, 240), (1.2, g + 0.02), *foam, (-0.2, g + 0.02))
    _grains(c, rng, 46, g * 0.9, g * 0.88, (206, 178, 130), (250, 236, 204))
    for u, k, tint in rng.random((int(rng.integers(1, 6)), 3)):  # shells
        c.ellipse(mix((240, 196, 180), (196, 180, 190), tint), (u, g * (0.8 - 0.75 * k)), 0.011, 0.008, shade=0.2)


def _road(c: Canvas, rng: np.random.Generator, g: float) -> None:
    v = g * rng.uniform(0.32, 0.5)
    for u in np.arange(rng.uniform(-0.1, 0.1), 1.0, 0.26):
        c.polygon((232, 228, 214), (u, v), (u + 0.13, v), (u + 0.12, v - 0.02), (u - 0.01, v - 0.02))
    _grains(c, rng, 40, g * 0.78, g * 0.76, (120, 120, 130), (190, 188, 190))


def _grains(c: Canvas, rng: np.random.Generator, n: int, far: float, deep: float, dim: Colour, pale: Colour) -> None:
    """Specks from the height `far` down over `deep`, the nearer the larger."""
    for u, k, tint in rng.random((n, 3)):
        c.ellipse(mix(dim, pale, tint), (u, far - deep * k), 0.004 + 0.006 * k, 0.002 + 0.003 * k)


def _floor(c: Canvas, rng: np.random.Generator, g: float) -> None:
    gap = dark((176, 134, 98), 0.2)
    for k in (0.1, 0.24, 0.42, 0.64, 0.88):
        v = g * (1 - k)
        c.limb(gap, (0, v), (1, v), 0.0025, 0.0025)
        for u in rng.random(3):
            c.limb(gap, (u, v), (u + (u - 0.5) * 0.05, g * (1 - k * 1.25) - 0.02), 0.002, 0.002)
    if rng.random() < 0.6:
        rug = TONES["rugs"][int(rng.integers(3))]
        c.ellipse(rug, (rng.uniform(0.3, 0.7), g * 0.38), 0.34, 0.1)
        c.ellipse(light(rug, 0.25), (rng.uniform(0.45, 0.55), g * 0.38), 0.2, 0.05)
