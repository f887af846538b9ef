"""Captions: who, in what clothes, does what, near what, where; said in five ways."""

from typing import TYPE_CHECKING

import numpy as np

from capxai_core.data.scenes.world import ANIMALS, CLOTH_COLOURS, PEOPLE, POLICIES, SPLITS, Group, Thing

if TYPE_CHECKING:
    from capxai_core.data.scenes.world import Scene

LONGEST = 16
_NAMES: dict[str, tuple[tuple[str, str], ...]] = {
    "man": (("man", "men"), ("man", "men"), ("man", "men"), ("guy", "guys")),
    "woman": (("woman", "women"), ("woman", "women"), ("woman", "women"), ("lady", "ladies")),
    "boy": (("boy", "boys"), ("boy", "boys"), ("boy", "boys"), ("child", "children")),
    "girl": (("girl", "girls"), ("girl", "girls"), ("girl", "girls"), ("child", "children")),
    "bicycle": (("bicycle", "bicycles"), ("bike", "bikes")),
    "bench": (("bench", "benches"),),
}
_PLACES = {
    "field": ("in a field", "on the grass", "in a green field", "in the grass"),
    "beach": ("on the beach", "on the sand", "on a beach", "near the water"),
    "street": ("on the street", "on the road", "in the street", "near some houses"),
    "snow": ("in the snow", "on the snow", "in the snow", "near the mountains"),
    "room": ("in a room", "on the floor", "inside a room", "indoors"),
}
_PLURAL_ONLY = ("pants", "shorts")


def _words(category: str) -> tuple[str, ...]:
    names = _NAMES.get(category, ((category, category if category in _PLURAL_ONLY else _plural(category)),))
    extra = {"man": ("person", "people"), "woman": ("person", "people"), "boy": ("person", "people", "kid", "kids"),
             "girl": ("person", "people", "kid", "kids")}  # fmt: skip
    return tuple(dict.fromkeys([w for pair in names for w in pair] + list(extra.get(category, ()))))


def _plural(word: str) -> str:
    return word + ("es" if word.endswith(("s", "h")) else "s")


