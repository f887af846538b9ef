"""LRP through the encoder (LRP-CNN): one sweep over its layers, of which all words of a picture share the most work."""

import operator
from collections.abc import Mapping
from copy import copy
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from capxai_core.errors import ModelError
from capxai_core.lrp.options import PAPER, Options
from capxai_core.lrp.rules import sign
from capxai_core.models.device import at_once, channels_last
from capxai_core.models.explainable import check_still

Term = tuple[Tensor, Tensor | None, Tensor]
PASSED = (nn.Identity, nn.Dropout, nn.Dropout2d)
RELUS = (F.relu, torch.relu, "relu", "relu_")
SUMS = (operator.add, operator.iadd, torch.add)


def trace(encoder: nn.Module) -> fx.Graph:
    """The encoder as a graph of its layers; `ModelError` where it cannot be one, or would learn while it is read.

    Not `fx.symbolic_trace`: that writes and compiles a program that nobody runs, in a third of the time that a small
    encoder's LRP without maps takes.
    """
    check_still(encoder)
    try:
        root = copy(encoder)  # tracing leaves the constants of a forward pass in the module
        graph = fx.Tracer().trace(root)
    except Exception as error:  # whatever the encoder's own forward does with the stand-in for a tensor
        raise ModelError(
            f"the encoder cannot be read layer by layer ({type(error).__name__}: {error}); LRP and the guided methods "
            "need that, the others do not"
        ) from None
    graph.owning_module = root  # type: ignore[assignment]  # any module will do
    for node in graph.nodes:  # a graph knows no change in place: what reads the input later would see it as it was
        if _in_place(node, root) and any(user > node for of in node.all_input_nodes[:1] for user in of.users):
            raise ModelError(f"'{node.name}' of the encoder changes its input, which is read again: write x = layer(x)")
    graph.eliminate_dead_code()
    return graph


def _in_place(node: fx.Node, root: nn.Module) -> bool:
    if node.op == "call_module":
        return bool(getattr(root.get_submodule(str(node.target)), "inplace", False))
    name = str(getattr(node.target, "__name__", node.target))
    return name.endswith("_") or node.target is operator.iadd or bool(node.kwargs.get("inplace"))


def is_relu(node: fx.Node, module: nn.Module | None) -> bool:
    """Whether a node of a graph is a ReLU: a layer, a function or a method."""
    return isinstance(module, nn.ReLU) if node.op == "call_module" else node.target in RELUS


def _pair(size: int | tuple[int, ...]) -> tuple[int, ...]:
    return (size, size) if isinstance(size, int) else size


class Layer:
    """What the sweep needs of a layer with output `z`; this one passes on all it gets, to each input the same G."""

    kept: Mapping[str, Tensor] = MappingProxyType({})  # of the G of an output unit, what it leaves where

    def __init__(self, z: Tensor) -> None:
        self.z = z

    def prepare(self) -> None:
        """Compute what does not depend on the word explained."""

    def conserves(self) -> bool:
        """Whether all relevance is known to pass on."""
        return True

    def back(self, g: Tensor) -> Tensor:
        """G of the outputs (T, ...) → G of an input."""
        return g

    def across(self, p: Tensor) -> Tensor:
        """The adjoint of `back`, on one input (1, ...)."""
        return p


class Sum(Layer):
    """A residual connection: each summand keeps its own share, and in the form x · G that is the same G."""


