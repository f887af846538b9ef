"""Time the explanations: `make bench` prints a table and writes benchmarks/bench.json, from which the book draws.

Grid-TD on VGG16, 224 x 224, d = 512, 9000 words, ten explained words, random weights (times do not depend on them), two
threads. Every figure is a ratio inside one run: to a *pass*, one forward pass of one image through VGG16 to relu5_3, or
to the plain gradient of all ten logits to the pixels over one forward pass, at its fastest chunking.
"""

import json
import platform
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

import capxai_core as cx
from capxai_core.data.vocabulary import SPECIALS, Vocabulary
from capxai_core.lrp.convolutions import ConvolutionLRP
from capxai_core.lrp.rules import LRP
from capxai_core.models.captioner import Captioner
from capxai_core.models.device import faster_in_bfloat16
from capxai_core.models.encoder import VGG16_BLOCKS, Encoder
from capxai_core.models.explainable import Caption, derivatives, word_scores
from capxai_core.models.grid_td import GridTD

WORDS, VOCABULARY, REPEATS = 10, 9000, 5
SLOW = ("integrated_gradients", "occlusion")  # hundreds of passes: timed once
MUST = {
    "LRP / gradient": 1.25,
    "LRP with bfloat16 convolutions / gradient": 0.75,
    "convolutions / zennit": 1 / 6,
    "decoder, passes": 1.0,
    "mean_relevance, passes": 2.2,
    "20 words / 10 words": 2.0,
    "peak memory, GiB": 1.0,
}


def captioner(size: int = 224) -> Captioner:
    """The benchmark's model, with weights that keep activations alive through all thirteen layers."""
    torch.manual_seed(0)
    encoder = Encoder(VGG16_BLOCKS, size)
    for p in encoder.parameters():
        if p.ndim > 1:
            torch.nn.init.kaiming_normal_(p, nonlinearity="relu")
    vocabulary = Vocabulary(SPECIALS + tuple(f"w{i}" for i in range(VOCABULARY - len(SPECIALS))))
    model = Captioner(encoder, GridTD(512, VOCABULARY, 512, 196), vocabulary, "grid_td", "bench")
    return model.eval().requires_grad_(False)


def caption_of(model: Captioner, image: Tensor, words: int) -> Caption:
    """A caption of that many words."""
    return model.read(image, model.vocabulary.decode(range(4, 4 + words)))


def gradient(model: Captioner, image: Tensor, ids: tuple[int, ...], chunk: int) -> Tensor:
    """The plain gradient of every word's logit by the pixels, `chunk` words at a time over one forward pass."""
    x = model.encoder.normalise(image).requires_grad_()
    a = model.encoder(x)
    logits = word_scores(model, model.unroll(a, model.embed(ids)), ids, range(len(ids)))[0]
    (g_a,) = derivatives(logits, [a])
    parts = [torch.autograd.grad(a, x, part, retain_graph=True, is_grads_batched=True)[0] for part in g_a.split(chunk)]
    return torch.cat(parts)


def zennit(model: Captioner, x: Tensor, start: Tensor, chunk: int) -> Tensor:
    """The convolutions' part by zennit's AlphaBeta(1, 0), `chunk` words at a time as a batch."""
    from zennit.composites import LayerMapComposite
    from zennit.rules import AlphaBeta, Pass
    from zennit.types import Activation, Convolution

    rules = [(Activation, Pass()), (Convolution, AlphaBeta(alpha=1, beta=0, zero_params="bias"))]
    parts = []
    with LayerMapComposite(rules).context(model.encoder) as modified:
        for part in start.split(chunk):
            probe = x.expand(len(part), -1, -1, -1).clone().requires_grad_()
            parts.append(torch.autograd.grad(modified(probe), probe, part)[0])
    return torch.cat(parts)


