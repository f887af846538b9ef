"""Composing a scene: a place, one or two groups doing something, and other things around them."""

from dataclasses import replace

import numpy as np

from capxai_core.data.scenes.body import BUILDS, skeleton
from capxai_core.data.scenes.scene import Scene
from capxai_core.data.scenes.world import (
    ANIMALS,
    CLOTH_COLOURS,
    LOWER,
    PEOPLE,
    PLACES,
    POLICIES,
    SPLITS,
    THINGS,
    UPPER,
    Garment,
    Group,
    Thing,
)
from capxai_core.errors import RequestError

HEIGHT = {
    "man": 1.0, "woman": 0.93, "boy": 0.71, "girl": 0.69, "dog": 0.42, "cat": 0.34, "horse": 0.98, "bird": 0.22,
    "ball": 0.21, "kite": 0.38, "bicycle": 0.46, "bench": 0.42, "umbrella": 0.5, "car": 0.72, "tree": 1.35,
    "sign": 0.78, "bush": 0.6,
}  # fmt: skip
"""Heights, a man's being 1."""
WIDTH = {
    "dog": 1.1, "cat": 0.9, "horse": 1.2, "bird": 1.1, "ball": 1.0, "kite": 0.8, "bicycle": 1.6, "bench": 2.0,
    "umbrella": 1.1, "car": 1.9, "tree": 0.7, "sign": 1.0, "bush": 1.2,
}  # fmt: skip
"""Widths, the thing's own height being 1."""
TINTS = {
    "dog": ("brown", "black", "white"),
    "cat": ("orange", "black", "white", "gray"),
    "horse": ("brown", "black", "white"),
    "bird": ("blue", "yellow", "white", "red"),
    "ball": ("red", "blue", "yellow", "orange"),
    "kite": ("red", "yellow", "blue", "green"),
    "bicycle": ("red", "blue", "green", "black"),
    "bench": ("brown", "green", "white"),
    "umbrella": ("red", "yellow", "blue", "pink"),
    "car": ("red", "blue", "white", "yellow", "green"),
    "tree": ("green", "green", "orange"),
    "sign": ("blue", "yellow", "white", "green"),
    "bush": ("green", "green", "orange"),
}
AROUND = {
    "field": ("tree", "bush", "bench", "dog", "horse", "bird", "ball", "cat", "kite", "bicycle"),
    "beach": ("umbrella", "ball", "dog", "bird", "kite", "sign", "bench"),
    "street": ("car", "bicycle", "sign", "tree", "bench", "dog", "cat", "bird", "bush"),
    "snow": ("tree", "dog", "bird", "sign", "bench", "bush"),
    "room": ("cat", "dog", "ball", "bench", "bird", "umbrella", "bicycle"),
}
SCREENS = {
    "field": ("bush", "bench", "sign", "umbrella"),
    "beach": ("umbrella", "sign", "bench"),
    "street": ("car", "sign", "bush", "umbrella"),
    "snow": ("sign", "bush", "bench"),
    "room": ("bench", "umbrella", "sign"),
}
_MOVING = ("standing", "walking", "running", "jumping")
DOINGS = {
    "field": (*_MOVING, "sitting", "playing", "flying", "riding horse", "riding bicycle"),
    "beach": (*_MOVING, "playing", "flying", "holding", "riding horse"),
    "street": ("standing", "walking", "running", "riding bicycle", "holding", "sitting", "jumping"),
    "snow": (*_MOVING, "playing", "holding"),
    "room": ("standing", "sitting", "walking", "playing", "jumping", "holding"),
}
EVEN_DOINGS = (*_MOVING, "sitting", "sitting", "playing", "flying", "holding", "riding horse", "riding bicycle")
GAITS = {
    "dog": ("standing", "running", "sitting", "running"),
    "cat": ("sitting", "standing"),
    "horse": ("standing", "running", "walking"),
    "bird": ("standing", "flying"),
}


