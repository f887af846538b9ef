"""Drawing people and what they wear."""

from capxai_core.data.scenes.body import Body, between
from capxai_core.data.scenes.canvas import COLOURS, TONES, Canvas, Colour, dark, light, mix
from capxai_core.data.scenes.world import FEMALE, Garment, Thing

ARMS = {"shirt": (0.75, 0.0, 1.25, 1.35, 0.0), "jacket": (1.0, 1.0, 1.3, 1.2, 1.1), "coat": (1.0, 1.0, 1.3, 1.2, 1.1)}
LEGS = {"shorts": (0.85, 0.0, 1.2, 1.3, 0.0), "pants": (1.0, 0.88, 1.15, 0.98, 0.85)}
"""Sleeves: the shares of a limb's upper and lower part they cover; their radii along it, the limb's being 1."""


class Figure(Body):
    """A person in the canvas's frame: the body is the canvas's object, the garments are the ones after it."""

    def __init__(self, canvas: Canvas, person: Thing) -> None:
        super().__init__(person.kind, person.pose)
        self.canvas, self.person = canvas, person
        self.wears = {g.kind: g for g in person.wears}
        self.numbers = {kind: n for n, kind in enumerate(("", *self.wears), canvas.number)}
        self.skin, self.hair = TONES["skins"][person.detail % 5], TONES["hairs"][person.detail // 5 % 5]
        self.seated = person.pose in ("sitting", "seated", "riding")

    def draw(self) -> None:
        """Draw the person from the far side to the near one, garments in the order in which they are put on."""
        c, kind, body = self.canvas, self.person.kind, self.numbers[""]
        female = kind in FEMALE
        if female:
            self._head(f"{kind}'s long hair")
        self._limb(0, is_arm=True)
        self._limb(0, is_arm=False)
        self._limb(1, is_arm=False)
        c.number = body
        self._trunk(self.skin, 0.0, 1.02)
        if female:  # a gray bathing suit under everything
            self._bodice((156, 156, 166), (112, 112, 128), 0.82)
        c.polygon((120, 122, 134), *self.band(-0.01, 0.06, 1.0))
        put_on = {"pants": self._trousers, "shorts": self._trousers, "skirt": self._skirt, "shirt": self._shirt,
                  "dress": self._dress, "jacket": self._jacket, "coat": self._coat}  # fmt: skip
        for garment in [self.wears[kind] for kind in put_on if kind in self.wears]:
            c.number = self.numbers[garment.kind]
            put_on[garment.kind](garment, COLOURS[garment.colour])
        c.number = body
        c.limb(dark(self.skin, 0.1), self.neck, self.face, self.head * 0.36, self.head * 0.36)
        self._limb(1, is_arm=True)
        bearded = kind == "man" and self.person.detail // 100 % 2 == 1
        self._head("head", *["beard"] * bearded, "woman's hair" if female else "man's hair", "face")
        if "hat" in self.wears:
            self._head("hat", worn="hat")

    def _head(self, *drawings: str, worn: str = "") -> None:
        cheek, word = mix(self.skin, (236, 116, 108), 0.35), self.wears[worn].colour if worn else ""
        self.canvas.number = self.numbers[worn]
        for drawing in drawings:
            self.canvas.sketch(drawing, word, self.face, self.head, skin=self.skin, hair=self.hair, cheek=cheek)

    def _limb(self, side: int, is_arm: bool) -> None:
        """An arm or a leg and its sleeve, in shade on the far side (0)."""
        c, skin = self.canvas, self.skin if side else dark(self.skin, 0.12)
        top, middle, end = self.arms[side] if is_arm else self.legs[side]
        r, at_middle, at_end = (self.shoulder * 0.3, 0.85, 0.7) if is_arm else (self.hip * 0.5, 0.78, 0.55)
        c.number = self.numbers[""]
        c.limb(skin, top, middle, r, r * at_middle, shade=0.15)
        c.limb(skin, middle, end, r * at_middle, r * at_end)
        if is_arm:
            c.ellipse(skin, end, r * 0.9, r * 0.9)
        else:
            shoe = TONES["shoes"][self.person.detail // 25 % 4]
            c.limb(shoe, (end[0] - 0.008, end[1] + 0.018), (end[0] + 0.05, end[1] + 0.012), 0.026, 0.02)
        sleeves = ARMS if is_arm else LEGS
        for kind in self.wears.keys() & sleeves.keys():
            tone = COLOURS[self.wears[kind].colour] if side else dark(COLOURS[self.wears[kind].colour], 0.16)
            upper, lower, *wide = sleeves[kind]
            c.number = self.numbers[kind]
            if lower:
                c.limb(tone, middle, between(middle, end, lower), r * wide[1], r * wide[2], shade=0.15)
            c.limb(tone, top, between(top, middle, upper), r * wide[0], r * wide[1], shade=0.2)

    def _trunk(self, tone: Colour, low: float, high: float, grow: float = 0.0) -> None:
        """The trunk from `low` above the hip to a share of the torso: rounded shoulders, waist, hip."""
        (lu, lv), (mu, mv), (tu, tv) = self.spine(low), self.spine(self.torso * 0.42), self.spine(self.torso * high)
        hip, waist, top = self.hip + grow, self.waist + grow, self.shoulder + grow * 0.6
        rounded = [(top, tv - 0.062), (top * 0.93, tv - 0.025), (top * 0.55, tv)]
        right = [(lu + hip, lv), (mu + waist, mv), *((tu + u, v) for u, v in rounded)]
        left = [*((tu - u, v) for u, v in reversed(rounded)), (mu - waist, mv)]
        self.canvas.polygon(tone, (lu - hip, lv), *right, *left, shade=0.22)

    def _bodice(self, tone: Colour, straps: Colour, high: float) -> None:
        """A sleeveless top with straps, from the hip to the share `high` of the torso."""
        (mu, mv), (tu, tv), (hu, hv) = self.spine(self.torso * 0.42), self.spine(self.torso * high), self.pelvis
        hip, waist, top = self.hip * 1.06, self.waist * 1.05, self.shoulder * 0.82
        left = [(tu - top, tv), (mu - waist, mv), (hu - hip, hv)]
        self.canvas.polygon(tone, *left, (hu + hip, hv), (mu + waist, mv), (tu + top, tv), shade=0.2)
        for side in (-1, 1):
            end = (self.neck[0] + side * self.shoulder * 0.5, self.neck[1])
            self.canvas.limb(straps, (tu + side * top * 0.72, tv - 0.01), end, 0.015, 0.013)

    def _hem(self, tone: Colour, length: float, flare: float, top: float) -> None:
        """What hangs from the waist: flaring cloth, laid over the thighs where the body sits or rides."""
        if self.seated:
            for side, (root, knee, foot) in enumerate(self.legs):
                thigh = tone if side else dark(tone, 0.14)
                self.canvas.limb(thigh, root, knee, self.hip * 0.8, self.hip * 0.62, shade=0.2)
                if length > 0.2:
                    self.canvas.limb(tone, knee, between(knee, foot, 0.4), self.hip * 0.6, self.hip * 0.7)
            return
        (tu, tv), (hu, hv) = self.spine(top), self.pelvis
        end, w = hu + 0.25 * (self.legs[1][1][0] + self.legs[0][1][0]), self.hip + flare
        waist, hip, low = self.waist * 1.04, self.hip * 1.12, hv - length
        right = [(tu + waist, tv), (hu + hip, hv), (end + w, low), (end + w * 0.35, low - 0.018)]
        left = [(end - w * 0.35, low - 0.018), (end - w, low), (hu - hip, hv)]
        self.canvas.polygon(tone, (tu - waist, tv), *right, *left, shade=0.25)

    def _trousers(self, g: Garment, tone: Colour) -> None:
        self.canvas.polygon(tone, *self.band(-0.035, 0.07, 1.05), shade=0.2)

    def _skirt(self, g: Garment, tone: Colour) -> None:
        self._hem(tone, self.leg * 0.34, 0.075, 0.06)
        self.canvas.polygon(dark(tone, 0.3), *self.band(0.03, 0.062, 1.02))

    def _shirt(self, g: Garment, tone: Colour) -> None:
        self._trunk(tone, -0.03, 1.02, 0.014)
        for k in (0.12, 0.34, 0.56) if g.pattern else ():  # stripes
            u, v = self.spine(self.torso * k)
            w = self.hip + (self.waist - self.hip) * min(k / 0.42, 1.0)
            self.canvas.box(mix(tone, light(dark(tone, 0.3), 0.5), 0.7), u - w, v, u + w, v + 0.026)
        self.canvas.sketch("shirt's collar", g.colour, self.neck)

    def _dress(self, g: Garment, tone: Colour) -> None:
        length = self.leg * 0.48
        self._hem(tone, length, 0.10, self.torso * 0.4)
        self._bodice(tone, tone, 0.8)
        sash = (214, 196, 204) if g.colour == "white" else light(tone, 0.4)
        self.canvas.polygon(sash, *self.band(self.torso * 0.36, self.torso * 0.46, 0.92))
        if g.pattern and not self.seated:
            for k, j in ((0.3, -0.4), (0.3, 0.4), (0.6, 0.0), (0.75, -0.7), (0.75, 0.7)):
                dot = (self.pelvis[0] + j * (self.hip + 0.1 * k), self.pelvis[1] - length * k)
                self.canvas.sketch("dress's dot", g.colour, dot)

    def _jacket(self, g: Garment, tone: Colour) -> None:
        c, lining = self.canvas, (176, 182, 194) if g.pattern else (233, 226, 214)
        self._trunk(tone, -0.05, 1.02, 0.024)
        (lu, lv), (tu, tv) = self.spine(-0.05), self.neck
        c.number = self.numbers[""]  # the jacket is open: what is under it shows
        c.polygon(lining, (lu - 0.03, lv), (lu + 0.03, lv), (tu + 0.045, tv), (tu - 0.045, tv))
        c.number = self.numbers["jacket"]
        c.sketch("jacket's lapels", g.colour, self.neck)
        c.polygon(dark(tone, 0.25), *self.band(-0.052, -0.025, 1.26))
        c.number = self.numbers[""]
        c.polygon(lining, (lu - 0.03, lv), (lu + 0.03, lv), (lu + 0.032, lv + 0.03), (lu - 0.032, lv + 0.03))

    def _coat(self, g: Garment, tone: Colour) -> None:
        c = self.canvas
        self._hem(tone, self.leg * 0.46, 0.055, self.torso * 0.4)
        self._trunk(tone, -0.02, 1.03, 0.022)
        (lu, lv), (tu, tv) = self.spine(-0.02 if self.seated else -self.leg * 0.42), self.neck
        c.polygon(dark(tone, 0.4), (lu - 0.005, lv), (lu + 0.005, lv), (tu + 0.005, tv), (tu - 0.005, tv))
        c.polygon(dark(tone, 0.35), *self.band(0.075, 0.105, 1.16))
        for k in (0.3, 0.52, 0.74):
            c.sketch("coat's buttons", g.colour, self.spine(self.torso * k))
        c.sketch("coat's collar", g.colour, self.neck)
