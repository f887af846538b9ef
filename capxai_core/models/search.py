"""Beam search over a captioner's words, for many images at once."""

import torch
from torch import Tensor

from capxai_core.data.vocabulary import END, PAD, START
from capxai_core.models.decoder import Decoder

MAX_WORDS = 20


@torch.no_grad()
def beam_search(decoder: Decoder, a: Tensor, beam_size: int = 3, max_words: int = MAX_WORDS) -> list[list[int]]:
    """The most probable caption of each image found with a beam; `beam_size=1` is greedy decoding.

    a: encoder output (n, C, H, W). Returns n lists of token ids that close with `<end>`, which is forced
    after `max_words` words. Scores are sums of log-probabilities, not divided by length, as in the authors' release;
    of equal scores the earlier beam and the lower token id win.
    """
    n, k = a.shape[0], beam_size
    features = decoder.encode(a)
    state = decoder.start(n * k, features.v)
    tokens = torch.full((n, k, 1), START, device=a.device)
    # All beams start alike: only the first may live, or the beam would be k copies of one caption.
    scores = torch.full((n, k), -torch.inf, device=a.device, dtype=features.v.dtype)
    scores[:, 0] = 0
    for _ in range(max_words + 1):
        last = tokens[:, :, -1]
        ended = (last == END) | (last == PAD)
        step, state = decoder.step(decoder.embedding(last.flatten()), features, state)
        log_p = torch.log_softmax(decoder.fc(decoder.fuse(step)), dim=-1).unflatten(0, (n, k))
        log_p[..., [PAD, START]] = -torch.inf
        if tokens.shape[2] == max_words + 1:
            log_p[..., :END] = log_p[..., END + 1 :] = -torch.inf
        # A finished caption stays in the beam, unchanged, by saying <pad> for free.
        log_p = log_p.masked_fill(ended.unsqueeze(-1), -torch.inf)
        log_p[..., PAD] = torch.where(ended, 0.0, log_p[..., PAD])
        total = (scores.unsqueeze(-1) + log_p).flatten(1)
        # stable: torch.topk leaves the order of ties open
        order = torch.sort(total, dim=1, descending=True, stable=True).indices[:, :k]
        scores = total.gather(1, order)
        source, word = order // log_p.shape[-1], order % log_p.shape[-1]
        tokens = torch.cat([tokens.gather(1, source.unsqueeze(-1).expand_as(tokens)), word.unsqueeze(-1)], dim=2)
        rows = (source + torch.arange(n, device=a.device).unsqueeze(1) * k).flatten()
        state = tuple(s[rows] for s in state)
        if bool(((word == END) | (word == PAD)).all()):
            break
    best = tokens[:, 0, 1:].tolist()
    return [[t for t in caption if t != PAD] for caption in best]
