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

HEIGHT = {"man": 1.0, "woman": 0.93, "boy": 0.71, "girl": 0.69, "dog": 0.42, "cat": 0.34, "horse": 0.98, "bird": 0.22,
          "ball": 0.21, "kite": 0.38, "bicycle": 0.46, "bench": 0.42, "umbrella": 0.5, "car": 0.72, "tree": 1.35, "sign": 0.78,
          "bush": 0.6}  # fmt: skip
WIDTH = {"dog": 1.1, "cat": 0.9, "horse": 1.2, "bird": 1.1, "ball": 1.0, "kite": 0.8, "bicycle": 1.6, "bench": 2.0,
         "umbrella": 1.1, "car": 1.9, "tree": 0.7, "sign": 1.0, "bush": 1.2}  # fmt: skip
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
DOINGS = {
    "field": ("standing", "walking", "running", "jumping", "sitting", "playing", "flying", "riding horse", "riding bicycle"),
    "beach": ("standing", "walking", "running", "jumping", "playing", "flying", "holding", "riding horse"),
    "street": ("standing", "walking", "running", "riding bicycle", "holding", "sitting", "jumping"),
    "snow": ("standing", "walking", "running", "jumping", "playing", "holding"),
    "room": ("standing", "sitting", "walking", "playing", "jumping", "holding"),
}


