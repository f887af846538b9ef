"""A model that is not ours is explained by every method that its parts allow, with the same guarantees."""

from functools import partial

import pytest
import torch
from own_captioner import ShowAndTell
from small import picture
from torch import Tensor, nn
from torch.nn import functional as F

import capxai_core as cx
from capxai_core import Unrolled
from capxai_core.data.vocabulary import SPECIALS, Vocabulary
from capxai_core.lrp.convolutions import RELUS
from capxai_core.models.ops import PLAIN, Ops

VOCABULARY = Vocabulary((*SPECIALS, "a", "red", "kite", "over", "the", "sea"))


def own(seed: int, kind: type[ShowAndTell] = ShowAndTell) -> ShowAndTell:
    """Random weights, running statistics that matter, double precision."""
    torch.manual_seed(seed)
    model = kind(VOCABULARY)
    for module in model.encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
    return model.double().eval().requires_grad_(False)


@pytest.mark.parametrize("options", [{}, {"alpha": 2.0}, {"gamma": 0.5, "box": True}, {"start": "centred"}])
def test_lrp_of_a_residual_network_closes_its_account(options):
    model, image = own(1), picture(1, 120)
    caption = model.read(image, "a red kite over the sea")
    ex = cx.explain(model, image, caption, include_end=True, **options)
    assert ex.image.shape == (7, 96, 96) and ex.words.shape == (7, 7)
    assert ex.budget.residual.max() < 1e-9
    assert ex.budget.pixels.abs().min() > 0 and ex.budget.words.abs().min() > 0
    single = cx.explain(model.float(), image, caption, include_end=True, **options)
    assert single.budget.residual.max() < 1e-4


def gru(ops: Ops, cell: nn.GRUCell, x: Tensor, h: Tensor) -> Tensor:
    """One step: the gates r and z only steer; the candidate n and the old state carry."""
    (_, _, w), (_, _, u) = cell.weight_ih.chunk(3), cell.weight_hh.chunk(3)
    (_, _, b), (_, _, d) = cell.bias_ih.chunk(3), cell.bias_hh.chunk(3)
    given, kept = F.linear(x, cell.weight_ih, cell.bias_ih), F.linear(h, cell.weight_hh, cell.bias_hh)
    r, z, _ = (given + kept).sigmoid().chunk(3, -1)
    n = ops.tanh(ops.add(ops.linear(x, w, b), ops.gate(r, ops.linear(h, u, d))))
    return ops.add(ops.gate(1 - z, n), ops.gate(z, h))


class TellAgain(ShowAndTell):
    """The same with a GRU."""

    def __init__(self, vocabulary: Vocabulary, d: int = 32) -> None:
        super().__init__(vocabulary, d)
        self.lstm = nn.GRUCell(d, d)

    def unroll(self, a: Tensor, embedded: Tensor, ops: Ops = PLAIN) -> Unrolled:
        picture = ops.linear(ops.mean(a.flatten(2).transpose(1, 2)), self.project.weight, self.project.bias)
        h, fused = gru(ops, self.lstm, picture, torch.zeros_like(picture)), []
        for word in embedded.unbind(1):
            h = gru(ops, self.lstm, word, h)
            fused.append(h)
        return Unrolled(torch.stack(fused, 1))


def test_a_gru_written_in_the_operations_is_the_gru_and_closes_its_account():
    model, image = own(5, TellAgain), picture(5, 96)
    x, h = torch.randn(2, 3, 32, dtype=torch.float64)
    assert torch.allclose(gru(PLAIN, model.lstm, x, h), model.lstm(x, h), rtol=1e-12, atol=1e-12)
    ex = cx.explain(model, image, model.read(image, "a red kite over the sea"), include_end=True)
    assert ex.budget.residual.max() < 1e-9
    assert ex.budget.pixels.abs().min() > 0 and ex.budget.words.abs().min() > 0


def test_the_encoder_read_for_lrp_is_the_encoder():
    from capxai_core.lrp.convolutions import ConvolutionLRP

    model, image = own(2), picture(2, 96)
    x = model.normalise(image)
    assert torch.allclose(ConvolutionLRP(model.encoder, x).a, model.encoder(x), rtol=1e-10)