class Sampler:
    """Samples one scene; every choice is drawn from one generator seeded by (split, seed)."""

    def __init__(self, seed: int, split: str) -> None:
        self.seed, self.split, self.policy = seed, split, POLICIES[split]
        self.rng = np.random.default_rng([SPLITS.index(split), seed])
        self.even = split == "encoder"
        self.place = self._pick(PLACES)
        self.made = 0
        self.depths: list[tuple[float, Thing]] = []
        self.taken: list[tuple[float, float]] = []
        self.groups: list[Group] = []
        self.unit = self.rng.uniform(0.52, 0.68)

    def scene(self) -> Scene:
        """The scene; to be called once."""
        if self.even:
            self._even()
        else:
            if self.split == "counter" or self._chance(0.8):
                self._people(self._pick(DOINGS[self.place]))
            else:
                self._animals(2 if self._chance(0.4) else 1)
            for _ in range(int(self.rng.integers(0, 3))):
                kind = self._pick(AROUND[self.place])
                if kind in ANIMALS:
                    self._animals(2 if self._chance(0.2) else 1, kind)
                else:
                    self._lone(kind)
        self.depths.sort(key=lambda item: item[0])
        return Scene(self.seed, self.split, self.place, tuple(t for _, t in self.depths), tuple(self.groups))

    def _even(self) -> None:
        """Everything about as likely as everything else, in any place."""
        if self._chance(0.55):
            self._people(self._pick(EVEN_DOINGS))
        for _ in range(int(self.rng.integers(2, 5))):
            kind = self._pick((*PEOPLE, *ANIMALS, *THINGS), (1.0,) * 4 + (1.25,) * 4 + (1.0,) * 9)
            if kind in PEOPLE:
                y = self.rng.uniform(0.76, 0.95)
                pose = self._pick(("standing", "walking", "running", "jumping"))
                self.groups.append(Group((self._add(self._person(kind, self._spot(0.2), y, pose)),), pose))
            elif kind in ANIMALS:
                self._animals(1, kind)
            else:
                self._lone(kind)

    def _pick(self, options: tuple[str, ...], weights: tuple[float, ...] | None = None) -> str:
        p = None if weights is None else np.array(weights) / sum(weights)
        return options[int(self.rng.choice(len(options), p=p))]

    def _chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def _add(self, thing: Thing, nearer: float = 0.0) -> int:
        """Take a thing into the scene; those whose foot is lower (and `nearer`) are drawn later."""
        self.depths.append((thing.y + nearer, thing))
        return thing.key

    def _height(self, kind: str, y: float) -> float:
        return HEIGHT[kind] * self.unit * (0.84 + 0.9 * (y - 0.78))

    def _thing(self, kind: str, x: float, y: float, pose: str = "standing") -> Thing:
        self.made += 1
        flip, detail = self._chance(0.5), int(self.rng.integers(1000))
        thing = Thing(self.made, kind, x, y, self._height(kind, y), pose=pose, flip=flip, detail=detail)
        return replace(thing, colour=self._pick(TINTS[kind])) if kind in TINTS else thing

    def _person(self, kind: str, x: float, y: float, pose: str) -> Thing:
        wears = self._clothes(kind, pose)
        return replace(self._thing(kind, x, y, pose), lift=0.05 if pose == "jumping" else 0.0, wears=wears)

    def _spot(self, width: float) -> float:
        """An x for something this wide, away from what is there already where possible."""
        best, most = 0.5, -1.0
        for x in self.rng.uniform(min(width / 2, 0.45), max(1 - width / 2, 0.55), 6):
            room = min((abs(x - u) - (width + w) / 2 for u, w in self.taken), default=1.0)
            if room > most:
                best, most = float(x), float(room)
        self.taken.append((best, width))
        return best

    def _clothes(self, kind: str, pose: str) -> tuple[Garment, ...]:
        """What a person wears, by the split's policy."""
        p, female = self.policy, kind in ("woman", "girl")
        usual = "jacket" if self.place == "snow" else "dress" if female and self._chance(0.35) else "shirt"
        draw = self.rng.random()
        others = tuple(k for k in UPPER if k != usual and (k != "dress" or female))
        if self.even:
            upper = self._pick((*UPPER, ""))
        else:
            upper = "" if draw < p.bare else self._pick(others) if draw < p.bare + p.unusual else usual
        lower = self._pick(LOWER, (1, 1, 1) if self.even else (3, 2, 3) if female else (3, 2, 0))
        if upper == "dress" and not self.even:
            lower = ""
        hat = self._chance(p.rider_hat if pose == "riding" and not self.even else p.hat)
        weights = (1.0,) * len(CLOTH_COLOURS) if self.even else (5, 4, 3, 2, 2, 1.5, 3 if female else 0.3)
        worn = []
        for garment in filter(None, (upper, lower, "hat" if hat else "")):
            colour, pattern = self._pick(CLOTH_COLOURS, weights), int(self.rng.integers(2))
            worn.append(Garment(garment, colour, int(colour == "white") if garment == "jacket" else pattern))
        return tuple(worn)

    def _one(self) -> str:
        return self._pick(PEOPLE, (1, 1, 1, 1) if self.even else (4, 3, 2, 2))

    def _crowd(self) -> tuple[str, ...]:
        first = self._one()
        if not self._chance(0.36):
            return (first,)
        return first, first if self._chance(0.75) else self._pick(PEOPLE)

    def _people(self, doing: str) -> None:
        """One or two people doing something, or hidden behind something."""
        verb, _, mount = doing.partition(" ")
        y = self.rng.uniform(0.80, 0.94)
        if self._chance(self.policy.hidden):
            self._screened(y)
            return
        if verb in ("riding", "flying", "holding"):
            self._single(verb, mount, y)
            return
        crowd = self._crowd()
        gap = self.unit * (0.52 if verb in ("running", "playing", "sitting") else 0.45)
        middle, keys, flip = self._spot(gap * len(crowd)), [], False
        for k, kind in enumerate(crowd):
            x = middle + (k - (len(crowd) - 1) / 2) * gap
            t = self._person(kind, x, y + (0 if verb == "sitting" else self.rng.uniform(-0.02, 0.02)), verb)
            if verb == "sitting":
                seat = 0.46 * self._height("bench", y) - skeleton(kind, verb).hip[1] * t.h + 0.02
                t = replace(t, flip=False, lift=max(0.0, seat))
            keys.append(self._add(t, 0.01))
            flip = t.flip
        link, target = "", None
        if verb == "sitting":
            bench = self._thing("bench", middle, y - 0.015)
            link, target = "on", self._add(replace(bench, h=bench.h * 1.1), -0.02)
        elif verb == "playing":
            ahead = -self.unit * 0.28 if flip else self.unit * 0.28 + (gap / 2 if len(crowd) > 1 else 0)
            link, target = "with", self._add(self._thing("ball", middle + ahead, y + 0.01), 0.03)
        self.groups.append(Group(tuple(keys), verb, link, target))

    def _single(self, verb: str, mount: str, y: float) -> None:
        """One person riding, flying a kite or holding an umbrella."""
        kind = self._one()
        x, flip = self._spot(0.8 if mount == "horse" else 0.4), self._chance(0.5)
        side = -1 if flip else 1
        person, joints = replace(self._person(kind, x, y, verb), flip=flip), skeleton(kind, verb)
        if verb == "riding":
            item = replace(self._thing(mount, x, y), flip=flip)
            if mount == "horse":
                item, (u, v) = replace(item, pose="walking"), (-0.06, 0.70)
            else:
                item, (u, v) = replace(item, h=item.h * 1.12), (-0.2, 0.9)
            person = replace(person, x=x + side * u * item.h, lift=v * item.h - joints.hip[1] * person.h)
            self._add(item)
            self._add(person, 0.005)
        else:
            hand = joints.arms[1][2]
            hx, hy = x + side * hand[0] * person.h, y - hand[1] * person.h
            self._add(person)
            if verb == "flying":
                far = min(max(hx + side * self.rng.uniform(0.16, 0.3), 0.12), 0.88)
                item = self._thing("kite", far, self.rng.uniform(0.24, 0.32))
                item = replace(item, h=HEIGHT["kite"] * self.unit * 0.8, anchor=(hx, hy))
            else:
                item = self._thing("umbrella", hx, y)
                item = replace(item, flip=flip, h=item.h * 1.15, y=hy + 0.03)
            self.depths.append((y + 0.02, item))
        self.groups.append(Group((person.key,), verb, "", item.key))

    def _screened(self, y: float) -> None:
        """People whose torso is behind something that reaches to their chins."""
        screen = self._pick(SCREENS[self.place])
        crowd = self._crowd() if screen in ("car", "bench") else (self._pick(PEOPLE, (4, 3, 2, 2)),)
        gap = min(self._height(kind, y) for kind in crowd) * 0.40
        width = {"car": 1.4, "bench": 1.0, "sign": 0.75, "bush": 0.7, "umbrella": 0.5}[screen] * self.unit
        middle, people = self._spot(width), []
        for k, kind in enumerate(crowd):
            x = middle + (k - (len(crowd) - 1) / 2) * gap
            t = self._person(kind, x, y, "seated" if screen == "bench" else "hidden")
            people.append(replace(t, flip=t.flip and screen != "bench"))
        necks = [skeleton(t.kind, t.pose).neck[1] * t.h for t in people]
        for t, neck in zip(people, necks, strict=True):  # the smaller one stands on something: heads in a row
            self._add(replace(t, lift=max(necks) - neck))
        flip = self._chance(0.5)
        front = replace(self._thing(screen, middle, y + (0.03 if screen == "car" else 0.02)), flip=flip)
        if screen == "umbrella":
            b, tall = BUILDS[crowd[0]], people[0].h
            size = tall * (b.torso + b.leg * 0.55 + 0.14)
            front = replace(front, pose="front", h=size, y=y - necks[0] - 0.05 * tall + size)
            self.depths.append((y + 0.03, front))
        elif screen == "bench":
            self._add(replace(front, pose="back", h=1.02 * max(necks) + front.y - y), 0.03)
        else:
            self._add(replace(front, h=1.03 * (max(necks) + front.y - y)), 0.03)
        verb = "sitting" if screen == "bench" else "standing"
        self.groups.append(Group(tuple(t.key for t in people), verb, "behind", front.key))

    def _animals(self, n: int, kind: str = "") -> None:
        kind = kind or self._pick(ANIMALS[:2] + ANIMALS[3:] if self.place == "room" else ANIMALS)
        y = self.rng.uniform(0.80, 0.95)
        width = self._height(kind, y) * WIDTH[kind]
        pose = self._pick(GAITS[kind])
        middle, keys, target = self._spot(width * n), [], None
        flip = self._chance(0.5)
        for k in range(n):
            x = middle + (k - (n - 1) / 2) * width * 1.02
            t = replace(self._thing(kind, x, y + self.rng.uniform(-0.02, 0.02), pose), flip=flip)
            t = replace(t, h=t.h * (1.25 if kind != "horse" else 1.0))
            if pose == "flying":
                t = replace(t, y=self.rng.uniform(0.24, 0.40), h=t.h * 1.1)
            keys.append(self._add(t))
        if kind == "dog" and pose == "running" and self._chance(self.policy.dog_ball):
            ahead = (-1 if flip else 1) * (width * n / 2 + 0.07)
            target = self._add(self._thing("ball", middle + ahead, y), 0.01)
        self.groups.append(Group(tuple(keys), pose, "with" if target is not None else "", target))

    def _lone(self, kind: str) -> None:
        """A thing by itself, the large ones mostly behind those who do something."""
        far = kind in ("tree", "car", "sign", "bush", "bench") and self._chance(0.8)
        y = self.rng.uniform(0.68, 0.80) if far else self.rng.uniform(0.8, 0.95)
        t = self._thing(kind, self._spot(self._height(kind, y) * WIDTH[kind]), y)
        if kind == "tree" and self.place == "snow":
            t = replace(t, pose="fir", colour="green")
        elif kind == "kite":
            t = replace(t, y=self.rng.uniform(0.24, 0.36))
        elif kind == "umbrella":
            t = replace(t, pose="front") if self._chance(0.4) else replace(t, h=t.h * 1.1)
        self.groups.append(Group((self._add(t),), ""))


def sample_scene(seed: int, split: str = "train") -> Scene:
    """The scene of a seed in a split (`train`, `val`, `test`, `counter`, `encoder`); splits share no scenes."""
    if split not in SPLITS:
        raise RequestError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
    if seed < 0:
        raise RequestError(f"seed must be 0 or more, not {seed}")
    return Sampler(seed, split).scene()
