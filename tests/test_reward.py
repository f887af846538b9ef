"""Training for a reward: that it is the field's CIDEr-D, that its gradient is right, that it is earned."""

import pytest
import torch
from pycocoevalcap.cider.cider import Cider
from small import captioner, picture
from test_training import CPU, EXAMPLES, RECIPE, last_weights, power_cut, train

from capxai_core.data.vocabulary import END, PAD, START, UNK
from capxai_core.errors import ModelError
from capxai_core.models.captioner import load_captioner
from capxai_core.models.search import MAX_WORDS
from capxai_core.training.captioning import pad_captions, train_captioner
from capxai_core.training.recipe import Recipe
from capxai_core.training.reward import REWARDED, Reward, f_mean, for_reward, sample

STILL = Recipe(dropout=0, embedding_dropout=0)


def world(seed=1, n=3, m=4):
    """A captioner that now and then ends, what it sees in n pictures, and m references of each.

    Each picture has a word of its own that the captioner does not know, and one reference is longer than it can say.
    """
    model = captioner(seed)
    with torch.no_grad():
        model.decoder.fc.weight *= 0.05
        model.decoder.fc.bias[END], model.decoder.fc.bias[4:9] = 1.2, 2
    a = torch.cat([model.see(picture(i)) for i in range(n)])
    dice = torch.Generator().manual_seed(seed)
    words = [model.vocabulary.words[i] for i in torch.randint(4, 9, (200,), generator=dice)]
    references = [[tuple(words[7 * i + 5 * j : 7 * i + 6 * j + 3]) for j in range(m)] for i in range(n)]
    for i in range(n):
        references[i][0] = (*references[i][0], f"unheard-of-{i}")
    references[1][3] = tuple(words[50:75])
    tokens = pad_captions([[*model.vocabulary.encode(c), END][: MAX_WORDS + 1] for of in references for c in of])
    return model, a, references, tokens, Reward.of(model.vocabulary, references)


@pytest.mark.parametrize("seed", range(3))
def test_the_reward_is_the_cider_d_of_the_field(seed):
    model, a, references, tokens, reward = world(seed)
    torch.manual_seed(seed)
    drawn = sample(model.decoder, a, 4)
    drawn[5, : tokens.shape[1]], drawn[5, tokens.shape[1] :] = tokens[5, : drawn.shape[1]], PAD  # one that fits
    found = reward.score(drawn, tokens, 3)
    truth = {i: [" ".join([*c, "<end>"][: MAX_WORDS + 1]) for c in of] for i, of in enumerate(references)}
    for j in range(4):
        rows = drawn[j::4].tolist()
        said = [model.vocabulary.decode(t for t in row if t not in (PAD, START)) for row in rows]
        _, wanted = Cider().compute_score(truth, {i: [" ".join(c)] for i, c in enumerate(said)})
        assert found[:, j].tolist() == pytest.approx(wanted.tolist(), rel=1e-6)
    assert found[1, 1] == found.max() > 1