def test_residual_blocks_agree_with_zennit():
    """Batch normalisation folded, αβ in the convolutions, each summand its own share."""
    from zennit.canonizers import SequentialMergeBatchNorm
    from zennit.composites import LayerMapComposite
    from zennit.layer import Sum
    from zennit.rules import AlphaBeta, Norm, Pass
    from zennit.torchvision import ResNetBasicBlockCanonizer
    from zennit.types import Activation, Convolution

    from capxai_core.lrp.convolutions import ConvolutionLRP

    model = own(3)
    for module in model.encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0  # zennit's merging leaves a factor of sqrt(1 + eps) behind in every layer
    x = torch.randn(1, 3, 96, 96, dtype=torch.float64)
    sweep = ConvolutionLRP(model.encoder, x)
    g = torch.randn_like(sweep.a)
    rule = AlphaBeta(alpha=1, beta=0, stabilizer=1e-30, zero_params="bias")
    layers = [(Activation, Pass()), (Sum, Norm(stabilizer=1e-30)), (Convolution, rule)]
    probe = x.clone().requires_grad_()
    with LayerMapComposite(layers, canonizers=[SequentialMergeBatchNorm(), ResNetBasicBlockCanonizer()]).context(
        model.encoder
    ) as modified:
        out = modified(probe)
        (wanted,) = torch.autograd.grad(out, probe, g * sweep.a)
    ours, _ = sweep.relevance(g)
    assert (ours - wanted).abs().max() <= 1e-8 * wanted.abs().max()


@pytest.mark.parametrize("method", sorted(set(cx.METHODS) - {"attention"}))
def test_every_method_explains_it_and_leaves_no_trace(method):
    model, image = own(4), picture(4, 96)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    caption = model.read(image, "a red kite")
    ex = cx.explain(model, image, caption, method)
    assert ex.image.shape == (3, 96, 96) and ex.image.isfinite().all()
    assert torch.equal(ex.image, cx.explain(model, image, caption, method).image)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert cx.Explorer(image, [ex]) is not None


@pytest.mark.parametrize("method", cx.METHODS)
def test_a_model_that_would_learn_while_it_is_read_is_refused_and_stays_as_it_was(method):
    model, image = own(4), picture(4, 96)
    caption = model.read(image, "a kite")
    (model.encoder[1] if method == "gradcam" else model.encoder).train()  # one layer is enough to change it
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(cx.ModelError, match="training mode, in which looking changes it"):
        cx.explain(model, image, caption, method)
    with pytest.raises(cx.ModelError, match="training mode, in which looking changes it"):
        cx.mean_relevance(model, image, caption)
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())


def test_nothing_is_left_in_an_encoder_that_makes_constants():
    class Shifted(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return self.inner(x - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1))

    model, image = own(5), picture(5, 96)
    model.encoder = Shifted(model.encoder).eval()
    caption = model.read(image, "a kite")
    before = set(vars(model.encoder))
    first, again = (cx.explain(model, image, caption, "guided_backprop") for _ in range(2))
    assert first.image.equal(again.image) and set(vars(model.encoder)) == before
    with pytest.raises(cx.ModelError, match="no LRP rule"):
        cx.explain(model, image, caption)


class Statement(nn.Module):
    """A ReLU whose result nobody takes: what follows reads the input that it changed."""

    def __init__(self, inner, relu):
        super().__init__()
        self.inner, self.relu = inner, relu

    def forward(self, x):
        x = self.inner(x)
        self.relu(x)
        return x


IN_PLACE = (nn.ReLU(inplace=True), torch.relu_, lambda x: x.relu_(), partial(F.relu, inplace=True))


@pytest.mark.parametrize("relu", IN_PLACE)
def test_a_change_in_place_that_a_graph_would_lose_is_refused(relu):
    model, image = own(5), picture(5, 96)
    model.encoder = Statement(model.encoder, relu).eval()
    caption = model.read(image, "a kite")
    for method in ("lrp", "guided_backprop"):
        with pytest.raises(cx.ModelError, match="changes its input, which is read again"):
            cx.explain(model, image, caption, method)


class Shortcut(nn.Module):
    """A residual block whose shortcut, a layer that does nothing, is the very tensor that is changed in place."""

    def __init__(self, relu, passed):
        super().__init__()
        self.relu, self.passed, self.convolution = relu, passed, nn.Conv2d(512, 512, 1)

    def forward(self, x):
        kept = self.passed(x)
        return self.convolution(self.relu(x)) + kept


