"""LRP through the encoder (LRP-CNN) as a derivative, like the decoder's in `rules`.

The αβ-rule, eq. (3), hands a unit's relevance z_j G_j to its inputs in proportion to what they add to
y_j = Σ_i w⁺_ij x_i. With R = x · G it is G_i = Σ_j w⁺_ij s_j G_j, s_j = z_j / y_j: the derivative of s_j y_j with s_j
held constant, whose value is z_j.
"""

import operator
from copy import copy
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from capxai_core.errors import ModelError
from capxai_core.lrp.options import PAPER, Options
from capxai_core.lrp.rules import sign
from capxai_core.models.device import at_once, channels_last
from capxai_core.models.explainable import check_still

PASSED = (nn.Identity, nn.Dropout, nn.Dropout2d)
RELUS = (F.relu, torch.relu, torch.relu_, "relu", "relu_")
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
    for node in graph.nodes:  # hands its input on itself, not a copy: a change in place of either is one of both
        if isinstance(layer_of(node), PASSED):
            node.replace_all_uses_with(node.all_input_nodes[0])
            graph.erase_node(node)
    for node in graph.nodes:  # a graph knows no change in place: what reads the input later would see it as it was
        if _in_place(node) and any(user > node for of in node.all_input_nodes[:1] for user in of.users):
            raise ModelError(f"'{node.name}' of the encoder changes its input, which is read again: write x = layer(x)")
    graph.eliminate_dead_code()
    return graph


def layer_of(node: fx.Node) -> nn.Module | None:
    """The layer that a node of a graph calls, if it calls one."""
    root = node.graph.owning_module
    return root.get_submodule(str(node.target)) if root is not None and node.op == "call_module" else None


def _in_place(node: fx.Node) -> bool:
    if node.op == "call_module":
        return bool(getattr(layer_of(node), "inplace", False))
    name = str(getattr(node.target, "__name__", node.target))
    return name.endswith("_") or node.target is operator.iadd or bool(node.kwargs.get("inplace"))


def is_relu(node: fx.Node) -> bool:
    """Whether a node of a graph is a ReLU: a layer, a function or a method."""
    return isinstance(layer_of(node), nn.ReLU) if node.op == "call_module" else node.target in RELUS


class Reading(NamedTuple):
    """What a layer puts out: the model's own value, and a path to the pixels whose derivative is G.

    Along the path the value is the rule's, the same but for rounding, in the rule's precision.
    """

    value: Tensor
    path: Tensor


