"""The rules of LRP (section III-A, III-C) as derivatives.

Relevance is written R = x · G with G the derivative of the rules' backward pass. In this form the ε-rule, eq. (2),

    R_i = x_i Σ_j w_ij R_j / (y_j + ε sign y_j)   becomes   G_i = Σ_j w_ij s_j G_j,  s_j = y_j / (y_j + ε sign y_j),

which is the derivative of s_j · (Σ_i w_ij x_i + b_j + ε sign y_j) with s_j and sign y_j held constant: a function whose
value is y_j itself. So the ordinary derivative of a decoder read with these operations is its LRP, for every word and
through every recurrent path at once. Biases and stabilisers are inputs that happen to be 1; their derivatives are what
they keep of the logit.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from capxai_core.models.ops import Ops, State

EPSILON = 0.01


def sign(y: Tensor) -> Tensor:
    """Sign with sign(0) := +1, so that y + ε sign(y) is never zero."""
    return torch.where(y < 0, -1.0, 1.0).to(y)


class LRP(Ops):
    """The LRP reading of a captioner's operations (algorithm 1).

    epsilon: of eq. (2). `bias` and `stabiliser` are the two constant inputs (scalars, 1) whose derivatives account
    for the relevance that biases and stabilisers keep.
    """

    def __init__(self, like: Tensor, epsilon: float = EPSILON) -> None:
        self.epsilon = epsilon
        self.bias = like.new_ones(()).requires_grad_()
        self.stabiliser = like.new_ones(()).requires_grad_()

    def epsilon_rule(self, y: Tensor, parts: Tensor) -> Tensor:
        """Eq. (2): `parts` carries the derivative of the sum whose value is `y`."""
        added = self.epsilon * sign(y)
        return (y / (y + added)).detach() * (parts + added.detach() * self.stabiliser)

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """ε-rule; the bias is part of the denominator and keeps its share."""
        parts = F.linear(x, weight)
        if bias is not None:
            parts = parts + bias * self.bias
        return self.epsilon_rule(parts.detach(), parts)

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """ε-rule with unit weights."""
        parts = a + b
        return self.epsilon_rule(parts.detach(), parts)

    def score(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """ε-rule for the explained words' rows of fc; no other row is touched."""
        parts = (x * weight).sum(-1) + bias * self.bias
        return self.epsilon_rule(parts.detach(), parts)

    def mean(self, x: Tensor) -> Tensor:
        """ε-rule with weights 1/L."""
        parts = x.mean(1)
        return self.epsilon_rule(parts.detach(), parts)

    def mix(self, attention: Tensor, v: Tensor, beta: Tensor, s: Tensor) -> Tensor:
        """ε-rule on eq. (12), α and β being the weights of a linear combination."""
        parts = super().mix(attention.detach(), v, beta.detach(), s)
        return self.epsilon_rule(parts.detach(), parts)

    def gate(self, gate: Tensor, x: Tensor) -> Tensor:
        """Gates get no relevance: the signal takes it all."""
        return gate.detach() * x

    def tanh(self, x: Tensor) -> Tensor:
        """tanh passes relevance on unchanged: G is scaled by tanh(x) / x."""
        fixed = x.detach()
        return x * torch.where(fixed == 0, 1.0, torch.tanh(fixed) / fixed)

    def lstm(self, cell: nn.LSTMCell, x: Tensor, state: State) -> State:
        """LRP-LSTM: h passes to c; c splits between f ⊙ c_{t-1} and i ⊙ g; the candidate g follows the ε-rule."""
        h, c = state
        both, weight = torch.cat([x, h], dim=-1), torch.cat([cell.weight_ih, cell.weight_hh], dim=-1)
        bias, d = cell.bias_ih + cell.bias_hh, cell.hidden_size
        candidate = slice(2 * d, 3 * d)  # torch orders the rows input, forget, candidate, output
        i, f, _, o = F.linear(both.detach(), weight, bias).chunk(4, dim=-1)
        g = self.tanh(self.linear(both, weight[candidate], bias[candidate]))
        c = self.add(self.gate(torch.sigmoid(f), c), self.gate(torch.sigmoid(i), g))
        return self.gate(torch.sigmoid(o), self.tanh(c)), c


