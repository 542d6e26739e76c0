"""Training a dual encoder: what learns and what holds still, and that it is the same however it is computed."""

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from landbridge.core.errors import DivergedError, LandbridgeError, UnknownNameError
from landbridge.data.batches import Sample
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.runs import Run
from landbridge.training.method import Moment
from landbridge.vision_language import LOSSES
from landbridge.vision_language.alignment import Alignment
from landbridge.vision_language.looks import mean_recall, retrieval
from toy_captions import dual, shapes, trainer, vectors, view_of
from two_processes import Pair

AT = Moment("align", 0, 10, 0, 10)


def made(loss: str = "info-nce", model: DualEncoder | None = None, **options: Any) -> Alignment:
    pairs = vectors()
    return Alignment(model or dual(pairs), pairs.texts, pairs.owner, loss, classes=pairs.classes, **options)


def a_batch(method: Alignment, count: int = 12) -> dict[str, Sample]:
    return {"pairs": Sample(vectors().images.read(torch.arange(count)), torch.arange(count))}


def state_of(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def moved(before: dict[str, torch.Tensor], after: torch.nn.Module) -> set[str]:
    """Names of the parts that are no longer as they were."""
    state = after.state_dict()
    return {name.split(".")[0] for name, value in before.items() if not torch.equal(value, state[name])}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_reaches_everything_that_trains(loss: str) -> None:
    method = made(loss)
    turn = next(method.losses(a_batch(method), AT))
    turn.total().backward()
    for name, group in method.groups().items():
        for parameter in group.parameters:
            assert parameter.grad is not None, name
            if parameter.dim() > 1:
                assert parameter.grad.isfinite().all(), name
        assert any(p.grad is not None and bool((p.grad != 0).any()) for p in group.parameters), name
    scalars = {"info-nce": 1, "siglip": 2}.get(loss, 0)
    assert len(method.groups()["scale"].parameters if scalars else ()) == scalars


@pytest.mark.parametrize("loss", LOSSES)
def test_learns_pairs_far_above_chance(loss: str) -> None:
    pairs = vectors(200)
    held = vectors(50, seed=1)
    model = dual(pairs)
    method = Alignment(model, pairs.texts, pairs.owner, loss, classes=pairs.classes, rate=3e-3)
    before = mean_recall(retrieval(model, held))
    trainer(150, batch_size=32).fit(method, {"pairs": view_of(pairs)})
    assert mean_recall(retrieval(method.model(), held)) > before + 0.25


def test_a_drawn_sentence_is_one_of_the_images_own_and_each_comes() -> None:
    method, pairs = made(), vectors()
    index = torch.arange(40).repeat(20)
    chosen = method.sentences_of(index)
    assert torch.equal(pairs.owner[chosen], index)
    assert chosen.unique().numel() == len(pairs.texts)
    twice = torch.bincount(chosen[index % 2 == 1], minlength=len(pairs.texts)).float()
    assert twice[twice > 0].std() < 6, "both sentences of an image come about equally often"


def test_pairs_that_share_an_image_or_a_sentence_belong_together() -> None:
    pairs = vectors(4)
    method = Alignment(dual(pairs), ("a b", "c d", "a b", "e f", "g h"), torch.tensor([0, 0, 1, 2, 3]))
    index, chosen = torch.tensor([0, 1, 2, 3, 0]), torch.tensor([0, 2, 3, 4, 1])
    numbers = method.together(index, chosen)
    assert numbers[0] == numbers[1] == numbers[4], "equal sentences, and the same image again"
    assert len(numbers.unique()) == 3


def test_equal_sentences_are_no_negatives() -> None:
    """With one sentence for all images, there is nothing to tell apart."""
    pairs = vectors(8)
    method = Alignment(dual(pairs), ("a thing",) * 8, torch.arange(8))
    turn = next(method.losses(a_batch(method, 8), AT))
    assert float(turn.total().detach()) < 1e-4


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"image", "text", "image_head", "text_head", "log_scale"}),
        ({"image_rate_ratio": 0.0}, {"text", "image_head", "text_head", "log_scale"}),
        ({"text_rate_ratio": 0.0}, {"image", "image_head", "text_head", "log_scale"}),
        ({"temperature": 0.1}, {"image", "text", "image_head", "text_head", "log_scale"}),
        ({"loss": "siglip"}, {"image", "text", "image_head", "text_head", "log_scale", "bias"}),
        ({"loss": "triplet"}, {"image", "text", "image_head", "text_head"}),
    ],
)
def test_what_is_locked_stays_and_the_rest_moves(options: dict[str, Any], expected: set[str]) -> None:
    model = dual(vectors())
    before = state_of(model)
    method = made(model=model, **options)
    trainer(4).fit(method, {"pairs": view_of(vectors())})
    assert moved(before, method.model()) == expected
    if "temperature" in options:
        assert method.model().log_scale.item() == pytest.approx(-math.log(0.1))


