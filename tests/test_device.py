"""A GPU is used without a change of command: checked on a device that is none, but lies as far from the processor."""

import dataclasses
import sys
from contextlib import nullcontext

import elsewhere
import pandas as pd
import pytest
import torch
from small import captioner, picture

import capxai_core as cx
from capxai_core.evaluate import suite
from capxai_core.evaluate.records import read_all
from capxai_core.methods import mean_relevance
from capxai_core.models import device
from capxai_core.training.features import FeatureCache

MASKS = suite.MASKS[:3]
OPTIONS = {"integrated_gradients": {"steps": 3}}


def tensors(of) -> list[torch.Tensor]:
    """All tensors of a dataclass and of the dataclasses in it."""
    values = [getattr(of, field.name) for field in dataclasses.fields(of)]
    inner = [x for value in values if dataclasses.is_dataclass(value) for x in tensors(value)]
    return [value for value in values if isinstance(value, torch.Tensor)] + inner


def test_the_device_of_these_tests_refuses_what_a_gpu_refuses():
    with elsewhere.second_device() as there:
        x, y = torch.ones(2), torch.ones(2).to(there)
        with pytest.raises(RuntimeError, match="two devices"):
            x + y
        with pytest.raises(RuntimeError):
            y.numpy()
        with pytest.raises(RuntimeError, match="generator"):
            torch.rand(2, device=there, generator=torch.Generator())
        assert (y * 2).device == there and (y * 2).cpu().tolist() == [2, 2]


@pytest.mark.parametrize("architecture", ["adaptive", "grid_td"])
def test_every_method_gives_the_same_on_another_device_and_answers_on_the_processor(architecture):
    image, asked = picture(3), "w1 w2 w3 w4"
    model = captioner(5, architecture)
    said = model.caption(image)
    want = [cx.explain(model, image, model.read(image, asked), name, **OPTIONS.get(name, {})) for name in cx.METHODS]
    mean = mean_relevance(model, image, model.read(image, asked))
    with elsewhere.second_device() as there:
        model = model.to(there)
        assert str(model.caption(image)) == str(said)
        caption = model.read(image, asked)
        for name, wanted in zip(cx.METHODS, want, strict=True):
            got = cx.explain(model, image, caption, name, **OPTIONS.get(name, {}))
            for a, b in zip(tensors(got), tensors(wanted), strict=True):
                assert a.device.type == "cpu", name
                torch.testing.assert_close(a, b)
        torch.testing.assert_close(mean_relevance(model, image, caption), mean)


def test_an_evaluation_gives_the_same_on_another_device(tmp_path, monkeypatch):
    for name, few in (("SLOW", ()), ("FAST", ("lrp", "attention")), ("LOOKED_AT", ("attention",)), ("MASKS", MASKS)):
        monkeypatch.setattr(suite, name, few)
    found = []
    for where in (torch.device("cpu"), elsewhere.THERE):
        model, folder = cx.load_captioner("scenes/adaptive"), tmp_path / where.type
        examples = cx.load_scenes("counter", 1, seed=3), cx.load_scenes("train", 2)
        everywhere(monkeypatch, where)
        with elsewhere.second_device() if where == elsewhere.THERE else nullcontext():
            for task in suite.Evaluation(model, *examples, folder, {}, {}, subset=1).tasks():
                task()
        found.append(read_all(folder / "records", sorted(p.name for p in (folder / "records").iterdir())))
    here, there = found
    assert len(here) == len(there) >= 12
    for name, table in here.items():
        pd.testing.assert_frame_equal(there[name], table, rtol=1e-3, atol=1e-5)


def everywhere(monkeypatch: pytest.MonkeyPatch, there: torch.device) -> None:
    """Make it the accelerator, in whichever module asks for one."""
    for name, module in list(sys.modules.items()):
        if name.startswith("capxai_core") and hasattr(module, "accelerator"):
            monkeypatch.setattr(module, "accelerator", lambda: there)


def test_features_are_made_on_another_device_and_the_encoder_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which only knows devices that exist
    encoder = captioner(1).float().encoder
    examples = list(cx.load_scenes("train", 5))
    here = FeatureCache(encoder, examples, tmp_path / "here")
    here.fill(torch.device("cpu"))
    with elsewhere.second_device() as there:
        cache = FeatureCache(encoder, examples, tmp_path / "there")
        cache.fill(there)
    assert next(encoder.parameters()).device.type == "cpu"
    names = [e.name for e in examples]
    assert torch.equal(cache[names], here[names])


def test_batches_grow_on_a_gpu_only():
    assert device.at_once(torch.ones(1), 2) == 2
    assert device.at_once(torch.ones(1, device="meta"), 2) > 2
    assert device.processes() >= 1


@pytest.mark.parametrize(
    ("seconds", "faster"), [({"float32": 3, "bfloat16": 1}, True), ({"float32": 1, "bfloat16": 2}, False)]
)
def test_bfloat16_is_used_where_it_is_faster(seconds, faster, monkeypatch):
    first = 9  # of each layer, which takes longest
    timed = lambda layer, **_: [first, seconds[str(layer().dtype).removeprefix("torch.")]]  # noqa: E731
    monkeypatch.setattr(device, "repeat", timed)
    assert device.faster_in_bfloat16.__wrapped__(torch.device("cpu")) is faster
