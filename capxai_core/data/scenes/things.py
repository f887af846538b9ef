"""Drawing animals and things, each in its own frame (unit: its height; origin: where it stands)."""

import math
from collections.abc import Callable
from typing import NamedTuple

from capxai_core.data.scenes.canvas import COLOURS, Canvas, Colour, Point, dark, light, mix
from capxai_core.data.scenes.world import Thing


class Beast(NamedTuple):
    """A four-legged animal: chest and hip (u, v), their radii, head (u, v), its radius, muzzle length, leg radius."""

    chest: Point
    hip: Point
    chest_r: float
    hip_r: float
    head: Point
    head_r: float
    muzzle: float
    neck_r: float
    leg_r: float


BEASTS = {
    "dog": Beast((0.28, 0.56), (-0.34, 0.55), 0.19, 0.15, (0.52, 0.84), 0.155, 0.17, 0.12, 0.065),
    "cat": Beast((0.22, 0.46), (-0.34, 0.46), 0.17, 0.18, (0.44, 0.70), 0.19, 0.05, 0.11, 0.06),
    "horse": Beast((0.26, 0.56), (-0.32, 0.57), 0.165, 0.155, (0.60, 0.90), 0.085, 0.15, 0.095, 0.048),
}
_GAITS = {"standing": (4, -4, 6, -6), "running": (52, 20, -44, -14), "walking": (24, -18, 16, -22)}


def draw_beast(c: Canvas, t: Thing) -> None:
    """A dog, a cat or a horse, from the side."""
    k, coat = BEASTS[t.kind], COLOURS[t.colour]
    shade, far = dark(coat, 0.45), dark(coat, 0.2)
    chest, hip, head = k.chest, k.hip, k.head
    if t.pose == "sitting":
        hip = (-0.14, k.hip_r * 1.1)
        chest = (0.14, k.chest[1] * 0.92)
        head = (0.26, k.head[1] + 0.02)
    lift = 0.05 if t.pose == "running" else 0.0
    chest, hip, head = ((u, v + lift) for u, v in (chest, hip, head))
    _tail(c, t, hip, k, dark(coat, 0.1) if t.kind != "horse" else shade)
    if t.pose == "sitting":
        for du, tone in ((0.06, far), (-0.02, coat)):
            c.limb((chest[0] + du, chest[1] - 0.1), (chest[0] + du + 0.05, k.leg_r), k.leg_r * 1.1, k.leg_r, tone)
            c.limb((hip[0] + du, 0.06), (hip[0] + 0.2 + du, 0.06), 0.07, 0.06, tone)
    else:
        gait = _GAITS.get(t.pose, _GAITS["standing"])
        for number, (root, du) in enumerate(((chest, 0.05), (hip, 0.05), (chest, -0.03), (hip, -0.04))):
            a = math.radians(gait[number if number in (0, 2) else 4 - number])
            r, tone = k.leg_r, far if number < 2 else coat
            top = (root[0] + du, root[1] - 0.06)
            length = top[1] - r - lift
            knee = (top[0] + math.sin(a) * length * 0.5, top[1] - math.cos(a) * length * 0.5)
            bend = a - 0.5 * abs(a) - (0.3 if t.pose == "running" else 0.0)
            foot = (knee[0] + math.sin(bend) * length * 0.5, knee[1] - math.cos(bend) * length * 0.5)
            c.limb(top, knee, r * 1.5, r, tone)
            c.limb(knee, foot, r, r * 0.8, tone)
            c.ellipse(foot[0] + r * 0.3, foot[1], r * 1.15, r * 0.8, shade if t.kind == "horse" else light(tone, 0.3))
    if t.kind == "horse":  # mane behind the neck
        c.limb((chest[0] - 0.04, chest[1] + 0.16), (head[0] - 0.1, head[1] + 0.09), 0.07, 0.06, shade)
    c.limb(hip, chest, k.hip_r, k.chest_r, coat, 0.3)
    c.limb((chest[0] + 0.02, chest[1] + 0.04), head, k.neck_r * 1.15, k.neck_r * 0.8, coat, 0.12)
    if t.detail % 3 == 0 and t.kind != "horse":  # a patch
        patch = (176, 140, 106) if t.colour == "white" else light(coat, 0.6)
        c.ellipse(hip[0] + 0.2, hip[1] + 0.05, 0.12, 0.085, patch)
    _face(c, t, head, k, coat, shade)