class ConvolutionLRP(fx.Interpreter):
    """LRP-CNN for an encoder made of convolutions, batch normalisation, ReLU, max-pooling and sums.

    All of these but convolutions pass relevance on as they do a gradient: max-pooling to the winner of each window, a
    sum the same G to each summand, a ReLU what it does not shut out. `biases`, `stabiliser` and `blocked` are constant
    inputs, 1, whose derivatives are what stays with them; blocked is what has no input that could take it.
    """

    def __init__(
        self, encoder: nn.Module, x: Tensor, rule: Options = PAPER, bounds: tuple[Tensor, Tensor] | None = None
    ) -> None:
        """x: one normalised picture (1, 3, H, W); bounds: of its values (1, 3, 1, 1) each, for the z^B-rule.

        `ModelError` names the first layer for which there is no rule.
        """
        graph: Any = trace(encoder)
        super().__init__(graph.owning_module, graph=graph)
        self.extra_traceback = False
        self.rule = rule
        self.inputs = [x, *(bound.expand_as(x) for bound in bounds or ())][: 1 + 2 * rule.box]
        self.biases, self.stabiliser, self.blocked = (x.new_ones(()).requires_grad_() for _ in range(3))
        self.merged: set[fx.Node] = set()  # what the rule of the convolution before them covers
        self.lossless: bool | None = None  # whether all relevance has passed on so far, while `reach` asks

    @cached_property
    def a(self) -> Tensor:
        """The encoder's output (1, C, h, w)."""
        self.inputs = [values.detach().clone().requires_grad_() for values in self.inputs]
        with torch.enable_grad():
            value, path = self.run(Reading(self.inputs[0].detach(), self.inputs[0]))
            return torch.as_tensor(value + (path - path.detach()))

    def relevance(self, g: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """G at the encoder's output (T, C, h, w) → pixel relevance (T, 3, H, W) and what the layers kept, each (T,)."""
        a, found = self.a, []
        inputs = [*self.inputs, self.biases, self.stabiliser, self.blocked]
        for part in g.split(at_once(g, 1)):  # more leave the processor's cache
            several = len(part) > 1
            start = part.unsqueeze(1) if several else channels_last(part)
            options = {"retain_graph": True, "is_grads_batched": several, "materialize_grads": True}
            each = zip(torch.autograd.grad(a, inputs, start, **options), inputs, strict=True)
            found.append([of.reshape(-1, *x.shape[1:]).expand(len(part), *x.shape[1:]) for of, x in each])
        *colours, biases, stabiliser, blocked = (torch.cat(parts) for parts in zip(*found, strict=True))
        pixels = torch.stack([x * of for x, of in zip(self.inputs, colours, strict=True)]).sum(0)
        return pixels.detach(), {"biases": biases, "stabiliser": stabiliser, "blocked": blocked}

    def reach(self) -> tuple[Tensor, Tensor]:
        """The encoder's output, and P (1, C, h, w) with Σ pixels = Σ P · G for any G there.

        Where every layer provably passes on all it gets, that is the output itself, for a fraction of the work.
        """
        rule = self.rule
        if rule.alpha == 1 and rule.gamma is None and not (rule.conv_bias or rule.box):
            self.lossless = True
            with torch.no_grad():
                a: Tensor = self.run(Reading(self.inputs[0], self.inputs[0])).value
            lossless, self.lossless = self.lossless, None
            if lossless:
                return a, a
        g = torch.zeros_like(self.a, requires_grad=True)
        with torch.enable_grad():
            each = torch.autograd.grad(self.a, self.inputs, g, create_graph=True)
            passed = torch.stack([(x * of).sum() for x, of in zip(self.inputs, each, strict=True)]).sum()
        return self.a.detach(), torch.autograd.grad(passed, g)[0]

    def run_node(self, n: fx.Node) -> Any:
        """By its rule."""
        if n.op in ("placeholder", "output"):
            return super().run_node(n)
        x, *others = [self.env[node] for node in n.all_input_nodes] or [None]
        module = layer_of(n)
        if isinstance(module, nn.Conv2d):
            return self._convolution(n, module, x)
        if self.rule.box and x is not None and x.path is self.inputs[0]:
            raise ModelError("the z^B-rule needs an encoder whose pixels enter convolutions")
        if n in self.merged:
            return x
        if is_relu(n):
            return Reading(x.value.relu(), x.path * (x.value > 0))
        if isinstance(module, nn.MaxPool2d):
            return _max_pool(x, module, self.lossless is not None)
        if n.target in SUMS and len(others) == 1 and not n.kwargs:
            return Reading(x.value + others[0].value, x.path + others[0].path)
        what = type(module).__name__ if module is not None else str(n.target)
        raise ModelError(f"no LRP rule for the encoder's layer '{n.name}' ({what}); the other methods need none")

    def _convolution(self, n: fx.Node, layer: nn.Conv2d, x: Reading) -> Reading:
        """A convolution with the batch normalisation and the ReLU behind it."""
        weight, bias, rectified = self._merge(n, layer)
        rule, (seen, path) = self.rule, x
        negative = seen < 0 if bool(seen.min() < 0) else None
        z = _conv(seen, layer, weight, bias)
        z = z.relu_() if rectified else z
        if self.lossless is not None:
            self.lossless = self.lossless and _conserves(seen, negative is None, layer, z, weight, bias, rectified)
            return Reading(z, z)
        share, bias = channels_last(z), bias.view(-1, 1, 1)
        weight = channels_last(weight.to(torch.bfloat16 if rule.bfloat16 else weight.dtype))

        def forward(x: Tensor, above: Tensor, below: Tensor) -> Tensor:
            """Inputs above zero by the one, those below by the other weights."""
            x = channels_last(x.to(weight))
            if negative is None:
                return _conv(x, layer, above)
            return _conv(x.masked_fill(negative, 0), layer, above) + _conv(x.masked_fill(~negative, 0), layer, below)

        plus, minus, up, down = weight.clamp(min=0), weight.clamp(max=0), bias.clamp(min=0), bias.clamp(max=0)
        box, more = rule.box and path is self.inputs[0], rule.gamma
        if box:
            _, low, high = (channels_last(values.to(weight)) for values in self.inputs)
            pixels = channels_last(path.to(weight))  # equal sums subtracted would leave rounding where nothing is left
            y = _conv(pixels - low, layer, plus) + _conv(pixels - high, layer, minus)
            parts: list[tuple[float, Tensor, Tensor | None]] = [(1.0, y, None)]
        elif more is not None:
            parts = [(1.0, forward(path, weight + more * plus, weight + more * minus), bias + more * up)]
        else:
            parts = [(rule.alpha, forward(path, plus, minus), up)]
            parts += [(1 - rule.alpha, forward(path, minus, plus), down)] if rule.alpha != 1 else []
        out: Any = 0
        for factor, y, b in parts:
            if b is not None and rule.conv_bias:
                y = y + b * self.biases
            if b is not None and more is not None:
                y = y + rule.epsilon * sign(y.detach()) * self.stabiliser
            stuck = y.detach() == 0
            out = out + (factor * share / y.detach()).masked_fill_(stuck, 0).to(y) * y
            if bool(stuck.any()):
                out = out + factor * share * stuck * self.blocked
        return Reading(z, out)

    def _merge(self, n: fx.Node, layer: nn.Conv2d) -> tuple[Tensor, Tensor, bool]:
        """Weights and biases with those of the batch normalisation behind it, and whether a ReLU is the next."""
        if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
            raise ModelError("no LRP rule for a convolution whose padding is not a number of zeros")
        weight, users = layer.weight, list(n.users)
        bias = layer.bias if layer.bias is not None else weight.new_zeros(len(weight))
        norm = layer_of(users[0]) if len(users) == 1 else None
        if isinstance(norm, nn.BatchNorm2d):
            if norm.running_mean is None or norm.running_var is None:
                raise ModelError("no LRP rule for batch normalisation without running statistics")
            factor = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
            weight, bias = weight * factor.view(-1, 1, 1, 1), (bias - norm.running_mean) * factor
            bias = bias if norm.bias is None else bias + norm.bias
            self.merged |= {*users}
            users = list(users[0].users)
        rectified = len(users) == 1 and is_relu(users[0])
        self.merged |= {*users} if rectified else set()
        return weight.detach(), bias.detach(), rectified


def _max_pool(x: Reading, layer: nn.MaxPool2d, pathless: bool) -> Reading:
    """The path is that of the winner of each window, the first in row-major order on ties."""
    size, stride = layer.kernel_size, layer.stride
    options = layer.padding, layer.dilation, layer.ceil_mode
    value, winners = F.max_pool2d(x.value, size, stride, *options, return_indices=True)
    if pathless:
        return Reading(value, value)
    if stride != size or options != (0, 1, False):  # windows that overlap; below, others, in half the time
        return Reading(value, x.path.flatten(2).gather(2, winners.flatten(2)).view_as(value))
    won = torch.zeros_like(x.value, memory_format=torch.contiguous_format).flatten(2)
    won = channels_last(won.scatter_(2, winners.flatten(2), 1).view_as(x.value))
    return Reading(value, F.avg_pool2d(x.path * won.to(x.path), size, divisor_override=1))


def _conv(x: Tensor, layer: nn.Conv2d, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    out: Tensor = F.conv2d(x, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups)
    return out


def _conserves(
    x: Tensor, clean: bool, layer: nn.Conv2d, z: Tensor, weight: Tensor, bias: Tensor, rectified: bool
) -> bool:
    """Whether by the αβ-rule with α = 1 all relevance passes on, no unit being without positive input.

    clean: no input is below zero. A rectified unit whose bias is not positive has some, or it would be shut. Most
    others have, at their centre.
    """
    asked = bias > (0 if rectified and layer.groups == 1 else -torch.inf)
    if not bool(asked.any()):
        return True
    stuck, weight = z[:, asked] != 0, weight[asked]
    plus = weight.clamp(min=0)
    sides = {layer.kernel_size, tuple(2 * int(p) + 1 for p in layer.padding)}
    if clean and len(sides) == 1 and layer.dilation == (1, 1):
        row, column = (side // 2 for side in layer.kernel_size)
        centre = plus[:, :, row : row + 1, column : column + 1]
        stuck &= F.conv2d(x, centre, None, layer.stride, 0, 1, layer.groups) <= 0
    if not bool(stuck.any()):
        return True
    y = _conv(x.clamp(min=0), layer, plus) + _conv(x.clamp(max=0), layer, weight - plus)
    return not bool((stuck & (y <= 0)).any())
