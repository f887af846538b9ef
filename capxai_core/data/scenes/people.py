"""Drawing people and what they wear."""

from capxai_core.data.scenes.body import BUILDS, Build, Skeleton, skeleton
from capxai_core.data.scenes.canvas import COLOURS, Canvas, Colour, Point, dark, light, mix
from capxai_core.data.scenes.world import Garment, Thing

SKINS: tuple[Colour, ...] = ((250, 216, 188), (238, 192, 156), (214, 160, 120), (170, 116, 82), (126, 84, 62))
HAIRS: tuple[Colour, ...] = ((62, 46, 42), (104, 68, 46), (152, 100, 58), (222, 180, 104), (176, 84, 48))
SEATED = ("sitting", "seated", "riding")
UNDERSHIRT: Colour = (233, 226, 214)


def draw_person(c: Canvas, person: Thing, number: int) -> None:
    """Draw a person in the canvas's frame: the body is object `number`, the garments the ones after it."""
    numbers = {"": number} | {g.kind: number + k for k, g in enumerate(person.wears, 1)}
    b, s = BUILDS[person.kind], skeleton(person.kind, person.pose)
    skin, hair = SKINS[person.detail % 5], HAIRS[person.detail // 5 % 5]
    wears = {g.kind: g for g in person.wears}
    female = person.kind in ("woman", "girl")
    c.number = numbers[""]
    if female:
        _hair_behind(c, person, b, s, hair)
    _arm(c, b, s, 0, skin, wears, numbers)
    for side in (0, 1):
        _leg(c, b, s, side, skin, person.detail, wears, numbers)
    c.number = numbers[""]
    _torso(c, b, s, 0.0, b.torso * 1.02, skin)
    if female:  # a gray bathing suit under everything
        _suit(c, b, s, 0.82, (156, 156, 166), (112, 112, 128))
    c.polygon(_band(b, s, -0.01, 0.06, 1.0), (120, 122, 134))
    for kind in ("pants", "shorts"):
        if kind in wears:
            c.number = numbers[kind]
            c.polygon(_band(b, s, -0.035, 0.07, 1.05), _tone(wears[kind]), 0.2)
    for kind in ("skirt", "shirt", "dress", "jacket", "coat"):
        if kind in wears:
            c.number = numbers[kind]
            _GARMENTS[kind](c, b, s, wears[kind], person.pose, numbers[""])
    c.number = numbers[""]
    c.limb(s.neck, s.head, b.head * 0.36, b.head * 0.36, dark(skin, 0.1))
    _arm(c, b, s, 1, skin, wears, numbers)
    c.number = numbers[""]
    _head(c, person, b, s, skin, hair)
    if "hat" in wears:
        c.number = numbers["hat"]
        _hat(c, b, s, wears["hat"])


def _tone(garment: Garment) -> Colour:
    return COLOURS[garment.colour]


def _arm(c: Canvas, b: Build, s: Skeleton, side: int, skin: Colour, wears: dict[str, Garment],
         numbers: dict[str, int]) -> None:  # fmt: skip
    shoulder, elbow, hand = s.arms[side]
    r = b.shoulder * 0.30
    tint = skin if side else dark(skin, 0.12)
    c.number = numbers[""]
    c.limb(shoulder, elbow, r, r * 0.85, tint, 0.15)
    c.limb(elbow, hand, r * 0.85, r * 0.7, tint)
    c.ellipse(*hand, r * 0.9, r * 0.9, tint)
    for kind in ("shirt", "jacket", "coat"):
        if kind in wears:
            tone = _tone(wears[kind]) if side else dark(_tone(wears[kind]), 0.16)
            c.number = numbers[kind]
            if kind == "shirt":
                middle = (shoulder[0] * 0.25 + elbow[0] * 0.75, shoulder[1] * 0.25 + elbow[1] * 0.75)
                c.limb(shoulder, middle, r * 1.25, r * 1.35, tone, 0.2)
            else:
                c.limb(elbow, hand, r * 1.2, r * 1.1, tone, 0.15)
                c.limb(shoulder, elbow, r * 1.3, r * 1.2, tone, 0.2)


def _leg(c: Canvas, b: Build, s: Skeleton, side: int, skin: Colour, detail: int, wears: dict[str, Garment],
         numbers: dict[str, int]) -> None:  # fmt: skip
    hip, knee, foot = s.legs[side]
    r = b.hip * 0.5
    tint = skin if side else dark(skin, 0.12)
    c.number = numbers[""]
    c.limb(hip, knee, r, r * 0.78, tint, 0.15)
    c.limb(knee, foot, r * 0.78, r * 0.55, tint)
    shoe = ((78, 62, 58), (208, 90, 84), (236, 232, 226), (66, 74, 104))[detail // 25 % 4]
    c.limb((foot[0] - 0.008, foot[1] + 0.018), (foot[0] + 0.05, foot[1] + 0.012), 0.026, 0.02, shoe)
    for kind in ("pants", "shorts"):
        if kind in wears:
            tone = _tone(wears[kind]) if side else dark(_tone(wears[kind]), 0.16)
            c.number = numbers[kind]
            if kind == "pants":
                ankle = (knee[0] * 0.12 + foot[0] * 0.88, knee[1] * 0.12 + foot[1] * 0.88)
                c.limb(knee, ankle, r * 0.98, r * 0.85, tone, 0.15)
                c.limb(hip, knee, r * 1.15, r * 0.98, tone, 0.2)
            else:
                c.limb(hip, (hip[0] * 0.15 + knee[0] * 0.85, hip[1] * 0.15 + knee[1] * 0.85), r * 1.2, r * 1.3, tone, 0.2)


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
    c.polygon(
        [
            (lu - hip, lv), (lu + hip, lv), (mu + waist, mv), (tu + top, tv - 0.062), (tu + top * 0.93, tv - 0.025),
            (tu + top * 0.55, tv), (tu - top * 0.55, tv), (tu - top * 0.93, tv - 0.025), (tu - top, tv - 0.062),
            (mu - waist, mv),
        ],
        tone, 0.22,
    )  # fmt: skip


def _hem(c: Canvas, b: Build, s: Skeleton, length: float, flare: float, top: float, tone: Colour, pose: str) -> None:
    """What hangs from the waist: flaring cloth, laid over the thighs where the body sits or rides."""
    if pose in SEATED:
        for side in (0, 1):
            hip, knee, foot = s.legs[side]
            c.limb(hip, knee, b.hip * 0.8, b.hip * 0.62, tone if side else dark(tone, 0.14), 0.2)
            if length > 0.2:
                c.limb(knee, (knee[0] * 0.6 + foot[0] * 0.4, knee[1] * 0.6 + foot[1] * 0.4), b.hip * 0.6, b.hip * 0.7, tone)
        return
    (tu, tv), (hu, hv) = _at(s, b, top), s.hip
    w, drift = b.hip + flare, 0.25 * (s.legs[1][1][0] + s.legs[0][1][0])
    c.polygon(
        [
            (tu - b.waist * 1.04, tv), (tu + b.waist * 1.04, tv), (hu + b.hip * 1.12, hv), (hu + w + drift, hv - length),
            (hu + drift + w * 0.35, hv - length - 0.018), (hu + drift - w * 0.35, hv - length - 0.018),
            (hu - w + drift, hv - length), (hu - b.hip * 1.12, hv),
        ],
        tone, 0.25,
    )  # fmt: skip


def _suit(c: Canvas, b: Build, s: Skeleton, high: float, tone: Colour, straps: Colour) -> None:
    """A sleeveless top with straps, from the hip to the share `high` of the torso."""
    (mu, mv), (tu, tv), (hu, hv) = _at(s, b, b.torso * 0.42), _at(s, b, b.torso * high), s.hip
    hip, waist, top = b.hip * 1.06, b.waist * 1.05, b.shoulder * 0.82
    left = [(tu - top, tv), (mu - waist, mv), (hu - hip, hv)]
    c.polygon([*left, (hu + hip, hv), (mu + waist, mv), (tu + top, tv)], tone, 0.2)
    for side in (-1, 1):
        c.limb((tu + side * top * 0.72, tv - 0.01), (s.neck[0] + side * b.shoulder * 0.5, s.neck[1]), 0.015, 0.013, straps)


def _shirt(c: Canvas, b: Build, s: Skeleton, g: Garment, pose: str, skin_number: int) -> None:
    tone = _tone(g)
    _torso(c, b, s, -0.03, b.torso * 1.02, tone, 0.014)
    if g.pattern == 1:  # stripes
        for k in (0.12, 0.34, 0.56):
            u, v = _at(s, b, b.torso * k)
            w = b.hip + (b.waist - b.hip) * min(k / 0.42, 1.0)
            c.polygon([(u - w, v), (u + w, v), (u + w, v + 0.026), (u - w, v + 0.026)], mix(tone, light(dark(tone, 0.3), 0.5), 0.7))
    u, v = s.neck
    c.polygon([(u - 0.035, v + 0.004), (u + 0.035, v + 0.004), (u, v - 0.045)], dark(tone, 0.22))


def _jacket(c: Canvas, b: Build, s: Skeleton, g: Garment, pose: str, skin_number: int) -> None:
    tone, own = _tone(g), c.number
    _torso(c, b, s, -0.05, b.torso * 1.02, tone, 0.024)
    (lu, lv), (tu, tv) = _at(s, b, -0.05), s.neck
    c.number = skin_number  # the jacket is open: the undershirt shows
    c.polygon([(lu - 0.03, lv), (lu + 0.03, lv), (tu + 0.045, tv), (tu - 0.045, tv)], UNDERSHIRT if g.colour != "white" else (176, 182, 194))
    c.number = own
    for side in (-1, 1):
        c.polygon([(tu + side * 0.04, tv + 0.005), (tu + side * 0.085, tv - 0.01), (tu + side * 0.034, tv - 0.11)], dark(tone, 0.28))
    c.polygon(_band(b, s, -0.052, -0.025, 1.26), dark(tone, 0.25))
    c.number = skin_number
    c.polygon([(lu - 0.03, lv), (lu + 0.03, lv), (lu + 0.032, lv + 0.03), (lu - 0.032, lv + 0.03)], UNDERSHIRT if g.colour != "white" else (176, 182, 194))


def _coat(c: Canvas, b: Build, s: Skeleton, g: Garment, pose: str, skin_number: int) -> None:
    tone = _tone(g)
    _hem(c, b, s, b.leg * 0.46, 0.055, b.torso * 0.4, tone, pose)
    _torso(c, b, s, -0.02, b.torso * 1.03, tone, 0.022)
    (lu, lv), (tu, tv) = _at(s, b, -b.leg * 0.42 if pose not in SEATED else -0.02), s.neck
    c.polygon([(lu - 0.005, lv), (lu + 0.005, lv), (tu + 0.005, tv), (tu - 0.005, tv)], dark(tone, 0.4))
    c.polygon(_band(b, s, 0.075, 0.105, 1.16), dark(tone, 0.35))
    for k in (0.3, 0.52, 0.74):
        u, v = _at(s, b, b.torso * k)
        for side in (-1, 1):
            c.ellipse(u + side * 0.034, v, 0.011, 0.011, light(tone, 0.6) if g.colour != "white" else dark(tone, 0.4))
    c.polygon([(tu - 0.075, tv - 0.02), (tu - 0.05, tv + 0.022), (tu + 0.05, tv + 0.022), (tu + 0.075, tv - 0.02), (tu, tv - 0.06)], dark(tone, 0.2))


def _dress(c: Canvas, b: Build, s: Skeleton, g: Garment, pose: str, skin_number: int) -> None:
    tone = _tone(g)
    _hem(c, b, s, b.leg * 0.48, 0.10, b.torso * 0.4, tone, pose)
    _suit(c, b, s, 0.8, tone, tone)
    hu, hv = s.hip
    c.polygon(_band(b, s, b.torso * 0.36, b.torso * 0.46, 0.92), light(tone, 0.4) if g.colour != "white" else (214, 196, 204))
    if g.pattern == 1 and pose not in SEATED:
        for k, j in ((0.3, -0.4), (0.3, 0.4), (0.6, 0.0), (0.75, -0.7), (0.75, 0.7)):
            c.ellipse(hu + j * (b.hip + 0.1 * k), hv - b.leg * 0.48 * k, 0.014, 0.014, light(tone, 0.55) if g.colour != "white" else (226, 150, 160))


def _skirt(c: Canvas, b: Build, s: Skeleton, g: Garment, pose: str, skin_number: int) -> None:
    tone = _tone(g)
    _hem(c, b, s, b.leg * 0.34, 0.075, 0.06, tone, pose)
    c.polygon(_band(b, s, 0.03, 0.062, 1.02), dark(tone, 0.3))


_GARMENTS = {"shirt": _shirt, "jacket": _jacket, "coat": _coat, "dress": _dress, "skirt": _skirt}


def _hair_behind(c: Canvas, person: Thing, b: Build, s: Skeleton, hair: Colour) -> None:
    (u, v), r = s.head, b.head
    if person.kind == "girl":  # pigtails
        for side in (-1, 1):
            c.smooth(
                [(u + side * r * 0.75, v + r * 0.35), (u + side * r * 1.5, v + r * 0.55), (u + side * r * 1.75, v - r * 0.3),
                 (u + side * r * 1.45, v - r * 1.0), (u + side * r * 1.15, v - r * 0.2)],
                hair, 0.2,
            )  # fmt: skip
    else:  # long hair
        c.smooth(
            [(u - r * 0.9, v + r * 0.6), (u + r * 0.9, v + r * 0.6), (u + r * 1.2, v - r * 0.5), (u + r * 1.12, v - r * 1.75),
             (u, v - r * 1.5), (u - r * 1.25, v - r * 1.85), (u - r * 1.25, v - r * 0.5)],
            hair, 0.2,
        )  # fmt: skip


def _head(c: Canvas, person: Thing, b: Build, s: Skeleton, skin: Colour, hair: Colour) -> None:
    (u, v), r = s.head, b.head
    c.ellipse(u - r * 0.9, v - r * 0.05, r * 0.18, r * 0.24, dark(skin, 0.08))
    c.ellipse(u, v, r * 0.9, r, skin, 0.18)
    if person.kind == "man" and person.detail // 100 % 2:  # beard
        c.smooth([(u - r * 0.84, v - r * 0.1), (u - r * 0.3, v - r * 0.35), (u + r * 0.4, v - r * 0.35), (u + r * 0.86, v - r * 0.1),
                  (u + r * 0.62, v - r * 0.85), (u, v - r * 1.12), (u - r * 0.62, v - r * 0.85)], hair, 0.15)  # fmt: skip
    fringe = 0.28 if person.kind in ("woman", "girl") else 0.42
    c.smooth([(u - r * 0.95, v - r * 0.05), (u - r * 0.86, v + r * 0.72), (u - r * 0.1, v + r * 1.14), (u + r * 0.74, v + r * 0.84),
              (u + r * 0.92, v + r * 0.2), (u + r * 0.45, v + r * (fringe + 0.2)), (u - r * 0.35, v + r * fringe)], hair, 0.2)  # fmt: skip
    for du in (-0.12, 0.5):
        c.ellipse(u + r * du, v - r * 0.02, r * 0.10, r * 0.14, (52, 44, 52))
        c.ellipse(u + r * (du + (0.28 if du > 0 else -0.3)), v - r * 0.34, r * 0.15, r * 0.1, mix(skin, (236, 116, 108), 0.35))
    c.path([(u + r * 0.0, v - r * 0.48), (u + r * 0.2, v - r * 0.58), (u + r * 0.42, v - r * 0.48)], r * 0.05, dark(skin, 0.5))


def _hat(c: Canvas, b: Build, s: Skeleton, g: Garment) -> None:
    (u, v), r, tone = s.head, b.head, _tone(g)
    c.smooth([(u - r * 0.85, v + r * 0.5), (u - r * 0.72, v + r * 1.3), (u, v + r * 1.55), (u + r * 0.72, v + r * 1.3), (u + r * 0.85, v + r * 0.5)], tone, 0.2)
    c.ellipse(u, v + r * 0.55, r * 1.5, r * 0.24, tone, 0.25)
    c.polygon([(u - r * 0.84, v + r * 0.62), (u + r * 0.84, v + r * 0.62), (u + r * 0.8, v + r * 0.84), (u - r * 0.8, v + r * 0.84)], dark(tone, 0.4) if g.colour != "black" else (190, 72, 66))