def _tail(c: Canvas, t: Thing, hip: Point, k: Beast, tone: Colour) -> None:
    u, v = hip[0] - k.hip_r * 0.8, hip[1] + k.hip_r * 0.4
    if t.kind == "horse":
        hair = [(0.04, 0.03), (-0.08, -0.06), (-0.12, -0.34), (-0.03, -0.36), (0.0, -0.12)]
        c.smooth([(u + du, v + dv) for du, dv in hair], tone)
    elif t.kind == "cat":
        c.path([(u + 0.04, v - 0.04), (u - 0.12, v + 0.08), (u - 0.16, v + 0.26), (u - 0.08, v + 0.42)], 0.045, tone)
    else:
        c.limb((u + 0.04, v), (u - 0.16, v + 0.22), 0.06, 0.035, tone)


def _face(c: Canvas, t: Thing, head: Point, k: Beast, coat: Colour, shade: Colour) -> None:
    (u, v), r = head, k.head_r
    if t.kind == "horse":
        nose = (u + k.muzzle, v - 0.13)
        c.polygon([(u - 0.05, v + 0.04), (u - 0.02, v + 0.17), (u + 0.03, v + 0.06)], shade)
        c.limb(head, nose, r, r * 0.68, coat, 0.15)
        c.limb((nose[0] - 0.01, nose[1]), (nose[0] + 0.01, nose[1] - 0.015), r * 0.66, r * 0.6, dark(coat, 0.25))
        c.limb((u - 0.06, v + 0.08), (u + 0.05, v + 0.03), 0.03, 0.02, shade)
        c.ellipse(u + 0.035, v + 0.01, 0.015, 0.018, (40, 34, 40))
        return
    with c.within(u, v, r):
        if t.kind == "cat":
            for du in (-0.7, 0.45):
                c.polygon([(du - 0.25, 0.5), (du + 0.05, 1.45), (du + 0.5, 0.6)], coat)
            c.ellipse(0, 0, 1.08, 0.95, coat, 0.15)
            c.ellipse(0.3, -0.35, 0.42, 0.32, light(coat, 0.55))
            for du in (-0.08, 0.62):
                c.ellipse(du, 0.1, 0.13, 0.2, (46, 42, 48))
            c.ellipse(0.32, -0.2, 0.12, 0.09, (226, 130, 140))
            return
        reach = k.muzzle / r
        c.ellipse(0, 0, 1.0, 0.98, coat, 0.12)
        c.limb((0.4, -0.25), (0.4 + reach, -0.4), 0.62, 0.5, light(coat, 0.35))
        c.ellipse(0.55 + reach, -0.12, 0.28, 0.24, (50, 42, 46))
        c.ellipse(0.35, 0.22, 0.15, 0.18, (44, 38, 42))
        c.smooth([(-0.1, 0.95), (-0.8, 0.7), (-0.95, -0.7), (-0.35, -0.5)], shade)
        c.limb((-0.75, -0.9), (0.25, -1.05), 0.14, 0.14, (206, 76, 66))  # its collar