@pytest.mark.parametrize("passed", [nn.Identity(), nn.Dropout()])
def test_a_layer_that_does_nothing_is_no_copy(passed):
    model, image = own(5), picture(5, 96)
    resnet, caption = model.encoder, model.read(image, "a kite")
    model.encoder = nn.Sequential(resnet, Shortcut(nn.ReLU(), passed)).double().eval()
    assert cx.explain(model, image, caption).budget.residual.max() < 1e-9
    model.encoder = nn.Sequential(resnet, Shortcut(nn.ReLU(inplace=True), passed)).double().eval()
    with pytest.raises(cx.ModelError, match="changes its input, which is read again"):
        cx.explain(model, image, caption)


@pytest.mark.parametrize("relu", [*RELUS[:3], nn.ReLU6()])
def test_guided_backprop_is_not_the_gradient(relu):
    class Rectified(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Conv2d(3, 8, 3, 8), nn.Conv2d(8, 512, 1)
            self.relu = relu

        def forward(self, x):
            return self.last(self.relu(self.first(x)))

    model, image = own(5), picture(5, 96)
    model.encoder = Rectified().double().eval()
    caption = model.read(image, "a kite")
    if isinstance(relu, nn.ReLU6):
        with pytest.raises(cx.ModelError, match="need an encoder with ReLUs"):
            cx.explain(model, image, caption, "guided_backprop")
    else:
        guided, plain = (cx.explain(model, image, caption, name).image for name in ("guided_backprop", "gradient"))
        assert not torch.allclose(guided, plain)


def test_a_model_without_eyes_or_without_memory_gets_nothing_there():
    class Blind(ShowAndTell):
        def unroll(self, a, embedded, ops=PLAIN):
            return super().unroll(a.detach() * 0, embedded, ops)

    class Forgetful(ShowAndTell):
        def unroll(self, a, embedded, ops=PLAIN):
            picture = ops.linear(ops.mean(a.flatten(2).transpose(1, 2)), self.project.weight, self.project.bias)
            return Unrolled(picture.unsqueeze(1).expand(-1, embedded.shape[1], -1))

    image = picture(6, 96)
    for kind, nothing in ((Blind, "image"), (Forgetful, "words")):
        model = own(6, kind)
        caption = model.read(image, "a red kite")
        for method in set(cx.METHODS) - {"attention", "occlusion"}:
            found = cx.explain(model, image, caption, method)
            assert found.image.shape == (3, 96, 96) and found.words.shape == (3, 3)
            assert not getattr(found, nothing).any()


def test_the_rule_for_pixels_needs_pixels_in_a_convolution():
    model, image = own(6), picture(6, 96)
    caption = model.read(image, "a kite")
    model.encoder = nn.Sequential(nn.MaxPool2d(2), model.encoder).eval()
    cx.explain(model, image, caption)
    with pytest.raises(cx.ModelError, match="pixels enter convolutions"):
        cx.explain(model, image, caption, box=True)
    with pytest.raises(cx.ModelError, match="pixels enter convolutions"):
        cx.mean_relevance(model, image, caption, box=True)


def test_what_it_lacks_is_said():
    model, image = own(5), picture(5, 96)
    caption = model.read(image, "a red kite")
    assert caption.attention is None and caption.beta is None
    with pytest.raises(cx.ModelError, match="no attention"):
        cx.explain(model, image, caption, "attention")
    model.encoder.append(nn.Softmax(dim=1).eval())
    with pytest.raises(cx.ModelError, match=r"no LRP rule for the encoder's layer '_?8' \(Softmax\)"):
        cx.explain(model, image, caption)
    assert cx.explain(model, image, caption, "gradcam").image.isfinite().all()


def test_a_decoder_written_past_the_operations_is_refused():
    class Plain(ShowAndTell):
        def unroll(self, a, embedded, ops=None):
            return super().unroll(a, embedded)

    model = own(6)
    model.__class__ = Plain
    image = picture(6, 96)
    with pytest.raises(cx.ModelError, match="does not add up"):
        cx.explain(model, image, model.read(image, "a red kite"))
    with pytest.raises(cx.ModelError, match="does not add up"):
        cx.mean_relevance(model, image, model.read(image, "a red kite"))
