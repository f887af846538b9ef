"""What a captioner names and whether it is there: counts with answers worked out by hand."""

from dataclasses import dataclass

import pytest

import capxai_core as cx


@dataclass(frozen=True)
class Shows:
    """A picture that shows what these words can name."""

    words: frozenset[str]

    def supports(self, word: str) -> bool:
        """Whether the word may be said."""
        return word in self.words


SHIRT, DOGS, NOTHING = Shows(frozenset({"man", "shirt"})), Shows(frozenset({"dog", "dogs"})), Shows(frozenset())


def counts(examples: list[Shows], captions: list[str], *words: str) -> list[tuple]:
    table = cx.support_counts(examples, [caption.split() for caption in captions], words)
    assert list(table.columns) == ["word", "said", "right", "wrong"]
    return list(table.itertuples(index=False, name=None))


def test_a_word_is_right_where_it_is_there_and_wrong_where_it_is_not() -> None:
    said = ["a man in a shirt", "a man in a shirt with a dog", "a dog"]
    assert counts([SHIRT, DOGS, NOTHING], said, "man", "shirt", "dog", "hat") == [
        ("dog", 2, 1, 1),
        ("man", 2, 1, 1),
        ("shirt", 2, 1, 1),
    ]


def test_a_word_said_twice_in_a_caption_counts_once() -> None:
    assert counts([SHIRT, NOTHING], ["a shirt on a shirt", "a shirt and a shirt"], "shirt") == [("shirt", 2, 1, 1)]


def test_the_most_said_word_stands_first_and_ties_in_alphabetical_order() -> None:
    said = ["shirt dog", "shirt man", "shirt"]
    assert [word for word, *_ in counts([NOTHING] * 3, said, "man", "dog", "shirt")] == ["shirt", "dog", "man"]


def test_singular_and_plural_are_words_of_their_own() -> None:
    assert counts([DOGS, SHIRT], ["a dog and dogs", "dogs"], "dog", "dogs") == [("dogs", 2, 1, 1), ("dog", 1, 1, 0)]


@pytest.mark.parametrize(
    ("examples", "captions"), [([], []), ([SHIRT], [""]), ([SHIRT, NOTHING], ["it is there", "on the grass"])]
)
def test_without_an_object_word_there_is_nothing_to_count(examples: list[Shows], captions: list[str]) -> None:
    assert counts(examples, captions, "man", "shirt") == []
    assert counts(examples, captions) == []


def test_every_picture_needs_a_caption() -> None:
    with pytest.raises(ValueError, match="zip"):
        counts([SHIRT, DOGS], ["a man"], "man")


def test_captions_are_those_of_the_model_one_at_a_time_in_batches_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    model = cx.load_captioner("scenes/grid_td")
    examples = cx.load_examples("scenes", "counter", 5, seed=3)
    alone = [model.caption(example.image()).words for example in examples]
    assert list(cx.say(model, examples)) == alone
    monkeypatch.setattr("capxai_core.evaluate.support.BATCH", 2)
    assert list(cx.say(model, examples)) == alone
    assert list(cx.say(model, [])) == []


def test_a_scene_supports_what_shows_and_not_what_its_captions_say_from_habit() -> None:
    examples = cx.load_examples("scenes", "train", 200, seed=3)
    unseen = [e for e in examples if "shirt" in e.captions[0] and "shirt" not in {o.category for o in e.objects}]
    table = cx.support_counts(unseen, [e.captions[0] for e in unseen], ["shirt"])
    assert len(unseen) > 5 and list(table.wrong) == [len(unseen)]
