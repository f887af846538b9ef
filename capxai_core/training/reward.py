"""Training on with a reward: CIDEr-D, and recall, of captions that the captioner itself says."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log

import torch
from pycocoevalcap.cider.cider_scorer import CiderScorer, cook_refs, cook_test
from torch import Tensor
from torch.nn import functional as F

from capxai_core.data.examples import Example
from capxai_core.data.vocabulary import END, PAD, START, UNK, Vocabulary
from capxai_core.files import digest
from capxai_core.models.captioner import find_weights, load_captioner
from capxai_core.models.decoder import Decoder
from capxai_core.models.encoder import Encoder
from capxai_core.models.search import MAX_WORDS
from capxai_core.training.captioning import Further, next_words
from capxai_core.training.recipe import Recipe

# What a recipe becomes. Captions are drawn from the captioner as it is searched, with nothing dropped out. The mean of
# the weights on the way, with much of those before, captions better than the last: a reward soon narrows what is said.
REWARDED = {"epochs": 2, "lr": 2e-4, "average": 0.999, "dropout": 0.0, "embedding_dropout": 0.0, "weight_decay": 0.0,
            "smoothing": 0.0, "flips": False}  # fmt: skip
UNMATCHED = "<other>"  # a reference's word that the captioner does not know; `<unk>` is not to be rewarded for it
# What a captioner becomes: by CIDEr-D alone, or with as much of METEOR's recall, or captions soon get shorter.
REWARDS = {"cider": 0.0, "recall": 1.0}
ALPHA = 0.85  # how much of METEOR's mean is recall's


class _Scorer(CiderScorer):  # type: ignore[misc]
    """CIDEr-D whose word weights come from other images than those it scores, from which the library takes them."""

    ref_len = property(lambda self: log(self.images), lambda self, counted: None)

    def __init__(self, frequency: Counter[tuple[str, ...]], images: int) -> None:
        self.images = images
        super().__init__()
        self.document_frequency = frequency  # a Counter does not grow by being asked for what it lacks


@dataclass(frozen=True)
class Reward:
    """A `Loss` whose value is minus the mean reward of captions drawn from the captioner, its gradient the expected.

    Self-critical training (Rennie et al. 2017); the baseline of each caption is the mean of the image's others (Luo
    2020). As many are drawn of an image as it has references in the batch, and judged by these, both cut after
    `MAX_WORDS` words. `<end>` is a word like others here, or it would pay to break off in mid-sentence.

    frequency: in how many of the training `images` a reference has an n-gram; a word the captioner does not know
    counts as one that no other image has. recall: how much of `f_mean`, with the reference that it is best with, is
    added to CIDEr-D.
    """

    vocabulary: Vocabulary
    frequency: Counter[tuple[str, ...]]
    images: int
    recall: float = 0.0

    @classmethod
    def of(cls, vocabulary: Vocabulary, references: Sequence[Sequence[Sequence[str]]], recall: float = 0.0) -> "Reward":
        """With word weights from the references of the training images, by image."""
        frequency = Counter[tuple[str, ...]]()
        for captions in references:
            ids = [[*vocabulary.encode(caption), END][: MAX_WORDS + 1] for caption in captions]
            cooked = cook_refs(_texts(vocabulary, ids, UNMATCHED))
            frequency.update({ngram for counts in cooked for ngram in counts if UNMATCHED not in ngram})
        return cls(vocabulary, frequency, len(references), recall)

    def __call__(self, model: Decoder, a: Tensor, tokens: Tensor, recipe: Recipe, _: Tensor | None = None) -> Tensor:
        """a (n, C, H, W), tokens (n·m, T + 1) with m ≥ 2 → scalar."""
        drawn = sample(model, a, len(tokens) // len(a))
        torch.clear_autocast_cache()  # or weights cast without a gradient, in sampling, could be taken for the others
        rewards = self.score(drawn, tokens, len(a)).to(a.device)
        others = (rewards.sum(1, keepdim=True) - rewards) / (rewards.shape[1] - 1)
        logits, said = next_words(model, a, drawn, recipe)
        surprise = F.cross_entropy(sayable(logits.float()), said, reduction="none")
        spoken = drawn[:, 1:] != PAD
        chosen = spoken.cumsum(1)[spoken] <= MAX_WORDS  # the `<end>` after these was forced
        better = (rewards - others).flatten().repeat_interleave(spoken.sum(1))
        guide = (surprise * better * chosen).sum() / len(drawn)
        return guide - guide.detach() - rewards.mean()

    def score(self, drawn: Tensor, tokens: Tensor, n: int) -> Tensor:
        """The rewards (n, m) of the m captions drawn of each of n images; both (n·m, ·) begin with `<start>`."""
        scorer, m = _Scorer(self.frequency, self.images), len(drawn) // n
        said = _texts(self.vocabulary, drawn[:, 1:].tolist())
        told = _texts(self.vocabulary, tokens[:, 1:].tolist(), UNMATCHED)
        own, references = [slice(k - k % m, k - k % m + m) for k in range(n * m)], cook_refs(told)
        scorer.ctest, scorer.crefs = [cook_test(text) for text in said], [references[of] for of in own]
        rewards = torch.tensor(scorer.compute_cider(), dtype=torch.float32)
        if self.recall:
            best = [max(f_mean(text, reference) for reference in told[of]) for text, of in zip(said, own, strict=True)]
            rewards += self.recall * torch.tensor(best)
        return rewards.view(n, m)


def f_mean(said: str, reference: str) -> float:
    """METEOR's mean of precision and recall, of words that are the same (Denkowski and Lavie 2014)."""
    words, wanted = said.split(), reference.split()
    return (Counter(words) & Counter(wanted)).total() / (ALPHA * len(wanted) + (1 - ALPHA) * len(words))