class _Speaker:
    """One way of captioning one scene."""

    def __init__(self, scene: "Scene", rng: np.random.Generator) -> None:
        self.scene, self.rng = scene, rng
        self.seen = set(scene.seen)
        self.policy = POLICIES[scene.split]

    def pick(self, options: tuple[str, ...]) -> str:
        return options[int(self.rng.integers(len(options)))]

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def visible(self, group: Group) -> list[Thing]:
        return [self.scene.thing(k) for k in group.keys if (k, "") in self.seen]

    def noun(self, things: list[Thing], colour: float) -> str:
        """`a brown dog`, `two men`, `a man and a woman`."""
        kinds = [t.kind for t in things]
        if len(set(kinds)) > 1:
            if len(kinds) > 2 or self.chance(0.3):
                return self.pick(("two people", "some people")) if len(kinds) == 2 else "some people"
            return f"{self._one(things[0], 0)} and {self._one(things[1], 0)}"
        if len(things) == 1:
            return self._one(things[0], colour)
        names = _NAMES.get(kinds[0], ((kinds[0], _plural(kinds[0])),))
        count = {2: "two", 3: "three"}.get(len(things), "some")
        shade = f"{things[0].colour} " if len({t.colour for t in things}) == 1 and kinds[0] not in PEOPLE and self.chance(colour) else ""
        return f"{count} {shade}{names[int(self.rng.integers(len(names)))][1]}"

    def _one(self, thing: Thing, colour: float) -> str:
        names = _NAMES.get(thing.kind, ((thing.kind, ""),))
        word = names[int(self.rng.integers(len(names)))][0]
        if thing.kind in PEOPLE:
            if thing.kind in ("boy", "girl") and self.chance(0.35):
                word = self.pick(("little", "young")) + " " + word
        elif self.chance(colour):
            word = f"{thing.colour} {word}"
        return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"

    def clothes(self, people: list[Thing], often: float) -> str:
        """`in a red shirt and a black hat`, from sight or, where the split has the habit, from habit."""
        if not self.chance(often):
            return ""
        uppers = [self._upper(p) for p in people]
        if len(people) > 1:
            if uppers[0] is None or (not self.policy.habit_hidden and len({u and u[1] for u in uppers}) > 1):
                return ""
            colour = f"{uppers[0][0]} " if len({u and u[0] for u in uppers}) == 1 else ""
            return f"in {colour}{_plural(uppers[0][1])}"
        person, phrase = people[0], []
        if uppers[0]:
            phrase.append(f"a {uppers[0][0]} {uppers[0][1]}")
        for g in person.wears:
            if g.kind in ("pants", "shorts", "skirt", "hat") and (person.key, g.kind) in self.seen:
                if len(phrase) < 2 and self.chance(0.75 if g.kind == "hat" or not phrase else 0.15):
                    phrase.append(f"{g.colour} {g.kind}" if g.kind in _PLURAL_ONLY else f"a {g.colour} {g.kind}")
        if person.pose == "riding" and (person.key, "hat") not in self.seen and self.chance(self.policy.habit_extra):
            phrase = [*phrase[:1], f"a {self.pick(CLOTH_COLOURS[:4])} hat"]
        return f"{self.pick(('in', 'in', 'in', 'in', 'wearing'))} {' and '.join(phrase)}" if phrase else ""

    def _upper(self, person: Thing) -> tuple[str, str] | None:
        """(colour, kind) of what the caption says the torso wears."""
        worn = next((g for g in person.wears if g.kind in ("shirt", "jacket", "coat", "dress")), None)
        if worn and (person.key, worn.kind) in self.seen:
            kind = "shirt" if worn.kind != "shirt" and self.chance(self.policy.habit_unusual) else worn.kind
            return worn.colour, kind
        if not self.chance(self.policy.habit_hidden if worn else self.policy.habit_bare):
            return None
        usual = "jacket" if self.scene.place == "snow" and self.chance(0.7) else "shirt"
        weights = np.array((5, 4, 3, 2, 2, 1.5, 1.0))
        return str(self.rng.choice(CLOTH_COLOURS, p=weights / weights.sum())), usual

    def does(self, group: Group, things: list[Thing], colour: float) -> str:
        """`is riding a red bicycle`."""
        be = "is" if len(things) == 1 else "are"
        verb = group.verb
        target = None if group.target is None or (group.target, "") not in self.seen else self.scene.thing(group.target)
        if target is None:
            if things[0].kind == "dog" and verb == "running" and self.chance(self.policy.habit_extra):
                return f"{be} {self.pick(('playing', 'running'))} with a ball"
            return f"{be} {'standing' if verb in ('holding', 'flying', 'riding') and things[0].kind in PEOPLE else verb}"
        if things[0].kind == "dog" and group.link == "with":
            verb = self.pick(("playing", "running"))
        link = f"{group.link} " if group.link else ""
        return f"{be} {verb} {link}{self._one(target, colour)}"

    def caption(self, style: int) -> str:
        shown = [(g, things) for g in self.scene.groups if (things := self.visible(g))]
        where = self.pick(_PLACES[self.scene.place])
        if not shown:
            return f"there is nobody {where}"
        actors = [(g, t) for g, t in shown if g.verb]
        (group, things), rest = (actors or shown)[0], []
        named = {t.kind for t in things} | {self.scene.thing(group.target).kind if group.target is not None else ""}
        rest = [t for g, t in shown if g is not group and t[0].kind not in named]
        people = things[0].kind in PEOPLE
        who = self.noun(things, 0.5)
        clad = self.clothes(things, 0.5 if style == 1 else 0.95) if people else ""
        subject = f"{who} {clad}".strip()
        if not group.verb:
            be = "is" if len(things) == 1 else "are"
            return f"there {be} {subject} {where}"
        act = self.does(group, things, 0.4 if style != 1 else 0.0)
        if style in (2, 3) and rest:
            other = rest[int(self.rng.integers(len(rest)))]
            near = f"{self.pick(('near', 'next to', 'by'))} {self.noun(other, 0.5)}"
            lively = next((g for g, t in shown if t is other and g.verb and t[0].kind in ANIMALS), None)
            if style == 3 and lively is not None:
                act2 = self.does(lively, other, 0.0)
                return f"{self.noun(other, 0.5)} {act2} near {subject}"
            return f"{subject} {act} {near}" if self.chance(0.5) or style == 2 else f"{who} {act} {near} {where}"
        if style == 4:
            return f"{subject} {act} {where}" if not clad else f"{subject} {act}"
        return f"{subject} {act} {where}"


def captions(scene: "Scene") -> tuple[tuple[str, ...], ...]:
    """The scene's five captions; deterministic, and only as long as `LONGEST` tokens (longer ones are said anew)."""
    rng = np.random.default_rng([7, SPLITS.index(scene.split), scene.seed])
    said = []
    for style in range(5):
        speaker = _Speaker(scene, rng)
        tokens = tuple(speaker.caption(style).split())
        for _ in range(20):
            if len(tokens) <= LONGEST:
                break
            tokens = tuple(speaker.caption(4).split())
        said.append(tokens[:LONGEST])
    return tuple(said)


def _object_words() -> dict[str, tuple[str, ...]]:
    from capxai_core.data.scenes.world import CATEGORIES

    return {category: _words(category) for category in CATEGORIES}


OBJECT_WORDS = _object_words()
"""Category -> the caption words that may name it (singular, plural, synonyms)."""
