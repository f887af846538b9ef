"""LRP for captioners written out to be read beside the paper: one word at a time, in float64, nothing clever.

`capxai_core.lrp.relevance` is the implementation that is used; tests hold the two equal to 1e-8 of the largest value.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from capxai_core.data.vocabulary import END, START
from capxai_core.lrp.options import PAPER, Options
from capxai_core.models.adaptive import Adaptive
from capxai_core.models.captioner import Captioner
from capxai_core.models.decoder import Decoder
from capxai_core.models.grid_td import GridTD


def sign(y: Tensor) -> Tensor:
    """+1 for zero and above, else -1."""
    return 1.0 - 2.0 * (y < 0).to(y.dtype)


def epsilon_rule(
    x: Tensor, weight: Tensor, bias: Tensor, relevance: Tensor, epsilon: float, share_bias: bool = False
) -> Tensor:
    """Eq. (2) and (4) for y = W x + b: x (in,), weight (out, in), bias and relevance of y (out,) → R(x) (in,)."""
    contributions = weight * x  # x_i w_ij, one row for each output j
    y = contributions.sum(1) + (0 if share_bias else bias)
    stabilised = y + epsilon * sign(y)
    return (contributions / stabilised.unsqueeze(1) * relevance.unsqueeze(1)).sum(0)


def split(parts: Sequence[Tensor], relevance: Tensor, epsilon: float) -> list[Tensor]:
    """ε-rule for an elementwise sum of parts of one shape."""
    y = torch.stack(list(parts)).sum(0)
    stabilised = y + epsilon * sign(y)
    return [part / stabilised * relevance for part in parts]


@dataclass
class LSTMStep:
    """What one step of an LSTM computed; all (d,) but the concatenated input."""

    inputs: Tensor  # [x_t; h_{t-1}]
    i: Tensor
    f: Tensor
    g: Tensor
    c_before: Tensor
    c: Tensor
    h: Tensor


def lstm_forward(cell: nn.LSTMCell, x: Tensor, h: Tensor, c: Tensor) -> LSTMStep:
    """One step of torch's LSTMCell, kept in its parts."""
    gates = cell.weight_ih @ x + cell.bias_ih + cell.weight_hh @ h + cell.bias_hh
    i_linear, f_linear, g_linear, o_linear = gates.chunk(4)
    i, f, o, g = i_linear.sigmoid(), f_linear.sigmoid(), o_linear.sigmoid(), g_linear.tanh()
    c_new = f * c + i * g
    return LSTMStep(torch.cat([x, h]), i, f, g, c, c_new, o * c_new.tanh())


def lstm_lrp(
    cell: nn.LSTMCell, step: LSTMStep, r_h: Tensor, r_c: Tensor, epsilon: float, share_bias: bool = False
) -> tuple[Tensor, ...]:
    """LRP-LSTM: R(h_t), R(c_t) → R(x_t), R(h_{t-1}), R(c_{t-1}). Gates get nothing; h hands all it has to c."""
    r_c = r_c + r_h
    r_c_before, r_g = split([step.f * step.c_before, step.i * step.g], r_c, epsilon)
    d = len(step.c)
    candidate = slice(2 * d, 3 * d)  # torch orders the rows input, forget, candidate, output
    weight = torch.cat([cell.weight_ih[candidate], cell.weight_hh[candidate]], dim=1)
    bias = cell.bias_ih[candidate] + cell.bias_hh[candidate]
    r_inputs = epsilon_rule(step.inputs, weight, bias, r_g, epsilon, share_bias)
    return r_inputs[:-d], r_inputs[-d:], r_c_before


@dataclass
class Attended:
    """What the adaptive attention module computed at one step."""

    weights: Tensor  # (1 - β) α, (L,)
    beta: Tensor
    s: Tensor
    context: Tensor


def attend(decoder: Decoder, x: Tensor, h_before: Tensor, lstm: LSTMStep, v: Tensor) -> Attended:
    """Eq. (5)-(11) with the input x, the state h before and the step of the LSTM that asks; v (L, d)."""
    gate = torch.sigmoid(decoder.sentinel.w_x.weight @ x + decoder.sentinel.w_h.weight @ h_before)
    s = gate * lstm.c.tanh()  # eq. (5)
    attention, query = decoder.attention, decoder.attention.w_g.weight @ lstm.h
    w_a = attention.w_a.weight[0]
    a = torch.stack([w_a @ torch.tanh(attention.w_v.weight @ v_i + query) for v_i in v])  # eq. (6)
    b = w_a @ torch.tanh(attention.w_s.weight @ s + query)  # eq. (9)
    redistributed = torch.softmax(torch.cat([a, b.unsqueeze(0)]), dim=0)  # eq. (10)
    alpha, beta = torch.softmax(a, dim=0), redistributed[-1]  # eq. (7)
    context = (1 - beta) * (alpha.unsqueeze(1) * v).sum(0) + beta * s  # eq. (8), (11)
    return Attended((1 - beta) * alpha, beta, s, context)


