"""Decoding against a search that tries everything."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import captioner, picture

from capxai_core.data.vocabulary import END, PAD, START
from capxai_core.models.search import beam_search


def score(model, a, tokens):
    """Log-probability of a caption, `<end>` included, from one teacher-forced run."""
    run = model.unroll(a, tokens[:-1])
    log_p = torch.log_softmax(model.decoder.fc(run.fused), -1)
    return sum(log_p[t, token].item() for t, token in enumerate(tokens))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 3))
def test_a_wide_beam_finds_the_best_of_all_captions(seed, longest):
    model = captioner(seed, words=7)
    a = model.see(picture(seed))
    spoken = [w for w in range(7) if w not in (PAD, START, END)]
    everything = [(*c, END) for n in range(longest + 1) for c in itertools.product(spoken, repeat=n)]
    best = max(everything, key=lambda tokens: score(model, a, tokens))
    found = beam_search(model.decoder, a, beam_size=len(everything), max_words=longest)[0]
    assert score(model, a, found) == pytest.approx(score(model, a, best), abs=1e-12)
    assert found == list(best)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 4), st.integers(2, 5))
def test_a_picture_gets_the_same_caption_in_any_batch(seed, beam, images):
    model = captioner(seed)
    a = torch.cat([model.see(picture(seed + i)) for i in range(images)])
    together = beam_search(model.decoder, a, beam, 8)
    assert together == [beam_search(model.decoder, one, beam, 8)[0] for one in a.split(1)]


def test_greedy_takes_the_most_probable_word_each_time():
    model = captioner(1)
    a = model.see(picture(1))
    found, said = beam_search(model.decoder, a, 1, 6)[0], []
    for token in found:
        log_p = model.decoder.fc(model.unroll(a, said).fused[-1])
        log_p[[PAD, START]] = -torch.inf
        assert token == (log_p.argmax().item() if len(said) < 6 else END)
        said.append(token)


def test_ties_go_to_the_earlier_word_and_length_is_bounded():
    model = captioner(2)
    model.decoder.fc.weight.zero_()
    model.decoder.fc.bias.zero_()
    a = model.see(picture(2))
    assert beam_search(model.decoder, a, 3, 5) == [[END]]  # <end> is the first of equals
    model.decoder.fc.bias[END] = -50
    (longest,) = beam_search(model.decoder, a, 3, 5)
    assert longest == [3, 3, 3, 3, 3, END]
    model.decoder.fc.bias[END] = 50
    assert beam_search(model.decoder, a, 3, 5) == [[END]]