def test_a_locked_tower_keeps_its_statistics_and_drops_nothing() -> None:
    """It reads images as it will when it is used, though the rest trains."""
    model = dual(vectors(), "mlp?inputs=6&hidden=32&batch_norm=true")
    before = state_of(model)
    method = made(model=model, image_rate_ratio=0.0, text_rate_ratio=0.0)
    trainer(4).fit(method, {"pairs": view_of(vectors())})
    assert moved(before, method.model()) == {"image_head", "text_head", "log_scale"}
    next(method.train().losses(a_batch(method), AT))
    assert not any(module.training for tower in (model.image, model.text) for module in tower.modules())
    assert model.image_head.training


def test_the_sum_of_hinges_comes_first_where_asked_for() -> None:
    method, plain, summed = (
        made("hardest-triplet", hinge_warmup=0.5),
        made("hardest-triplet", hinge_warmup=0.0),
        made("triplet"),
    )

    def loss(method: Alignment, step: int) -> float:
        torch.manual_seed(3)
        turn = next(method.losses(a_batch(method), Moment("align", step, 10, step, 10)))
        return float(turn.total().detach())

    assert loss(method, 4) == loss(summed, 4) > loss(plain, 4)
    assert loss(method, 5) == loss(plain, 5)
    assert made("hardest-triplet").hinge_warmup == 0.2
    assert made("triplet").hinge_warmup == 0.0


def test_rates_are_those_that_were_asked_for() -> None:
    groups = made(rate=2e-3, image_rate_ratio=0.1, text_rate_ratio=0.5, warmup=0.5).groups()
    assert {name: group.rate for name, group in groups.items()} == pytest.approx(
        {"image": 2e-4, "text": 1e-3, "heads": 2e-3, "scale": 2e-3}
    )
    assert groups["heads"].schedule(Moment("align", 25, 100)) == 0.5
    assert groups["heads"].schedule(Moment("align", 75, 100)) == pytest.approx(0.5)


def test_only_matrices_decay() -> None:
    group = made(weight_decay=0.3).groups()["text"]
    parts = group.optimiser(group.parameters, group.rate).param_groups
    assert all((part["weight_decay"] == 0.3) == (p.dim() >= 2) for part in parts for p in part["params"])


def test_low_rank_additions_alone_move_and_are_merged() -> None:
    pytest.importorskip("peft")
    model = dual(vectors())
    before = state_of(model)
    method = made(model=model, lora=2, rate=1e-2)
    trainer(10).fit(method, {"pairs": view_of(vectors())})
    assert set(method.model().state_dict()) == set(before)
    assert {"image", "text"} <= moved(before, method.model())
    bare = {name: value for name, value in method.dual.state_dict().items() if ".lora_" not in name}
    plain = {name.replace(".base_layer", ""): value for name, value in bare.items()}
    towers = [name for name in before if name.startswith(("image.", "text."))]
    assert all(torch.equal(plain[name], before[name]) for name in towers), "the towers' own weights stay"


def test_wise_ft_goes_part_of_the_way() -> None:
    model = dual(vectors())
    start = copy.deepcopy(model)
    method = made(model=model, wise_ft=0.25)
    trainer(6).fit(method, {"pairs": view_of(vectors())})
    between, tuned = method.model().state_dict(), method.dual.state_dict()
    for name, value in start.state_dict().items():
        torch.testing.assert_close(between[name], 0.75 * value + 0.25 * tuned[name])
    assert moved(start.state_dict(), method.start) == set(), "the start is kept"


def test_frozen_batch_norm_keeps_weights_and_statistics() -> None:
    model = dual(vectors(), "mlp?inputs=6&hidden=32&batch_norm=true")
    norm = next(module for module in model.image.modules() if isinstance(module, torch.nn.BatchNorm1d))
    before = state_of(norm)
    trainer(4).fit(made(model=model, batch_norm="frozen"), {"pairs": view_of(vectors())})
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())


@pytest.mark.parametrize("loss", ["info-nce", "siglip", "hardest-triplet"])
def test_chunks_give_the_same_gradient(loss: str) -> None:
    whole, parts = made(loss), made(loss, chunk=5)
    for method in (whole, parts):
        torch.manual_seed(3)
        next(method.losses(a_batch(method), AT)).total().backward()
    for (name, one), other in zip(whole.dual.named_parameters(), parts.dual.parameters()):
        torch.testing.assert_close(other.grad, one.grad, msg=lambda text, name=name: f"{name}: {text}")


def test_chunks_keep_only_one_pass_of_running_statistics() -> None:
    """The second pass through a chunk, for its gradient, leaves BatchNorm's statistics alone."""
    model = dual(vectors(), "mlp?inputs=6&hidden=32&batch_norm=true")
    norm = next(module for module in model.image.modules() if isinstance(module, torch.nn.BatchNorm1d))
    method = made(model=model, chunk=6)
    turn = next(method.losses(a_batch(method), AT))
    before = norm.running_mean.clone()
    turn.total().backward()
    assert torch.equal(norm.running_mean, before)
    assert bool((before != 0).any())