def test_recall_is_of_the_reference_it_is_best_with_and_weighs_most():
    assert f_mean("a b c d", "a b c d") == 1 and f_mean("a b", "c d") == 0
    precision, recall = 2 / 3, 2 / 4
    assert f_mean("a b a", "a b c d") == pytest.approx(precision * recall / (0.85 * precision + 0.15 * recall))
    assert f_mean("a b c d e", "a b c") > f_mean("a b c", "a b c d e")  # what is left out costs more than what is added
    model, a, references, tokens, cider = world()
    both = Reward.of(model.vocabulary, references, recall=2.0)
    torch.manual_seed(0)
    drawn = sample(model.decoder, a, 4)
    added = both.score(drawn, tokens, 3) - cider.score(drawn, tokens, 3)
    for k, row in enumerate(drawn.tolist()):
        said = " ".join(model.vocabulary.decode(t for t in row if t not in (PAD, START)))
        of = [" ".join([*c, "<end>"][: MAX_WORDS + 1]) for c in references[k // 4]]
        assert added[k // 4, k % 4].item() == pytest.approx(2 * max(f_mean(said, r) for r in of), abs=1e-6)


def test_saying_unknown_earns_nothing():
    model, _, _, _, _ = world()
    known = model.vocabulary.words[4]
    reward = Reward.of(model.vocabulary, [[(known, "unheard-of")], [(known,)], [(known,)]], recall=1.0)
    assert not any("<other>" in ngram for ngram in reward.frequency)
    told = pad_captions([[UNK, END], [9, END]])
    tokens = pad_captions([[4, UNK, END]] * 2)
    unknown, other = reward.score(told, tokens, 1)[0]
    assert unknown == other


def test_captions_are_drawn_with_the_probability_they_have():
    model, a, _, _, _ = world()
    torch.manual_seed(0)
    drawn = sample(model.decoder, a[:1], 4000)
    assert (drawn[:, 0] == START).all() and drawn.shape[1] <= MAX_WORDS + 2
    words = drawn[:, 1:]
    ends = (words == END).int()
    assert len(set(lengths := (words != PAD).sum(1).tolist())) == max(lengths) == MAX_WORDS + 1
    assert (ends.sum(1) == 1).all() and ((words == PAD) == (ends.cumsum(1) - ends > 0)).all() and (words != START).all()
    logits = model.decoder.fc(model.unroll(a[:1], model.embed([])).fused[0, 0])
    p = torch.softmax(logits.index_fill(0, torch.tensor([PAD, START]), -torch.inf), 0)
    found = torch.bincount(words[:, 0], minlength=len(p)) / 4000
    assert ((found - p).abs() <= 5 * (p * (1 - p) / 4000).sqrt() + 1e-9).all()


def test_its_gradient_is_that_of_better_than_the_others():
    model, a, _, tokens, reward = world()
    model.decoder.requires_grad_(True)
    torch.manual_seed(1)
    loss = reward(model.decoder, a, tokens, STILL)
    loss.backward()
    found = {name: p.grad.clone() for name, p in model.decoder.named_parameters() if p.grad is not None}
    model.zero_grad()
    torch.manual_seed(1)
    drawn = sample(model.decoder, a, 4)
    rewards = reward.score(drawn, tokens, 3)
    assert loss.item() == pytest.approx(-rewards.mean().item(), rel=1e-6) and rewards.std() > 0.01
    lengths = (drawn[:, 1:] != PAD).sum(1).tolist()
    assert len(set(lengths)) > 4 and max(lengths) == MAX_WORDS + 1
    for i in range(3):
        for j in range(4):
            ids = [t for t in drawn[4 * i + j].tolist() if t not in (PAD, START)]
            embedded = model.decoder.embedding(torch.tensor([[START, *ids[:-1]]]))
            logits = model.decoder.fc(model.unroll(a[i : i + 1], embedded).fused[0])
            log_p = torch.log_softmax(logits.index_fill(1, torch.tensor([PAD, START]), -torch.inf), 1)
            others = (rewards[i].sum() - rewards[i, j]) / 3
            chosen = ids[:MAX_WORDS]  # what follows was forced
            (-(rewards[i, j] - others) / 12 * log_p[range(len(chosen)), chosen].sum()).backward()
    wanted = {name: p.grad for name, p in model.decoder.named_parameters() if p.grad is not None}
    assert found.keys() == wanted.keys() and max(float(g.abs().max()) for g in wanted.values()) > 1e-3
    assert all(torch.allclose(found[name], g, rtol=1e-4, atol=1e-6) for name, g in wanted.items())


def test_in_half_precision_every_weight_learns():
    model, a, _, tokens, reward = world()
    model.float().decoder.requires_grad_(True)
    with torch.autocast("cpu", torch.bfloat16):
        reward(model.decoder, a.float(), tokens, STILL).backward()
    assert all(p.grad is not None and p.grad.any() for p in model.decoder.parameters())


def rewarded(folder, encoder):
    recipe = RECIPE.model_copy(update=REWARDED | {"lr": 3e-3, "captions": 4})
    task = "grid_td", "test", encoder, EXAMPLES, recipe
    return train_captioner(*task, folder, folder / "features", CPU, for_reward("cider", *task))


def test_it_is_earned_and_an_interrupted_training_ends_with_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, encoder = train(tmp_path / "runs" / "test" / "grid_td", epochs=1)
    made = load_captioner(rewarded(tmp_path / "whole", encoder), encoder)
    assert made.name == "test/grid_td_cider" and made.architecture == "grid_td"
    history = torch.load(tmp_path / "whole" / "last.ckpt", weights_only=True)["capxai"]["history"]
    assert history[-1]["loss"] < history[0]["loss"] < 0  # minus the mean reward

    with power_cut(monkeypatch):
        rewarded(tmp_path / "cut", encoder)
    again = rewarded(tmp_path / "cut", encoder)
    whole, cut = last_weights(tmp_path / "whole"), last_weights(tmp_path / "cut")
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    both = for_reward("recall", "grid_td", "test", encoder, EXAMPLES, RECIPE)
    assert (both.variant, both.loss.recall) == ("recall", 1.0) and both.aim.startswith("CIDEr-D and recall as reward")
    card = (tmp_path / "cut" / "captioner.md").read_text()
    assert again.read_bytes() == (tmp_path / "whole" / "captioner.safetensors").read_bytes()
    assert "capxai train --profile test --model grid_td --reward cider --seed 1 --epochs 2" in card

    train(tmp_path / "runs" / "test" / "grid_td", epochs=1, seed=2, again=True)  # another start
    with pytest.raises(ModelError, match="another weighting"):
        rewarded(tmp_path / "cut", encoder)