class Sampler:
    """Samples one scene; every choice is drawn from one generator seeded by (split, seed)."""

    def __init__(self, seed: int, split: str) -> None:
        self.seed, self.split, self.policy = seed, split, POLICIES[split]
        self.rng = np.random.default_rng([SPLITS.index(split), seed])
        self.even = split == "encoder"
        self.place = self.pick(PLACES)
        self.made = 0
        self.depth: list[tuple[float, Thing]] = []
        self.taken: list[tuple[float, float]] = []
        self.groups: list[Group] = []
        self.unit = self.rng.uniform(0.52, 0.68)

    def pick(self, options: tuple[str, ...], weights: tuple[float, ...] | None = None) -> str:
        p = None if weights is None else np.array(weights) / sum(weights)
        return options[int(self.rng.choice(len(options), p=p))]

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def scene(self) -> Scene:
        if self.even:
            self._even()
        else:
            if self.split == "counter" or self.chance(0.8):
                self._people(self.pick(DOINGS[self.place]))
            else:
                self._animals(2 if self.chance(0.4) else 1)
            for _ in range(int(self.rng.integers(0, 3))):
                kind = self.pick(AROUND[self.place])
                if kind in ANIMALS:
                    self._animals(2 if self.chance(0.2) else 1, kind)
                else:
                    self._lone(kind)
        self.depth.sort(key=lambda item: item[0])
        return Scene(self.seed, self.split, self.place, tuple(t for _, t in self.depth), tuple(self.groups))

    def _even(self) -> None:
        """Everything as likely as everything else, in any place."""
        if self.chance(0.55):
            options = ("standing", "walking", "running", "jumping", "sitting", "sitting", "playing", "flying", "holding")
            self._people(self.pick((*options, "riding horse", "riding bicycle")))
        for _ in range(int(self.rng.integers(2, 5))):
            kind = self.pick((*PEOPLE, *ANIMALS, *THINGS), (1.0,) * 4 + (1.25,) * 4 + (1.0,) * 9)
            if kind in PEOPLE:
                y = self.rng.uniform(0.76, 0.95)
                pose = self.pick(("standing", "walking", "running", "jumping"))
                self.groups.append(Group((self.add(self.person(kind, self.spot(0.2), y, pose)),), pose))
            elif kind in ANIMALS:
                self._animals(1, kind)
            else:
                self._lone(kind)

    def add(self, thing: Thing, nearer: float = 0.0) -> int:
        """Take a thing into the scene; those whose foot is lower (and `nearer`) are drawn later."""
        self.depth.append((thing.y + nearer, thing))
        return thing.key

    def height(self, kind: str, y: float) -> float:
        return HEIGHT[kind] * self.unit * (0.84 + 0.9 * (y - 0.78))

    def thing(self, kind: str, x: float, y: float, **more: object) -> Thing:
        self.made += 1
        base = Thing(self.made, kind, x, y, self.height(kind, y), flip=self.chance(0.5), detail=int(self.rng.integers(1000)))
        if kind in TINTS:
            base = replace(base, colour=self.pick(TINTS[kind]))
        return replace(base, **more)  # type: ignore[arg-type]

    def person(self, kind: str, x: float, y: float, pose: str, **more: object) -> Thing:
        lift = 0.05 if pose == "jumping" else 0.0
        return self.thing(kind, x, y, pose=pose, lift=lift, wears=self.clothes(kind, pose), **more)

    def spot(self, width: float) -> float:
        """An x for something this wide, away from what is there already where possible."""
        best, score = 0.5, -1.0
        for x in self.rng.uniform(min(width / 2, 0.45), max(1 - width / 2, 0.55), 6):
            room = min((abs(x - u) - (width + w) / 2 for u, w in self.taken), default=1.0)
            if room > score:
                best, score = float(x), float(room)
        self.taken.append((best, width))
        return best

    def clothes(self, kind: str, pose: str) -> tuple[Garment, ...]:
        """What a person wears, by the split's policy (see `world`)."""
        p, female = self.policy, kind in ("woman", "girl")
        usual = "jacket" if self.place == "snow" else "dress" if female and self.chance(0.35) else "shirt"
        draw = self.rng.random()
        others = tuple(k for k in UPPER if k != usual and (k != "dress" or female))
        if self.even:
            upper = self.pick((*UPPER, ""))
        else:
            upper = "" if draw < p.bare else self.pick(others) if draw < p.bare + p.unusual else usual
        lower = self.pick(LOWER, (1, 1, 1) if self.even else (3, 2, 3) if female else (3, 2, 0))
        if upper == "dress" and not self.even:
            lower = ""
        hat = self.chance(p.rider_hat if pose == "riding" and not self.even else p.hat)
        even = (1.0,) * len(CLOTH_COLOURS)
        worn = []
        for garment in (upper, lower, "hat" if hat else ""):
            if garment:
                colour = self.pick(CLOTH_COLOURS, even if self.even else (5, 4, 3, 2, 2, 1.5, 3 if female else 0.3))
                worn.append(Garment(garment, colour, int(self.rng.integers(2))))
        return tuple(worn)

    def _crowd(self) -> tuple[str, ...]:
        first = self.pick(PEOPLE, (1, 1, 1, 1) if self.even else (4, 3, 2, 2))
        if not self.chance(0.36):
            return (first,)
        return (first, first if self.chance(0.75) else self.pick(PEOPLE))

    def _people(self, doing: str) -> None:
        verb, _, mount = doing.partition(" ")
        y = self.rng.uniform(0.80, 0.94)
        if self.chance(self.policy.hidden):
            self._screened(y)
        elif verb in ("riding", "flying", "holding"):
            self._single(verb, mount, y)
        else:
            crowd = self._crowd()
            gap = self.unit * (0.52 if verb in ("running", "playing", "sitting") else 0.45)
            middle = self.spot(gap * len(crowd))
            bench = None
            keys = []
            for k, kind in enumerate(crowd):
                x = middle + (k - (len(crowd) - 1) / 2) * gap
                t = self.person(kind, x, y + (0 if verb == "sitting" else self.rng.uniform(-0.02, 0.02)), verb)
                if verb == "sitting":
                    t = replace(t, flip=False, lift=max(0.0, 0.46 * self.height("bench", y) - skeleton(kind, verb).hip[1] * t.h + 0.02))
                keys.append(self.add(t, 0.01))
            link, target = "", None
            if verb == "sitting":
                bench = self.thing("bench", middle, y - 0.015)
                link, target = "on", self.add(replace(bench, h=bench.h * 1.1), -0.02)
            elif verb == "playing":
                ahead = (-1 if self.depth[-1][1].flip else 1) * self.unit * 0.28
                link, target = "with", self.add(self.thing("ball", middle + ahead + (gap / 2 if len(crowd) > 1 and ahead > 0 else 0), y + 0.01), 0.03)
            self.groups.append(Group(tuple(keys), verb, link, target))

    def _single(self, verb: str, mount: str, y: float) -> None:
        kind = self.pick(PEOPLE, (1, 1, 1, 1) if self.even else (4, 3, 2, 2))
        x, flip = self.spot(0.8 if mount == "horse" else 0.4), self.chance(0.5)
        side = -1 if flip else 1
        person = self.person(kind, x, y, verb, flip=flip)
        if verb == "riding":
            m = self.thing(mount, x, y, flip=flip)
            m = replace(m, h=m.h * (1.12 if mount == "bicycle" else 1.0), pose="walking" if mount == "horse" else m.pose)
            seat = (-0.2, 0.9) if mount == "bicycle" else (-0.06, 0.70)
            hip = skeleton(kind, verb).hip
            person = replace(person, x=x + side * seat[0] * m.h, lift=seat[1] * m.h - hip[1] * person.h)
            target = self.add(m)
            key = self.add(person, 0.005)
            self.groups.append(Group((key,), verb, "", target))
            return
        hand = skeleton(kind, verb).arms[1][2]
        hx, hy = x + side * hand[0] * person.h, y - hand[1] * person.h
        key = self.add(person)
        if verb == "flying":
            far = min(max(hx + side * self.rng.uniform(0.16, 0.3), 0.12), 0.88)
            item = self.thing("kite", far, self.rng.uniform(0.24, 0.32), anchor=(hx, hy))
            item = replace(item, h=HEIGHT["kite"] * self.unit * 0.8)
        else:
            item = self.thing("umbrella", hx, y, flip=flip)
            item = replace(item, h=self.height("umbrella", y) * 1.15, y=hy + 0.03)
        self.depth.append((y + 0.02, item))
        self.groups.append(Group((key,), verb, "", item.key))

    def _screened(self, y: float) -> None:
        """People whose torso is behind something."""
        screen = self.pick(SCREENS[self.place])
        crowd = self._crowd() if screen in ("car", "bench") else (self.pick(PEOPLE, (4, 3, 2, 2)),)
        gap = min(self.height(kind, y) for kind in crowd) * 0.40
        width = {"car": 1.4, "bench": 1.0, "sign": 0.75, "bush": 0.7, "umbrella": 0.5}[screen] * self.unit
        middle, keys, tops = self.spot(width), [], []
        for k, kind in enumerate(crowd):
            pose = "seated" if screen == "bench" else "hidden"
            t = self.person(kind, middle + (k - (len(crowd) - 1) / 2) * gap, y, pose)
            t = replace(t, flip=t.flip and screen != "bench")
            keys.append(self.add(t))
            tops.append(skeleton(kind, pose).neck[1] * t.h)
        front = self.thing(screen, middle, y + (0.03 if screen == "car" else 0.02), flip=self.chance(0.5))
        if screen == "umbrella":
            chest, b = self.depth[-1][1], BUILDS[crowd[0]]
            size = chest.h * (b.torso + b.leg * 0.55 + 0.14)
            front = replace(front, pose="front", h=size, y=y - tops[0] - 0.05 * chest.h + size)
            self.depth.append((y + 0.03, front))
        else:
            low = min(tops) if len(tops) > 1 and screen == "bench" else max(tops)
            if len(tops) > 1:  # the smaller ones stand on something: heads in a row
                for k, key in enumerate(keys):
                    n = next(i for i, (_, t) in enumerate(self.depth) if t.key == key)
                    self.depth[n] = (self.depth[n][0], replace(self.depth[n][1], lift=max(tops) - tops[k]))
                low = max(tops)
            front = replace(front, h=(low + front.y - y) * 1.03, pose="back" if screen == "bench" else front.pose)
            if screen == "bench":
                front = replace(front, h=1.02 * low + front.y - y)
            self.add(front, 0.03)
        self.groups.append(Group(tuple(keys), "sitting" if screen == "bench" else "standing", "behind", front.key))

    def _animals(self, n: int, kind: str = "") -> None:
        kind = kind or self.pick(ANIMALS[:2] + ANIMALS[3:] if self.place == "room" else ANIMALS)
        y = self.rng.uniform(0.80, 0.95)
        width = self.height(kind, y) * WIDTH[kind]
        poses = {"dog": ("standing", "running", "sitting", "running"), "cat": ("sitting", "standing"),
                 "horse": ("standing", "running", "walking"), "bird": ("standing", "flying")}[kind]  # fmt: skip
        pose = self.pick(poses)
        middle, keys = self.spot(width * n), []
        flip = self.chance(0.5)
        for k in range(n):
            x = middle + (k - (n - 1) / 2) * width * 1.02
            t = self.thing(kind, x, y + self.rng.uniform(-0.02, 0.02), pose=pose, flip=flip)
            t = replace(t, h=t.h * (1.25 if kind != "horse" else 1.0))
            if pose == "flying":
                t = replace(t, y=self.rng.uniform(0.24, 0.40), h=t.h * 1.1)
            keys.append(self.add(t))
        target = None
        if kind == "dog" and pose == "running" and self.chance(self.policy.dog_ball):
            target = self.add(self.thing("ball", middle + (-1 if flip else 1) * (width * n / 2 + 0.07), y), 0.01)
        self.groups.append(Group(tuple(keys), pose, "with" if target is not None else "", target))

    def _lone(self, kind: str) -> None:
        """A thing by itself, mostly behind those who do something."""
        y = self.rng.uniform(0.68, 0.80) if kind in ("tree", "car", "sign", "bush", "bench") and self.chance(0.8) else self.rng.uniform(0.8, 0.95)
        x = self.spot(self.height(kind, y) * WIDTH[kind])
        t = self.thing(kind, x, y)
        if kind == "tree" and self.place == "snow":
            t = replace(t, pose="fir", colour="green")
        elif kind == "kite":
            t = replace(t, y=self.rng.uniform(0.24, 0.36))
        elif kind == "umbrella":
            t = replace(t, pose="front") if self.chance(0.4) else replace(t, h=t.h * 1.1)
        self.groups.append(Group((self.add(t),), ""))


def sample_scene(seed: int, split: str = "train") -> Scene:
    """The scene of a seed in a split (`train`, `val`, `test`, `counter`, `encoder`); splits share no scenes."""
    if split not in SPLITS:
        raise RequestError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
    if seed < 0:
        raise RequestError(f"seed must be 0 or more, not {seed}")
    return Sampler(seed, split).scene()
