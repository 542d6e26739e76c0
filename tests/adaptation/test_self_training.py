"""Mean teacher, FixMatch, VADA and DIRT-T beyond the shared suite."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from landbridge.adaptation import METHODS
from landbridge.core.errors import UnknownNameError
from landbridge.data.batches import Batches
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.evaluation.metrics import evaluate
from landbridge.losses import confident_consistency, confident_pseudo_labels, domain_classification
from landbridge.nn.preprocessing import Preprocessing
from landbridge.training.averaging import WithAverage
from landbridge.training.method import Moment
from methods_suite import Bench

NORMED = "mlp?inputs=2&hidden=32&batch_norm=true"


@pytest.fixture
def bench(toy_source: Domain, toy_target: Domain) -> Bench:
    return Bench(toy_source, toy_target, NORMED)


def pictures(name: str) -> Domain:
    images = torch.randint(256, (40, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(len(name)))
    examples = Examples(Arrays(images), torch.arange(40) % 2)
    return Domain(name, ("even", "odd"), {"train": examples, "test": examples})


@pytest.fixture
def gallery() -> Bench:
    return Bench(pictures("here"), pictures("there"), "ganin-mnist", hidden=(8,), rate=0.01, steps=2)


def prepared(bench: Bench, name: str, **options: Any) -> tuple[Any, Any, Moment]:
    """An untrained method, a batch, and a moment."""
    bench.options = options
    cls = METHODS.resolve(name)
    method, trainer = bench.method(name, cls), bench.trainer(steps=1)
    trainer.fit(method, bench.views(cls))
    return method, next(trainer._batches(method.phases()[0], 0, 1)), trainer._moment(0, 0)


@pytest.mark.parametrize(
    ("name", "options", "off"),
    [
        ("mean-teacher", {}, {"weight": 0.0}),
        ("fixmatch", {}, {"weight": 0.0}),
        ("vada", {"radius": 0.5}, {"domain": 0.0, "source": 0.0, "target": 0.0}),
        ("dirt-t", {"radius": 0.5, "every": 50}, {"domain": 0.0, "source": 0.0, "target": 0.0, "beta": 0.0}),
    ],
)
def test_the_terms_win_beyond_what_batch_norm_does(
    bench: Bench, name: str, options: dict[str, Any], off: dict[str, Any]
) -> None:
    target, accuracy = bench.target.unlabelled("test"), []
    for bench.options in (off, options):
        accuracy.append(evaluate(bench.train(name, METHODS.resolve(name)).model(), target).accuracy)
    assert accuracy[1] > accuracy[0] + 0.01


def test_two_draws_of_one_augmentation() -> None:
    view = pictures("there").unlabelled()
    batches = Batches(view, Preprocessing((28, 28)), 8, 0, views=("weak", "weak#2"))
    views = next(batches.from_step(0, 1)).views
    assert not torch.equal(views["weak"], views["weak#2"])


@pytest.mark.parametrize(("name", "option"), [("mean-teacher", "student"), ("fixmatch", "strong")])
def test_an_unknown_augmentation_is_refused_before_anything_is_made(bench: Bench, name: str, option: str) -> None:
    bench.options = {option: "week"}
    with pytest.raises(UnknownNameError, match="unknown augmentation 'week'; did you mean 'weak'"):
        bench.method(name, METHODS.resolve(name))


def test_student_and_teacher_see_views_of_their_own(gallery: Bench) -> None:
    method, batch, at = prepared(gallery, "mean-teacher", student="strong", teacher="affine", threshold=0.0)
    views = batch["target"].views
    assert set(views) == {"strong", "affine"}
    (turn,) = method.losses(batch, at)
    student = method.head(method.backbone(views["strong"])).softmax(1)
    teacher = method.model()(views["affine"]).softmax(1)
    expected = 3 * confident_consistency(student, teacher, 0.0)
    torch.testing.assert_close(turn["consistency"], expected)
    assert expected > 0


def test_the_teacher_is_the_average_of_the_student(bench: Bench) -> None:
    bench.options, bench.steps = {"decay": 0.9}, 1
    cls = METHODS.resolve("mean-teacher")
    method = bench.method("mean-teacher", cls)
    before = method.head.output.weight.detach().clone()
    bench.trainer().fit(method, bench.views(cls))
    student, teacher = method.head.output.weight, method.model().head.output.weight
    # The first decay is 1 / 10, see `Averaged`.
    torch.testing.assert_close(teacher, 0.1 * before + 0.9 * student.detach())
    assert not teacher.requires_grad
    assert "teacher" not in method.groups()


def test_pseudo_labels_go_from_the_weak_view_to_the_strong(gallery: Bench) -> None:
    method, batch, at = prepared(gallery, "fixmatch", weak="shift", strong="affine", threshold=0.5, weight=2.0)
    views = batch["target"].views
    (turn,) = method.losses(batch, at)
    told, logits = (method.head(method.backbone(views[name])) for name in ("shift", "affine"))
    torch.testing.assert_close(turn["pseudo_labels"], 2 * confident_pseudo_labels(logits, told, 0.5))
    assert turn["pseudo_labels"] > 0


def test_averaged_weights_and_combinations_hand_the_views_on(gallery: Bench) -> None:
    cls = METHODS.resolve("fixmatch")
    gallery.trainer().fit(WithAverage(gallery.method("fixmatch", cls), 0.9), gallery.views(cls))
    name = "mean-teacher+fixmatch"
    gallery.options = {"mean_teacher_student": "affine", "fixmatch_strong": "rand"}
    method = gallery.method(name, METHODS.resolve(name))
    assert method.views["target"] == ("affine", "weak", "rand")
    gallery.trainer().fit(method, gallery.views(type(method)))


def test_the_strong_view_leaves_no_statistics(gallery: Bench) -> None:
    gallery.backbone = "ganin-mnist?batch_norm=true"
    method, batch, at = prepared(gallery, "fixmatch")
    norm = method.backbone.network.norm1
    norm.reset_running_stats()
    list(method.losses(batch, at))
    seen = method.backbone.network.conv1(batch["target"].views["weak"]).mean((0, 2, 3))
    torch.testing.assert_close(norm.running_mean, 0.1 * seen.detach())


def test_the_game_is_played_in_turns(bench: Bench) -> None:
    """The features' side calls each domain the other; the discriminator moves in its own turn alone."""
    method, batch, at = prepared(bench, "vada", domain=0.5)
    first, second = method.losses(batch, at)
    seen = method.look(batch)
    guess = method.discriminator(torch.cat([seen.source, seen.target]))
    assert list(first.moves) == ["discriminator"]
    assert sorted(second.moves) == ["backbone", "head"]
    torch.testing.assert_close(first["domain"], domain_classification(guess, 32))
    labels = torch.cat([torch.zeros(32), torch.ones(32)])
    torch.testing.assert_close(second["fooling"], 0.5 * F.binary_cross_entropy_with_logits(guess.flatten(), labels))