def attended_lrp(step: Attended, v: Tensor, r_context: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """R(ĉ) → R(V) (L, d) and R(s): eq. (12) is a linear combination of all v_i and s."""
    parts = [*(step.weights.unsqueeze(1) * v), step.beta * step.s]
    *r_v, r_s = split(parts, r_context, epsilon)
    return torch.stack(r_v), r_s


@dataclass
class Relevances:
    """What the decoder's backward pass hands on: R(V) (L, d), R(v_g) (d,), R(word) (steps,)."""

    v: Tensor
    v_g: Tensor
    words: Tensor


def score_lrp(row: Tensor, bias: Tensor, context: Tensor, h: Tensor, o: Options) -> tuple[Tensor, Tensor]:
    """R(word_T) is its logit → R(ĉ_T) and R(h_T): fc, then the sum ĉ + h, by the ε-rule."""
    fused = context + h
    logit = row @ fused + bias
    r_fused = epsilon_rule(fused, row, bias, logit, o.epsilon, o.share_bias)
    r_context, r_h = split([context, h], r_fused, o.epsilon)
    return r_context, r_h


def grid_td_forward(
    decoder: GridTD, v: Tensor, v_g: Tensor, tokens: Sequence[int]
) -> list[tuple[LSTMStep, Attended, LSTMStep]]:
    """The attention LSTM, the adaptive module and the language LSTM at each of `tokens`; v (L, d), v_g (d,)."""
    h1, c1, h2, c2 = (torch.zeros_like(v_g) for _ in range(4))
    steps = []
    for token in tokens:
        x = torch.cat([h2, v_g, decoder.embedding.weight[token]])
        top_down = lstm_forward(decoder.attention_lstm, x, h1, c1)
        attended = attend(decoder, x, h1, top_down, v)
        language = lstm_forward(decoder.language_lstm, torch.cat([attended.context, top_down.h]), h2, c2)
        steps.append((top_down, attended, language))
        h1, c1, h2, c2 = top_down.h, top_down.c, language.h, language.c
    return steps


def adaptive_forward(
    decoder: Adaptive, v: Tensor, v_g: Tensor, tokens: Sequence[int]
) -> list[tuple[LSTMStep, Attended]]:
    """The LSTM and the adaptive module at each of `tokens`; v (L, d), v_g (d,)."""
    h, c = torch.zeros_like(v_g), torch.zeros_like(v_g)
    steps = []
    for token in tokens:
        x = torch.cat([decoder.embedding.weight[token], v_g])
        lstm = lstm_forward(decoder.lstm, x, h, c)
        steps.append((lstm, attend(decoder, x, h, lstm, v)))
        h, c = lstm.h, lstm.c
    return steps


def algorithm_1(
    decoder: GridTD, v: Tensor, v_g: Tensor, tokens: Sequence[int], row: Tensor, bias: Tensor, o: Options
) -> Relevances:
    """The grid-TD captioner, run along `tokens`; row and bias give the score of the word that follows."""
    steps, zero = grid_td_forward(decoder, v, v_g, tokens), torch.zeros_like(v_g)
    _, attended, language = steps[-1]
    r_context, r_h2 = score_lrp(row, bias, attended.context, language.h, o)
    r_h1, r_c1, r_c2, r_v, r_v_g = zero, zero, zero, torch.zeros_like(v), zero
    r_words = []
    for top_down, attended, language in reversed(steps):
        r_in, r_h2_before, r_c2 = lstm_lrp(decoder.language_lstm, language, r_h2, r_c2, o.epsilon, o.share_bias)
        r_context, r_h1 = r_context + r_in.chunk(2)[0], r_h1 + r_in.chunk(2)[1]
        r_v_t, r_s = attended_lrp(attended, v, r_context, o.epsilon)
        # s_t is a gated tanh of the memory: its relevance joins that of h1 in c1
        r_x, r_h1, r_c1 = lstm_lrp(decoder.attention_lstm, top_down, r_h1 + r_s, r_c1, o.epsilon, o.share_bias)
        r_h2_top_down, r_v_g_t, r_embedding = r_x.chunk(3)
        r_words.append(r_embedding.sum())
        r_h2 = r_h2_before + r_h2_top_down
        r_v, r_v_g = r_v + r_v_t, r_v_g + r_v_g_t
        r_context = zero  # only the explained word was read off ĉ directly
    return Relevances(r_v, r_v_g, torch.stack(r_words[::-1]))


def algorithm_2(
    decoder: Adaptive, v: Tensor, v_g: Tensor, tokens: Sequence[int], row: Tensor, bias: Tensor, o: Options
) -> Relevances:
    """The adaptive-attention captioner, run along `tokens`; row and bias give the score of the word that follows."""
    steps, zero = adaptive_forward(decoder, v, v_g, tokens), torch.zeros_like(v_g)
    lstm, attended = steps[-1]
    r_context, r_h = score_lrp(row, bias, attended.context, lstm.h, o)
    # ĉ of earlier steps leads nowhere: attention is explained at the last one only
    r_v, r_s = attended_lrp(attended, v, r_context, o.epsilon)
    r_h, r_c, r_v_g = r_h + r_s, zero, zero
    r_words = []
    for lstm, _ in reversed(steps):
        r_x, r_h, r_c = lstm_lrp(decoder.lstm, lstm, r_h, r_c, o.epsilon, o.share_bias)
        r_embedding, r_v_g_t = r_x.chunk(2)
        r_words.append(r_embedding.sum())
        r_v_g = r_v_g + r_v_g_t
    return Relevances(r_v, r_v_g, torch.stack(r_words[::-1]))


def explain_word(
    model: Captioner, image: Tensor, token_ids: Sequence[int], position: int, o: Options = PAPER
) -> tuple[Tensor, Tensor]:
    """Algorithm 1 or 2 for the word at `position` (len(token_ids) is `<end>`) of a caption of `image` (3, H, W).

    Returns R(image) (3, size, size) and R(word) for `<start>` and each word before the explained one, float64.
    """
    model = copy.deepcopy(model).double()
    decoder, encoder = model.decoder, model.encoder
    with torch.no_grad():
        x = encoder.normalise(image)[0]
        a_map = encoder(x.unsqueeze(0))[0]
        a = a_map.flatten(1).T  # (L, C)
        mean = a.mean(0)
        v = (a @ decoder.project_v.weight.T + decoder.project_v.bias).relu()
        v_g = (decoder.project_g.weight @ mean + decoder.project_g.bias).relu()
        tokens, word = [START, *token_ids][: position + 1], [*token_ids, END][position]
        row, bias = decoder.fc.weight[[word]], decoder.fc.bias[[word]]
        if (less := o.less(model)) is not None:
            row, bias = row - less[0], bias - less[1]
        if isinstance(decoder, GridTD):
            r = algorithm_1(decoder, v, v_g, tokens, row, bias, o)
        else:
            assert isinstance(decoder, Adaptive)
            r = algorithm_2(decoder, v, v_g, tokens, row, bias, o)
        # back through V = ReLU(W_a a_i) and v_g = ReLU(W_b mean a_i) to the encoder's output
        to_v, to_v_g = decoder.project_v, decoder.project_g
        r_mean = epsilon_rule(mean, to_v_g.weight, to_v_g.bias, r.v_g, o.epsilon, o.share_bias)
        r_a = torch.stack(split(list(a / len(a)), r_mean, o.epsilon))
        for i in range(len(a)):
            r_a[i] += epsilon_rule(a[i], to_v.weight, to_v.bias, r.v[i], o.epsilon, o.share_bias)
        low, high = (encoder.normalise(torch.full_like(image, value))[0] for value in (0.0, 1.0))
        r_image = cnn_lrp(encoder.features, x, r_a.T.reshape(a_map.shape), low, high, o)
        return r_image, r.words


def cnn_lrp(features: nn.Sequential, x: Tensor, relevance: Tensor, low: Tensor, high: Tensor, o: Options) -> Tensor:
    """LRP-CNN: x (3, H, W) and the relevance of the last layer's output → R(x). low, high: bounds of x."""
    inputs = []
    for layer in features:
        inputs.append(x)
        x = layer(x.unsqueeze(0))[0]
    for k in reversed(range(len(inputs))):
        layer, x = features[k], inputs[k]
        if isinstance(layer, nn.MaxPool2d):
            relevance = winner_takes_all(x, relevance)
        elif isinstance(layer, nn.Conv2d) and o.box and k == 0:
            relevance = box_rule(layer, x, relevance, low, high)
        elif isinstance(layer, nn.Conv2d) and o.gamma is not None:
            relevance = gamma_rule(layer, x, relevance, o)
        elif isinstance(layer, nn.Conv2d):
            relevance = alpha_beta_rule(layer, x, relevance, o)
    return relevance  # a ReLU passes relevance on unchanged


def alpha_beta_rule(layer: nn.Conv2d, x: Tensor, relevance: Tensor, o: Options) -> Tensor:
    """Eq. (3) with y+ = Σ_i (x_i w_ij)+ and y- alike, on the matrix form of a 3x3 convolution: x (C, H, W)."""
    patches, w, b = unfold(x), layer.weight.flatten(1), bias_of(layer) * o.conv_bias
    x_plus, x_minus, w_plus, w_minus = patches.clamp(min=0), patches.clamp(max=0), w.clamp(min=0), w.clamp(max=0)
    y_plus = w_plus @ x_plus + w_minus @ x_minus + b.clamp(min=0)
    y_minus = w_plus @ x_minus + w_minus @ x_plus + b.clamp(max=0)
    supporting = torch.where(y_plus > 0, o.alpha * relevance.flatten(1) / y_plus, 0.0)
    opposing = torch.where(y_minus < 0, (1 - o.alpha) * relevance.flatten(1) / y_minus, 0.0)
    r_plus = x_plus * (w_plus.T @ supporting) + x_minus * (w_minus.T @ supporting)
    r_minus = x_minus * (w_plus.T @ opposing) + x_plus * (w_minus.T @ opposing)
    return fold(r_plus + r_minus, x)


def gamma_rule(layer: nn.Conv2d, x: Tensor, relevance: Tensor, o: Options) -> Tensor:
    """R_i = Σ_j (x_i w_ij + γ (x_i w_ij)+) R_j / Σ_i (…): what supports weighs 1 + γ times as much."""
    assert o.gamma is not None
    patches, w, b = unfold(x), layer.weight.flatten(1), bias_of(layer) * o.conv_bias
    x_plus, x_minus, w_plus, w_minus = patches.clamp(min=0), patches.clamp(max=0), w.clamp(min=0), w.clamp(max=0)
    y = w @ patches + b + o.gamma * (w_plus @ x_plus + w_minus @ x_minus + b.clamp(min=0))
    shares = relevance.flatten(1) / (y + o.epsilon * sign(y))
    r = patches * (w.T @ shares) + o.gamma * (x_plus * (w_plus.T @ shares) + x_minus * (w_minus.T @ shares))
    return fold(r, x)


def box_rule(layer: nn.Conv2d, x: Tensor, relevance: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """z^B-rule: x_i w_ij counts from the value, low or high, that would speak most against output j."""
    w, (patches, lows, highs) = layer.weight.flatten(1), (unfold(t) for t in (x, low, high))
    w_plus, w_minus = w.clamp(min=0), w.clamp(max=0)
    y = w_plus @ (patches - lows) + w_minus @ (patches - highs)
    shares = torch.where(y > 0, relevance.flatten(1) / y, 0.0)
    return fold(patches * (w.T @ shares) - lows * (w_plus.T @ shares) - highs * (w_minus.T @ shares), x)


def bias_of(layer: nn.Conv2d) -> Tensor:
    """(out, 1)."""
    assert layer.bias is not None
    return layer.bias.unsqueeze(1)


def unfold(x: Tensor) -> Tensor:
    """(C, H, W) → (C · 9, positions): what each output of a 3x3 convolution reads."""
    return F.unfold(x.unsqueeze(0), 3, padding=1)[0]


def fold(r: Tensor, x: Tensor) -> Tensor:
    """Relevance of what each output reads → of the inputs, (C, H, W) like x."""
    return F.fold(r.unsqueeze(0), x.shape[1:], 3, padding=1)[0]


def winner_takes_all(x: Tensor, relevance: Tensor) -> Tensor:
    """Max-pooling 2x2: relevance goes to the first of the largest inputs, in row-major order."""
    c, h, w = x.shape
    windows = F.unfold(x.unsqueeze(1), 2, stride=2)  # (C, 4, positions), row-major within a window
    largest = windows == windows.amax(1, keepdim=True)
    first = largest & (largest.cumsum(1) == 1)
    handed = first * relevance.flatten(1).unsqueeze(1)
    return F.fold(handed, (h, w), 2, stride=2).reshape(c, h, w)
