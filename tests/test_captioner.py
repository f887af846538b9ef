"""Captioners: what they compute, and that they are saved, found and refused as they should be."""

import json
from urllib.error import URLError

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from small import captioner, picture
from torchvision.models import VGG16_Weights

import capxai_core as cx
from capxai_core.data.vocabulary import START
from capxai_core.lrp import reference
from capxai_core.models.captioner import (
    PRETRAINED,
    find_weights,
    load_captioner,
    save_captioner,
    save_encoder,
    write_tensors,
)
from capxai_core.models.encoder import VGG16_BLOCKS, Encoder, vgg16
from capxai_core.models.explainable import derivatives, word_scores


@pytest.fixture
def saved(tmp_path):
    model = captioner(1).float()
    model.profile = "scenes"
    save_encoder(model.encoder, tmp_path / "encoder.safetensors", {})
    save_captioner(model, tmp_path / "captioner.safetensors", {"note": 1})
    return model, tmp_path / "captioner.safetensors"


def test_a_saved_captioner_comes_back_the_same(saved):
    model, path = saved
    again = load_captioner(path)
    assert again.vocabulary == model.vocabulary and again.name == "scenes/grid_td"
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    image = picture(1)
    assert again.caption(image).words == model.caption(image).words
    assert load_captioner(path.parent).name == again.name  # the folder stands for the file in it


def test_another_encoder_is_refused(saved):
    path = saved[1]
    with pytest.raises(cx.ModelError, match="trained on another encoder"):
        load_captioner(path, encoder=captioner(2).float().encoder)
    save_encoder(captioner(3).float().encoder, path.parent / "encoder.safetensors", {})
    with pytest.raises(cx.ModelError, match="not interchangeable"):
        load_captioner(path)


def test_damaged_and_foreign_files_are_refused(saved, tmp_path):
    path = saved[1]
    whole, whole_path = path.read_bytes(), tmp_path / "whole.safetensors"
    whole_path.write_bytes(whole)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(cx.ModelError, match="safetensors") as caught:
        load_captioner(path)
    assert str(path) in str(caught.value)
    with pytest.raises(cx.ModelError, match="holds no captioner"):
        load_captioner(path.parent / "encoder.safetensors")
    broken = {**json.loads(safe_open(whole_path, "pt").metadata()["captioner"])}
    for change in ({"words": broken["words"][:9]}, {"config": {}}, {"architecture": "gpt"}, {"encoder": None}):
        text = json.dumps({k: v for k, v in {**broken, **change}.items() if v is not None})
        write_tensors(tmp_path / "changed.safetensors", load_file(whole_path), {"captioner": text})
        with pytest.raises(cx.ModelError, match="damaged description"):
            load_captioner(tmp_path / "changed.safetensors")
    tensors = {name: value * float("nan") for name, value in load_file(whole_path).items()}
    write_tensors(tmp_path / "nan.safetensors", tensors, {"captioner": json.dumps(broken)})
    with pytest.raises(cx.ModelError, match="not finite"):
        load_captioner(tmp_path / "nan.safetensors")
    (tmp_path / "pickle.bin").write_bytes(b"\x80\x04\x95cos\nsystem\n")
    with pytest.raises(cx.ModelError, match="not a readable safetensors file"):
        load_captioner(tmp_path / "pickle.bin")
    with pytest.raises(cx.ModelError, match="no captioner 'nobody/knows'"):
        load_captioner("nobody/knows")


def test_what_was_trained_here_goes_before_what_ships(tmp_path, monkeypatch):
    (tmp_path / "book").mkdir()
    monkeypatch.chdir(tmp_path / "book")
    assert find_weights("scenes/grid_td") == PRETRAINED / "scenes" / "grid_td.safetensors"
    for place in ("results", "runs"):  # what the numbers are of, and what was trained since
        own = tmp_path / place / "scenes" / "grid_td" / "captioner.safetensors"
        own.parent.mkdir(parents=True)
        own.touch()
        assert find_weights("scenes/grid_td").resolve() == own


def test_vgg16_is_the_papers_encoder():
    encoder = Encoder(VGG16_BLOCKS, 224)
    assert (encoder.grid, encoder.channels) == (14, 512)
    assert list(encoder.features.state_dict())[-2:] == ["28.weight", "28.bias"]  # relu5_3 and no pooling after it
    assert sum(p.numel() for p in encoder.parameters()) == 14_714_688