def test_a_weight_of_zero_spares_the_source(bench: Bench) -> None:
    method, batch, at = prepared(bench, "vada", source=0.0)
    *_, turn = method.losses(batch, at)
    assert set(turn) == {"classification", "fooling", "entropy", "smoothness"}


def test_refinement_sees_no_source_and_keeps_to_its_teacher(bench: Bench) -> None:
    method, _, _ = prepared(bench, "dirt-t", radius=0.5, every=20)
    refined = method.phases()[1]
    assert (refined.inputs, refined.refresh_every) == (("target",), 20)
    trainer = bench.trainer(steps=60)
    trainer.fit(method, bench.views(type(method)))
    batch, at = next(trainer._batches(refined, 0, 1)), trainer._moment(1, 10)
    (turn,) = method.losses(batch, at)
    assert set(turn) == {"teacher", "entropy", "smoothness"}
    assert turn["teacher"] > 0
    taught = [value.clone() for value in method.teacher.state_dict().values()]
    method.refresh({}, at)
    averaged = [*method.model().backbone.state_dict().values(), *method.model().head.state_dict().values()]
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(method.teacher.state_dict().values(), averaged))
    assert not all(torch.equal(old, new) for old, new in zip(taught, averaged))


def test_the_first_phase_is_shared_with_vada_and_reuse_changes_nothing(bench: Bench, tmp_path: Path) -> None:
    def trained(name: str, steps: int, store: Path | None) -> dict[str, torch.Tensor]:
        bench.options = {"radius": 0.5} | ({"every": 10} if name == "dirt-t" else {})
        return bench.train(name, METHODS.resolve(name), steps=steps, store=store).state_dict()

    alone = trained("dirt-t", 60, None)
    trained("vada", 30, tmp_path)
    (kept,) = tmp_path.iterdir()
    modified = kept.stat().st_mtime_ns
    shared = trained("dirt-t", 60, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]
    assert kept.stat().st_mtime_ns == modified
    assert all(torch.equal(alone[key], shared[key]) for key in alone)