@dataclass
class ConvolutionStep:
    """One layer of the sweep: what does not depend on the word explained, computed once an image."""

    positive: Tensor | None  # W+, or None for a pooling layer
    negative: Tensor | None  # W- where the layer's input has negative entries
    scale: Tensor | None  # z / y+ per output unit, z its activation
    blocked: Tensor | None  # activations of units with y+ = 0, which cannot pass relevance on
    winners: Tensor | None = None
    shape: tuple[int, ...] = ()


class ConvolutionLRP:
    """LRP-CNN with the αβ-rule, α = 1, β = 0, eq. (3), for a stack of 3x3 convolutions, ReLUs and max-poolings.

    y+ = Σ_i (x_i w_ij)+ without the bias (eq. (3) prints max(y, 0)); max-pooling passes relevance to the winner, the
    first in row-major order on ties. In the form R = x · G every layer is a convolution with W+ of the incoming G
    scaled by z / y+; these scales are computed once an image and shared by all its words.
    """

    def __init__(self, features: nn.Sequential, x: Tensor) -> None:
        """features: Conv2d, ReLU and MaxPool2d layers; x: one normalised image (1, 3, H, W)."""
        self.x = x
        self.steps: list[ConvolutionStep] = []
        layers = list(features)
        with torch.no_grad():
            for k, layer in enumerate(layers):
                if isinstance(layer, nn.Conv2d):
                    rectified = k + 1 < len(layers) and isinstance(layers[k + 1], nn.ReLU)
                    x = self._prepare(layer, x, rectified)
                elif isinstance(layer, nn.MaxPool2d):
                    shape = tuple(x.shape[1:])
                    x, winners = F.max_pool2d(x, layer.kernel_size, layer.stride, return_indices=True)
                    self.steps.append(ConvolutionStep(None, None, None, None, winners, shape))
                elif not isinstance(layer, nn.ReLU):
                    raise TypeError(f"no LRP rule for a layer of type {type(layer).__name__}")
        self.a = x

    def _prepare(self, layer: nn.Conv2d, x: Tensor, rectified: bool) -> Tensor:
        positive, padding = layer.weight.clamp(min=0), layer.padding
        signed = bool((x < 0).any())
        if signed and self.steps:
            raise TypeError("only the first layer of an encoder may have negative inputs")
        negative = layer.weight.clamp(max=0) if signed else None
        y_plus = F.conv2d(x.clamp(min=0), positive, padding=padding)
        if negative is not None:
            y_plus = y_plus + F.conv2d(x.clamp(max=0), negative, padding=padding)
        z: Tensor = layer(x)
        if rectified:
            z = torch.relu(z)
        stuck = y_plus <= 0
        scale = torch.where(stuck, 0.0, z / y_plus)
        blocked = torch.where(stuck, z, 0.0)
        self.steps.append(ConvolutionStep(positive, negative, scale, blocked if bool(blocked.any()) else None))
        return z

    def relevance(self, g: Tensor, words: int = 2) -> tuple[Tensor, Tensor]:
        """G at the encoder's output (T, C, h, w) → pixel relevance (T, 3, H, W) and what was blocked (T,).

        words: how many are swept together; two at a time stay in the processor's cache.
        """
        parts = [self._sweep(chunk) for chunk in g.split(words)]
        return torch.cat([p for p, _ in parts]), torch.cat([b for _, b in parts])

    @torch.no_grad()
    def _sweep(self, g: Tensor) -> tuple[Tensor, Tensor]:
        blocked = g.new_zeros(len(g))
        for step in reversed(self.steps):
            if step.winners is not None:
                winners = step.winners.expand(len(g), -1, -1, -1)
                unpooled = g.new_zeros(len(g), step.shape[0], step.shape[1] * step.shape[2])
                g = unpooled.scatter_(2, winners.flatten(2), g.flatten(2)).unflatten(2, step.shape[1:])
                continue
            assert step.positive is not None and step.scale is not None
            if step.blocked is not None:
                blocked += (step.blocked * g).flatten(1).sum(1)
            shared = g * step.scale
            g = F.conv_transpose2d(shared, step.positive, padding=1)
            if step.negative is not None:
                # inputs of both signs: (x w)+ is x+ w+ where x > 0 and x- w- where x < 0
                g = torch.where(self.x < 0, F.conv_transpose2d(shared, step.negative, padding=1), g)
        return self.x * g, blocked
