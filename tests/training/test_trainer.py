from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from landbridge.core.errors import BadDataError, DivergedError
from landbridge.core.processes import laid_out
from landbridge.data.batches import Batch
from landbridge.data.domain import Domain
from landbridge.evaluation.collected import Material
from landbridge.evaluation.looks import Watcher
from landbridge.evaluation.selection import Judged
from landbridge.runs import Run
from landbridge.training.averaging import Averaged, WithAverage
from landbridge.training.method import Domains, Losses, Method, Moment, Phase, Setup
from landbridge.training.schedules import ganin_lambda, ganin_rate
from landbridge.training.trainer import set_mode, share_out
from methods_suite import Bench


@pytest.fixture
def bench(toy_source: Domain, toy_target: Domain) -> Bench:
    return Bench(toy_source, toy_target, steps=20)


class Recorded(Method):
    """Two phases, a refresh, two turns, and a diary of the order in which all happens."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        self.critic = nn.Linear(setup.backbone.width, 1)
        self.diary: list[str] = []

    def phases(self) -> Sequence[Phase]:
        return (
            Phase("first", 1.0, ("source",), trains=("head",)),
            Phase(
                "second", 3.0, trains=lambda at: ("head",) if at.progress < 0.5 else ("head", "critic"), refresh_every=5
            ),
        )

    def begin(self, domains: Domains, at: Moment) -> None:
        self.diary.append(f"begin {at.phase}")

    def refresh(self, domains: Domains, at: Moment) -> None:
        self.eval()
        self.diary.append(f"refresh {at.step}")

    def after_step(self, at: Moment) -> None:
        self.diary.append(f"{at.phase} {at.step} {at.progress:.2f} {at.overall:.2f}")

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        assert set(batch) == ({"source"} if at.phase == "first" else {"source", "target"})
        features = self.backbone(batch["source"].x)
        yield Losses(label=self.head(features).square().mean(), moves=("head",))
        assert all(p.grad is None for p in self.critic.parameters() if not p.requires_grad)
        yield Losses(critic=self.critic(features).square().mean(), moves=("critic",))


def test_the_order_of_things(bench: Bench) -> None:
    method = Recorded(bench.method("x", Method).setup)
    bench.trainer().fit(method, {"source": bench.source.labelled(), "target": bench.target.unlabelled()})
    assert method.diary[:3] == ["begin first", "first 0 0.00 0.00", "first 1 0.20 0.05"]
    assert method.diary[6:9] == ["begin second", "refresh 0", "second 0 0.00 0.25"]
    assert [line for line in method.diary if line.startswith("refresh")] == ["refresh 0", "refresh 5", "refresh 10"]
    assert method.diary[-1] == "second 14 0.93 0.95"


def test_share_out_adds_up() -> None:
    for shares in ([1.0, 1.0, 1.0], [0.0, 2.0], [0.1, 0.0, 0.7], [0.0]):
        assert sum(share_out(17, shares)) == (17 if sum(shares) else 0)


class Combined(Method):
    """Gradients are combined by hand: here, each is replaced by its sign."""

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        loss = self.head(self.backbone(batch["source"].x)).square().mean()

        def signs(losses: object, parameters: Sequence[nn.Parameter]) -> list[torch.Tensor | None]:
            return [torch.sign(g) for g in torch.autograd.grad(loss, list(parameters))]

        yield Losses(size=loss, combine=signs)


def test_combine_makes_the_gradients(bench: Bench) -> None:
    method = Combined(bench.method("x", Method).setup)
    bench.trainer(steps=1).fit(method, {"source": bench.source.labelled(), "target": bench.target.unlabelled()})
    for parameter in method.parameters():
        assert set(parameter.grad.unique().tolist()) <= {-1.0, 0.0, 1.0}


@pytest.mark.parametrize("format", [torch.contiguous_format, torch.channels_last])
def test_combined_gradients_lie_as_their_parameters_do(format: torch.memory_format) -> None:
    """Fused optimisers go through memory, whatever the strides of a gradient say."""
    kernel = nn.Parameter(torch.zeros(2, 3, 4, 4).to(memory_format=format))
    gradient = torch.randn(2, 3, 4, 4)
    kernel.grad = laid_out(gradient, kernel)
    torch.optim.SGD([kernel], 1.0, fused=True).step()
    assert torch.equal(kernel.detach(), -gradient)


class Exploding(Method):
    """Sound for a while, then not."""

    needs = {"source": "labelled"}
    value = float("nan")

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        loss = self.head(self.backbone(batch["source"].x)).square().mean()
        yield Losses(size=loss * (self.value if at.step >= 12 else 1.0))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e9])
def test_bad_losses_stop_the_run_and_keep_the_last_good_checkpoint(
    value: float, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Exploding, "value", value)
    with pytest.raises(DivergedError, match=r"diverged at step 15 \(size .*lower --rate.*last good checkpoint is in"):
        bench.train("x", Exploding, tmp_path / "run", checkpoint_every=5, log_every=1000)
    state = Run.open(tmp_path / "run").load_checkpoint()
    assert state is not None
    assert state["position"]["step"] == 10
    assert all(value.isfinite().all() for value in state["method"].values())


def test_clipping_bounds_the_step(bench: Bench) -> None:
    moved = []
    for clip in (None, 1e-4):
        method = bench.method("source-only", Plain)
        before = torch.cat([p.detach().flatten().clone() for p in method.parameters()])
        bench.trainer(steps=1, clip=clip).fit(method, {"source": bench.source.labelled()})
        moved.append(float((torch.cat([p.detach().flatten() for p in method.parameters()]) - before).norm()))
    assert moved[1] <= 1.5e-4 * bench.rate * 2
    assert moved[0] > 10 * moved[1]


class Plain(Method):
    """Cross-entropy on the source."""

    needs = {"source": "labelled"}

    def losses(self, batch: Batch, at: Moment) -> Iterator[Losses]:
        logits = self.head(self.backbone(batch["source"].x))
        yield Losses(label=nn.functional.cross_entropy(logits, batch["source"].y))


def test_a_label_free_score_keeps_the_weights_it_likes_best(bench: Bench, tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []

    def score(model: nn.Module) -> Judged:
        seen.append(model.head.output.weight.detach().clone())  # type: ignore[union-attr,operator]
        return judged[len(seen) - 1]

    judged = [Judged(0.1), Judged(0.9), Judged(0.5), Judged(0.95, sound=False)]
    method = bench.train("x", Plain, tmp_path / "run", checkpoint_every=5, score=score)
    assert len(seen) == 4
    assert torch.equal(method.head.output.weight, seen[1])
    chosen = [row["value"] for row in Run.open(tmp_path / "run").read_log() if row["name"] == "selection"]
    assert chosen == [0.1, 0.9, 0.5, 0.95]


@pytest.mark.parametrize(
    ("sound", "kept"),
    [((False, False, False, False), 3), ((False, True, False, False), 1), ((True, False, True, False), 2)],
)
def test_collapsed_weights_are_kept_only_where_all_are_and_then_the_last(
    sound: Sequence[bool], kept: int, bench: Bench
) -> None:
    seen: list[torch.Tensor] = []

    def score(model: nn.Module) -> Judged:
        seen.append(model.head.output.weight.detach().clone())  # type: ignore[union-attr,operator]
        return Judged([0.3, 0.2, 0.4, 0.1][len(seen) - 1], sound[len(seen) - 1])

    method = bench.train("x", Plain, checkpoint_every=5, score=score)
    assert torch.equal(method.head.output.weight, seen[kept])


def test_a_kept_choice_survives_being_cut_off(bench: Bench, tmp_path: Path) -> None:
    """The best weights of before count after resuming, with what was said of them."""
    calls: list[int] = []

    def score(model: nn.Module) -> Judged:
        calls.append(len(calls))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return Judged([0.9, 0.1, 0.0, 0.2, 0.3][calls[-1]])

    with pytest.raises(KeyboardInterrupt):
        bench.train("x", Plain, tmp_path / "run", checkpoint_every=5, score=score)
    method = bench.train("x", Plain, tmp_path / "run", checkpoint_every=5, score=score)
    falling = iter([0.9, 0.8, 0.7, 0.6])
    first = bench.train("x", Plain, checkpoint_every=5, score=lambda model: Judged(next(falling)))
    assert torch.equal(method.head.output.weight, first.head.output.weight)


class Ended(Plain):
    """A last phase that is only begun."""

    def phases(self) -> Sequence[Phase]:
        return (Phase("train", 1.0, ("source",)), Phase("end", 0.0, trains=()))


@pytest.mark.parametrize(("method", "expected"), [(Plain, [5, 10, 15, 20]), (Ended, [20]), (Recorded, [10, 15, 20])])
def test_who_watches_sees_each_checkpoint_of_the_last_phase(
    method: type[Method], expected: list[int], bench: Bench
) -> None:
    steps: list[int] = []
    bench.train("x", method, checkpoint_every=5, watch=lambda _, step: steps.append(step))
    assert steps == expected


def test_looks_of_a_run_that_was_cut_off_are_those_of_a_whole_one(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, held = bench.source.validation()
    material, test = Material(bench.target.unlabelled(), training, held), bench.target.unlabelled("test")

    def train(name: str) -> None:
        watch = Watcher(tmp_path / name, material, test)
        bench.train("x", Plain, tmp_path / name, checkpoint_every=5, watch=watch)

    def stop(self: Method, at: Moment) -> None:
        if at.step == 13:
            raise KeyboardInterrupt

    train("whole")
    with monkeypatch.context() as patch:
        patch.setattr(Plain, "after_step", stop)
        with pytest.raises(KeyboardInterrupt):
            train("cut")
    train("cut")
    whole, cut = (sorted((tmp_path / name / "looks").iterdir()) for name in ("whole", "cut"))
    assert [path.name for path in whole] == [path.name for path in cut]
    assert len(whole) == 4
    assert all(one.read_bytes() == two.read_bytes() for one, two in zip(whole, cut))


def test_a_shared_phase_is_computed_anew_where_somebody_looks_on(bench: Bench, tmp_path: Path) -> None:
    from landbridge.adaptation import METHODS

    steps: list[int] = []
    cls = METHODS.resolve("source-only")
    shared = bench.train("source-only", cls, store=tmp_path / "phases", checkpoint_every=5)
    watched = bench.train(
        "source-only", cls, store=tmp_path / "phases", checkpoint_every=5, watch=lambda _, step: steps.append(step)
    )
    assert steps == [5, 10, 15, 20]
    assert all(torch.equal(value, watched.state_dict()[key]) for key, value in shared.state_dict().items())


def test_frozen_parts_keep_their_statistics() -> None:
    network = nn.Sequential(
        nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout()), nn.Linear(2, 2), nn.Dropout()
    )
    network[0].requires_grad_(False)
    set_mode(network, True)
    assert [m.training for m in (network, network[0], network[0][1], network[0][2], network[1], network[2])] == [
        True, False, False, False, True, True,
    ]  # fmt: skip
    before = network[0][1].running_mean.clone()
    network(torch.randn(8, 2))
    assert torch.equal(before, network[0][1].running_mean)


def test_shared_phases_are_computed_once_and_change_nothing(bench: Bench, tmp_path: Path) -> None:
    from landbridge.adaptation import METHODS

    source_only, sa = METHODS.resolve("source-only"), METHODS.resolve("sa")
    alone = bench.train("sa", sa).state_dict()
    bench.train("source-only", source_only, store=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    calls: list[int] = []
    original = sa.losses

    def losses(self: Method, batch: Batch, at: Moment) -> Iterator[Losses]:
        calls.append(at.step)
        return original(self, batch, at)

    sa.losses = losses
    try:
        reused = bench.train("sa", sa, store=tmp_path).state_dict()
        assert not calls
        bench.train("sa", sa, store=tmp_path, seed=1)
        assert len(calls) == 20
    finally:
        sa.losses = original
    assert all(torch.equal(alone[key], reused[key]) for key in alone)


def test_shared_phases_keep_their_averages(bench: Bench, tmp_path: Path) -> None:
    from landbridge.adaptation import METHODS

    def averaged(name: str) -> nn.Module:
        cls = METHODS.resolve(name)
        return bench.trainer(store=tmp_path).fit(WithAverage(bench.method(name, cls), 0.9), bench.views(cls)).model()

    first = averaged("source-only")
    second = averaged("source-only")
    averaged("sa")
    assert len(list(tmp_path.iterdir())) == 1
    assert all(torch.equal(one, other) for one, other in zip(first.state_dict().values(), second.state_dict().values()))


def test_a_batch_larger_than_what_ranks_can_share(bench: Bench) -> None:
    with pytest.raises(BadDataError, match="no examples"):
        views = {"source": bench.source.labelled().subset(torch.tensor([], dtype=torch.int64))}
        bench.trainer().fit(bench.method("x", Plain), views)


def test_bf16_trains(bench: Bench) -> None:
    from lightning.fabric import Fabric

    trainer = bench.trainer(steps=20)
    trainer.fabric = Fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    method = trainer.fit(bench.method("x", Plain), {"source": bench.source.labelled()})
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in method.parameters())


def test_schedules() -> None:
    assert ganin_lambda(0.0) == 0.0
    assert ganin_lambda(1.0) == pytest.approx(0.99990920)
    assert ganin_rate(1.0) == pytest.approx(11**-0.75)


def test_averages_follow_slowly_and_forget_the_start() -> None:
    module = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(module.weight)
    average, expected = Averaged(module, 0.9), 0.0
    for step in range(20):
        nn.init.constant_(module.weight, float(step))
        average.update(module)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert float(average.module.weight) == pytest.approx(expected, rel=1e-5)
