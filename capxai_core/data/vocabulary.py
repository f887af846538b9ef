"""The words a captioner can say."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

PAD, START, END, UNK = range(4)
SPECIALS = ("<pad>", "<start>", "<end>", "<unk>")


@dataclass(frozen=True)
class Vocabulary:
    """An ordered list of words; the first four are `<pad>`, `<start>`, `<end>` and `<unk>`."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.words[:4] != SPECIALS or len(set(self.words)) != len(self.words):
            raise ValueError(f"a vocabulary starts with {SPECIALS} and repeats no word")

    @classmethod
    def build(cls, captions: Iterable[Sequence[str]], min_count: int) -> "Vocabulary":
        """Words seen at least `min_count` times, the most frequent first, ties in alphabetical order."""
        counts = Counter(word for caption in captions for word in caption)
        kept = sorted((w for w, n in counts.items() if n >= min_count), key=lambda w: (-counts[w], w))
        return cls((*SPECIALS, *kept))

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def index(self) -> dict[str, int]:
        """Word to token id."""
        return {word: i for i, word in enumerate(self.words)}

    def encode(self, words: Iterable[str]) -> list[int]:
        """Token ids, `<unk>` for words outside the vocabulary."""
        return [self.index.get(word, UNK) for word in words]

    def decode(self, ids: Iterable[int]) -> tuple[str, ...]:
        """The words of token ids."""
        return tuple(self.words[i] for i in ids)