class Convolution(Layer):
    """A convolution, with what batch normalisation makes of it and its ReLU: G = Σ_k w_k^T (scale_k G').

    `terms` holds for each k the weights for inputs above zero, those for inputs below (None where there are none), and
    the scale of each output unit; `kept` what of its G' an output unit leaves with biases, the stabiliser, or blocked.
    """

    def __init__(
        self, x: Tensor, layer: nn.Conv2d, weight: Tensor, bias: Tensor, rectified: bool, rule: Options
    ) -> None:
        if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
            raise ModelError("no LRP rule for a convolution whose padding is not a number of zeros")
        self.x, self.layer, self.weight, self.bias, self.rule = x, layer, weight, bias.view(-1, 1, 1), rule
        self.negative = (x < 0) if bool(x.min() < 0) else None
        self.rectified = rectified
        z = self._conv(x, weight, bias)
        super().__init__(z.relu_() if rectified else z)

    def prepare(self) -> None:
        """Set `terms` and `kept`."""
        self.kept: dict[str, Tensor] = {}
        rule, bias = self.rule, self.bias
        x, weight = (channels_last(t.to(rule.dtype or self.x.dtype)) for t in (self.x, self.weight))
        z = channels_last(self.z)
        self.terms: list[Term] = []
        plus, minus, up, down = weight.clamp(min=0), weight.clamp(max=0), bias.clamp(min=0), bias.clamp(max=0)
        parts = [(rule.alpha, plus, minus, up), (1 - rule.alpha, minus, plus, down)][: 1 + (rule.alpha != 1)]
        if (more := rule.gamma) is not None:
            parts = [(1.0, weight + more * plus, weight + more * minus, bias + more * up)]
        for factor, above, below, b in parts:
            share, y = z if factor == 1 else factor * z, self._forward(x, above, below)
            y = y + b if rule.conv_bias else y
            if more is not None:
                added = rule.epsilon * sign(y)
                y = y + added
            scale, stuck = share / y, y == 0
            if bool(stuck.any()):
                scale.masked_fill_(stuck, 0)
                self._keep("blocked", share * stuck)
            if rule.conv_bias:
                self._keep("biases", scale * b)
            if more is not None:
                self._keep("stabiliser", scale * added)
            self._add(above, below, scale)

    def conserves(self) -> bool:
        """True of the αβ-rule with α = 1 where no unit is without positive input.

        A rectified unit whose bias is not positive has some, or it would be shut. Most others have, at their centre.
        """
        if self.rule.alpha != 1 or self.rule.gamma is not None or self.rule.conv_bias:
            return False
        asked = self.bias.flatten() > (0 if self.rectified and self.layer.groups == 1 else -torch.inf)
        if not bool(asked.any()):
            return True
        z, weight = self.z[:, asked], self.weight[asked]
        plus = weight.clamp(min=0)
        stuck = z != 0
        sides = {self.layer.kernel_size, tuple(2 * int(p) + 1 for p in self.layer.padding)}
        if self.negative is None and len(sides) == 1 and self.layer.dilation == (1, 1):
            row, column = (side // 2 for side in self.layer.kernel_size)
            centre = plus[:, :, row : row + 1, column : column + 1]
            stuck &= F.conv2d(self.x, centre, None, self.layer.stride, 0, 1, self.layer.groups) <= 0
        return not bool(stuck.any()) or not bool((stuck & (self._forward(self.x, plus, weight - plus) <= 0)).any())

    def _add(self, above: Tensor, below: Tensor, scale: Tensor) -> None:
        self.terms.append((above, None if self.negative is None else below, scale.to(above)))

    def _keep(self, name: str, factor: Tensor) -> None:
        if bool(factor.any()):
            self.kept[name] = self.kept.get(name, 0) + factor

    def _forward(self, x: Tensor, above: Tensor, below: Tensor | None) -> Tensor:
        if self.negative is None or below is None:
            return self._conv(x, above)
        return self._conv(x.masked_fill(self.negative, 0), above) + self._conv(x.masked_fill(~self.negative, 0), below)

    def _conv(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        layer = self.layer
        return F.conv2d(x, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups)

    def _up(self, g: Tensor, weight: Tensor) -> Tensor:
        layer, rest = self.layer, []
        for k in (0, 1):
            reach = (g.shape[2 + k] - 1) * layer.stride[k] + layer.dilation[k] * (weight.shape[2 + k] - 1) + 1
            rest.append(self.x.shape[2 + k] - reach + 2 * int(layer.padding[k]))
        padding: Any = layer.padding
        return F.conv_transpose2d(g, weight, None, layer.stride, padding, rest, layer.groups, layer.dilation)

    def back(self, g: Tensor) -> Tensor:
        """G of the outputs (T, out, h, w) → G of the inputs (T, in, H, W)."""
        parts = []
        for above, below, scale in self.terms:
            shared = g * scale
            part = self._up(shared, above)
            if self.negative is not None and below is not None:
                part = torch.where(self.negative, self._up(shared, below), part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def across(self, p: Tensor) -> Tensor:
        """The adjoint of `back`: (1, in, H, W) → (1, out, h, w)."""
        parts = [self._forward(p, above, below) * scale for above, below, scale in self.terms]
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]


class Box(Convolution):
    """The z^B-rule, for pixels whose normalised values lie between `low` and `high`, (3, 1, 1) each."""

    def __init__(self, low: Tensor, high: Tensor, x: Tensor, *rest: Any) -> None:
        self.low, self.high = low.expand_as(x), high.expand_as(x)
        super().__init__(x, *rest)

    def prepare(self) -> None:
        """Set `parts`, `scale`, `passed` and `kept`."""
        self.kept = {}
        x, w = (channels_last(t.to(self.rule.dtype or self.x.dtype)) for t in (self.x, self.weight))
        self.parts = [(x, w), (-self.low.to(x), w.clamp(min=0)), (-self.high.to(x), w.clamp(max=0))]
        z = channels_last(self.z)
        y = sum((self._conv(x, w) for x, w in self.parts), torch.zeros_like(z))
        self._keep("blocked", torch.where(y == 0, z, 0.0))
        self.passed, self.scale = torch.where(y == 0, 0.0, z).to(x), torch.where(y == 0, 0.0, z / y).to(x)

    def conserves(self) -> bool:
        """Not known."""
        return False

    def back(self, g: Tensor) -> Tensor:
        """G of the outputs → R, not G, of the pixels."""
        return torch.stack([x * self._up(g * self.scale, w) for x, w in self.parts]).sum(0)

    def across(self, p: Tensor) -> Tensor:
        """All of x · G but what is blocked reaches the pixels."""
        return self.passed


class MaxPooling(Layer):
    """Relevance goes to the winner of each window, the first in row-major order on ties."""

    won: Tensor | None

    def __init__(self, x: Tensor, layer: nn.MaxPool2d) -> None:
        self.shape = x.shape[1:]
        z, self.winners = F.max_pool2d(
            x, layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.ceil_mode, return_indices=True
        )
        super().__init__(z)
        self.layer = layer

    def prepare(self) -> None:
        """Set `won`, the winners as a mask, where no two windows share a pixel."""
        layer, (h, w), self.won = self.layer, self.z.shape[2:], None
        kernel, plain = _pair(layer.kernel_size), _pair(layer.padding) == (0, 0) and _pair(layer.dilation) == (1, 1)
        if plain and _pair(layer.stride) == kernel and self.shape[1:] == (h * kernel[0], w * kernel[1]):
            won = self.z.new_zeros(1, self.shape[0], self.shape[1] * self.shape[2])
            self.won = channels_last(won.scatter_(2, self.winners.flatten(2), 1).unflatten(2, self.shape[1:]))

    def back(self, g: Tensor) -> Tensor:
        """(T, C, h, w) → (T, C, H, W)."""
        if self.won is not None:
            return F.interpolate(g, self.shape[1:], mode="nearest") * self.won.to(g)
        winners = self.winners.expand(len(g), -1, -1, -1).flatten(2)
        handed = g.new_zeros(len(g), self.shape[0], self.shape[1] * self.shape[2])
        handed = handed.scatter_add_(2, winners, g.flatten(2)).unflatten(2, self.shape[1:])
        return channels_last(handed)

    def across(self, p: Tensor) -> Tensor:
        """The adjoint of `back`."""
        return p.flatten(2).gather(2, self.winners.flatten(2)).view_as(self.winners)


class Rectifier(Layer):
    """A ReLU by itself, as behind a sum: passes relevance on unchanged; what it shuts out had none."""

    def __init__(self, x: Tensor) -> None:
        super().__init__(x.relu())
        self.open = x > 0

    def back(self, g: Tensor) -> Tensor:
        """(T, C, h, w) → the same shape."""
        return g * self.open.to(g)

    def across(self, p: Tensor) -> Tensor:
        """The same."""
        return self.back(p)


class ConvolutionLRP:
    """LRP-CNN for an encoder made of convolutions, batch normalisation, ReLU, max-pooling and sums.

    Relevance is R = x · G at every layer; what G is multiplied with (y+ and its like) does not depend on the word
    explained and is computed once a picture. `a` is the encoder's output.
    """

    def __init__(
        self,
        encoder: nn.Module,
        x: Tensor,
        rule: Options = PAPER,
        bounds: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """x: one normalised picture (1, 3, H, W); bounds: of its values (3, 1, 1) each, for the z^B-rule.

        `ModelError` names the first layer for which there is no rule.
        """
        self.x, self.rule, self.bounds, self.prepared = x, rule, bounds, False
        self.layers: list[tuple[Layer, list[int], int]] = []  # with the numbers of their inputs and of their output
        self.encoder, graph = encoder, trace(encoder)
        numbers: dict[fx.Node, int] = {}
        values: list[Tensor] = [x]
        with torch.no_grad():
            for node in graph.nodes:
                if node.op == "placeholder":
                    numbers[node] = 0
                elif node.op != "output" and node not in numbers:
                    inputs = [numbers[n] for n in node.all_input_nodes]
                    layer, nodes = self._layer(node, [values[k] for k in inputs])
                    if layer is not None:
                        self.layers.append((layer, inputs, len(values)))
                        values.append(layer.z)
                    numbers |= dict.fromkeys(nodes, inputs[0] if layer is None else len(values) - 1)
            (returned,) = next(iter(reversed(graph.nodes))).all_input_nodes
        if rule.box and not all(isinstance(layer, Box) for layer, inputs, _ in self.layers if 0 in inputs):
            raise ModelError("the z^B-rule needs an encoder whose pixels enter convolutions")
        self.a = values[numbers[returned]]

    def _layer(self, node: fx.Node, inputs: list[Tensor]) -> "tuple[Layer | None, list[fx.Node]]":
        """The layer that starts at a node, None where nothing happens there, and the nodes that belong to it."""
        module = self._module(node)
        if isinstance(module, nn.Conv2d):
            return self._convolution(inputs[0], module, node)
        if isinstance(module, nn.MaxPool2d):
            return MaxPooling(inputs[0], module), [node]
        if isinstance(module, PASSED):
            return None, [node]
        if is_relu(node, module):
            return Rectifier(inputs[0]), [node]
        if node.target in SUMS and len(inputs) == 2 and not node.kwargs:
            return Sum(inputs[0] + inputs[1]), [node]
        what = type(module).__name__ if module is not None else str(node.target)
        raise ModelError(f"no LRP rule for the encoder's layer '{node.name}' ({what}); the other methods need none")

    def _convolution(self, x: Tensor, module: nn.Conv2d, node: fx.Node) -> tuple[Convolution, list[fx.Node]]:
        """A convolution with the batch normalisation and the ReLU behind it."""
        weight = module.weight
        bias = module.bias if module.bias is not None else weight.new_zeros(len(weight))
        nodes, users = [node], list(node.users)
        norm = self._module(users[0]) if len(users) == 1 else None
        if isinstance(norm, nn.BatchNorm2d):
            if norm.running_mean is None or norm.running_var is None:
                raise ModelError("no LRP rule for batch normalisation without running statistics")
            factor = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
            weight, bias = weight * factor.view(-1, 1, 1, 1), (bias - norm.running_mean) * factor
            bias = bias if norm.bias is None else bias + norm.bias
            nodes, users = [node, users[0]], list(users[0].users)
        rectified = len(users) == 1 and is_relu(users[0], self._module(users[0]))
        arguments = (x, module, weight, bias, rectified, self.rule)
        nodes += users if rectified else []
        if not (self.rule.box and x is self.x):
            return Convolution(*arguments), nodes
        if self.bounds is None:
            raise ModelError("the z^B-rule needs the bounds of the encoder's input values")
        return Box(*self.bounds, *arguments), nodes

    def _module(self, node: fx.Node) -> nn.Module | None:
        return self.encoder.get_submodule(str(node.target)) if node.op == "call_module" else None

    @torch.no_grad()
    def relevance(self, g: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """G at the encoder's output (T, C, h, w) → pixel relevance (T, 3, H, W) and what the layers kept, each (T,)."""
        self._prepare()
        words = at_once(g, 2)  # more leave the processor's cache
        kept = {name: g.new_zeros(len(g)) for name in ("biases", "stabiliser", "blocked")}
        parts = [self._sweep(part, kept, slice(k * words, (k + 1) * words)) for k, part in enumerate(g.split(words))]
        return torch.cat(parts), kept

    def _sweep(self, g: Tensor, kept: dict[str, Tensor], rows: slice) -> Tensor:
        dtype = g.dtype
        arriving = {self.layers[-1][2]: channels_last(g.to(self.rule.dtype or dtype))}
        for layer, inputs, output in reversed(self.layers):
            g = arriving.pop(output)
            for name, factor in layer.kept.items():
                kept[name][rows] += (factor * g).flatten(1).sum(1)
            g = layer.back(g)
            for k in inputs:
                arriving[k] = arriving[k] + g if k in arriving else g
        pixels = arriving[0].to(dtype)
        return pixels if self.rule.box else self.x * pixels.contiguous()

    def _prepare(self) -> None:
        if not self.prepared:
            for layer, _, _ in self.layers:
                layer.prepare()
            self.prepared = True

    @torch.no_grad()
    def reach(self) -> Tensor:
        """P (1, C, h, w) with Σ pixels = Σ P · G for any G at the encoder's output: the adjoint of the sweep.

        Where every layer provably passes on all it gets, that is A itself, for a fraction of the work.
        """
        if all(layer.conserves() for layer, _, _ in self.layers):
            return self.a
        self._prepare()
        values = [self.x.to(self.rule.dtype or self.x.dtype)]
        for layer, inputs, _ in self.layers:
            p = values[inputs[0]] + values[inputs[1]] if isinstance(layer, Sum) else layer.across(values[inputs[0]])
            values.append(p)
        return values[-1].to(self.x)