def draw_bird(c: Canvas, t: Thing) -> None:
    """A bird, standing or flying."""
    coat = COLOURS[t.colour]
    if t.pose == "flying":
        c.smooth([(-0.05, 0.55), (-0.5, 1.0), (-0.15, 1.12), (0.22, 0.62)], dark(coat, 0.2), 0.2)
        c.smooth([(-0.75, 0.5), (-0.3, 0.34), (0.3, 0.38), (0.5, 0.56), (0.1, 0.68), (-0.4, 0.6)], coat, 0.25)
        c.ellipse(0.5, 0.6, 0.19, 0.17, coat)
        c.polygon([(0.64, 0.66), (0.92, 0.57), (0.64, 0.52)], (240, 168, 60))
        c.smooth([(-0.1, 0.55), (-0.05, 1.25), (0.25, 1.3), (0.28, 0.58)], light(coat, 0.2), 0.3)
        c.ellipse(0.54, 0.64, 0.04, 0.045, (40, 36, 44))
        return
    for du in (-0.06, 0.1):
        c.limb((du, 0.32), (du + 0.02, 0.03), 0.03, 0.03, (220, 150, 60))
        c.limb((du, 0.03), (du + 0.13, 0.03), 0.03, 0.02, (220, 150, 60))
    c.polygon([(-0.2, 0.5), (-0.72, 0.36), (-0.62, 0.56), (-0.2, 0.62)], dark(coat, 0.25))
    c.smooth([(-0.36, 0.48), (-0.05, 0.24), (0.3, 0.36), (0.38, 0.66), (0.1, 0.76), (-0.2, 0.66)], coat, 0.2)
    c.ellipse(0.34, 0.82, 0.2, 0.19, coat, 0.15)
    c.smooth([(0.2, 0.62), (-0.1, 0.7), (-0.42, 0.48), (-0.1, 0.4), (0.12, 0.46)], dark(coat, 0.28))
    c.polygon([(0.5, 0.9), (0.78, 0.8), (0.5, 0.75)], (240, 168, 60))
    c.ellipse(0.4, 0.86, 0.04, 0.045, (40, 36, 44))


def draw_ball(c: Canvas, t: Thing) -> None:
    """A striped ball."""
    tone = COLOURS[t.colour]
    c.ellipse(0, 0.5, 0.5, 0.5, tone, 0.4)
    band = light(tone, 0.75) if t.colour != "white" else (90, 130, 190)
    c.smooth([(-0.46, 0.62), (-0.2, 0.86), (0.3, 0.42), (0.36, 0.14), (0.1, 0.44), (-0.2, 0.62)], band, 0.2)
    c.ellipse(-0.18, 0.72, 0.11, 0.08, light(tone, 0.7), angle=30)


def draw_kite(c: Canvas, t: Thing) -> None:
    """A kite with its tail; the string ends at the thing's anchor."""
    tone = COLOURS[t.colour]
    if t.anchor is not None:
        side = -1 if t.flip else 1
        end = ((t.anchor[0] - t.x) / t.h * side, (t.y - t.anchor[1]) / t.h)
        knee = (end[0] * 0.55, end[1] * 0.55 - 0.12)
        c.path([(0, 0.5), knee, end], 0.012, (120, 116, 124))
    c.path([(0, 0.04), (-0.08, -0.14), (0.04, -0.28), (-0.06, -0.44)], 0.02, dark(tone, 0.2))
    for u, v in ((-0.08, -0.14), (0.04, -0.28), (-0.06, -0.44)):
        bow = [(u - 0.1, v + 0.05), (u + 0.1, v - 0.05), (u + 0.1, v + 0.05), (u - 0.1, v - 0.05)]
        c.polygon(bow, light(tone, 0.3))
    c.polygon([(0, 1.0), (0.36, 0.62), (0, 0.0), (-0.36, 0.62)], tone, 0.2)
    c.polygon([(0, 1.0), (0.36, 0.62), (0, 0.62)], light(tone, 0.45))
    c.polygon([(0, 0.62), (-0.36, 0.62), (0, 0.0)], light(tone, 0.45))


def draw_bicycle(c: Canvas, t: Thing) -> None:
    """A bicycle from the side."""
    tone, r = COLOURS[t.colour], 0.33
    for u in (-0.52, 0.52):
        ring = [(u + r * math.cos(a * math.pi / 10), r + r * math.sin(a * math.pi / 10)) for a in range(21)]
        for a in range(0, 10, 3):
            c.limb(ring[a], ring[a + 10], 0.008, 0.008, (178, 178, 184))
        c.path(ring, 0.042, (62, 60, 68))
    crank, seat, stem, rear, front = (-0.06, 0.34), (-0.2, 0.84), (0.36, 0.82), (-0.52, r), (0.52, r)
    for p, q in ((rear, crank), (rear, seat), (crank, seat), (crank, stem), (seat, stem), (stem, front)):
        c.limb(p, q, 0.04, 0.04, tone)
    c.limb(stem, (0.33, 0.97), 0.03, 0.03, (90, 88, 96))
    c.limb((0.33, 0.97), (0.46, 0.99), 0.035, 0.035, (62, 60, 68))
    c.limb((-0.31, 0.89), (-0.1, 0.88), 0.05, 0.035, (62, 60, 68))
    c.ellipse(crank[0], crank[1], 0.08, 0.08, (150, 150, 158))


