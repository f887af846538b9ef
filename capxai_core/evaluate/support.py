"""What a captioner says of many pictures, and how often what it names is there."""

from collections.abc import Collection, Iterable, Iterator, Sequence

import pandas as pd
import torch
from torch import Tensor

from capxai_core.data.examples import Example
from capxai_core.data.scenes import CATEGORIES, CLOTHING_WORDS, OBJECT_WORDS
from capxai_core.data.synonyms import COCO, words_of
from capxai_core.data.vocabulary import END
from capxai_core.models.captioner import Captioner
from capxai_core.models.search import beam_search

BATCH = 50


def object_words(profile: str) -> frozenset[str]:
    """The words that may name an object: of the drawn scenes, or of COCO's categories and clothing."""
    known = (OBJECT_WORDS[c] for c in CATEGORIES) if profile == "scenes" else (words_of(c) for c in COCO)
    return CLOTHING_WORDS.union(*known)


def say(model: Captioner, examples: Sequence[Example], beam_size: int = 3) -> Iterator[tuple[str, ...]]:
    """The model's caption of each example in turn, `BATCH` pictures searched together; same words for any batch."""
    for start in range(0, len(examples), BATCH):
        a = torch.cat([model.see(example.image()) for example in examples[start : start + BATCH]])
        yield from captions_of(model, a, beam_size)


def captions_of(model: Captioner, a: Tensor, beam_size: int = 3) -> Iterator[tuple[str, ...]]:
    """The model's caption of each picture of which the encoder's output A (n, C, grid, grid) is given."""
    for ids in beam_search(model.decoder, a, beam_size):
        yield model.vocabulary.decode(token for token in ids if token != END)


def support_counts(
    examples: Iterable[Example], captions: Iterable[Sequence[str]], words: Collection[str]
) -> pd.DataFrame:
    """How often each of `words` was said, and how often rightly.

    The first occurrence of a word in a caption counts (section IV-B3). Columns: word, said, right, wrong; the most said
    first, words that were never said left out.
    """
    wanted = {*words}
    named = [(word, e.supports(word)) for e, c in zip(examples, captions, strict=True) for word in wanted & {*c}]
    table = pd.DataFrame(named, columns=["word", "right"]).astype({"right": int})
    counts = table.groupby("word")["right"].agg(said="size", right="sum").reset_index()
    counts["wrong"] = counts["said"] - counts["right"]
    return counts.sort_values(["said", "word"], ascending=[False, True], ignore_index=True)
