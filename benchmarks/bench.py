"""Time the explanations: `make bench` prints a table and writes results/bench.json.

Grid-TD on VGG16, 224 x 224, d = 512, 9000 words, ten explained words, random weights (times do not depend on them), two
threads. Every figure is a ratio inside one run: to a *pass*, one forward pass of one image through VGG16 to relu5_3, or
to the plain gradient of all ten logits to the pixels over one forward pass, at its fastest chunking.
"""

import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

import capxai_core as cx
from capxai_core.data.vocabulary import SPECIALS, Vocabulary
from capxai_core.lrp.convolutions import ConvolutionLRP
from capxai_core.lrp.rules import LRP
from capxai_core.models.captioner import Captioner
from capxai_core.models.encoder import VGG16_BLOCKS, Encoder
from capxai_core.models.explainable import derivatives, word_scores
from capxai_core.models.grid_td import GridTD

WORDS, VOCABULARY, REPEATS = 10, 9000, 5


def captioner() -> Captioner:
    """The benchmark's model, with weights that keep activations alive through all thirteen layers."""
    torch.manual_seed(0)
    encoder = Encoder(VGG16_BLOCKS, 224)
    for p in encoder.parameters():
        if p.ndim > 1:
            torch.nn.init.kaiming_normal_(p, nonlinearity="relu")
    vocabulary = Vocabulary(SPECIALS + tuple(f"w{i}" for i in range(VOCABULARY - len(SPECIALS))))
    model = Captioner(encoder, GridTD(512, VOCABULARY, 512, 196), vocabulary, "grid_td", "bench")
    return model.eval().requires_grad_(False)


def gradient(model: Captioner, image: Tensor, ids: tuple[int, ...], chunk: int) -> Tensor:
    """The plain gradient of every word's logit by the pixels, `chunk` words at a time over one forward pass."""
    x = model.encoder.normalise(image).requires_grad_()
    a = model.encoder(x)
    logits = word_scores(model, model.unroll(a, model.embed(ids)), ids, range(len(ids)))[0]
    (g_a,) = derivatives(logits, [a])
    parts = [torch.autograd.grad(a, x, part, retain_graph=True, is_grads_batched=True)[0] for part in g_a.split(chunk)]
    return torch.cat(parts)


def median_time(run: Callable[[], object]) -> float:
    """Seconds of one call: the median of REPEATS after a warm-up."""
    run()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Measure, print, write."""
    torch.set_num_threads(2)
    model, image = captioner(), torch.rand(3, 224, 224)
    ids = tuple(range(4, 4 + WORDS))
    caption = model.read(image, model.vocabulary.decode(ids))
    x = model.encoder.normalise(image)

    def decoder_part() -> object:
        a = convolutions.a.detach().requires_grad_()
        rules = LRP(a)
        embedded = model.embed(ids).requires_grad_()
        run = model.unroll(a, embedded, rules)
        scores = word_scores(model, run, ids, range(WORDS), rules)[0]
        return derivatives(scores, [a, embedded, rules.bias, rules.stabiliser])

    convolutions = ConvolutionLRP(model.encoder, x)
    g_a = torch.randn(WORDS, *convolutions.a.shape[1:])
    seconds = {"pass": median_time(lambda: model.see(image))}
    for chunk in (1, 2, 5, 10):
        seconds[f"gradient, {chunk} words at a time"] = median_time(lambda n=chunk: gradient(model, image, ids, n))
    for name in cx.METHODS:
        seconds[name] = median_time(lambda n=name: cx.explain(model, image, caption, n))
    seconds["lrp, decoder part"] = median_time(decoder_part)
    seconds["lrp, convolution part"] = median_time(lambda: ConvolutionLRP(model.encoder, x).relevance(g_a))
    fastest = min(v for k, v in seconds.items() if k.startswith("gradient"))
    print(f"{'':32}{'passes':>10}{'/ gradient':>12}")
    for name, value in seconds.items():
        print(f"{name:32}{value / seconds['pass']:10.2f}{value / fastest:12.2f}")
    machine = {"processor": platform.processor() or platform.machine(), "torch": torch.__version__, "threads": 2}
    path = Path("results/bench.json")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "words": WORDS, "seconds": seconds}, indent=1))
    print(path)


if __name__ == "__main__":
    main()