def seconds(run: Callable[[], object], repeats: int = REPEATS, warm: bool = True) -> float:
    """Of one call: the median of `repeats` after a warm-up."""
    if warm:
        run()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def together(runs: dict[str, Callable[[], object]], repeats: int = REPEATS) -> dict[str, float]:
    """Seconds of each, in rounds: what else the machine does falls on all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    for _ in range(repeats):
        for name, run in runs.items():
            times[name].append(seconds(run, 1, False))
    return {name: statistics.median(found) for name, found in times.items()}


def peak_memory(run: Callable[[], object]) -> float:
    """GiB of resident memory above what there was before the call, looked at every 2 ms."""

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**30

    before, most, done = resident(), 0.0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, resident())
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    run()
    done.set()
    watcher.join()
    return most - before


def main() -> None:
    """Measure, print, write."""
    torch.set_num_threads(2)
    console = Console()
    model, image = captioner(), torch.rand(3, 224, 224)
    caption = caption_of(model, image, WORDS)
    ids, x = caption.token_ids, model.normalise(image)
    memory = peak_memory(lambda: cx.explain(model, image, caption))

    def decoder_part() -> object:
        a = first.a.detach().requires_grad_()
        rules = LRP(a)
        embedded = model.embed(ids).requires_grad_()
        scores = word_scores(model, model.unroll(a, embedded, rules), ids, range(WORDS), rules)[0]
        return derivatives(scores, [a, embedded, rules.bias, rules.stabiliser])

    with console.status("timing …"):
        first = ConvolutionLRP(model.encoder, x)
        g_a = torch.randn(WORDS, *first.a.shape[1:])
        twenty = caption_of(model, image, 2 * WORDS)
        runs: dict[str, Callable[[], object]] = {
            "pass": lambda: model.see(image),
            "gradient, 1": lambda: gradient(model, image, ids, 1),
            "gradient, 2": lambda: gradient(model, image, ids, 2),
            "decoder": decoder_part,
            "convolutions": lambda: ConvolutionLRP(model.encoder, x).relevance(g_a),
            "mean": lambda: cx.mean_relevance(model, image, caption),
            "20 words": lambda: cx.explain(model, image, twenty),
        }
        runs |= {name: lambda n=name: cx.explain(model, image, caption, n) for name in cx.METHODS if name not in SLOW}
        if faster_in_bfloat16(x.device):
            runs["bfloat16"] = lambda: cx.explain(model, image, caption, bfloat16=True)
        timed = together(runs)
        console.log("slow methods, zennit")
        gradients = {n: seconds(lambda n=n: gradient(model, image, ids, n), 1) for n in (5, WORDS)}
        best = min(timed["gradient, 1"], timed["gradient, 2"], *gradients.values())
        slow = {
            "integrated_gradients": seconds(
                lambda: cx.explain(model, image, caption, "integrated_gradients"), 1, False
            ),
            "occlusion": seconds(lambda: cx.explain(model, image, caption, "occlusion"), 1, False),
        }
        methods = {name: timed.get(name) or slow[name] for name in cx.METHODS}
        others = {n: seconds(lambda n=n: zennit(model, x, g_a, n), 1, n == 1) for n in (1, 2)}
        console.log("growth")
        growth: dict[str, dict[int, float]] = {"words": {}, "images": {}, "size": {}}
        for n in (1, 5, 10, 15, 20):
            said = caption_of(model, image, n)
            growth["words"][n] = seconds(lambda said=said: cx.explain(model, image, said), 3)
        for n in (1, 2, 3):
            pictures, captions = [image] * n, [caption] * n
            growth["images"][n] = seconds(lambda p=pictures, c=captions: cx.explain_batch(model, p, c), 1)
        for n in (112, 224, 336):
            other = captioner(n)
            picture = torch.rand(3, n, n)
            growth["size"][n] = seconds(lambda m=other, p=picture: cx.explain(m, p, caption), 2)
        a, b = (cx.explain(model, image, caption, **o).image for o in ({}, {"bfloat16": True}))
    one_pass, bfloat16 = timed["pass"], timed.get("bfloat16")
    figures: dict[str, float | None] = {
        "LRP / gradient": timed["lrp"] / best,
        "LRP with bfloat16 convolutions / gradient": bfloat16 and bfloat16 / best,
        "convolutions / zennit": timed["convolutions"] / min(others.values()),
        "decoder, passes": timed["decoder"] / one_pass,
        "mean_relevance, passes": timed["mean"] / one_pass,
        "20 words / 10 words": timed["20 words"] / timed["lrp"],
        "peak memory, GiB": memory,
    }
    table = Table("figure", "measured", "must")
    for name, value in figures.items():
        measured = "not computed: bfloat16 is not faster here" if value is None else f"{value:.2f}"
        missed = value is not None and value > MUST[name]
        table.add_row(name, measured, f"≤ {MUST[name]:.2f}" + ("  missed" if missed else ""))
    console.print(table)
    costs = Table("method, all words", "passes", "/ gradient")
    for name, value in {**methods, "gradient at its fastest": best}.items():
        costs.add_row(name, f"{value / one_pass:.1f}", f"{value / best:.2f}")
    console.print(costs)
    difference = ((a - b).flatten(1).norm(dim=1) / a.flatten(1).norm(dim=1)).max().item()
    console.print(f"maps with bfloat16 convolutions differ by {difference:.2%} in norm at most")
    result: dict[str, Any] = {
        "machine": {"processor": platform.machine(), "torch": torch.__version__, "threads": torch.get_num_threads()},
        "words": WORDS,
        "figures": figures,
        "must": MUST,
        "passes": {name: value / one_pass for name, value in methods.items()},
        "growth": {what: {n: value / one_pass for n, value in found.items()} for what, found in growth.items()},
        "bfloat16_difference": difference,
        "seconds": {"pass": one_pass, "gradient": best, "zennit": min(others.values())},
    }
    path = Path(__file__).with_name("bench.json")
    path.write_text(json.dumps(result, indent=1) + "\n")
    console.print(path)


if __name__ == "__main__":
    main()