def draw_bench(c: Canvas, t: Thing) -> None:
    """A bench; `back` shows it from behind, with a closed back that hides who sits there."""
    tone = COLOURS[t.colour]
    for u in (-0.82, 0.82):
        c.limb((u, 0.5), (u, 0.03), 0.05, 0.05, (84, 84, 94))
    if t.pose == "back":
        for k in range(4):
            low = 0.34 + 0.165 * k
            c.box(-1.0, low, 1.0, low + 0.172, mix(tone, dark(tone, 0.14), k % 2), 0.16)
        for u in (-0.66, 0.66):
            c.box(u - 0.04, 0.3, u + 0.04, 1.0, dark(tone, 0.3))
        return
    for u in (-0.82, 0.82):
        c.limb((u, 0.46), (u - 0.03, 0.96), 0.045, 0.045, (84, 84, 94))
    for v in (0.64, 0.84):
        c.box(-1.0, v, 1.0, v + 0.14, dark(tone, 0.06), 0.12)
    c.polygon([(-0.98, 0.52), (0.98, 0.52), (1.06, 0.4), (-1.06, 0.4)], light(tone, 0.18), 0.12)
    c.box(-1.06, 0.4, 1.06, 0.32, dark(tone, 0.25))


def draw_umbrella(c: Canvas, t: Thing) -> None:
    """An umbrella held up, or (`front`) turned towards the viewer like a shield."""
    tone, pale = COLOURS[t.colour], light(COLOURS[t.colour], 0.55 if t.colour != "white" else 0.0)
    if t.pose == "front":
        rim = [(0.5 * math.cos(a * math.pi / 4 + 0.39), 0.5 + 0.5 * math.sin(a * math.pi / 4 + 0.39)) for a in range(8)]
        for a in range(8):
            c.polygon([(0, 0.5), rim[a], rim[(a + 1) % 8]], tone if a % 2 else mix(tone, pale, 0.45), 0.1)
        c.ellipse(0, 0.5, 0.035, 0.035, (240, 236, 228))
        return
    c.limb((0, 0.0), (0, 0.95), 0.018, 0.018, (96, 84, 80))
    c.path([(0, 0.0), (0.03, -0.05), (0.08, -0.03)], 0.02, (96, 84, 80))
    arc = [(0.62 * math.cos(a * math.pi / 12), 0.56 + 0.44 * math.sin(a * math.pi / 12)) for a in range(13)]
    scallops = []
    for k in range(8):
        u = -0.62 + 1.24 * k / 8
        scallops += [(u, 0.56), (u + 0.0775, 0.60)]
    c.polygon(arc + scallops, tone, 0.3)
    for k in (-1, 1):
        c.polygon([(0, 0.99), (k * 0.155, 0.56), (k * 0.31, 0.56)], pale, 0.1)
    c.limb((0, 0.98), (0, 1.06), 0.015, 0.012, (96, 84, 80))


def draw_car(c: Canvas, t: Thing) -> None:
    """A car from the side."""
    tone, glass = COLOURS[t.colour], (188, 214, 226)
    c.smooth([(-0.74, 0.5), (-0.58, 0.92), (-0.2, 1.0), (0.22, 0.97), (0.56, 0.56)], tone, 0.15)
    c.polygon([(-0.6, 0.58), (-0.5, 0.88), (-0.12, 0.91), (-0.12, 0.58)], glass, 0.25)
    c.polygon([(-0.05, 0.58), (-0.05, 0.91), (0.2, 0.88), (0.42, 0.58)], glass, 0.25)
    upper, lower = [(-0.94, 0.5), (-0.8, 0.6), (0.0, 0.6), (0.56, 0.59), (0.9, 0.46)], [(0.5, 0.15), (-0.5, 0.15)]
    c.smooth([(-0.92, 0.2), *upper, (0.94, 0.2), *lower], tone, 0.25)
    c.box(-0.9, 0.3, 0.92, 0.345, dark(tone, 0.25))
    c.limb((-0.08, 0.5), (0.02, 0.5), 0.014, 0.014, dark(tone, 0.4))
    c.ellipse(0.87, 0.42, 0.045, 0.06, (252, 240, 190))
    c.ellipse(-0.9, 0.45, 0.03, 0.06, (214, 80, 74))
    for u in (-0.54, 0.55):
        c.ellipse(u, 0.2, 0.205, 0.205, (56, 54, 62))
        c.ellipse(u, 0.2, 0.1, 0.1, (196, 198, 204), 0.2)