def test_the_scale_is_bounded() -> None:
    method = made()
    torch.nn.init.constant_(method.dual.log_scale, 9.0)
    method.after_step(AT)
    assert method.dual.log_scale.exp().item() == pytest.approx(100.0)


def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    views = {"pairs": view_of(vectors())}
    whole = trainer(30, run=Run(tmp_path / "whole", {})).fit(made(), views)
    run = Run(tmp_path / "cut", {})

    def stop(model: object, step: int) -> None:
        if step == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(30, run=run, watch=stop).fit(made(), views)
    assert run.load_checkpoint()["position"]["step"] == 10  # type: ignore[index]
    again = trainer(30, run=run).fit(made(), views)
    for name, value in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name


def test_saved_and_loaded_says_the_same(tmp_path: Path) -> None:
    pairs = vectors()
    model = trainer(10).fit(made(), {"pairs": view_of(pairs)}).model()
    model.save(tmp_path / "model")  # type: ignore[attr-defined]
    again, x = DualEncoder.load(tmp_path / "model"), pairs.images.read(torch.arange(5))
    with torch.inference_mode():
        model.eval()
        assert torch.equal(again.encode_image(x), model.encode_image(x))  # type: ignore[attr-defined]
        texts = list(pairs.texts[:5])
        assert torch.equal(again.encode_text(texts), model.encode_text(texts))  # type: ignore[attr-defined]


def trained(rank: int, loss: str) -> dict[str, torch.Tensor]:
    """Weights after 20 steps in float64, by one process or by two."""
    from lightning.fabric import Fabric

    class Joined(Fabric):
        global_rank, world_size, is_global_zero = rank, 2, rank == 0  # type: ignore[assignment]

    torch.set_default_dtype(torch.float64)
    try:
        method = made(loss, rate=1e-2).double()
        teacher = trainer(20)
        if torch.distributed.is_initialized():
            teacher.fabric = Joined(accelerator="cpu", devices=1)
        method.dual.image.preprocessing = lambda x: x.double()  # type: ignore[assignment]
        method.dual.image.preprocessing.size = None  # type: ignore[attr-defined]
        return teacher.fit(method, {"pairs": view_of(vectors())}).state_dict()
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("loss", LOSSES)
def test_two_processes_equal_one(pair: Pair, loss: str) -> None:
    one = trained(0, loss)
    for two in pair.run(trained, loss):
        for key, value in one.items():
            torch.testing.assert_close(two[key], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 0.0}, "--rate must be above 0, not 0.0"),
        ({"image_rate_ratio": -1.0}, "--image-rate-ratio must be at least 0; 0 locks the tower, not -1.0"),
        ({"temperature": 0.0}, "--temperature must be above 0; leave it out to learn it, not 0.0"),
        ({"margin": 0.0}, "--margin must be above 0, not 0.0"),
        ({"wise_ft": 0.0}, "--wise-ft must be above 0 and at most 1; 1 is the tuned model as it is, not 0.0"),
        ({"warmup": 1.0}, "--warmup must be at least 0 and below 1, not 1.0"),
        ({"hinge_warmup": 1.0, "loss": "hardest-triplet"}, "--hinge-warmup must be at least 0 and below 1, not 1.0"),
        ({"hinge_warmup": 0.1}, "--hinge-warmup is of --loss hardest-triplet, not info-nce: leave it out"),
        ({"lora": -1}, "--lora must be at least 0, not -1"),
        ({"chunk": -1}, "--chunk must be at least 0, not -1"),
        ({"weight_decay": -0.1}, "--weight-decay must be at least 0, not -0.1"),
        ({"batch_norm": "off"}, "--batch-norm must be train or frozen, not off"),
    ],
)
def test_bad_options_are_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LandbridgeError) as caught:
        made(**options)
    assert str(caught.value) == message


def test_an_unknown_loss_is_one_line() -> None:
    with pytest.raises(UnknownNameError, match="unknown loss 'infonce'; did you mean 'info-nce'"):
        made("infonce")


def test_a_loss_over_classes_needs_them() -> None:
    pairs = vectors()
    with pytest.raises(LandbridgeError, match="--loss adamine compares classes, but these captions have none"):
        Alignment(dual(pairs), pairs.texts, pairs.owner, "adamine")


def test_an_explosion_is_told() -> None:
    method = made(rate=1e8, warmup=0.0, temperature=1e-6)
    with pytest.raises(DivergedError, match=r"lower --rate or set --clip"):
        trainer(20).fit(method, {"pairs": view_of(vectors())})


def test_learns_shapes_from_sentences() -> None:
    """96 kinds of shapes, five hundred images: other images of them find their sentences, far above chance."""
    pairs, held = shapes(6, seed=1), shapes(1, seed=2)
    model = dual(pairs, "small-cnn", width=32)
    method = Alignment(model, pairs.texts, pairs.owner, rate=3e-3)
    trainer(150, batch_size=64).fit(method, {"pairs": view_of(pairs)})
    found = retrieval(method.model(), held)
    assert found.text_to_image.recall[10] > 5 * 10 / 96
    assert found.image_to_text.median_rank < 20, "of 192 sentences"
