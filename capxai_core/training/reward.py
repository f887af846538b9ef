"""Training on with a reward: CIDEr-D of captions that the captioner itself says."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path

import torch
from pycocoevalcap.cider.cider_scorer import CiderScorer, cook_refs, cook_test
from torch import Tensor
from torch.nn import functional as F

from capxai_core.data.examples import Example
from capxai_core.data.vocabulary import END, PAD, START, UNK, Vocabulary
from capxai_core.models.captioner import find_weights, load_captioner
from capxai_core.models.decoder import Decoder
from capxai_core.models.encoder import Encoder
from capxai_core.models.search import MAX_WORDS
from capxai_core.training.captioning import next_words, train_captioner
from capxai_core.training.recipe import Recipe

# What a recipe becomes; the gradient is of the captioner that is searched, which drops nothing out.
REWARDED = {"epochs": 3, "lr": 1e-4, "dropout": 0.0, "embedding_dropout": 0.0, "weight_decay": 0.0, "flips": False}
UNMATCHED = "<other>"  # a reference's word that the captioner does not know; `<unk>` is not to be rewarded for it


class _Scorer(CiderScorer):  # type: ignore[misc]
    """CIDEr-D whose word weights come from other images than those it scores, from which the library takes them."""

    ref_len = property(lambda self: log(self.images), lambda self, counted: None)

    def __init__(self, frequency: Counter[tuple[str, ...]], images: int) -> None:
        self.images = images
        super().__init__()
        self.document_frequency = frequency  # a Counter does not grow by being asked for what it lacks


@dataclass(frozen=True)
class Reward:
    """A `Loss` that is minus the mean CIDEr-D of captions drawn from the captioner, or its gradient would be.

    Self-critical training (Rennie et al. 2017); the baseline of each caption is the mean of the image's others (Luo
    2020). As many are drawn of an image as it has references in the batch, and judged by these. `<end>` is a word like
    others here, or it would pay to break off in mid-sentence.

    frequency: in how many of the training `images` a reference has an n-gram.
    """

    vocabulary: Vocabulary
    frequency: Counter[tuple[str, ...]]
    images: int

    @classmethod
    def of(cls, vocabulary: Vocabulary, references: Sequence[Sequence[Sequence[str]]]) -> "Reward":
        """With word weights from the references of the training images, by image."""
        frequency = Counter[tuple[str, ...]]()
        for captions in references:
            ids = [[*vocabulary.encode(caption), END][: MAX_WORDS + 1] for caption in captions]
            frequency.update({ngram for cooked in cook_refs(_texts(vocabulary, ids, UNMATCHED)) for ngram in cooked})
        return cls(vocabulary, frequency, len(references))

    def __call__(self, model: Decoder, a: Tensor, tokens: Tensor, recipe: Recipe, _: Tensor | None = None) -> Tensor:
        """a (n, C, H, W), tokens (n·m, T + 1) with m ≥ 2 → scalar."""
        drawn = sample(model, a, len(tokens) // len(a))
        rewards = self.score(drawn, tokens, len(a)).to(a.device)
        others = (rewards.sum(1, keepdim=True) - rewards) / (rewards.shape[1] - 1)
        logits, said = next_words(model, a, drawn, recipe)
        surprise = F.cross_entropy(sayable(logits.float()), said, reduction="none")
        better = (rewards - others).flatten().repeat_interleave((drawn[:, 1:] != PAD).sum(1))
        guide = (surprise * better).sum() / len(drawn)
        return guide - guide.detach() - rewards.mean()

    def score(self, drawn: Tensor, tokens: Tensor, n: int) -> Tensor:
        """CIDEr-D (n, m) of the m captions drawn of each of n images; both (n·m, ·) begin with `<start>`."""
        scorer, m = _Scorer(self.frequency, self.images), len(drawn) // n
        references = _texts(self.vocabulary, tokens[:, 1:].tolist(), UNMATCHED)
        scorer.ctest = [cook_test(text) for text in _texts(self.vocabulary, drawn[:, 1:].tolist())]
        scorer.crefs = [cook_refs(references[i * m : (i + 1) * m]) for i in range(n) for _ in range(m)]
        return torch.tensor(scorer.compute_cider(), dtype=torch.float32).view(n, m)


def train_for_reward(
    architecture: str,
    profile: str,
    encoder: Encoder,
    examples: Sequence[Example],
    recipe: Recipe,
    folder: Path,
    cache: Path,
    device: torch.device,
    again: bool = False,
) -> Path:
    """`train_captioner` with `Reward`, from `profile/architecture`, trained here or shipped, to its variant `cider`."""
    name = f"{profile}/{architecture}"
    start, weights = load_captioner(name, encoder), hashlib.sha256(find_weights(name).read_bytes()).hexdigest()
    reward = Reward.of(start.vocabulary, [e.captions for e in examples if e.split == "train"])
    aim = f"CIDEr-D as reward, from {name} ({weights[:12]}…)"
    command = f"capxai train --profile {profile} --model {architecture} --reward --seed {recipe.seed}"
    further = start, None, reward, aim, f"{command} --epochs {recipe.epochs}", again, "cider"
    return train_captioner(architecture, profile, encoder, examples, recipe, folder, cache, device, *further)


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
