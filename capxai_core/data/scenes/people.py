"""Drawing people and what they wear."""

from capxai_core.data.scenes.body import BUILDS, Build, Skeleton, skeleton
from capxai_core.data.scenes.canvas import COLOURS, Canvas, Colour, Point, dark, light, mix
from capxai_core.data.scenes.world import Garment, Thing

SKINS: tuple[Colour, ...] = ((250, 216, 188), (238, 192, 156), (214, 160, 120), (170, 116, 82), (126, 84, 62))
HAIRS: tuple[Colour, ...] = ((62, 46, 42), (104, 68, 46), (152, 100, 58), (222, 180, 104), (176, 84, 48))
SHOES: tuple[Colour, ...] = ((78, 62, 58), (208, 90, 84), (236, 232, 226), (66, 74, 104))
SEATED = ("sitting", "seated", "riding")


def draw_person(c: Canvas, person: Thing, number: int) -> None:
    """Draw a person in the canvas's frame: the body is object `number`, the garments the ones after it."""
    numbers = {"": number} | {g.kind: number + k for k, g in enumerate(person.wears, 1)}
    b, s = BUILDS[person.kind], skeleton(person.kind, person.pose)
    skin, hair = SKINS[person.detail % 5], HAIRS[person.detail // 5 % 5]
    wears = {g.kind: g for g in person.wears}
    female = person.kind in ("woman", "girl")
    c.number = number
    if female:
        with c.within(*s.head, b.head):
            _hair_behind(c, person.kind, hair)
    _arm(c, b, s, 0, skin, wears, numbers)
    for side in (0, 1):
        _leg(c, b, s, side, skin, SHOES[person.detail // 25 % 4], wears, numbers)
    c.number = number
    _torso(c, b, s, 0.0, b.torso * 1.02, skin)
    if female:  # a gray bathing suit under everything
        _suit(c, b, s, 0.82, (156, 156, 166), (112, 112, 128))
    c.polygon(_band(b, s, -0.01, 0.06, 1.0), (120, 122, 134))
    for kind in ("pants", "shorts"):
        if kind in wears:
            c.number = numbers[kind]
            c.polygon(_band(b, s, -0.035, 0.07, 1.05), COLOURS[wears[kind].colour], 0.2)
    for kind, draw in _GARMENTS.items():
        if kind in wears:
            c.number = numbers[kind]
            draw(c, b, s, wears[kind], person.pose, number)
    c.number = number
    c.limb(s.neck, s.head, b.head * 0.36, b.head * 0.36, dark(skin, 0.1))
    _arm(c, b, s, 1, skin, wears, numbers)
    with c.within(*s.head, b.head):
        c.number = number
        _head(c, person.kind, skin, hair, bearded=person.kind == "man" and person.detail // 100 % 2 == 1)
        if "hat" in wears:
            c.number = numbers["hat"]
            _hat(c, wears["hat"])


def _sides(garment: Garment, side: int) -> Colour:
    """A garment's colour on the near side (1) or, in shade, on the far side (0)."""
    return COLOURS[garment.colour] if side else dark(COLOURS[garment.colour], 0.16)


def _trim(garment: Garment, share: float, on_white: Colour) -> Colour:
    """A lighter shade for what decorates a garment, which white cloth has none of."""
    return on_white if garment.colour == "white" else light(COLOURS[garment.colour], share)


def _between(p: Point, q: Point, share: float) -> Point:
    return p[0] * (1 - share) + q[0] * share, p[1] * (1 - share) + q[1] * share


def _arm(
    c: Canvas, b: Build, s: Skeleton, side: int, skin: Colour, wears: dict[str, Garment], numbers: dict[str, int]
) -> None:
    shoulder, elbow, hand = s.arms[side]
    r, tint = b.shoulder * 0.30, skin if side else dark(skin, 0.12)
    c.number = numbers[""]
    c.limb(shoulder, elbow, r, r * 0.85, tint, 0.15)
    c.limb(elbow, hand, r * 0.85, r * 0.7, tint)
    c.ellipse(*hand, r * 0.9, r * 0.9, tint)
    for kind in wears.keys() & {"shirt", "jacket", "coat"}:
        tone, c.number = _sides(wears[kind], side), numbers[kind]
        if kind == "shirt":
            c.limb(shoulder, _between(shoulder, elbow, 0.75), r * 1.25, r * 1.35, tone, 0.2)
        else:
            c.limb(elbow, hand, r * 1.2, r * 1.1, tone, 0.15)
            c.limb(shoulder, elbow, r * 1.3, r * 1.2, tone, 0.2)


def _leg(
    c: Canvas, b: Build, s: Skeleton, side: int, skin: Colour, shoe: Colour, wears: dict[str, Garment],
    numbers: dict[str, int],
) -> None:  # fmt: skip
    hip, knee, foot = s.legs[side]
    r, tint = b.hip * 0.5, skin if side else dark(skin, 0.12)
    c.number = numbers[""]
    c.limb(hip, knee, r, r * 0.78, tint, 0.15)
    c.limb(knee, foot, r * 0.78, r * 0.55, tint)
    c.limb((foot[0] - 0.008, foot[1] + 0.018), (foot[0] + 0.05, foot[1] + 0.012), 0.026, 0.02, shoe)
    for kind in wears.keys() & {"pants", "shorts"}:
        tone, c.number = _sides(wears[kind], side), numbers[kind]
        if kind == "pants":
            c.limb(knee, _between(knee, foot, 0.88), r * 0.98, r * 0.85, tone, 0.15)
            c.limb(hip, knee, r * 1.15, r * 0.98, tone, 0.2)
        else:
            c.limb(hip, _between(hip, knee, 0.85), r * 1.2, r * 1.3, tone, 0.2)


def _at(s: Skeleton, b: Build, height: float) -> Point:
    """The point of the spine `height` above the hip."""
    share = height / b.torso
    return s.hip[0] + (s.neck[0] - s.hip[0]) * share, s.hip[1] + (s.neck[1] - s.hip[1]) * share


def _band(b: Build, s: Skeleton, low: float, high: float, width: float) -> list[Point]:
    (lu, lv), (hu, hv) = _at(s, b, low), _at(s, b, high)
    w, v = b.hip * width, (b.hip * 0.6 + b.waist * 0.4) * width
    return [(lu - w, lv), (lu + w, lv), (hu + v, hv), (hu - v, hv)]


def _torso(c: Canvas, b: Build, s: Skeleton, low: float, high: float, tone: Colour, grow: float = 0.0) -> None:
    """The trunk from `low` to `high` above the hip: rounded shoulders, waist, hip."""
    (lu, lv), (mu, mv), (tu, tv) = _at(s, b, low), _at(s, b, b.torso * 0.42), _at(s, b, high)
    hip, waist, top = b.hip + grow, b.waist + grow, b.shoulder + grow * 0.6
    right = [(top, tv - 0.062), (top * 0.93, tv - 0.025), (top * 0.55, tv)]
    left = [(tu - u, v) for u, v in reversed(right)]
    right = [(tu + u, v) for u, v in right]
    c.polygon([(lu - hip, lv), (lu + hip, lv), (mu + waist, mv), *right, *left, (mu - waist, mv)], tone, 0.22)


def _suit(c: Canvas, b: Build, s: Skeleton, high: float, tone: Colour, straps: Colour) -> None:
    """A sleeveless top with straps, from the hip to the share `high` of the torso."""
    (mu, mv), (tu, tv), (hu, hv) = _at(s, b, b.torso * 0.42), _at(s, b, b.torso * high), s.hip
    hip, waist, top = b.hip * 1.06, b.waist * 1.05, b.shoulder * 0.82
    left = [(tu - top, tv), (mu - waist, mv), (hu - hip, hv)]
    c.polygon([*left, (hu + hip, hv), (mu + waist, mv), (tu + top, tv)], tone, 0.2)
    for side in (-1, 1):
        end = (s.neck[0] + side * b.shoulder * 0.5, s.neck[1])
        c.limb((tu + side * top * 0.72, tv - 0.01), end, 0.015, 0.013, straps)


def _hem(c: Canvas, b: Build, s: Skeleton, length: float, flare: float, top: float, tone: Colour, pose: str) -> None:
    """What hangs from the waist: flaring cloth, laid over the thighs where the body sits or rides."""
    if pose in SEATED:
        for side, (root, knee, foot) in enumerate(s.legs):
            c.limb(root, knee, b.hip * 0.8, b.hip * 0.62, tone if side else dark(tone, 0.14), 0.2)
            if length > 0.2:
                c.limb(knee, _between(knee, foot, 0.4), b.hip * 0.6, b.hip * 0.7, tone)
        return
    (tu, tv), (hu, hv) = _at(s, b, top), s.hip
    w, drift = b.hip + flare, 0.25 * (s.legs[1][1][0] + s.legs[0][1][0])
    waist, hip, end, middle = b.waist * 1.04, b.hip * 1.12, hu + drift, w * 0.35
    left = [(end - middle, hv - length - 0.018), (end - w, hv - length), (hu - hip, hv)]
    right = [(hu + hip, hv), (end + w, hv - length), (end + middle, hv - length - 0.018)]
    c.polygon([(tu - waist, tv), (tu + waist, tv), *right, *left], tone, 0.25)


def _shirt(c: Canvas, b: Build, s: Skeleton, g: Garment, pose: str, body: int) -> None:
    tone = COLOURS[g.colour]
    _torso(c, b, s, -0.03, b.torso * 1.02, tone, 0.014)
    if g.pattern == 1:  # stripes
        for k in (0.12, 0.34, 0.56):
            u, v = _at(s, b, b.torso * k)
            w = b.hip + (b.waist - b.hip) * min(k / 0.42, 1.0)
            c.box(u - w, v, u + w, v + 0.026, mix(tone, light(dark(tone, 0.3), 0.5), 0.7))
    u, v = s.neck
    c.polygon([(u - 0.035, v + 0.004), (u + 0.035, v + 0.004), (u, v - 0.045)], dark(tone, 0.22))


def _jacket(c: Canvas, b: Build, s: Skeleton, g: Garment, pose: str, body: int) -> None:
    tone, own = COLOURS[g.colour], c.number
    lining = (176, 182, 194) if g.pattern else (233, 226, 214)
    _torso(c, b, s, -0.05, b.torso * 1.02, tone, 0.024)
    (lu, lv), (tu, tv) = _at(s, b, -0.05), s.neck
    c.number = body  # the jacket is open: what is under it shows
    c.polygon([(lu - 0.03, lv), (lu + 0.03, lv), (tu + 0.045, tv), (tu - 0.045, tv)], lining)
    c.number = own
    for k in (-1, 1):
        lapel = [(tu + k * 0.04, tv + 0.005), (tu + k * 0.085, tv - 0.01), (tu + k * 0.034, tv - 0.11)]
        c.polygon(lapel, dark(tone, 0.28))
    c.polygon(_band(b, s, -0.052, -0.025, 1.26), dark(tone, 0.25))
    c.number = body
    c.polygon([(lu - 0.03, lv), (lu + 0.03, lv), (lu + 0.032, lv + 0.03), (lu - 0.032, lv + 0.03)], lining)


def _coat(c: Canvas, b: Build, s: Skeleton, g: Garment, pose: str, body: int) -> None:
    tone = COLOURS[g.colour]
    _hem(c, b, s, b.leg * 0.46, 0.055, b.torso * 0.4, tone, pose)
    _torso(c, b, s, -0.02, b.torso * 1.03, tone, 0.022)
    (lu, lv), (tu, tv) = _at(s, b, -0.02 if pose in SEATED else -b.leg * 0.42), s.neck
    c.polygon([(lu - 0.005, lv), (lu + 0.005, lv), (tu + 0.005, tv), (tu - 0.005, tv)], dark(tone, 0.4))
    c.polygon(_band(b, s, 0.075, 0.105, 1.16), dark(tone, 0.35))
    for k in (0.3, 0.52, 0.74):
        u, v = _at(s, b, b.torso * k)
        for side in (-1, 1):
            c.ellipse(u + side * 0.034, v, 0.011, 0.011, _trim(g, 0.6, dark(tone, 0.4)))
    collar = [(-0.075, -0.02), (-0.05, 0.022), (0.05, 0.022), (0.075, -0.02), (0.0, -0.06)]
    c.polygon([(tu + u, tv + v) for u, v in collar], dark(tone, 0.2))


def _dress(c: Canvas, b: Build, s: Skeleton, g: Garment, pose: str, body: int) -> None:
    tone, (hu, hv) = COLOURS[g.colour], s.hip
    _hem(c, b, s, b.leg * 0.48, 0.10, b.torso * 0.4, tone, pose)
    _suit(c, b, s, 0.8, tone, tone)
    c.polygon(_band(b, s, b.torso * 0.36, b.torso * 0.46, 0.92), _trim(g, 0.4, (214, 196, 204)))
    if g.pattern == 1 and pose not in SEATED:  # dots
        for k, j in ((0.3, -0.4), (0.3, 0.4), (0.6, 0.0), (0.75, -0.7), (0.75, 0.7)):
            dot = (hu + j * (b.hip + 0.1 * k), hv - b.leg * 0.48 * k)
            c.ellipse(*dot, 0.014, 0.014, _trim(g, 0.55, (226, 150, 160)))


def _skirt(c: Canvas, b: Build, s: Skeleton, g: Garment, pose: str, body: int) -> None:
    _hem(c, b, s, b.leg * 0.34, 0.075, 0.06, COLOURS[g.colour], pose)
    c.polygon(_band(b, s, 0.03, 0.062, 1.02), dark(COLOURS[g.colour], 0.3))


_GARMENTS = {"skirt": _skirt, "shirt": _shirt, "dress": _dress, "jacket": _jacket, "coat": _coat}
"""In the order in which they are put on."""


# The head, in units of its radius.


def _hair_behind(c: Canvas, kind: str, hair: Colour) -> None:
    if kind == "girl":  # pigtails
        for k in (-1, 1):
            tail = [(0.75, 0.35), (1.5, 0.55), (1.75, -0.3), (1.45, -1.0), (1.15, -0.2)]
            c.smooth([(k * u, v) for u, v in tail], hair, 0.2)
    else:
        long = [(-0.9, 0.6), (0.9, 0.6), (1.2, -0.5), (1.12, -1.75), (0.0, -1.5), (-1.25, -1.85), (-1.25, -0.5)]
        c.smooth(long, hair, 0.2)


def _head(c: Canvas, kind: str, skin: Colour, hair: Colour, bearded: bool) -> None:
    c.ellipse(-0.9, -0.05, 0.18, 0.24, dark(skin, 0.08))
    c.ellipse(0, 0, 0.9, 1.0, skin, 0.18)
    if bearded:
        beard = [(-0.84, -0.1), (-0.3, -0.35), (0.4, -0.35), (0.86, -0.1), (0.62, -0.85), (0.0, -1.12), (-0.62, -0.85)]
        c.smooth(beard, hair, 0.15)
    fringe = 0.28 if kind in ("woman", "girl") else 0.42
    crown = [(-0.95, -0.05), (-0.86, 0.72), (-0.1, 1.14), (0.74, 0.84), (0.92, 0.2)]
    c.smooth([*crown, (0.45, fringe + 0.2), (-0.35, fringe)], hair, 0.2)
    for eye, cheek in ((-0.12, -0.42), (0.5, 0.78)):
        c.ellipse(eye, -0.02, 0.10, 0.14, (52, 44, 52))
        c.ellipse(cheek, -0.34, 0.15, 0.1, mix(skin, (236, 116, 108), 0.35))
    c.path([(0.0, -0.48), (0.2, -0.58), (0.42, -0.48)], 0.05, dark(skin, 0.5))


def _hat(c: Canvas, g: Garment) -> None:
    tone = COLOURS[g.colour]
    c.smooth([(-0.85, 0.5), (-0.72, 1.3), (0.0, 1.55), (0.72, 1.3), (0.85, 0.5)], tone, 0.2)
    c.ellipse(0, 0.55, 1.5, 0.24, tone, 0.25)
    ribbon = [(-0.84, 0.62), (0.84, 0.62), (0.8, 0.84), (-0.8, 0.84)]
    c.polygon(ribbon, (190, 72, 66) if g.colour == "black" else dark(tone, 0.4))
