"""Guided backpropagation and Guided Grad-CAM (section III-C, last paragraph)."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, fx, nn

from capxai_core.errors import ModelError
from capxai_core.lrp.convolutions import is_relu, trace
from capxai_core.methods.explanation import Explanation
from capxai_core.methods.gradcam import GradCAM
from capxai_core.methods.gradient import Gradient, gradients
from capxai_core.methods.registry import Method
from capxai_core.models.explainable import Caption, Explainable


class GuidedEncoder(fx.Interpreter):
    """Runs an encoder whose ReLUs pass back only what is positive; the encoder itself is not touched."""

    def __init__(self, encoder: nn.Module) -> None:
        graph: Any = trace(encoder)
        super().__init__(graph.owning_module, graph=graph)
        if not any(map(is_relu, graph.nodes)):
            raise ModelError("the guided methods need an encoder with ReLUs; without, they are the plain gradient")

    def run_node(self, n: fx.Node) -> Any:
        """As it is, ReLUs apart."""
        if is_relu(n):
            on: Tensor = self.env[n.all_input_nodes[0]].relu()
            if on.requires_grad:
                on.register_hook(lambda g: g.clamp(min=0))
            return on
        return super().run_node(n)


@dataclass(frozen=True)
class GuidedBackpropagation(Method):
    """The gradient, but the encoder's ReLUs let only positive gradients pass."""

    name, label = "guided_backprop", "Guided backprop"
    signed, pixel_level, linguistic = True, True, True
    reference = "Springenberg et al. 2015, Striving for simplicity"

    def __call__(self, model: Explainable, image: Tensor, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """The guided rule acts in the encoder only; the words' score is the gradient's."""
        g = gradients(model, image, caption, positions, GuidedEncoder(model.encoder).run)
        return replace(Gradient().of(g, caption, positions), method=self.name)


@dataclass(frozen=True)
class GuidedGradCAM(Method):
    """Guided backpropagation where Grad-CAM points: the product of the two maps."""

    name, label = "guided_gradcam", "Guided Grad-CAM"
    signed, pixel_level, linguistic = True, True, True
    reference = "Selvaraju et al. 2017, Grad-CAM; section III-C"

    def __call__(self, model: Explainable, image: Tensor, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """Both methods, multiplied."""
        guided, cam = (method(model, image, caption, positions) for method in (GuidedBackpropagation(), GradCAM()))
        return product(guided, cam)


def product(guided: Explanation, cam: Explanation) -> Explanation:
    """Guided Grad-CAM from what it is the product of; the words' score is the gradient's."""
    return replace(guided, method=GuidedGradCAM.name, image=guided.image * cam.image)
