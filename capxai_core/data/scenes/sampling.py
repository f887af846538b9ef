"""Composing a scene: a place, one or two groups doing something, and other things around them."""

from dataclasses import replace
from typing import Any

from capxai_core.data.scenes import world
from capxai_core.data.scenes.body import Body
from capxai_core.data.scenes.dice import Dice
from capxai_core.data.scenes.scene import Scene
from capxai_core.data.scenes.world import KINDS, PEOPLE, Garment, Group, Thing
from capxai_core.errors import RequestError

SCREEN_WIDTHS = {"car": 1.4, "bench": 1.0, "sign": 0.75, "bush": 0.7, "umbrella": 0.5}
"""The room that people behind it take, a grown man's height being 1."""
MOVING = ("standing", "walking", "running", "jumping")
EVEN_DOINGS = (*MOVING, "sitting", "sitting", "playing", "flying", "holding", "riding horse", "riding bicycle")


class Sampler(Dice):
    """Samples one scene; every choice is drawn from one generator seeded by (split, seed)."""

    def __init__(self, seed: int, split: str) -> None:
        super().__init__(world.SPLITS.index(split), seed)
        self.policy, self.even = world.POLICIES[split], split == "encoder"
        self.place = self.pick(world.PLACES)
        self.setting = world.SETTINGS[self.place]
        self.made = 0
        self.depths: list[tuple[float, Thing]] = []
        self.taken: list[tuple[float, float]] = []
        self.unit = self.rng.uniform(0.52, 0.68)

    def groups(self, split: str) -> list[Group]:
        """Fill the scene with groups of things; to be called once."""
        if self.even:  # everything about as likely as everything else, in any place
            groups = [self._people(self.pick(EVEN_DOINGS))] if self.chance(0.55) else []
            weights = [1.25 if kind in world.ANIMALS else 1.0 for kind in KINDS]
            more = int(self.rng.integers(2, 5))
            return groups + [self._one_of(self.pick(tuple(KINDS), weights)) for _ in range(more)]
        if split == "counter" or self.chance(0.8):
            groups = [self._people(self.pick(self.setting.doings))]
        else:
            n = 2 if self.chance(0.4) else 1
            groups = [self._animals(n, self.pick([k for k in world.ANIMALS if k != "horse" or self.place != "room"]))]
        more = int(self.rng.integers(0, 3))
        return groups + [self._one_of(self.pick(self.setting.around)) for _ in range(more)]

    def _add(self, thing: Thing, depth: float | None = None) -> int:
        """Take a thing into the scene; those with more depth, the height of their foot unless told, are drawn later."""
        self.depths.append((thing.y if depth is None else depth, thing))
        return thing.key

    def _height(self, kind: str, y: float) -> float:
        return KINDS[kind].height * self.unit * (0.84 + 0.9 * (y - 0.78))

    def _make(self, kind: str, x: float, y: float, pose: str = "standing", grow: float = 1.0, **fixed: Any) -> Thing:
        """A thing like others of its kind, but for what is `fixed`."""
        wears = self._clothes(kind, pose) if kind in PEOPLE else ()
        self.made += 1
        flip, detail, h = self.chance(0.5), int(self.rng.integers(1000)), self._height(kind, y) * grow
        colour = self.pick(KINDS[kind].tints) if KINDS[kind].tints else "white"
        lift = 0.05 if pose == "jumping" else 0.0
        return replace(Thing(self.made, kind, x, y, h, colour, pose, flip, detail, lift, wears=wears), **fixed)

    def _spot(self, width: float) -> float:
        """An x for something this wide, away from what is there already where possible."""
        tries = [float(x) for x in self.rng.uniform(min(width / 2, 0.45), max(1 - width / 2, 0.55), 6)]
        best = max(tries, key=lambda x: min((abs(x - u) - (width + w) / 2 for u, w in self.taken), default=1.0))
        self.taken.append((best, width))
        return best

    def _row(self, kinds: list[str], middle: float, gap: float) -> list[tuple[str, float]]:
        return [(kind, middle + (k - (len(kinds) - 1) / 2) * gap) for k, kind in enumerate(kinds)]

    def _clothes(self, kind: str, pose: str) -> tuple[Garment, ...]:
        """What a person wears, by the split's policy."""
        p, female = self.policy, kind in world.FEMALE
        usual = "jacket" if self.place == "snow" else "dress" if female and self.chance(0.35) else "shirt"
        draw = self.rng.random()
        others = [k for k in world.UPPER if k != usual and (k != "dress" or female)]
        if self.even:
            upper = self.pick((*world.UPPER, ""))
        else:
            upper = "" if draw < p.bare else self.pick(others) if draw < p.bare + p.unusual else usual
        lower = self.pick(world.LOWER, (1, 1, 1) if self.even else (3, 2, 3) if female else (3, 2, 0))
        if upper == "dress" and not self.even:
            lower = ""
        hat = self.chance(p.rider_hat if pose == "riding" and not self.even else p.hat)
        weights = (1,) * len(world.CLOTH_COLOURS) if self.even else (5, 4, 3, 2, 2, 1.5, 3 if female else 0.3)
        worn = []
        for garment in filter(None, (upper, lower, "hat" if hat else "")):
            colour, pattern = self.pick(world.CLOTH_COLOURS, weights), int(self.rng.integers(2))
            worn.append(Garment(garment, colour, int(colour == "white") if garment == "jacket" else pattern))
        return tuple(worn)

    def _person(self) -> str:
        return self.pick(PEOPLE, (1, 1, 1, 1) if self.even else (4, 3, 2, 2))

    def _crowd(self) -> list[str]:
        first = self._person()
        return [first, first if self.chance(0.75) else self.pick(PEOPLE)] if self.chance(0.36) else [first]

    def _people(self, doing: str) -> Group:
        """One or two people doing something, or hidden behind something."""
        verb, _, mount = doing.partition(" ")
        y = self.rng.uniform(0.80, 0.94)
        if self.chance(self.policy.hidden):
            return self._screened(y)
        if verb == "riding":
            return self._rider(mount, y)
        return self._handling(verb, y) if verb in ("flying", "holding") else self._moving(verb, y)

    def _moving(self, verb: str, y: float) -> Group:
        """One or two people by themselves, on a bench or with a ball."""
        crowd = self._crowd()
        gap = self.unit * (0.52 if verb in ("running", "playing", "sitting") else 0.45)
        middle, keys = self._spot(gap * len(crowd)), []
        for kind, x in self._row(crowd, middle, gap):
            t = self._make(kind, x, y + (0 if verb == "sitting" else self.rng.uniform(-0.02, 0.02)), verb)
            if verb == "sitting":
                seat = 0.46 * self._height("bench", y) - Body(kind, verb).pelvis[1] * t.h + 0.02
                t = replace(t, flip=False, lift=max(0.0, seat))
            keys.append(self._add(t, t.y + 0.01))
        if verb == "sitting":
            bench = self._make("bench", middle, y - 0.015, grow=1.1)
            return Group(tuple(keys), verb, "on", self._add(bench, bench.y - 0.02))
        if verb == "playing":
            ahead = -self.unit * 0.28 if t.flip else self.unit * 0.28 + (gap / 2 if len(crowd) > 1 else 0)
            ball = self._make("ball", middle + ahead, y + 0.01)
            return Group(tuple(keys), verb, "with", self._add(ball, ball.y + 0.03))
        return Group(tuple(keys), verb)

    def _rider(self, mount: str, y: float) -> Group:
        """One person on a horse or a bicycle."""
        horse = mount == "horse"
        kind, x, flip = self._person(), self._spot(0.8 if horse else 0.4), self.chance(0.5)
        person = self._make(kind, x, y, "riding")
        ridden = self._make(mount, x, y, "walking" if horse else "standing", 1.0 if horse else 1.12, flip=flip)
        u, v = (-0.06, 0.70) if horse else (-0.2, 0.9)
        x += (-1 if flip else 1) * u * ridden.h
        lift = v * ridden.h - Body(kind, "riding").pelvis[1] * person.h
        self._add(ridden)
        self._add(replace(person, x=x, flip=flip, lift=lift), y + 0.005)
        return Group((person.key,), "riding", "", ridden.key)

    def _handling(self, verb: str, y: float) -> Group:
        """One person flying a kite or holding an umbrella."""
        kind, x, flip = self._person(), self._spot(0.4), self.chance(0.5)
        person, side = self._make(kind, x, y, verb, flip=flip), -1 if flip else 1
        u, v = Body(kind, verb).arms[1][2]
        x, hand = x + side * u * person.h, y - v * person.h
        self._add(person)
        if verb == "flying":
            x_kite = min(max(x + side * self.rng.uniform(0.16, 0.3), 0.12), 0.88)
            h = KINDS["kite"].height * self.unit * 0.8
            held = self._make("kite", x_kite, self.rng.uniform(0.24, 0.32), h=h, anchor=(x, hand))
        else:
            held = replace(self._make("umbrella", x, y, grow=1.15, flip=flip), y=hand + 0.03)
        return Group((person.key,), verb, "", self._add(held, y + 0.02))

    def _screened(self, y: float) -> Group:
        """People whose torso is behind something that reaches to their chins."""
        screen = self.pick(self.setting.screens)
        bench = screen == "bench"
        crowd = self._crowd() if screen in ("car", "bench") else [self.pick(PEOPLE, (4, 3, 2, 2))]
        gap = min(self._height(kind, y) for kind in crowd) * 0.40
        middle = self._spot(SCREEN_WIDTHS[screen] * self.unit)
        pose = "seated" if bench else "hidden"
        people = [self._make(kind, x, y, pose) for kind, x in self._row(crowd, middle, gap)]
        necks = [Body(t.kind, pose).neck[1] * t.h for t in people]
        for t, neck in zip(people, necks, strict=True):  # the smaller one stands on something: heads in a row
            self._add(replace(t, flip=t.flip and not bench, lift=max(necks) - neck))
        flip = self.chance(0.5)
        front = self._make(screen, middle, y + (0.03 if screen == "car" else 0.02), flip=flip)
        depth = front.y + 0.03
        if screen == "umbrella":
            body, h = Body(crowd[0], pose), people[0].h
            size = h * (body.torso + body.leg * 0.55 + 0.14)
            front, depth = replace(front, pose="front", h=size, y=y - necks[0] - 0.05 * h + size), y + 0.03
        elif bench:
            front = replace(front, pose="back", h=1.02 * max(necks) + front.y - y)
        else:
            front = replace(front, h=1.03 * (max(necks) + front.y - y))
        self._add(front, depth)
        return Group(tuple(t.key for t in people), "sitting" if bench else "standing", "behind", front.key)

    def _one_of(self, kind: str) -> Group:
        """A person, animals or a thing by themselves, the large things mostly behind those who do something."""
        if kind in PEOPLE:
            y, pose = self.rng.uniform(0.76, 0.95), self.pick(MOVING)
            return Group((self._add(self._make(kind, self._spot(0.2), y, pose)),), pose)
        if kind in world.ANIMALS:
            return self._animals(2 if not self.even and self.chance(0.2) else 1, kind)
        far = kind in ("tree", "car", "sign", "bush", "bench") and self.chance(0.8)
        y = self.rng.uniform(0.68, 0.80) if far else self.rng.uniform(0.8, 0.95)
        t = self._make(kind, self._spot(self._height(kind, y) * KINDS[kind].width), y)
        if kind == "tree" and self.place == "snow":
            t = replace(t, pose="fir", colour="green")
        elif kind == "kite":
            t = replace(t, y=self.rng.uniform(0.24, 0.36))
        elif kind == "umbrella":
            t = replace(t, pose="front") if self.chance(0.4) else replace(t, h=t.h * 1.1)
        return Group((self._add(t),), "")

    def _animals(self, n: int, kind: str) -> Group:
        y = self.rng.uniform(0.80, 0.95)
        width = self._height(kind, y) * KINDS[kind].width
        pose = self.pick(KINDS[kind].poses)
        middle, flip, keys = self._spot(width * n), self.chance(0.5), []
        grow = 1.0 if kind == "horse" else 1.25
        for _, x in self._row([kind] * n, middle, width * 1.02):
            t = self._make(kind, x, y + self.rng.uniform(-0.02, 0.02), pose, grow, flip=flip)
            if pose == "flying":
                t = replace(t, y=self.rng.uniform(0.24, 0.40), h=t.h * 1.1)
            keys.append(self._add(t))
        if kind == "dog" and pose == "running" and self.chance(self.policy.dog_ball):
            ball = self._make("ball", middle + (-1 if flip else 1) * (width * n / 2 + 0.07), y)
            return Group(tuple(keys), pose, "with", self._add(ball, y + 0.01))
        return Group(tuple(keys), pose)


def sample_scene(seed: int, split: str = "train") -> Scene:
    """The scene of a seed in a split (`train`, `val`, `test`, `counter`, `encoder`); splits share no scenes."""
    if split not in world.SPLITS:
        raise RequestError(f"unknown split {split!r}: choose one of {', '.join(world.SPLITS)}")
    if seed < 0:
        raise RequestError(f"seed must be 0 or more, not {seed}")
    sampler = Sampler(seed, split)
    groups = tuple(sampler.groups(split))
    things = tuple(t for _, t in sorted(sampler.depths, key=lambda item: item[0]))
    return Scene(seed, split, sampler.place, things, groups)
