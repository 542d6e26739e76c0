import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landbridge.core.errors import BadDataError, SealedLabelsError
from landbridge.data.domain import Domain, Examples, View
from landbridge.data.images import Arrays
from landbridge.evaluation import snapshot
from landbridge.evaluation.domain_distance import proxy_a_distance
from landbridge.evaluation.inference import predict
from landbridge.evaluation.metrics import evaluate, gap_closed, mean_average_precision, score, variance_explained
from landbridge.evaluation.multi_label import average_precision_11_point
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier


def view_of(labels: list[int] | None, count: int = 0) -> object:
    y = None if labels is None else torch.tensor(labels)
    x = torch.zeros(len(labels) if labels is not None else count, 1)
    return Domain("d", ("a", "b", "c"), {"test": Examples(Arrays(x), y)}).unlabelled("test")


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30))
def test_scores_equal_counting(pairs: list[tuple[int, int]]) -> None:
    truth, said = [t for t, _ in pairs], [s for _, s in pairs]
    scores = score(torch.eye(3)[said], view_of(truth))
    assert scores.accuracy == pytest.approx(sum(t == s for t, s in pairs) / len(pairs))
    by_class = []
    for number in range(3):
        own = [s for t, s in pairs if t == number]
        expected = sum(s == number for s in own) / len(own) if own else None
        assert scores.per_class_accuracy[number] == (None if expected is None else pytest.approx(expected))
        if expected is not None:
            by_class.append(expected)
        assert scores.confusion[number] == [own.count(other) for other in range(3)]
    assert scores.mean_class_accuracy == pytest.approx(sum(by_class) / len(by_class))


def test_what_cannot_be_known_is_none() -> None:
    scores = score(torch.eye(3)[[0, 1]], view_of(None, 2))
    assert scores.as_metrics("target") == {
        "target_accuracy": None, "target_mean_class_accuracy": None, "target_examples": 2,
    }  # fmt: skip
    assert scores.confusion is None


