"""A few shots on top of words: each method against its formula, and on images that words see badly."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.vision_language.few_shot import FEW_SHOT
from landbridge.vision_language.few_shot.base import Labelled, Setting, accuracy, judged
from landbridge.vision_language.few_shot.coop import CoOp, begin_of, spoken_as, with_places
from landbridge.vision_language.few_shot.linear_probe import LinearProbe
from landbridge.vision_language.few_shot.tip_adapter import ALPHAS, BETAS, TipAdapter, TipAdapterF, memory
from landbridge.vision_language.prompts import Prompts
from landbridge.vision_language.zero_shot_head import ZeroShotHead, zero_shot_head
from vision_language.toy_encoder import CLASSES, around, toy_encoder

FAST = {"coop": {"epochs": 10}}


@pytest.fixture(scope="module")
def model() -> DualEncoder:
    return toy_encoder()


@pytest.fixture(scope="module")
def head(model: DualEncoder) -> ZeroShotHead:
    return zero_shot_head(model, Prompts.of(CLASSES), keep=False)


@pytest.fixture(scope="module")
def parts(model: DualEncoder) -> tuple[Labelled, Labelled, Labelled]:
    """Shots, validation and test images, where the model sees `some sketch of the` each class."""
    seen = zero_shot_head(model, Prompts.of(CLASSES, ["some sketch of the {}"]), keep=False).weight
    return tuple(Labelled(*around(seen, each, 0.2, seed)) for seed, each in enumerate((8, 4, 40)))  # type: ignore[return-value]


@pytest.mark.parametrize("name", FEW_SHOT)
def test_shots_help(name: str, model: DualEncoder, head: ZeroShotHead, parts: tuple[Labelled, ...]) -> None:
    shots, validation, test = parts
    before = {key: value.clone() for key, value in model.state_dict().items()}
    method = FEW_SHOT.resolve(name)(Setting(head, model), **FAST.get(name, {}))
    assert method.chosen == {}
    assert method.fit(shots, validation) is method
    assert method.chosen
    logits = method.logits(test.x)
    assert logits.shape == (len(test.y), len(CLASSES))
    assert accuracy(logits, test.y) > accuracy(head.logits(test.x), test.y) + 0.3
    assert not logits.requires_grad
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("name", FEW_SHOT)
def test_equal_seeds_give_equal_scores(
    name: str, model: DualEncoder, head: ZeroShotHead, parts: tuple[Labelled, ...]
) -> None:
    shots, validation, test = parts
    options = {"coop": {"epochs": 2}}.get(name, {})
    a, b = (
        FEW_SHOT.resolve(name)(Setting(head, model, 3), **options).fit(shots, validation).logits(test.x)
        for _ in range(2)
    )
    assert torch.equal(a, b)


def test_shots_that_are_wrong_are_not_believed(model: DualEncoder, head: ZeroShotHead) -> None:
    validation = Labelled(*around(head.weight, 20, 0.01, 1))
    x, y = around(head.weight, 4, 0.01, 2)
    wrong = Labelled(x, (y + 1) % len(CLASSES))
    assert accuracy(head.logits(validation.x), validation.y) == 1
    method = TipAdapter(Setting(head, model)).fit(wrong, validation)
    assert method.alpha == 0
    torch.testing.assert_close(method.logits(validation.x), head.logits(validation.x))
    assert accuracy(TipAdapterF(Setting(head, model)).fit(wrong, validation).logits(validation.x), validation.y) == 1


def test_memory_against_its_sum() -> None:
    generator = torch.Generator().manual_seed(0)
    images, keys = (F.normalize(torch.randn(n, 6, generator=generator).double()) for n in (3, 5))
    y = torch.tensor([0, 1, 1, 2, 0])
    values = F.one_hot(y, 3).double()
    said = memory(images, keys, values, 2.5)
    for n in range(3):
        for c in range(3):
            expected = sum(torch.exp(-2.5 * (1 - images[n].dot(keys[k]))) for k in range(5) if int(y[k]) == c)
            torch.testing.assert_close(said[n, c], expected)
    keys.requires_grad_()
    assert torch.autograd.gradcheck(lambda k: memory(images, k, values, 2.5), (keys,))


def test_tip_adapter_chooses_the_best_of_its_grid(
    model: DualEncoder, head: ZeroShotHead, parts: tuple[Labelled, ...]
) -> None:
    shots, validation, test = parts
    method = TipAdapter(Setting(head, model)).fit(shots, validation)
    values = F.one_hot(shots.y, len(CLASSES)).float()

    def scores(alpha: float, beta: float, x: Tensor) -> Tensor:
        return alpha * memory(x, shots.x, values, beta) + head.scale * x @ head.weight.T

    every = {(a, b): judged(scores(a, b, validation.x), validation) for a in ALPHAS for b in BETAS}
    assert every[method.alpha, method.beta] == max(every.values())
    torch.testing.assert_close(method.logits(test.x), scores(method.alpha, method.beta, test.x))


def test_tip_adapter_f_moves_its_keys_downhill(
    model: DualEncoder, head: ZeroShotHead, parts: tuple[Labelled, ...]
) -> None:
    shots, validation, _ = parts
    method = TipAdapterF(Setting(head, model)).fit(shots, validation)
    assert method.chosen["epoch"] > 0
    assert not torch.equal(method.keys, shots.x)
    values = F.one_hot(shots.y, len(CLASSES)).float()
    losses = [
        F.cross_entropy(memory(shots.x, keys, values, 5.5) + head.logits(shots.x), shots.y)
        for keys in (shots.x, method.keys)
    ]
    assert losses[1] < losses[0]


def test_the_probe_never_answers_a_class_without_shots(
    model: DualEncoder, head: ZeroShotHead, parts: tuple[Labelled, ...]
) -> None:
    shots, validation, test = parts
    some = shots.y < 3
    method = LinearProbe(Setting(head, model)).fit(Labelled(shots.x[some], shots.y[some]), validation)
    probabilities = method.logits(test.x).softmax(1)
    assert probabilities[:, 3:].max() < 1e-30
    torch.testing.assert_close(probabilities.sum(1), torch.ones(len(test.y)))
    with pytest.raises(BadDataError, match="two classes"):
        LinearProbe(Setting(head, model)).fit(Labelled(shots.x[:8], shots.y[:8]), validation)


def test_two_classes(model: DualEncoder) -> None:
    pair = zero_shot_head(model, Prompts.of(CLASSES[:2]), keep=False)
    shots, validation = (Labelled(*around(pair.weight, 4, 0.1, seed)) for seed in range(2))
    for name in FEW_SHOT:
        method = FEW_SHOT.resolve(name)(Setting(pair, model), **{"coop": {"epochs": 1}}.get(name, {}))
        assert accuracy(method.fit(shots, validation).logits(validation.x), validation.y) == 1


def test_coop_starts_at_what_its_words_say(model: DualEncoder, head: ZeroShotHead) -> None:
    method = CoOp(Setting(head, model))
    with torch.no_grad():
        said = method._weight(method.vectors)
        expected = model.encode_text([f"a photo of a {name}." for name in CLASSES])
    torch.testing.assert_close(said, expected, atol=1e-6, rtol=0)


def test_coop_learns_by_the_gradient_of_its_loss(
    model: DualEncoder, head: ZeroShotHead, parts: tuple[Labelled, ...]
) -> None:
    """The gradient at the context, against differences in float64."""
    exact = toy_encoder().double()
    method = CoOp(Setting(head, exact))
    vectors = method.vectors.double().requires_grad_()
    x, y = parts[0].x[:6].double(), parts[0].y[:6]

    def loss(context: Tensor) -> Tensor:
        with spoken_as(exact.text.word_vectors, context, method.begin):
            return F.cross_entropy(x @ exact.encode_text(method.tokens).T, y)

    assert torch.autograd.gradcheck(loss, (vectors,))


@pytest.mark.parametrize("by_class", [False, True])
def test_coop_with_contexts_of_every_kind(
    by_class: bool, model: DualEncoder, head: ZeroShotHead, parts: tuple[Labelled, ...]
) -> None:
    shots, validation, _ = parts
    method = CoOp(Setting(head, model), start=None, context=3, by_class=by_class, epochs=2).fit(shots, validation)
    assert method.vectors.shape == (len(CLASSES) if by_class else 1, 3, 32)
    assert not model.text.word_vectors._forward_hooks


def test_coop_tokens(model: DualEncoder) -> None:
    assert begin_of(model) == 1
    tokens = with_places(model, ("cat", "dog"), 3, 1)
    plain = model.tokenize(["cat.", "dog."])
    assert torch.equal(torch.cat([tokens[:, :1], tokens[:, 4:]], 1), plain)
    with pytest.raises(BadDataError, match="leave 1 of 64 tokens"):
        with_places(model, ("cat", "dog"), 63, 1)
    head = ZeroShotHead(("cat", "dog"), torch.eye(2), 1.0)
    with pytest.raises(LandbridgeError, match="at least one vector"):
        CoOp(Setting(head, model), start=None, context=0)


def test_bad_input() -> None:
    with pytest.raises(BadDataError, match="no labelled examples"):
        Labelled(torch.empty(0, 4), torch.empty(0, dtype=torch.int64))
    with pytest.raises(UnknownNameError, match="did you mean 'tip-adapter'"):
        FEW_SHOT["tip-adaptor"]


@pytest.mark.slow
def test_coop_on_a_tower_of_open_clip() -> None:
    pytest.importorskip("open_clip")
    torch.manual_seed(0)
    clip = DualEncoder.from_open_clip("ViT-S-32-alt")
    head = zero_shot_head(clip, Prompts.of(("cat", "dog")), keep=False)
    method = CoOp(Setting(head, clip), epochs=2, rate=0.05)
    with torch.no_grad():
        torch.testing.assert_close(method._weight(method.vectors), head.weight, atol=1e-5, rtol=0)
    shots = Labelled(*around(head.weight, 2, 0.01, 0))
    assert method.fit(shots, shots).weight.shape == head.weight.shape
