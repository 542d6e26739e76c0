import torch

from landbridge.losses import class_thresholds
from landbridge.segmentation import METHODS
from landbridge.segmentation.base import SeenPixels
from landbridge.segmentation.self_training import SelfTraining
from landbridge.training.method import Moment
from toy_scenes import SceneBench, toy_bench


def made() -> tuple[SceneBench, SelfTraining]:
    bench = toy_bench(options={"start": 0.2, "end": 0.6, "every": 5})
    method = bench.method("self-training", METHODS.resolve("self-training"))
    assert isinstance(method, SelfTraining)
    return bench, method.eval()


def test_a_round_takes_its_thresholds_from_the_network_as_it_is() -> None:
    bench, method = made()
    with torch.no_grad():
        method.network.head.bias += torch.tensor([0.0, 0.2, 0.1])
    views = bench.views(type(method))
    method.refresh(views, Moment("self-training", 10, 20))
    best = method.network(method.preprocessing("target")(views["target"].read())).softmax(1)[:, :, ::4, ::4].max(1)
    expected = class_thresholds(best.values.flatten(), best.indices.flatten(), 3, 0.4)
    torch.testing.assert_close(method.thresholds, expected)


def test_labels_stay_those_of_the_round_while_the_network_moves() -> None:
    bench, method = made()
    views = bench.views(type(method))
    method.refresh(views, Moment("self-training", 0, 20))
    x = method.preprocessing("target")(views["target"].read())
    sample = type("Sample", (), {"x": x})()
    logits = torch.zeros(len(x), 3, 32, 32)
    seen = SeenPixels({"target": sample}, (logits,), (logits,))
    before = method.terms(seen, Moment("self-training", 1, 20))
    with torch.no_grad():
        method.network.head.bias += 5 * torch.randn(3)
    after = method.terms(seen, Moment("self-training", 2, 20))
    share = before.measures["labelled"]()
    assert 0.1 < share < 0.5
    assert after.measures["labelled"]() == share
    torch.testing.assert_close(before["pseudo_labels"], torch.tensor(3.0).log())


def test_the_phases_share_the_steps() -> None:
    _, method = made()
    first, second = method.phases()
    assert (first.name, first.share, first.inputs) == ("source", 0.5, ("source",))
    assert (second.share, second.inputs, second.refresh_every) == (0.5, ("source", "target"), 5)
