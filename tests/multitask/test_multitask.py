"""The suite for learning several tasks: what every weighting and every way of sharing must hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from landbridge.core.errors import LandbridgeError
from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain, Examples, View
from landbridge.data.images import Arrays
from landbridge.evaluation.metrics import evaluate
from landbridge.multitask import WEIGHTINGS
from landbridge.multitask.multitask import Multitask, Order, make_setups
from landbridge.multitask.tasks import task_of
from landbridge.multitask.weighting import LEAST, GradNorm
from landbridge.nn.backbones import make_backbone
from landbridge.nn.models import Classifier
from landbridge.runs import Run
from landbridge.training.averaging import WithAverage
from landbridge.training.method import Moment
from landbridge.training.trainer import Trainer

ORDERS: dict[str, Order] = {"joint": [["a", "b"]], "separate": [["b"]], "sequential": [["a"], ["b"]]}
WIDTH = 20


def hidden(x: Tensor) -> Tensor:
    """The two directions that all toy tasks are about."""
    generator = torch.Generator().manual_seed(3)
    return x @ torch.linalg.qr(torch.randn(WIDTH, 2, generator=generator)).Q


def toy(name: str, kind: str, count: int, seed: int) -> Domain:
    """Points in 20 dimensions, of which two matter: for classes, several labels or numbers, by `kind`."""
    x = torch.randn(count + 400, WIDTH, generator=torch.Generator().manual_seed(seed))
    u = hidden(x)
    above = (u > 0).long()
    y, classes = {
        "quadrant": (above @ torch.tensor([1, 2]), tuple("0123")),
        "parity": (above.sum(1) % 2, ("even", "odd")),
        "diagonal": ((u.sum(1) > 0).long(), ("below", "above")),
        "signs": (torch.where(u.abs() < 0.1, 0, 2 * above - 1), ("right", "up")),
        "numbers": (3 + 2 * u, ("x", "y")),
    }[kind]
    half = {"train": slice(0, count), "test": slice(count, None)}
    splits = {split: Examples(Arrays(x[part]), y[part]) for split, part in half.items()}
    return Domain(name, classes, splits)


@dataclass
class Bench:
    """Two toy tasks, and what trains them in a second."""

    domains: Mapping[str, Domain]
    backbones: Mapping[str, str] = field(default_factory=dict)
    order: Order | None = None
    head: str = "own"
    steps: int = 150
    options: dict[str, Any] = field(default_factory=dict)

    def views(self) -> dict[str, View]:
        return {name: domain.labelled() for name, domain in self.domains.items()}

    def method(self, seed: int = 0) -> Multitask:
        torch.manual_seed(seed_of(seed, "networks"))
        tasks = {name: task_of(name, view) for name, view in self.views().items()}
        specs = {name: self.backbones.get(name, f"mlp?inputs={WIDTH}&hidden=32") for name in tasks}
        made = {spec: make_backbone(spec) for spec in dict.fromkeys(specs.values())}
        encoders = {name: made[spec] for name, spec in specs.items()}
        setups = make_setups(tasks, encoders, head=self.head, width=24, rate=0.05, momentum=0.9)
        return Multitask(setups, tasks, self.order, **self.options)

    def trainer(self, folder: Path | None = None, **changes: Any) -> Trainer:
        run = Run(folder, {"bench": True}) if folder else None
        settings = {"steps": self.steps, "batch_size": 32, "checkpoint_every": 25, "log_every": 25} | changes
        return Trainer(Fabric(accelerator="cpu", devices=1), run=run, **settings)

    def train(self, folder: Path | None = None, **changes: Any) -> Multitask:
        method = self.method()
        self.trainer(folder, **changes).fit(method, self.views())
        return method


JOINED = {"a": f"mlp?inputs={WIDTH}&hidden=30", "b": f"mlp?inputs={WIDTH}&hidden=31"}


def bench(sharing: str = "one encoder", weighting: str = "fixed", **changes: Any) -> Bench:
    domains = {"a": toy("a", "quadrant", 300, 0), "b": toy("b", "parity", 100, 1)}
    backbones = JOINED if sharing == "joined" else {}
    return Bench(domains, backbones, options={"weighting": weighting}, **changes)


class StoppedError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("order", list(ORDERS))
@pytest.mark.parametrize("sharing", ["one encoder", "joined"])
@pytest.mark.parametrize("weighting", list(WEIGHTINGS))
def test_gradients_reach_what_they_must(weighting: str, sharing: str, order: str) -> None:
    """Everything that a phase trains moves, what the weighting learns included, and nothing else does."""
    problem = bench(sharing, weighting, order=ORDERS[order])
    method, trainer = problem.method(), problem.trainer(steps=6)
    trainer.fit(method, problem.views())
    for number, phase in enumerate(method.phases()):
        groups, at = method.groups(), Moment(phase.name, 1, 3)
        trainer._set_trained(groups, phase, at, force=True)
        before = {key: value.clone() for key, value in method.named_parameters()}
        optimisers = {key: torch.optim.SGD(group.parameters, 0.1) for key, group in groups.items()}
        trainer._step(next(trainer._batches(phase, 0, 1)), at, groups, optimisers)
        assert not callable(phase.trains)
        for key, value in method.named_parameters():
            moved = not torch.equal(before[key], value)
            assert moved == (key.split(".")[0] in (phase.trains or ())), f"{key} in phase {number}"


@pytest.mark.parametrize("order", ["joint", "sequential"])
@pytest.mark.parametrize("weighting", list(WEIGHTINGS))
def test_resumed_equals_uninterrupted_bit_for_bit(
    weighting: str, order: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = bench("joined", weighting, order=ORDERS[order], steps=60)
    whole = problem.train(tmp_path / "whole").state_dict()
    counted, original = [0], Multitask.after_step

    def after_step(self: Multitask, at: Moment) -> None:
        original(self, at)
        counted[0] += 1
        if counted[0] == 37:
            raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(Multitask, "after_step", after_step)
        with pytest.raises(StoppedError):
            problem.train(tmp_path / "cut")
    resumed = problem.train(tmp_path / "cut").state_dict()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    assert (tmp_path / "whole/log.csv").read_text() == (tmp_path / "cut/log.csv").read_text()


@pytest.mark.parametrize("weighting", list(WEIGHTINGS))
def test_joint_beats_separate_where_the_other_task_tells_what_matters(weighting: str) -> None:
    """Which two of twenty directions matter is hard to find from twenty labels, and easy from those of the other."""
    domains = {"a": toy("a", "quadrant", 2000, 0), "b": toy("b", "diagonal", 20, 1)}
    found = {}
    for mode in ("joint", "separate"):
        problem = Bench(domains, order=ORDERS[mode], steps=400, options={"weighting": weighting})
        found[mode] = evaluate(problem.train().models()["b"], domains["b"].unlabelled("test")).accuracy or 0
    assert found["joint"] > found["separate"] + 0.05


@pytest.mark.parametrize("sharing", ["one encoder", "joined"])
def test_saved_and_loaded_models_say_what_the_network_says(sharing: str, tmp_path: Path) -> None:
    """Projection and middle layer become part of the head; numbers come in their own units."""
    domains = {"a": toy("a", "signs", 100, 0), "b": toy("b", "numbers", 100, 1)}
    problem = Bench(domains, JOINED if sharing == "joined" else {}, steps=20)
    method = problem.train().eval()
    x = domains["a"].unlabelled("test").read()
    with torch.no_grad():
        said = method.outputs({"a": x, "b": x})
    task: Any = method.tasks["b"]
    expected = {"a": said["a"].sigmoid(), "b": said["b"] * torch.tensor(task.deviation) + torch.tensor(task.mean)}
    for name, model in method.models().items():
        model.save(tmp_path / name)
        again = Classifier.load(tmp_path / name)
        assert again.answers == model.answers
        assert torch.equal(again.predict(x), model.predict(x))
        torch.testing.assert_close(again.predict(x), expected[name], rtol=1e-4, atol=1e-5)


def test_tasks_of_every_kind_are_learned_together() -> None:
    domains = {kind: toy(kind, kind, 600, 7) for kind in ("quadrant", "signs", "numbers")}
    method = Bench(domains, steps=400).train().eval()
    x, y = domains["numbers"].unlabelled("test").read(), 3 + 2 * hidden(domains["numbers"].unlabelled("test").read())
    models = method.models()
    assert (models["numbers"].predict(x) - y).square().mean() < 0.2 * y.var()
    assert ((models["signs"].predict(x) > 0.5) == (y > 3)).float().mean() > 0.9
    quadrant = (y > 3).long() @ torch.tensor([1, 2])
    assert (models["quadrant"].predict(x).argmax(1) == quadrant).float().mean() > 0.9


def test_a_shared_head_is_one_head() -> None:
    domains = {"a": toy("a", "parity", 100, 0), "b": toy("b", "parity", 100, 1)}
    method = Bench(domains, JOINED, head="shared").method()
    assert method.routes["a"].head == method.routes["b"].head
    assert set(method.groups()) == {"encoder_a", "encoder_b", "projection_a", "projection_b", "middle", "head_a"}


def test_batch_norm_sees_tasks_that_share_an_encoder_as_one_batch() -> None:
    problem = bench()
    method = problem.method()
    method.setup.backbone.network = nn.Sequential(nn.BatchNorm1d(WIDTH, momentum=1.0), method.setup.backbone.network)
    trainer = problem.trainer(steps=1)
    trainer.fit(method, problem.views())
    batch = next(trainer._batches(method.phases()[0], 0, 1))
    both = torch.cat([batch["a"].x, batch["b"].x])
    torch.testing.assert_close(method.setup.backbone.network[0].running_mean, both.mean(0))


def test_data_sets_of_different_size_go_round_at_their_own_pace() -> None:
    """300 and 100 examples in batches of 50: six steps see each of the first once, each of the second three times."""
    problem = bench()
    method, trainer = problem.method(), problem.trainer(batch_size=50, steps=6)
    trainer.fit(method, problem.views())
    seen = {"a": torch.zeros(300), "b": torch.zeros(100)}
    for batch in trainer._batches(method.phases()[0], 0, 6):
        for name, sample in batch.items():
            seen[name] += torch.bincount(sample.index, minlength=len(seen[name]))
    assert seen["a"].unique().tolist() == [1]
    assert seen["b"].unique().tolist() == [3]


def test_weights_of_gradnorm_stay_positive_and_add_up(tmp_path: Path) -> None:
    method = bench("joined", "gradnorm").train(tmp_path / "run")
    weighting = method.weighting
    assert isinstance(weighting, GradNorm)
    assert float(weighting.weights.detach().sum()) == pytest.approx(2)
    assert float(weighting.weights.detach().min()) >= LEAST / 2
    assert not torch.equal(weighting.weights.detach(), torch.ones(2))
    logged = {row["name"] for row in Run.open(tmp_path / "run").read_log()}
    assert {"a_weight", "b_weight", "balance", "a_accuracy", "b_accuracy"} <= logged


def test_gradnorm_knows_tasks_by_name_in_whatever_order_they_come() -> None:
    problems = [bench("joined", "gradnorm", order=order) for order in ([["a", "b"]], [["b", "a"]])]
    found = [problem.train(steps=5).weighting.state_dict() for problem in problems]
    for key, value in found[0].items():
        torch.testing.assert_close(found[1][key], value)
    assert found[0]["initial"][0] > found[0]["initial"][1]  # four classes and two


def test_uncertainty_weighs_by_the_loss() -> None:
    """A task of pure noise comes to count less than one that is learned."""
    problem = bench("one encoder", "uncertainty", steps=500)
    noise = torch.randint(0, 4, (300,), generator=torch.Generator().manual_seed(0))
    train = problem.domains["a"].splits["train"]
    problem.domains = {
        "a": Domain("a", tuple("0123"), {"train": Examples(train.x, noise)}),
        "b": problem.domains["b"],
    }
    variances = problem.train().weighting.get_parameter("log_variances").detach()
    assert variances[0] > variances[1]


def test_fixed_weights_scale_the_losses() -> None:
    problem = bench()
    problem.options["weights"] = {"b": 0.25}
    method, plain = problem.method(), bench().method()
    batch = next(_fitted(problem, method)._batches(method.phases()[0], 0, 1))
    at = Moment("a+b", 0, 10)
    plain.load_state_dict(method.state_dict())
    (turn,), (other,) = method.losses(batch, at), plain.losses(batch, at)
    torch.testing.assert_close(turn["a"], other["a"])
    torch.testing.assert_close(turn["b"], 0.25 * other["b"])


def _fitted(problem: Bench, method: Multitask) -> Trainer:
    trainer = problem.trainer(steps=1)
    trainer.fit(method, problem.views())
    return trainer


def test_pcgrad_equals_the_sum_where_nothing_conflicts() -> None:
    """Two copies of one task never disagree: then its gradients are those of the plain sum."""
    domain = toy("a", "parity", 64, 0)
    found = {}
    for weighting in ("fixed", "pcgrad"):
        problem = Bench({"a": domain, "b": domain}, head="shared", options={"weighting": weighting})
        found[weighting] = problem.train(steps=3, batch_size=64).state_dict()
    for key, value in found["fixed"].items():
        torch.testing.assert_close(found["pcgrad"][key], value, rtol=1e-4, atol=1e-6)


def test_averaged_weights_wrap_it() -> None:
    problem = bench(steps=20)
    wrapped = WithAverage(problem.method(), decay=0.9)
    problem.trainer().fit(wrapped, problem.views())
    assert isinstance(wrapped.model(), Classifier)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder_lr_ratio": 0.0}, "--encoder-lr-ratio must be above 0, not 0.0"),
        ({"weighting": "gradnorn"}, "unknown weighting 'gradnorn'; did you mean 'gradnorm'?"),
        ({"weighting": "gradnorm", "alpha": -1.0}, "--alpha must be at least 0, not -1.0"),
        ({"weighting": "gradnorm", "weights": {"a": 2.0}}, "--task-weights are for the weightings fixed and pcgrad"),
        ({"weights": {"a": 0.0}}, "--task-weights must be above 0, not 0.0"),
    ],
)
def test_bad_options_get_one_line(options: dict[str, Any], message: str) -> None:
    problem = bench()
    problem.options = options
    with pytest.raises(LandbridgeError) as raised:
        problem.method()
    assert message in str(raised.value)


def test_gradnorm_of_one_task_is_refused() -> None:
    problem = Bench({"a": toy("a", "parity", 40, 0)}, options={"weighting": "gradnorm"})
    with pytest.raises(LandbridgeError, match=r"gradnorm balances tasks against each other: it takes two at least"):
        problem.method()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head": "shared"}, "those of 'a' and 'b' differ"),
        ({"head": "none"}, "--head is own or shared, not 'none'"),
        ({"width": 0}, "--width must be at least 1, not 0"),
    ],
)
def test_bad_heads_get_one_line(changes: dict[str, Any], message: str) -> None:
    tasks = {name: task_of(name, view) for name, view in bench().views().items()}
    encoder = make_backbone(f"mlp?inputs={WIDTH}")
    with pytest.raises(LandbridgeError) as raised:
        make_setups(tasks, dict.fromkeys(tasks, encoder), **changes)
    assert message in str(raised.value)
