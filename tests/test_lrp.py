"""The fast LRP against the literal one, against zennit, and against its own account."""

import gc

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small import WORDS, picture
from small import captioner as tiny

import capxai_core as cx
from capxai_core.data.vocabulary import UNK
from capxai_core.lrp import convolutions, reference
from capxai_core.lrp.convolutions import ConvolutionLRP
from capxai_core.lrp.options import Options
from capxai_core.lrp.relevance import mean_relevance, relevance
from capxai_core.lrp.rules import LRP
from capxai_core.models.captioner import DECODERS
from capxai_core.models.encoder import Encoder

architectures = st.sampled_from(sorted(DECODERS))
captions = st.lists(st.integers(UNK, WORDS - 1), min_size=1, max_size=20)


variants = st.sampled_from(
    [
        {},
        {"epsilon": 1e-4},
        {"epsilon": 0.3},
        {"alpha": 2.0},
        {"alpha": 1.5, "conv_bias": True, "box": True},
        {"gamma": 0.25},
        {"gamma": 0.0, "conv_bias": True},
        {"box": True},
        {"share_bias": True},
        {"conv_bias": True},
        {"start": "centred"},
        {"against": "w7"},
    ]
).map(lambda chosen: Options(**chosen))


@settings(max_examples=30, deadline=None)
@given(architectures, st.integers(0, 10_000), captions, variants, st.sampled_from([(12, 5), (6, 9)]))
def test_fast_lrp_is_the_literal_algorithm(architecture, seed, ids, options, sizes):
    model, image = tiny(seed, architecture, d=sizes[0], k=sizes[1]), picture(seed)
    positions = range(len(ids) + 1)
    fast = relevance(model, image, ids, positions, options)
    for position in {0, len(ids) // 2, len(ids)}:
        pixels, words = reference.explain_word(model, image, ids, position, options)
        assert (fast.pixels[position] - pixels).abs().max() <= 1e-8 * pixels.abs().max()
        assert (fast.words[position, : position + 1] - words).abs().max() <= 1e-8 * words.abs().max()
        assert not fast.words[position, position + 1 :].any()


@settings(max_examples=40, deadline=None)
@given(architectures, st.integers(0, 10_000), captions, variants)
def test_every_score_is_accounted_for(architecture, seed, ids, options):
    model, image = tiny(seed, architecture), picture(seed)
    budget = relevance(model, image, ids, range(len(ids) + 1), options).budget
    assert budget.residual.max() < 1e-9
    single = relevance(model.float(), image, ids, range(len(ids) + 1), options).budget
    assert single.residual.max() < 1e-3  # denominators of random weights come near 0; trained ones are tested below


@settings(max_examples=30, deadline=None)
@given(architectures, st.integers(0, 10_000), captions, variants, st.booleans())
def test_the_mean_is_that_of_the_heatmap_never_made(architecture, seed, ids, options, blocked):
    model, image = tiny(seed, architecture), picture(seed)
    if blocked:
        layer = model.encoder.features[2]
        layer.weight[0], layer.bias[0] = -layer.weight[0].abs(), 50.0
    found = relevance(model, image, ids, range(len(ids) + 1), options)
    heatmaps = found.pixels.sum(1)
    means, logits = mean_relevance(model, image, ids, range(len(ids) + 1), options)
    assert torch.equal(logits, found.budget.logit) and not means.requires_grad
    assert (means - heatmaps.mean((1, 2))).abs().max() <= 1e-9 * heatmaps.abs().mean((1, 2)).max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_only_rounding_could_take_is_blocked(dtype):
    model, image = tiny(1).to(dtype), picture(1)
    layer = model.encoder.features[0]
    layer.weight[0] = layer.weight[0].abs()
    layer.weight[0, 0] *= -1
    layer.bias[0] = 50.0  # open, though it likes cyan
    image[:, :8], image[0, :8] = 0, 1  # and sees red
    budget = relevance(model, image, (5, 6), range(3), Options(box=True)).budget
    assert budget.residual.max() < (1e-9 if dtype == torch.float64 else 1e-3) and budget.blocked.any()
    literal = reference.explain_word(model, image, (5, 6), 1, Options(box=True))[0]
    assert (literal.sum() - budget.pixels[1]).abs() < 1e-3 * budget.logit.abs().max()


def test_conservation_is_used_where_it_holds_and_only_there():
    model, x = tiny(4), tiny(4).normalise(picture(4))
    seen, reached = ConvolutionLRP(model.encoder, x).reach()
    assert reached is seen  # no adjoint pass, and yet:
    assert not ConvolutionLRP(model.encoder, x).relevance(torch.randn_like(seen))[1]["blocked"].any()
    layer = model.encoder.features[2]
    layer.weight[0], layer.bias[0] = -layer.weight[0].abs(), 50.0
    seen, reached = ConvolutionLRP(model.encoder, x).reach()
    assert reached is not seen and (reached < seen).any()


def test_words_together_as_on_a_gpu_are_what_they_are_one_by_one(monkeypatch):
    model, x = tiny(4), tiny(4).normalise(picture(4))
    sweep = ConvolutionLRP(model.encoder, x, Options(conv_bias=True))
    g = torch.randn(5, *sweep.a.shape[1:], dtype=x.dtype)
    pixels, kept = sweep.relevance(g)
    monkeypatch.setattr(convolutions, "at_once", lambda like, few: 3)
    together, kept_together = sweep.relevance(g)
    assert together.shape == pixels.shape and (together - pixels).abs().max() <= 1e-12 * pixels.abs().max()
    assert kept["biases"].any()
    for name, of in kept.items():
        assert torch.allclose(kept_together[name], of, rtol=1e-10, atol=0), name


@pytest.mark.parametrize("box", [False, True])
def test_a_constant_of_the_encoder_has_no_rule(box):
    class Shifted(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.shift = torch.nn.Parameter(torch.ones(()))

        def forward(self, x):
            return x + self.shift

    x, one = torch.rand(1, 3, 8, 8), torch.ones(1, 3, 1, 1)
    sweep = ConvolutionLRP(Shifted().eval(), x, Options(box=box), (0 * one, one))
    with pytest.raises(cx.ModelError, match="no LRP rule for the encoder's layer 'shift'"):
        _ = sweep.a


def test_budget_terms_vanish_with_their_cause():
    model, image, ids = tiny(3), picture(3), [5, 6, 5, UNK]
    whole = relevance(model, image, ids, range(5)).budget
    assert whole.biases.abs().min() > 0 and whole.stabiliser.abs().min() > 0
    vanishing = relevance(model, image, ids, range(5), Options(epsilon=1e-12)).budget
    assert vanishing.stabiliser.abs().max() < 1e-6 * vanishing.terms().abs().max()
    for name, p in model.decoder.named_parameters():
        if "bias" in name:
            p.zero_()
    without = relevance(model, image, ids, range(5)).budget
    assert not without.biases.any()
    assert without.residual.max() < 1e-9


def test_units_without_positive_input_are_itemised():
    model, image, ids = tiny(4), picture(4), [5, 6]
    layer = model.encoder.features[2]
    layer.weight[0] = -layer.weight[0].abs()  # never a positive input, and yet active through its bias
    layer.bias[0] = 50.0
    budget = relevance(model, image, ids, range(3)).budget
    assert budget.blocked.abs().min() > 0
    assert budget.residual.max() < 1e-9


def test_the_lrp_reading_does_not_change_the_model():
    model, image, ids = tiny(5), picture(5), [7, 8, 9]
    a, embedded = model.see(image), model.embed(ids)
    plain, read = model.unroll(a, embedded), model.unroll(a, embedded, LRP(a))
    assert torch.allclose(plain.fused, read.fused, rtol=1e-12, atol=1e-14)
    assert torch.allclose(plain.attention, read.attention, rtol=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([8, 16]), st.integers(1, 3))
@example(476, 8, 1)  # a unit without positive input keeps what it gets
def test_convolution_rules_agree_with_zennit(seed, size, words):
    from zennit.composites import LayerMapComposite
    from zennit.rules import AlphaBeta, Pass
    from zennit.types import Activation, Convolution

    torch.manual_seed(seed)
    features = Encoder(((4, 5), (6,), (7,)), size).double().eval().features.requires_grad_(False)
    x = torch.randn(1, 3, size, size, dtype=torch.float64)
    sweep = ConvolutionLRP(features, x)
    start = torch.randn(words, *sweep.a.shape[1:], dtype=torch.float64)
    ours, kept = sweep.relevance(start / sweep.a.clamp(min=1e-300) * (sweep.a > 0))
    rule = AlphaBeta(alpha=1, beta=0, stabilizer=1e-30, zero_params="bias")
    composite = LayerMapComposite([(Activation, Pass()), (Convolution, rule)])
    theirs = []
    for word in range(words):
        probe = x.clone().requires_grad_()
        with composite.context(features) as modified:
            out = modified(probe)
            theirs.append(torch.autograd.grad(out, probe, start[word : word + 1] * (sweep.a > 0))[0])
    wanted = torch.cat(theirs)
    assert (ours - wanted).abs().max() <= 1e-9 * wanted.abs().max()
    given_out = (start * (sweep.a > 0)).flatten(1).sum(1)
    assert torch.allclose(ours.flatten(1).sum(1) + torch.stack(list(kept.values())).sum(0), given_out, rtol=1e-9)
    assert not (kept["biases"].any() or kept["stabiliser"].any())


def test_explaining_leaves_no_trace():
    model, image = tiny(6).float(), picture(6)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    caption = model.read(image, "w1 w2 w2 w9")
    first = cx.explain(model, image, caption)
    for method in cx.METHODS:
        cx.explain(model, image, caption, method)
    again = cx.explain(model, image, caption)
    assert torch.equal(first.image, again.image) and torch.equal(first.words, again.words)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(m._forward_hooks or m._backward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(p.grad is None and not p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("method", sorted(cx.METHODS))
def test_alone_in_a_caption_or_in_a_batch_a_word_is_explained_alike(method):
    model, images = tiny(7).float(), [picture(7), picture(8, size=40)]
    spoken = [model.read(images[0], "w1 w2 w3 w4"), model.read(images[1], "w5 w5")]
    together = cx.explain_batch(model, images, spoken, method)
    for image, caption, both in zip(images, spoken, together, strict=True):
        for position in range(len(caption.words)):
            alone = cx.explain(model, image, caption, method, words=[position])
            assert (alone.image[0] - both.image[position]).norm() <= 1e-4 * both.image[position].norm()
            if both.words is not None:
                assert (alone.words[0] - both.words[position]).norm() <= 1e-4 * both.words[position].norm()


@pytest.mark.parametrize("name", ["scenes/adaptive", "scenes/grid_td"])
def test_trained_weights_agree_as_well(name):
    model = cx.load_captioner(name).double()
    image = cx.sample_scene(3, "counter").render().double()
    caption = model.read(image, "a man in a zebra shirt is is standing behind a sign")  # one word unknown, one twice
    fast = cx.explain(model, image, caption, include_end=True)
    assert fast.budget.residual.max() < 1e-9
    single = cx.explain(cx.load_captioner(name), image.float(), caption, include_end=True)
    assert single.budget.residual.max() < 1e-5
    for position in (5, len(caption.words)):
        pixels, words = reference.explain_word(model, image, caption.token_ids, position)
        assert (fast.image[position] - pixels.sum(0)).abs().max() <= 1e-8 * pixels.abs().max()
        assert (fast.words[position, : position + 1] - words).abs().max() <= 1e-8 * words.abs().max()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.01, 1e-6, 0.5]))
def test_the_linear_rule_agrees_with_zennit(seed, inputs, outputs, epsilon):
    from zennit.rules import Epsilon

    torch.manual_seed(seed)
    layer = torch.nn.Linear(inputs, outputs).double().requires_grad_(False)
    x, given = torch.randn(1, inputs).double().requires_grad_(), torch.randn(1, outputs).double()
    y = LRP(x, epsilon).linear(x, layer.weight, layer.bias)
    (g,) = torch.autograd.grad(y, x, given / y.detach())  # R = y G of the output
    hooks = Epsilon(epsilon=epsilon).copy().register(layer)
    probe = x.detach().clone().requires_grad_()
    (theirs,) = torch.autograd.grad(layer(probe), probe, given)
    hooks.remove()
    assert torch.allclose(g * x.detach(), theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", ["lrp", "gradcam", "guided_gradcam", "attention"])
def test_a_hundred_calls_leave_nothing_behind(method):
    model, image = tiny(8).float(), picture(8)
    caption = model.read(image, "w1 w2")

    def held() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    cx.explain(model, image, caption, method)
    before = held()
    for _ in range(100):
        cx.explain(model, image, caption, method)
    assert held() == before
