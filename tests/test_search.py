"""Decoding against a search that tries everything, and against beam search written down word by word."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import captioner, picture

from capxai_core.data.vocabulary import END, PAD, START, UNK
from capxai_core.models.captioner import DECODERS
from capxai_core.models.search import beam_search

architectures = pytest.mark.parametrize("architecture", DECODERS)
seeds = st.integers(0, 1000)
NEVER = {PAD, START}


def maps(seed, n):
    """What an encoder might make of n pictures, more different than its answers to noise: (n, 7, 4, 4)."""
    noise = torch.Generator().manual_seed(seed)
    strength = 6 * torch.rand(n, 7, 1, 1, generator=noise, dtype=torch.double)
    return strength * torch.randn(n, 7, 4, 4, generator=noise, dtype=torch.double).relu()


def log_probs(model, a, said):
    """What may come first and after each word of a caption: (T + 1, words), one step at a time."""
    decoder, rows = model.decoder, []
    features = decoder.encode(a)
    state = decoder.start(1, features.v)
    for word in [START, *said]:
        step, state = decoder.step(decoder.embedding(torch.tensor([word])), features, state)
        rows.append(torch.log_softmax(decoder.fc(decoder.fuse(step))[0], -1))
    return torch.stack(rows)


def score(model, a, tokens):
    """Log-probability of a caption, `<end>` included."""
    log_p = log_probs(model, a, tokens[:-1])
    return sum(log_p[t, token].item() for t, token in enumerate(tokens))


def plain_beam(model, a, beam_size, longest):
    """Beam search over lists, one picture and one caption at a time; of equals the earlier one stays."""
    beam = [(0.0, [])]
    for length in range(longest + 1):
        grown = []
        for total, said in beam:
            if said and said[-1] == END:
                grown.append((total, said))
                continue
            log_p = log_probs(model, a, said)[-1]
            words = [END] if length == longest else [w for w in range(len(log_p)) if w not in NEVER]
            grown += [(total + log_p[word].item(), [*said, word]) for word in words]
        beam = sorted(grown, key=lambda scored: -scored[0])[:beam_size]
    return beam[0][1]


@architectures
@settings(max_examples=10, deadline=None)
@given(seed=seeds, longest=st.integers(1, 3))
def test_a_wide_beam_finds_the_best_of_all_captions(architecture, seed, longest):
    model = captioner(seed, architecture, words=7)
    a = model.see(picture(seed))
    spoken = [w for w in range(7) if w not in (PAD, START, END)]
    everything = [(*c, END) for n in range(longest + 1) for c in itertools.product(spoken, repeat=n)]
    best = max(everything, key=lambda tokens: score(model, a, tokens))
    found = beam_search(model.decoder, a, beam_size=len(everything), max_words=longest)[0]
    assert score(model, a, found) == pytest.approx(score(model, a, best), abs=1e-12)
    assert found == list(best)


@architectures
@settings(max_examples=10, deadline=None)
@given(seed=seeds, beam=st.integers(1, 4), longest=st.integers(1, 5), eager=st.floats(-3, 6))
def test_a_narrow_beam_keeps_the_best_at_each_word(architecture, seed, beam, longest, eager):
    model = captioner(seed, architecture, words=9)
    model.decoder.fc.bias[END] += eager
    a = maps(seed, 1)
    assert beam_search(model.decoder, a, beam, longest) == [plain_beam(model, a, beam, longest)]


@architectures
@settings(max_examples=8, deadline=None)
@given(seed=seeds, beam=st.integers(1, 4), images=st.integers(2, 5), eager=st.floats(-3, 6))
def test_a_picture_gets_the_same_caption_in_any_batch(architecture, seed, beam, images, eager):
    model = captioner(seed, architecture)
    model.decoder.fc.bias[END] += eager
    a = maps(seed, images)
    together = beam_search(model.decoder, a, beam, 8)
    assert together == [beam_search(model.decoder, one, beam, 8)[0] for one in a.split(1)]
    assert together[::-1] == beam_search(model.decoder, a.flip(0), beam, 8)


@architectures
def test_a_caption_that_ends_early_waits_for_the_others_in_its_batch(architecture):
    model = captioner(3, architecture)
    model.decoder.fc.bias[END] += 1.5
    a = maps(0, 16)
    for beam in (1, 3):
        together = beam_search(model.decoder, a, beam, 8)
        assert {1, 9} <= {len(caption) for caption in together}
        assert together == [plain_beam(model, one, beam, 8) for one in a.split(1)]


@architectures
def test_greedy_takes_the_most_probable_word_each_time(architecture):
    model = captioner(1, architecture)
    a = model.see(picture(1))
    found, said = beam_search(model.decoder, a, 1, 6)[0], []
    for token in found:
        log_p = log_probs(model, a, said)[-1]
        log_p[[PAD, START]] = -torch.inf
        assert token == (log_p.argmax().item() if len(said) < 6 else END)
        said.append(token)


@architectures
@pytest.mark.parametrize("beam", [1, 3])
def test_ties_go_to_the_earlier_word_and_length_is_bounded(architecture, beam):
    model = captioner(2, architecture)
    model.decoder.fc.weight.zero_()
    model.decoder.fc.bias.zero_()
    a = model.see(picture(2))
    assert beam_search(model.decoder, a, beam, 5) == [[END]]  # <end> is the first of equals
    model.decoder.fc.bias[END] = -50
    for longest in (1, 5):
        assert beam_search(model.decoder, a, beam, longest) == [[UNK] * longest + [END]]
    model.decoder.fc.bias[[7, 11]] = 1
    assert beam_search(model.decoder, a, beam, 3) == [[7, 7, 7, END]]
    model.decoder.fc.bias[END] = 50
    assert beam_search(model.decoder, a, beam, 5) == [[END]]


@architectures
@pytest.mark.parametrize("beam", [1, 3])
def test_unk_is_a_word_while_start_and_pad_are_never_said(architecture, beam):
    model = captioner(3, architecture)
    model.decoder.fc.bias[[PAD, START]] = 100
    said = {token for caption in beam_search(model.decoder, maps(0, 20), beam, 6) for token in caption}
    assert not said & NEVER and len(said) > 1
    model.decoder.fc.bias[UNK] = 80
    caption = model.caption(picture(3), beam, 4)
    assert caption.words == ("<unk>",) * 4 and not caption.ended


@architectures
@pytest.mark.parametrize("beam", [1, 3])
def test_a_caption_may_end_before_its_first_word(architecture, beam):
    model = captioner(4, architecture)
    model.decoder.fc.bias[END] = 50
    caption = model.caption(picture(4), beam)
    assert caption.words == () and caption.ended and caption.end_log_prob == pytest.approx(0, abs=1e-6)
    assert caption.attention.shape[0] == caption.beta.shape[0] == 0
