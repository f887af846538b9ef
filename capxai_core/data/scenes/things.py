"""Drawing animals and things, each in its own frame (unit: its height; origin: where it stands)."""

import math

from capxai_core.data.scenes.canvas import COLOURS, DRAWINGS, Canvas, Point, dark, light, mix
from capxai_core.data.scenes.world import Thing

LEAVES = {"tree": (7, 0.67, 0.2, 0.17, 0.035, 0.028, 0.22, 0), "bush": (16, 0.5, 0.5, 0.36, 0.04, 0.026, 0.25, 30)}
"""How many, around which height, how far to the side and up, their radii, how light, how much each is turned."""


def draw_thing(c: Canvas, t: Thing) -> None:
    """Draw an animal or a thing in the canvas's frame."""
    if t.kind in DRAWINGS["beasts"]:
        _beast(c, t)
    elif t.kind == "umbrella":
        _umbrella(c, t)
    else:
        if t.kind == "bicycle":
            _wheels(c)
        if t.anchor is not None:
            _string(c, t, t.anchor)
        c.sketch(_posed(t, "shapes"), t.colour)
        if t.kind in LEAVES and t.pose != "fir":
            _leaves(c, t)


def _posed(t: Thing, table: str) -> str:
    return f"{t.kind} {t.pose}" if f"{t.kind} {t.pose}" in DRAWINGS[table] else t.kind


def _beast(c: Canvas, t: Thing) -> None:
    """A dog, a cat or a horse, from the side."""
    beast = DRAWINGS["beasts"][_posed(t, "beasts")]
    (chest, hip, head), (chest_r, hip_r, neck_r, r) = beast["at"], beast["radii"]
    coat, far = COLOURS[t.colour], dark(COLOURS[t.colour], 0.2)
    horse, running = t.kind == "horse", t.pose == "running"
    lift = 0.05 if running else 0.0
    chest, hip, head = ((u, v + lift) for u, v in (chest, hip, head))
    c.sketch(f"{t.kind}'s tail", t.colour, (hip[0] - hip_r * 0.8, hip[1] + hip_r * 0.4))
    if t.pose == "sitting":
        for tone, du in ((far, 0.06), (coat, -0.02)):
            c.limb(tone, (chest[0] + du, chest[1] - 0.1), (chest[0] + du + 0.05, r), r * 1.1, r)
            c.limb(tone, (hip[0] + du, 0.06), (hip[0] + 0.2 + du, 0.06), 0.07, 0.06)
    else:
        legs = ((far, chest, 0.05), (far, hip, 0.05), (coat, chest, -0.03), (coat, hip, -0.04))
        for (tone, root, du), degrees in zip(legs, DRAWINGS["strides"][t.pose], strict=True):
            a = math.radians(degrees)
            bend = a - 0.5 * abs(a) - (0.3 if running else 0.0)
            top = (root[0] + du, root[1] - 0.06)
            length = top[1] - r - lift
            knee = (top[0] + math.sin(a) * length * 0.5, top[1] - math.cos(a) * length * 0.5)
            foot = (knee[0] + math.sin(bend) * length * 0.5, knee[1] - math.cos(bend) * length * 0.5)
            c.limb(tone, top, knee, r * 1.5, r)
            c.limb(tone, knee, foot, r, r * 0.8)
            c.ellipse(dark(coat, 0.45) if horse else light(tone, 0.3), (foot[0] + r * 0.3, foot[1]), r * 1.15, r * 0.8)
    if horse:
        c.sketch("horse's mane", t.colour, head)
    c.limb(coat, hip, chest, hip_r, chest_r, shade=0.3)
    c.limb(coat, (chest[0] + 0.02, chest[1] + 0.04), head, neck_r * 1.15, neck_r * 0.8, shade=0.12)
    if t.detail % 3 == 0 and not horse:
        c.sketch("patch", t.colour, hip)
    c.sketch(f"{t.kind}'s head", t.colour, head)


def _arc(middle: Point, ru: float, rv: float, turns: list[float]) -> list[Point]:
    return [(middle[0] + ru * math.cos(a), middle[1] + rv * math.sin(a)) for a in turns]


def _wheels(c: Canvas) -> None:
    for u in (-0.52, 0.52):
        ring = _arc((u, 0.33), 0.33, 0.33, [k * math.pi / 10 for k in range(21)])
        for k in range(0, 10, 3):
            c.limb((178, 178, 184), ring[k], ring[k + 10], 0.008, 0.008)
        c.path((62, 60, 68), 0.042, *ring)


def _string(c: Canvas, t: Thing, anchor: Point) -> None:
    """A kite's, to the hand that holds it."""
    u, v = (anchor[0] - t.x) / t.h * (-1 if t.flip else 1), (t.y - anchor[1]) / t.h
    c.path((120, 116, 124), 0.012, (0, 0.5), (u * 0.55, v * 0.55 - 0.12), (u, v))


def _leaves(c: Canvas, t: Thing) -> None:
    n, middle, wide, tall, ru, rv, pale, turn = LEAVES[t.kind]
    for k in range(n):
        a = k * 2.4 + t.detail
        at = (wide * math.cos(a), middle + tall * math.sin(a * 1.7))
        c.ellipse(light(COLOURS[t.colour], pale), at, ru, rv, angle=turn * k)


def _umbrella(c: Canvas, t: Thing) -> None:
    """An umbrella held up, or (`front`) turned towards the viewer like a shield."""
    tone = COLOURS[t.colour]
    if t.pose == "front":
        pale = tone if t.colour == "white" else mix(tone, light(tone, 0.55), 0.45)
        rim = _arc((0, 0.5), 0.5, 0.5, [k * math.pi / 4 + 0.39 for k in range(8)])
        for k in range(8):
            c.polygon(tone if k % 2 else pale, (0, 0.5), rim[k], rim[(k + 1) % 8], shade=0.1)
        c.ellipse((240, 236, 228), (0, 0.5), 0.035, 0.035)
    else:
        c.sketch("umbrella's stick")
        arc = _arc((0, 0.56), 0.62, 0.44, [k * math.pi / 12 for k in range(13)])
        scallops = [(-0.62 + 0.0775 * k, 0.60 if k % 2 else 0.56) for k in range(16)]
        c.polygon(tone, *arc, *scallops, shade=0.3)
        c.sketch("umbrella's panels", t.colour)
