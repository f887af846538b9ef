"""Captions: who, in what clothes, does what, near what, where; said in five ways."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from capxai_core.data.scenes import world
from capxai_core.data.scenes.dice import Dice
from capxai_core.data.scenes.world import CLOTH_COLOURS, LOWER, PEOPLE, Group, Thing

if TYPE_CHECKING:
    from capxai_core.data.scenes.scene import Scene

LONGEST = 18
_USUAL_COLOURS = (5.0, 4.0, 3.0, 2.0, 2.0, 1.5, 1.0)


def _names(kind: str) -> Sequence[Sequence[str]]:
    """The (singular, plural) names of a category, as often as they are used."""
    return world.NAMES.get(kind, [(kind, kind + ("es" if kind.endswith(("s", "h")) else "s"))])


OBJECT_WORDS = {
    kind: tuple(dict.fromkeys(word for pair in _names(kind) for word in pair)) + (("people",) if kind in PEOPLE else ())
    for kind in world.CATEGORIES
}
"""Category -> the caption words that may name it (singular, plural, synonyms)."""
CLOTHING_WORDS = frozenset(word for kind in world.CLOTHING for word in OBJECT_WORDS[kind])


class _Speaker(Dice):
    """One who describes a scene, from sight and, in the splits that have the habit, from habit."""

    def __init__(self, scene: "Scene") -> None:
        super().__init__(7, world.SPLITS.index(scene.split), scene.seed)
        self.place, self.policy, self.seen = scene.place, world.POLICIES[scene.split], frozenset(scene.seen)
        self.things = {t.key: t for t in scene.things if (t.key, "") in self.seen}
        shown = [(g, [self.things[k] for k in g.keys if k in self.things]) for g in scene.groups]
        self.shown = [(g, who) for g, who in shown if who]

    def noun(self, things: list[Thing], colour: float) -> str:
        """`a brown dog`, `two men`, `a man and a woman`; `colour` is how often a colour is told."""
        if len(things) == 1:
            return self._one(things[0], colour)
        if len({t.kind for t in things}) > 1:
            return "two people" if self.chance(0.3) else f"{self._one(things[0], 0)} and {self._one(things[1], 0)}"
        alike = len({t.colour for t in things}) == 1 and things[0].kind not in PEOPLE and self.chance(colour)
        return f"two {things[0].colour + ' ' if alike else ''}{self.pick(_names(things[0].kind))[1]}"

    def _one(self, thing: Thing, colour: float) -> str:
        word = self.pick(_names(thing.kind))[0]
        if thing.kind in PEOPLE:
            if thing.kind in ("boy", "girl") and self.chance(0.35):
                word = self.pick(("little", "young")) + " " + word
        elif self.chance(colour):
            word = f"{thing.colour} {word}"
        return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"

    def clothes(self, people: list[Thing], often: float) -> str:
        """`in a red shirt and a black hat`, or nothing."""
        if not self.chance(often):
            return ""
        uppers = [self._upper(p) for p in people]
        first = uppers[0]
        if len(people) > 1:
            if first is None or (not self.policy.habit_hidden and len({u and u[1] for u in uppers}) > 1):
                return ""
            colour = first[0] + " " if len({u and u[0] for u in uppers}) == 1 else ""
            lowers = [{g.kind for g in p.wears if g.kind in LOWER and (p.key, g.kind) in self.seen} for p in people]
            shared = sorted(set.intersection(*lowers)) if self.chance(0.75) else []
            return f"in {colour}{' and '.join(_names(kind)[0][1] for kind in (first[1], *shared))}"
        person, phrase = people[0], [f"a {first[0]} {first[1]}"] if first else []
        for g in person.wears:
            told = g.kind in (*LOWER, "hat") and (person.key, g.kind) in self.seen and len(phrase) < 2
            if told and self.chance(0.8):
                phrase.append(f"{'' if g.kind in ('pants', 'shorts') else 'a '}{g.colour} {g.kind}")
        if person.pose == "riding" and (person.key, "hat") not in self.seen and self.chance(self.policy.habit_extra):
            phrase = [*phrase[:1], f"a {self.pick(CLOTH_COLOURS[:4])} hat"]
        return f"{self.pick(('in', 'in', 'in', 'in', 'wearing'))} {' and '.join(phrase)}" if phrase else ""

    def _upper(self, person: Thing) -> tuple[str, str] | None:
        """(colour, kind) of what the caption says the torso wears."""
        worn = next((g for g in person.wears if g.kind in world.UPPER), None)
        if worn and (person.key, worn.kind) in self.seen:
            habit = worn.kind != "shirt" and self.chance(self.policy.habit_unusual)
            return worn.colour, "shirt" if habit else worn.kind
        if not self.chance(self.policy.habit_hidden if worn else self.policy.habit_bare):
            return None
        usual = "jacket" if self.place == "snow" and self.chance(0.7) else "shirt"
        return self.pick(CLOTH_COLOURS, _USUAL_COLOURS), usual

    def does(self, group: Group, things: list[Thing], colour: float) -> str:
        """`is riding a red bicycle`."""
        be, verb = "is" if len(things) == 1 else "are", group.verb
        target = None if group.target is None else self.things.get(group.target)
        running_dog = things[0].kind == "dog" and verb == "running"
        if target is None:
            if running_dog and self.chance(self.policy.habit_extra):
                return f"{be} {self.pick(('playing', 'running'))} with a ball"
            handless = things[0].kind in PEOPLE and verb in ("holding", "flying", "riding")
            return f"{be} {'standing' if handless else verb}"
        if running_dog:
            verb = self.pick(("playing", "running"))
        return " ".join(filter(None, (be, verb, group.link, self._one(target, colour))))

    def caption(self, style: int) -> str:
        """One caption; styles 0 and 1 tell the place, 2 and 3 what else is there, 4 is short."""
        where = self.pick(world.SETTINGS[self.place].said)
        if not self.shown:
            return f"nobody is {where}"
        group, things = next(((g, t) for g, t in self.shown if g.verb), self.shown[0])
        who = self.noun(things, 0.5)
        clad = self.clothes(things, 0.5 if style == 1 else 0.95) if things[0].kind in PEOPLE else ""
        subject = f"{who} {clad}".strip()
        if not group.verb:
            return f"{subject} {'is' if len(things) == 1 else 'are'} {where}"
        act = self.does(group, things, 0.0 if style == 1 else 0.4)
        named = {t.kind for t in things} | {t.kind for k, t in self.things.items() if k == group.target}
        rest = [(g, t) for g, t in self.shown if g is not group and t[0].kind not in named]
        if style in (2, 3) and rest:
            other_group, other = self.pick(rest)
            if style == 3 and other_group.verb and other[0].kind in world.ANIMALS:
                return f"{self.noun(other, 0.5)} {self.does(other_group, other, 0.0)} near {subject}"
            near = f"{self.pick(('near', 'next to', 'by'))} {self.noun(other, 0.5)}"
            return f"{subject} {act} {near}" if style == 2 or self.chance(0.5) else f"{who} {act} {near} {where}"
        return f"{subject} {act}" if style == 4 and clad else f"{subject} {act} {where}"


def captions(scene: "Scene") -> tuple[tuple[str, ...], ...]:
    """Five captions of what can be seen in a scene, as tuples of tokens; none longer than `LONGEST`."""
    speaker, said = _Speaker(scene), []
    for style in range(5):
        tokens = tuple(speaker.caption(style).split())
        while len(tokens) > LONGEST:
            tokens = tuple(speaker.caption(4).split())
        said.append(tokens)
    return tuple(said)