@pytest.mark.parametrize("architecture", ["adaptive", "grid_td"])
def test_the_decoder_follows_the_papers_equations(architecture):
    model, image, ids = captioner(4, architecture), picture(4), [5, 6, 7]
    a = model.see(image)
    run = model.unroll(a, model.embed(ids))
    fused, attention, beta = run.fused[0], run.attention[0], run.beta[0]
    assert len(fused) == 4
    assert torch.allclose(attention.sum(1), torch.ones(4).double())  # eq. (7)
    assert ((beta > 0) & (beta < 1)).all()  # eq. (10)
    caption = model.read(image, "w1 w2 w3")
    v_linear = model.decoder.project_v(a.flatten(2).transpose(1, 2)[0])
    v_g = model.decoder.project_g(a.mean((2, 3))[0]).relu()
    forward = {"grid_td": reference.grid_td_forward, "adaptive": reference.adaptive_forward}[architecture]
    steps = forward(model.decoder, v_linear.relu(), v_g, [START, *ids])
    attended = [step[1] for step in steps]
    literal = torch.stack([step[1].context + step[2 if architecture == "grid_td" else 0].h for step in steps])
    assert torch.allclose(fused, literal, rtol=1e-10)  # eq. (5)-(11), written out
    assert torch.allclose(beta, torch.stack([step.beta for step in attended]), rtol=1e-10)
    assert torch.allclose((1 - beta)[:, None] * attention, torch.stack([s.weights for s in attended]), rtol=1e-10)
    log_p = torch.log_softmax(model.decoder.fc(fused), -1)
    assert torch.allclose(caption.log_probs, torch.stack([log_p[0, 5], log_p[1, 6], log_p[2, 7]]))


def test_word_scores_are_the_logits():
    model, ids = captioner(5), [5, 6]
    run = model.unroll(model.see(picture(5)), model.embed(ids))
    logits = model.decoder.fc(run.fused[0])
    scores = word_scores(model, run, ids, [1, 2])[0]
    assert torch.allclose(scores, torch.stack([logits[1, 6], logits[2, 2]]))


def test_a_gradient_is_the_slope_of_the_logit():
    """Finite differences through the whole decoder: A and the embedded words, all time steps."""
    model, ids = captioner(6), [5, 6, 5]
    a = model.see(picture(6)).requires_grad_()
    embedded = model.embed(ids).requires_grad_()
    g_a, g_words = derivatives(word_scores(model, model.unroll(a, embedded), ids, [2])[0], [a, embedded])
    direction, turn = torch.randn_like(a), torch.randn_like(embedded)

    def logit(step):
        moved = model.unroll((a + step * direction).detach(), (embedded + step * turn).detach())
        return word_scores(model, moved, ids, [2]).item()

    slope = (logit(1e-6) - logit(-1e-6)) / 2e-6
    assert ((g_a[0] * direction).sum() + (g_words[0] * turn).sum()).item() == pytest.approx(slope, rel=1e-5)


def test_own_captions_may_hold_unknown_words():
    model = captioner(7)
    caption = model.read(picture(7), ["w1", "zebra"])
    assert caption.words == ("w1", "<unk>") and not caption.ended
    assert model.read(picture(7), "W1, <end> w2!").words == ("w1", "<unk>", "w2")
    assert model.read(picture(7), ["<end>", "<pad>"]).words == ("<unk>", "<unk>")
    for wrong in ("", " . ", "w1 " * 101):
        with pytest.raises(cx.RequestError, match="a caption has 1 to 100 words"):
            model.read(picture(7), wrong)


def test_a_caption_without_words_has_its_end_explained():
    model = captioner(10)
    model.decoder.fc.bias[2] = 50.0
    caption = model.caption(picture(10))
    assert caption.words == () and caption.ended
    explanation = cx.explain(model, picture(10), caption)
    assert explanation.targets == ("<end>",) and explanation.words.shape == (1, 1)


def test_grad_cam_and_attention_are_what_they_say():
    model, image = captioner(11), picture(11)
    caption = model.read(image, "w1 w2 w3")
    ids = caption.token_ids
    for row in range(3):
        a = model.see(image).requires_grad_()
        embedded = model.embed(ids).requires_grad_()
        logit = model.decoder.fc(model.unroll(a, embedded).fused[0, row])[ids[row]]
        g_a, g_words = torch.autograd.grad(logit, [a, embedded])
        cam = sum(g_a[0, c].sum() * a[0, c] for c in range(a.shape[1])).clamp(min=0).detach()
        shown = torch.nn.functional.interpolate(cam[None, None], (16, 16), mode="bilinear")[0, 0]
        ex = cx.explain(model, image, caption, "gradcam", words=[row])
        assert torch.allclose(ex.image[0], shown) and torch.allclose(ex.words[0], g_words[0].sum(1)[:3])
        seen = ((1 - caption.beta[row]) * caption.attention[row]).reshape(4, 4)
        shown = torch.nn.functional.interpolate(seen[None, None], (16, 16), mode="bilinear")[0, 0]
        assert torch.allclose(cx.explain(model, image, caption, "attention").image[row], shown)