def draw_tree(c: Canvas, t: Thing) -> None:
    """A broad-leaved tree or, by its detail, a fir."""
    tone = COLOURS[t.colour]
    c.polygon([(-0.05, 0), (0.055, 0), (0.035, 0.5), (-0.03, 0.5)], (130, 96, 74), 0.3)
    if t.pose == "fir":
        for low, high, w in ((0.16, 0.56, 0.3), (0.36, 0.76, 0.24), (0.56, 1.0, 0.17)):
            c.polygon([(-w, low), (w, low), (0, high)], dark(tone, 0.12), 0.3)
        return
    for u, v, r in ((-0.16, 0.55, 0.17), (0.17, 0.56, 0.17), (-0.11, 0.76, 0.18), (0.12, 0.77, 0.17), (0.0, 0.66, 0.2)):
        c.ellipse(u, v, r, r, tone, 0.22)
    for k in range(7):
        a = k * 2.4 + t.detail
        c.ellipse(0.2 * math.cos(a), 0.67 + 0.17 * math.sin(a * 1.7), 0.035, 0.028, light(tone, 0.22))


def draw_sign(c: Canvas, t: Thing) -> None:
    """A board on two posts, with a picture of writing."""
    tone = COLOURS[t.colour]
    for u in (-0.34, 0.34):
        c.box(u - 0.025, 0, u + 0.025, 0.5, (128, 104, 84))
    c.box(-0.5, 0.3, 0.5, 1.0, dark(tone, 0.25))
    c.box(-0.46, 0.335, 0.46, 0.965, light(tone, 0.1), 0.18)
    ink = light(tone, 0.8) if t.colour not in ("white", "yellow") else (92, 92, 110)
    for v, w in ((0.82, 0.32), (0.66, 0.24), (0.5, 0.3)):
        c.limb((-0.34, v), (-0.34 + 2 * w * 0.95, v), 0.035, 0.035, ink)


def draw_bush(c: Canvas, t: Thing) -> None:
    """A round, leafy bush."""
    tone = COLOURS[t.colour]
    c.polygon([(-0.5, 0.0), (0.5, 0.0), (0.56, 0.5), (-0.56, 0.5)], dark(tone, 0.12))
    low, high = ((-0.42, 0.28, 0.26), (0.43, 0.3, 0.25)), ((-0.33, 0.62, 0.3), (0.35, 0.6, 0.3), (0.0, 0.7, 0.31))
    for u, v, r in (*low, *high, (0.0, 0.32, 0.32)):
        c.ellipse(u, v, r, r, tone, 0.2)
    for k in range(16):
        a = k * 2.4 + t.detail
        c.ellipse(0.5 * math.cos(a), 0.5 + 0.36 * math.sin(a * 1.7), 0.04, 0.026, light(tone, 0.25), angle=30 * k)


DRAW: dict[str, Callable[[Canvas, Thing], None]] = {
    "dog": draw_beast,
    "cat": draw_beast,
    "horse": draw_beast,
    "bird": draw_bird,
    "ball": draw_ball,
    "kite": draw_kite,
    "bicycle": draw_bicycle,
    "bench": draw_bench,
    "umbrella": draw_umbrella,
    "car": draw_car,
    "tree": draw_tree,
    "sign": draw_sign,
    "bush": draw_bush,
}
SHADOWS = {
    "man": 0.2, "woman": 0.2, "boy": 0.2, "girl": 0.2, "dog": 0.55, "cat": 0.5, "horse": 0.5, "bird": 0.45, "ball": 0.5,
    "bicycle": 0.85, "bench": 1.05, "car": 0.95, "tree": 0.3, "sign": 0.5, "bush": 0.66,
}  # fmt: skip
"""Half width of the shadow on the ground; what is missing here throws none."""
