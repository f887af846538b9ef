"""The methods by name, and the functions that apply them."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional as F

from capxai_core.errors import RequestError
from capxai_core.methods.explanation import Explanation
from capxai_core.models.explainable import Caption, Explainable, check_still

METHODS: dict[str, "Method"] = {}
USUAL = ("lrp", "gradcam", "guided_gradcam", "attention")  # the paper's, and cheap


@dataclass(frozen=True)
class Method(ABC):
    """One way to explain. A subclass declares what its answers are and registers itself; its fields are its options."""

    name: ClassVar[str]
    label: ClassVar[str]
    signed: ClassVar[bool]  # whether the sign of the pixel evidence is meant
    pixel_level: ClassVar[bool]  # or on the encoder's grid, upsampled
    linguistic: ClassVar[bool]  # whether preceding words get a score
    reference: ClassVar[str]

    def __init_subclass__(cls) -> None:
        if "name" in vars(cls):
            METHODS[cls.name] = cls()

    @abstractmethod
    def __call__(self, model: Explainable, image: Tensor, caption: Caption, positions: tuple[int, ...]) -> Explanation:
        """Explain the words at `positions` of a caption of one picture (3, H, W) in [0, 1]."""

    def answer(
        self, caption: Caption, positions: tuple[int, ...], image: Tensor, words: Tensor | None, logits: Tensor
    ) -> Explanation:
        """words: of `<start>` and the whole caption, of which those are kept that can precede an explained word."""
        words = None if words is None else words[:, : max(len(caption.words), max(positions) + 1)]
        return Explanation(self.name, caption, positions, image, words, logits, self.signed)


def explain(
    model: Explainable,
    image: Tensor,
    caption: Caption,
    method: str = "lrp",
    words: Sequence[int] | None = None,
    include_end: bool = False,
    **options: Any,
) -> Explanation:
    """Why the model said each word of a caption of a picture (3, H, W) in [0, 1].

    words: positions of the words to explain, all by default; include_end: explain `<end>` too (always
    where the model said nothing else).
    options: of the method, e.g. `epsilon=1e-3` for LRP. `RequestError` for an unknown method, option or position, for
    what is no picture and for a caption that another model read, `ModelError` for a model in training mode.
    """
    check_asked(model, image, caption)
    chosen = find_method(method, **options)
    return chosen(model, image, caption, find_positions(caption, words, include_end)).cpu()


def check_asked(model: Explainable, image: Tensor, caption: Caption) -> None:
    """`ModelError` for a model in training mode, `RequestError` for no image or for another model's caption."""
    check_still(model)
    if image.ndim != 3 or image.shape[0] != 3 or not image.is_floating_point():
        what = f"{tuple(image.shape)} of {image.dtype}"
        raise RequestError(f"an image is a tensor (3, H, W) of numbers in [0, 1], not {what}; load_image() makes one")
    if not (image.numel() and bool(((image >= 0) & (image <= 1)).all())):  # nor is NaN
        raise RequestError(
            f"an image is a tensor (3, H, W) of numbers in [0, 1]; this one, {tuple(image.shape)}, is not"
        )
    if not isinstance(caption, Caption) or tuple(model.vocabulary.encode(caption.words)) != caption.token_ids:
        raise RequestError(f"'{caption}' is not as {model.name} reads it: make it model.read(image, '{caption}')")


def find_positions(caption: Caption, words: Sequence[int] | None, include_end: bool = False) -> tuple[int, ...]:
    """The positions asked for, all by default; `RequestError` for one that does not exist."""
    n = len(caption.words)
    try:
        positions = tuple(range(n) if words is None else map(index, words))
    except TypeError:
        raise RequestError(f"words are positions in the caption, such as [0, 2], not {words!r}") from None
    for p in positions:
        if not 0 <= p < n:
            has = f"positions 0 to {n - 1} (include_end explains its end, too)" if n else "no words"
            raise RequestError(f"word position {p} does not exist: the caption '{caption}' has {has}")
    if include_end or n == 0:
        positions += (n,)
    if not positions:
        raise RequestError("no word to explain: give at least one position, or leave 'words' out")
    return positions


def find_method(name: str, **options: Any) -> Method:
    """The method of that name with its options set."""
    if name not in METHODS:
        raise RequestError(f"unknown method '{name}'; known: {', '.join(sorted(METHODS))}")
    known = sorted(f.name for f in dataclasses.fields(METHODS[name]))
    for option in options:
        if option not in known:
            raise RequestError(f"method '{name}' has no option '{option}'; it has: {', '.join(known) or 'none'}")
    return type(METHODS[name])(**options)


def explain_batch(
    model: Explainable, images: Sequence[Tensor], captions: Sequence[Caption], method: str = "lrp", **options: Any
) -> list[Explanation]:
    """`explain` for many pictures, each with its caption; options: those of `explain` and of the method."""
    if len(images) != len(captions):
        raise RequestError(f"{len(images)} images but {len(captions)} captions")
    return [explain(model, image, c, method, **options) for image, c in zip(images, captions, strict=True)]


def upsample(maps: Tensor, size: int) -> Tensor:
    """(T, h, w) on the encoder's grid → (T, size, size), bilinear."""
    return F.interpolate(maps.unsqueeze(1), (size, size), mode="bilinear", align_corners=False).squeeze(1)