def for_reward(
    kind: str, architecture: str, profile: str, encoder: Encoder, examples: Sequence[Example], recipe: Recipe
) -> Further:
    """From `profile/architecture`, trained here or shipped, to its variant `kind`; says which file it goes on from."""
    name = f"{profile}/{architecture}"
    start, path = load_captioner(name, encoder), find_weights(name)
    print(f"goes on from {path}")
    aim = f"CIDEr-D{' and recall' * (kind == 'recall')} as reward, from {name} ({digest(path)[:12]}…)"
    options = (
        f"--profile {profile} --model {architecture} --reward {kind} --seed {recipe.seed} --epochs {recipe.epochs}"
    )
    reward = Reward.of(start.vocabulary, [e.captions for e in examples if e.split == "train"], REWARDS[kind])
    return Further(start, reward, aim, f"capxai train {options}", kind)


@torch.no_grad()
def sample(model: Decoder, a: Tensor, m: int) -> Tensor:
    """m captions drawn of each of n images, word by word from the model's probabilities: (n·m, T + 1) token ids.

    As `pad_captions` has them; `<end>` is forced after `MAX_WORDS` words. From the global random generator.
    """
    features = model.encode(a)
    state = model.start(len(a) * m, features.v)
    drawn = [torch.full((len(a) * m,), START, device=a.device)]
    ended = torch.zeros_like(drawn[0], dtype=torch.bool)
    for t in range(MAX_WORDS + 1):
        step, state = model.step(model.embedding(drawn[-1]), features, state)
        p = torch.softmax(sayable(model.fc(model.fuse(step)).float()), -1)
        word = torch.full_like(drawn[0], END) if t == MAX_WORDS else torch.multinomial(p, 1).squeeze(1)
        drawn.append(torch.where(ended, PAD, word))
        ended = ended | (word == END)
        if bool(ended.all()):
            break
    return torch.stack(drawn, 1)


def sayable(logits: Tensor) -> Tensor:
    """Scores (…, V) of which `<pad>` and `<start>` have none, as in `beam_search`."""
    return logits.index_fill(-1, torch.tensor([PAD, START], device=logits.device), -torch.inf)


def _texts(vocabulary: Vocabulary, captions: Iterable[Sequence[int]], unknown: str = "<unk>") -> list[str]:
    return [" ".join(unknown if t == UNK else vocabulary.words[t] for t in ids if t != PAD) for ids in captions]