def test_an_open_set_is_scored_by_known_and_unknown_classes() -> None:
    truth, said = [0, 0, 0, 1, 1, 2, 2, 2, 2], [0, 0, 2, 1, 0, 2, 2, 2, 0]
    metrics = score(torch.eye(3)[said], view_of(truth), open_set=True).as_metrics("target")
    known, unknown = (2 / 3 + 1 / 2) / 2, 3 / 4
    assert metrics["target_known_accuracy"] == pytest.approx(known)
    assert metrics["target_unknown_accuracy"] == unknown
    assert metrics["target_all_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 3 / 4) / 3)
    assert metrics["target_h_score"] == pytest.approx(2 / (1 / known + 1 / unknown))
    never = score(torch.eye(3)[[0, 0]], view_of([0, 2]), open_set=True).open_set
    assert (never["unknown_accuracy"], never["h_score"]) == (0.0, 0.0)
    nobody = score(torch.eye(3)[[0, 1]], view_of([0, 1]), open_set=True).open_set
    assert (nobody["known_accuracy"], nobody["unknown_accuracy"], nobody["h_score"]) == (1.0, None, None)
    assert set(score(torch.eye(3)[[0]], view_of(None, 1), open_set=True).open_set.values()) == {None}


def several(y: list[list[int]]) -> View:
    part = Examples(Arrays(torch.zeros(len(y), 1)), torch.tensor(y))
    return Domain("several", ("a", "b", "c"), {"test": part}).unlabelled("test")


@given(st.integers(1, 20), st.integers(0, 2**40))
def test_mean_average_precision_is_that_of_the_classes_that_are_there(count: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(-1, 2, (count, 3), generator=generator)
    y[0, 0], y[:, 2] = 1, y[:, 2].clamp(max=0)
    scores = torch.randn(count, 3, generator=generator)
    view = several(y.tolist())
    with pytest.raises(SealedLabelsError):
        _ = view.y
    mean, by_class = mean_average_precision(scores, view)
    known = [c for c in range(3) if (y[:, c] == 1).any()]
    assert by_class == [average_precision_11_point(scores[:, c], y[:, c]) if c in known else None for c in range(3)]
    assert mean == pytest.approx(sum(by_class[c] for c in known) / len(known))
    order = torch.randperm(count, generator=generator)
    assert mean_average_precision(scores[order], view.subset(order))[0] == pytest.approx(mean)


def test_several_labels_and_one_label_are_measured_differently() -> None:
    view = several([[1, -1, 1], [-1, 1, -1]])
    with pytest.raises(BadDataError, match=r"^an example of several may have several labels: there is no accuracy"):
        score(torch.eye(3)[[0, 1]], view)
    with pytest.raises(BadDataError, match=r"^mean average precision takes several labels an example: d has one each$"):
        mean_average_precision(torch.eye(3)[[0, 1]], view_of([0, 1]))
    with pytest.raises(BadDataError, match=r"several labels an example: d has none$"):
        mean_average_precision(torch.eye(3)[[0, 1]], view_of(None, 2))
    with pytest.raises(BadDataError, match=r"^some scores on several are NaN: they rank nothing$"):
        mean_average_precision(torch.full((2, 3), math.nan), view)
    with pytest.raises(BadDataError, match=r"^no example of several \(test\) has any of its classes"):
        mean_average_precision(torch.zeros(2, 3), several([[-1, -1, 0], [-1, 0, -1]]))
    with pytest.raises(ValueError, match=r"scores \(2, 2\) for labels \(2, 3\)"):
        mean_average_precision(torch.zeros(2, 2), view)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_gap(method: float, low: float, high: float) -> None:
    share = gap_closed(method, low, high)
    if high <= low:
        assert share is None
    else:
        assert share * (high - low) + low == pytest.approx(method, abs=1e-6)
        assert gap_closed(low, low, high) == 0
        assert gap_closed(high, low, high) == 1


def test_published_gaps() -> None:
    for method, low, high, printed in [
        (0.8149, 0.5749, 0.9891, 57.9),
        (0.9048, 0.8665, 0.9244, 66.1),
        (0.6078, 0.5749, 0.9891, 7.9),
    ]:
        assert 100 * gap_closed(method, low, high) == pytest.approx(printed, abs=0.1)


def test_proxy_a_distance_of_equal_and_of_far_domains() -> None:
    x = torch.randn(400, 3, generator=torch.Generator().manual_seed(0)).numpy()
    assert proxy_a_distance(x[:200], x[200:]) < 0.4
    assert proxy_a_distance(x[:200], x[200:] + 50) == 2.0
    assert proxy_a_distance(x[:150], x[200:] + 50) == 2.0


@pytest.fixture
def model() -> Classifier:
    torch.manual_seed(0)
    return Classifier(make_backbone("mlp?inputs=2&hidden=8"), Head(8, (), 2), ("left", "right"))


def test_predict_and_evaluate(model: Classifier, toy_target: Domain) -> None:
    view = toy_target.unlabelled("test")
    assert torch.equal(predict(model, view, batch_size=7), model.predict(view.read()))
    assert 0 <= evaluate(model, view).accuracy <= 1


def test_snapshots_show_the_same_examples_for_every_model(
    model: Classifier, toy_source: Domain, toy_target: Domain, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("snapshots") / "snapshot.npz"
    taken = snapshot.take(model, toy_source.unlabelled("test"), toy_target.unlabelled("test"))
    snapshot.save(taken, path)
    loaded = snapshot.load(path)
    assert set(loaded) == set(taken)
    assert loaded["source_features"].shape == (300, 8)
    assert set(loaded["target_label"]) == {0, 1}
    other = snapshot.take(model, toy_source.unlabelled("test"), toy_target.unlabelled("test"))
    assert (other["target_label"] == loaded["target_label"]).all()


def test_snapshots_hold_translated_source_images() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 256, (30, 1, 28, 28), dtype=torch.uint8, generator=generator)
    view = Domain("noise", ("a", "b"), {"test": Examples(Arrays(x), torch.arange(30) % 2)}).unlabelled("test")
    model = Classifier(make_backbone("ganin-mnist"), Head(768, (), 2), ("a", "b"))

    def negative(ready: torch.Tensor) -> torch.Tensor:
        return model.preprocessing.restored(-ready)

    taken = snapshot.take(model, view, view, negative)
    assert taken["translated_images"].shape == (24, 28, 28, 3)
    assert (taken["translated_images"] == 255 - taken["source_images"]).all()
    assert "translated_images" not in snapshot.take(model, view, view, lambda ready: None)


def test_variance_explained_against_scikit_learn() -> None:
    from sklearn.metrics import mean_absolute_error, r2_score

    generator = torch.Generator().manual_seed(0)
    truth, said = torch.randn(50, 3, generator=generator), torch.randn(50, 3, generator=generator)
    view = Domain("sizes", tuple("abc"), {"test": Examples(Arrays(torch.zeros(50, 1)), truth)}).unlabelled("test")
    explained, error = variance_explained(said, view)
    assert explained == pytest.approx(r2_score(truth.numpy(), said.numpy()), rel=1e-5)
    assert error == pytest.approx(mean_absolute_error(truth.numpy(), said.numpy()), rel=1e-5)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (torch.tensor([0, 1]), r"the labels of sizes \(test\) are no numbers to predict"),
        (torch.ones(2, 1), r"all examples of sizes \(test\) have the same number"),
    ],
)
def test_variance_that_cannot_be_explained(y: torch.Tensor, message: str) -> None:
    view = Domain("sizes", ("a", "b"), {"test": Examples(Arrays(torch.zeros(2, 1)), y)}).unlabelled("test")
    with pytest.raises(BadDataError, match=message):
        variance_explained(torch.zeros(2, 1), view)
