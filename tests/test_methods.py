"""Every method is what its definition says: finite differences, another library, and rules worked out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small import WORDS, picture
from small import captioner as tiny
from torch import nn
from torch.nn import functional as F

import capxai_core as cx
from capxai_core.data.vocabulary import SPECIALS, UNK, Vocabulary
from capxai_core.models.explainable import word_scores

ARCHITECTURES = st.sampled_from(["adaptive", "grid_td"])
CAPTIONS = st.lists(st.integers(UNK, WORDS - 1), min_size=1, max_size=6)


def said(model, image, ids):
    return model.follow(model.see(image), ids, ended=False)


def score(model, x, embedded, ids, position):
    return word_scores(model, model.unroll(model.encoder(x), embedded), ids, [position])[0, 0]


@settings(max_examples=12, deadline=None)
@given(ARCHITECTURES, st.integers(0, 10_000), CAPTIONS)
def test_gradients_are_slopes_of_the_whole_model(architecture, seed, ids):
    """Pixels through every convolution, words through every time step, by finite differences."""
    from capxai_core.methods.gradient import gradients

    model, image = tiny(seed, architecture), picture(seed)
    position = len(ids) // 2
    g = gradients(model, image, said(model, image, ids), (position,))
    torch.manual_seed(seed)
    towards, turn = torch.randn_like(g.x), torch.randn_like(g.embedded)
    step = 1e-7
    up, down = (score(model, g.x + s * towards, g.embedded + s * turn, ids, position) for s in (step, -step))
    slope = (g.pixels[0] * towards).sum() + (g.words[0] * turn).sum()
    assert slope.item() == pytest.approx(((up - down) / (2 * step)).item(), rel=1e-4, abs=1e-6)


def test_gradient_maps_and_word_scores_are_sums_of_the_gradient():
    model, image, ids = tiny(1), picture(1), (5, 6, 7)
    caption = said(model, image, ids)
    for position in range(4):
        x, embedded = model.normalise(image).requires_grad_(), model.embed(ids).requires_grad_()
        g_x, g_words = torch.autograd.grad(score(model, x, embedded, ids, position), [x, embedded])
        words = None if position == 3 else [position]
        plain, times = (
            cx.explain(model, image, caption, m, words, include_end=words is None)
            for m in ("gradient", "gradient_input")
        )
        n = plain.words.shape[1]
        assert torch.allclose(plain.image[-1], g_x[0].sum(0), rtol=1e-9, atol=1e-12)
        assert torch.allclose(plain.words[-1], g_words[0].sum(-1)[:n], rtol=1e-9, atol=1e-12)
        assert torch.allclose(times.image[-1], (g_x * x)[0].sum(0).detach(), rtol=1e-9, atol=1e-12)
        assert torch.allclose(times.words[-1], (g_words * embedded)[0].sum(-1)[:n].detach(), rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning")  # captum tells of the hooks it sets
def test_guided_backprop_agrees_with_captum():
    from captum.attr import GuidedBackprop

    model, image, ids = tiny(2), picture(2), (5, 6, 7)
    # captum guides every ReLU module, and the encoder's are the only modules: the decoder calls torch.relu
    ex = cx.explain(model, image, said(model, image, ids), "guided_backprop")

    class Scores(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return word_scores(model, model.unroll(model.encoder(x), model.embed(ids)), ids, range(3))

    guided = GuidedBackprop(Scores())
    for row in range(3):
        wanted = guided.attribute(model.normalise(image).requires_grad_(), target=row)[0].sum(0)
        assert torch.allclose(ex.image[row], wanted, rtol=1e-9, atol=1e-12)
    assert not torch.allclose(ex.image, cx.explain(model, image, said(model, image, ids), "gradient").image)


def test_guided_grad_cam_is_the_product():
    model, image = tiny(3), picture(3)
    caption = said(model, image, (5, 6, 7))
    parts = [cx.explain(model, image, caption, m).image for m in ("guided_backprop", "gradcam")]
    assert torch.equal(cx.explain(model, image, caption, "guided_gradcam").image, parts[0] * parts[1])


@pytest.mark.parametrize("architecture", ["adaptive", "grid_td"])
def test_integrated_gradients_add_up_to_what_the_score_gains(architecture):
    model, image, ids = tiny(4, architecture), picture(4), (5, 6, UNK)
    caption = said(model, image, ids)
    ex = cx.explain(model, image, caption, "integrated_gradients", include_end=True, steps=200)
    nothing = torch.zeros_like(model.normalise(image)), torch.zeros_like(model.embed(ids))
    for row in range(4):
        gain = ex.logits[row] - score(model, *nothing, ids, row)
        assert (ex.image[row].sum() + ex.words[row].sum()).item() == pytest.approx(gain.item(), rel=0.02, abs=0.02)


def test_integrated_gradients_agree_with_captum():
    from captum.attr import IntegratedGradients

    model, image, ids = tiny(6), picture(6), (5, 6, 7)
    ex = cx.explain(model, image, said(model, image, ids), "integrated_gradients", include_end=True, steps=5)
    x, embedded = model.normalise(image), model.embed(ids)
    integrate = IntegratedGradients(lambda x, e: word_scores(model, model.unroll(model.encoder(x), e), ids, range(4)))
    for row in range(4):
        pixels, words = integrate.attribute((x, embedded), target=row, n_steps=5, internal_batch_size=1)
        assert torch.allclose(ex.image[row], pixels[0].sum(0), rtol=1e-5, atol=1e-8)
        assert torch.allclose(ex.words[row], words[0].sum(-1), rtol=1e-5, atol=1e-8)


def test_occlusion_is_the_drop_of_the_score():
    model, image, ids = tiny(5), picture(5), (5, 6, 7)
    caption = said(model, image, ids)
    ex = cx.explain(model, image, caption, "occlusion", window=1)
    x, embedded = model.normalise(image), model.embed(ids)
    drops = torch.empty(4, 4, dtype=x.dtype)
    for row in range(4):
        for column in range(4):
            hidden = x.clone()
            hidden[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 0
            drops[row, column] = ex.logits[1] - score(model, hidden, embedded, ids, 1)
    wanted = F.interpolate(drops[None, None], (16, 16), mode="bilinear")[0, 0]
    assert torch.allclose(ex.image[1], wanted, rtol=1e-9, atol=1e-12)
    unknown = embedded.clone()
    unknown[0, 1] = model.embedding.weight[UNK]
    assert ex.words[2, 1].item() == pytest.approx((ex.logits[2] - score(model, x, unknown, ids, 2)).item(), rel=1e-9)
    assert ex.words[1, 2] == 0  # a word that comes later


@pytest.mark.parametrize("method", sorted(cx.METHODS))
@pytest.mark.parametrize("architecture", ["adaptive", "grid_td"])
def test_answers_are_what_the_method_declares(method, architecture):
    """Sizes, signs, `<unk>`, repeated words, `<end>`; what comes later never explains what comes before."""
    declared, model, image = cx.METHODS[method], tiny(6, architecture).float(), picture(6, 20)
    ids = (5, 5, UNK, 9)
    ex = cx.explain(model, image, said(model, image, ids), method, include_end=True)
    assert ex.image.shape == (5, 16, 16) and ex.image.dtype == torch.float32 and ex.image.isfinite().all()
    assert declared.signed == bool((ex.image < 0).any())
    assert declared.linguistic == (ex.words is not None)
    if ex.words is not None:
        assert ex.words.shape == (5, 5) and not ex.words.triu(1).any() and ex.words.tril().abs().sum() > 0
    coarse = F.interpolate(torch.eye(16).view(1, 16, 4, 4), (16, 16), mode="bilinear")[0].flatten(1).T
    maps = ex.image.flatten(1).T
    rest = maps - coarse @ torch.linalg.lstsq(coarse, maps).solution  # what no upsampled 4 x 4 map can show
    assert declared.pixel_level == bool(rest.norm() > 1e-3 * maps.norm())
    assert declared.reference and declared.label


@pytest.mark.parametrize(
    ("method", "option", "hint"),
    [("integrated_gradients", {"steps": 0}, "above 0"), ("occlusion", {"window": 1.5}, "whole number")],
)
def test_options_that_make_no_sense_are_refused(method, option, hint):
    model, image = tiny(7), picture(7)
    with pytest.raises(cx.RequestError, match=hint):
        cx.explain(model, image, said(model, image, (5,)), method, **option)


@pytest.mark.parametrize("made", [lambda x: (x * 255).byte(), lambda x: x[None], lambda x: x[:1]])
def test_what_is_no_picture_is_refused_before_it_is_explained(made):
    model, image = tiny(7), picture(7)
    caption = said(model, image, (5,))
    with pytest.raises(cx.RequestError, match=r"an image is a tensor \(3, H, W\) of numbers in \[0, 1\], not"):
        cx.explain(model, made(image), caption)


@pytest.mark.parametrize("made", [lambda x: x * 255, lambda x: x / 0 * 0, lambda x: x[:, :0]])
def test_what_is_no_colour_is_refused(made):
    model, image = tiny(7), picture(7)
    with pytest.raises(cx.RequestError, match=r"numbers in \[0, 1\]; this one, \(3, .*\), is not"):
        cx.explain(model, made(image), said(model, image, (5,)), "gradcam")


def test_a_caption_is_explained_to_the_model_that_read_it():
    model, image = tiny(7), picture(7)
    caption, other = said(model, image, (5, 6)), tiny(7)
    cx.explain(other, image, caption)
    other.vocabulary = Vocabulary((*SPECIALS, *(f"x{i}" for i in range(len(model.vocabulary) - len(SPECIALS)))))
    for of in (caption, "w1 w2"):
        with pytest.raises(cx.RequestError, match=r"'w1 w2' is not as test/.* reads it"):
            cx.explain(other, image, of)


@pytest.mark.parametrize(
    ("words", "hint"),
    [(["w1"], "such as"), (1, "such as"), ([0.5], "such as"), ([2], "positions 0 to 1 .include_end"), ([-1], "0 to 1")],
)
def test_a_word_is_asked_for_by_its_position(words, hint):
    model, image = tiny(7), picture(7)
    caption = said(model, image, (5, 6))
    assert cx.explain(model, image, caption, words=np.array([1])).positions == (1,)
    with pytest.raises(cx.RequestError, match=hint):
        cx.explain(model, image, caption, words=words)
    with pytest.raises(cx.RequestError, match="has no words"):
        cx.explain(model, image, said(model, image, ()), words=[0])


def test_a_word_is_found_by_its_position_and_one_that_is_not_explained_is_told_so():
    model, image = tiny(7), picture(7)
    e = cx.explain(model, image, said(model, image, (5, 6, 7)), "lrp", [2, 0])
    assert [e.targets[e.row(p)] for p in (0, 2)] == [e.caption.words[p] for p in (0, 2)]
    with pytest.raises(cx.RequestError, match=r"word 1 of '.*' is not explained"):
        e.row(1)