def test_wrong_requests_name_what_exists():
    model, image = captioner(8), picture(8)
    caption = model.read(image, "w1 w2")
    for wrong, message in [
        ({"method": "lime"}, "known: attention, gradcam, .*lrp"),
        ({"words": [2]}, "positions 0 to 1"),
        ({"words": [-1]}, "positions 0 to 1"),
        ({"words": []}, "no word to explain"),
        ({"epsilom": 1.0}, "it has: against, alpha, .*epsilon"),
        ({"epsilon": 0.0}, "above 0"),
        ({"epsilon": float("nan")}, "finite number"),
        ({"epsilon": "x"}, "finite number"),
        ({"alpha": 0.5}, "at least 1"),
        ({"alpha": 2.0, "gamma": 0.1}, "replaces alpha"),
        ({"start": "softmax"}, "logit, centred"),
        ({"against": "zebra"}, "does not know"),
        ({"against": "w1", "start": "centred"}, "exclude"),
    ]:
        with pytest.raises(cx.RequestError, match=message):
            cx.explain(model, image, caption, **wrong)
    with pytest.raises(cx.RequestError, match="tensor \\(3, H, W\\)"):
        cx.explain(model, image[0], caption)


def test_the_shipped_captioner_explains_a_scene():
    model, scene = cx.load_captioner("scenes/grid_td"), cx.sample_scene(11, "test")
    image = scene.render(model.size)
    caption = model.caption(image)
    assert caption.ended and len(caption.words) >= 3
    explanation = cx.explain(model, image, caption, include_end=True)
    t = len(caption.words) + 1
    assert explanation.image.shape == (t, model.size, model.size) and explanation.words.shape == (t, t)
    assert explanation.targets[-1] == "<end>" and explanation.tokens[0] == "<start>"
    assert explanation.budget.residual.max() < 1e-5
    assert "drawn scenes" in model.warning


def test_vgg16_comes_from_the_data_folder_else_from_torchvision_else_says_what_to_do(tmp_path, monkeypatch):
    weights = {name: value.half() for name, value in Encoder(VGG16_BLOCKS, 224).state_dict().items()}
    (tmp_path / "vgg16").mkdir()
    save_file(weights, tmp_path / "vgg16" / "vgg16_features.fp16.safetensors")
    monkeypatch.setenv("CAPXAI_DATA", str(tmp_path))
    encoder = vgg16()
    assert torch.equal(encoder.features[0].weight, weights["features.0.weight"].float())

    monkeypatch.setenv("CAPXAI_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(
        VGG16_Weights, "get_state_dict", lambda *_, **__: {**encoder.state_dict(), "classifier.0.bias": 1}
    )
    assert vgg16().fingerprint() == encoder.fingerprint()

    def offline(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(VGG16_Weights, "get_state_dict", offline)
    with pytest.raises(cx.ModelError, match=r"no file .*elsewhere.*no network.*set CAPXAI_DATA"):
        vgg16()
    (tmp_path / "cut.pth").touch()
    monkeypatch.setattr(VGG16_Weights, "get_state_dict", lambda *_, **__: torch.load(tmp_path / "cut.pth"))
    with pytest.raises(cx.ModelError, match=r"could not be downloaded or read \(the file is cut short\)"):
        vgg16()
    del weights["features.28.bias"]
    save_file(weights, tmp_path / "vgg16" / "vgg16_features.fp16.safetensors")
    with pytest.raises(cx.ModelError, match=r"lacks tensor 'features\.28\.bias'"):
        vgg16(tmp_path)


def test_a_captioner_explains_alike_from_float64_to_float32():
    model, image = captioner(9), picture(9)
    caption = model.read(image, "w1 w2 w3")
    exact = cx.explain(model, image, caption)
    single = cx.explain(model.float(), image, caption)
    assert (single.image - exact.image).norm() < 1e-4 * exact.image.norm()
    assert (single.words - exact.words).norm() < 1e-4 * exact.words.norm()
