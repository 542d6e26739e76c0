"""The protocol of the tables of layers: what is learned on which draw, settings kept, labels sealed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeError, SealedLabelsError, UnknownNameError
from landbridge.data.domain import Domain, Examples, View
from landbridge.data.images import Arrays
from landbridge.nn.backbones import make_backbone
from landbridge.probing import protocol
from landbridge.probing.protocol import Cell, check_classifiers, chosen_layers, draw, fit_and_score, outcomes

CLASSES = ("a", "b", "c")


def clouds(each: int = 20, width: int = 5, spread: float = 0.6, seed: int = 0) -> Domain:
    """Three clouds of points without a test split."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(3 * each) % 3
    x = spread * torch.randn(3 * each, width, generator=generator) + torch.eye(3, width)[y] * 3
    return Domain("clouds", CLASSES, {"train": Examples(Arrays(x), y)}, test_shots=8)


def test_layers_as_the_literature_numbers_them() -> None:
    alexnet = make_backbone("torchvision/alexnet")
    every = chosen_layers(alexnet, "all")
    assert [layer.number for layer in every] == [1, 2, 3, 4, 5, 6, 7]
    assert (every[4].name, every[4].read) == ("features.10", "avgpool")
    assert chosen_layers(alexnet, "last") == every[-1:]
    assert chosen_layers(alexnet, "5,features.0, 5") == [every[4], every[0]]
    assert chosen_layers(alexnet, "avgpool") == [every[4]]
    (output,) = chosen_layers(alexnet, "output")
    assert (output.read, output.number) == ("output", None)
    (inner,) = chosen_layers(alexnet, "features.1")
    assert (inner.read, inner.number) == ("features.1", None)
    with pytest.raises(UnknownNameError, match=r"'torchvision/alexnet' has no layer 'feature.3'; did you mean 'fea"):
        chosen_layers(alexnet, "feature.3")
    with pytest.raises(UnknownNameError, match=r"no layer '88'; it has 7: all, last, output, 1 to 7, or names"):
        chosen_layers(alexnet, "88")
    with pytest.raises(LandbridgeError, match="names none"):
        chosen_layers(alexnet, " ,")


def test_unknown_classifiers_and_several_labels() -> None:
    several = Domain("voc", CLASSES, {"train": Examples(Arrays(torch.zeros(2, 4)), torch.ones(2, 3).long())})
    check_classifiers(("svm", "deep"), [clouds()])
    check_classifiers(("svm",), [several])
    with pytest.raises(UnknownNameError, match="unknown classifier 'softmx'; did you mean 'softmax'"):
        check_classifiers(("softmx",), [clouds()])
    with pytest.raises(LandbridgeError, match="voc may have several labels, which 'softmax' cannot learn"):
        check_classifiers(("softmax",), [clouds(), several])
    with pytest.raises(LandbridgeError, match="names none"):
        check_classifiers((), [clouds()])


def test_draws_that_cannot_be() -> None:
    with pytest.raises(BadDataError, match="21 shots asked for, but class 'a' of clouds has 20"):
        draw(clouds(), 21, 0)
    whole = clouds().splits["train"]
    empty = Domain("few", CLASSES, {"train": whole, "test": whole.pick(torch.arange(0))})
    with pytest.raises(BadDataError, match="few has 60 to learn from and 0 to test on"):
        draw(empty, None, 0)
    alone = Domain("one", CLASSES, {"train": whole.pick(torch.tensor([0, 3])), "test": whole})
    with pytest.raises(BadDataError, match="all of one class"):
        draw(alone, None, 0)


def test_scores_stand_in_the_order_of_the_classes() -> None:
    x = np.eye(4, dtype=np.float32).repeat(4, 0)[:12]
    labels = np.repeat([0, 2, 3], 4)
    found = fit_and_score("prototype", x, labels, x, 5, {})
    assert found.scores.shape == (12, 5)
    assert found.scores.argmax(1).tolist() == labels.tolist()
    assert (found.scores[:, [1, 4]] == -torch.inf).all()
    assert found.seconds > 0


@pytest.mark.parametrize("classifier", ["svm", "softmax", "knn", "prototype"])
def test_settings_of_the_first_draw_serve_the_others(classifier: str) -> None:
    domain, first = clouds(), Cell("clouds", 6, "x", classifier, 0)
    ((_, _, chosen),) = outcomes({"x": domain}, [first], {})
    other = first._replace(seed=1)
    ((cell, view, kept),) = outcomes({"x": domain}, [other], {other: chosen.settings})
    assert cell == other
    assert kept.settings == chosen.settings
    shown, held = draw(domain, 6, 1)
    assert view.index.tolist() == held.index.tolist()
    assert not set(shown.index.tolist()) & set(held.index.tolist())
    alone = fit_and_score(classifier, shown.read().numpy(), shown.y.numpy(), held.read().numpy(), 3, chosen.settings)
    assert torch.equal(alone.scores, kept.scores)


def test_labels_to_test_on_never_reach_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the sealed labels are, the same is learned; and reading one trips."""
    seen: list[dict[str, Any]] = []
    plain = fit_and_score

    def watched(classifier: str, train: Any, labels: Any, test: Any, *rest: Any) -> Any:
        seen.append({"labels": labels, "test": test})
        return plain(classifier, train, labels, test, *rest)

    monkeypatch.setattr(protocol, "fit_and_score", watched)
    domain, cell = clouds(), Cell("clouds", 6, "x", "svm", 3)
    shown, held = draw(domain, 6, 3)
    ((_, view, honest),) = outcomes({"x": domain}, [cell], {})
    with pytest.raises(SealedLabelsError):
        _ = view.y
    whole = domain.splits["train"]
    assert whole.y is not None
    false = whole.y.clone()
    false[held.index] = (false[held.index] + 1) % 3
    # The draw itself goes by classes, so the same draw is made over the other labels.
    monkeypatch.setattr(protocol, "draw", lambda domain, shots, seed: (_over(domain, shown), _over(domain, held)))
    lied = replace(domain, splits={"train": Examples(whole.x, false)})
    ((_, _, blind),) = outcomes({"x": lied}, [cell], {})
    assert torch.equal(honest.scores, blind.scores)
    assert seen[0]["labels"].tolist() == shown.y.tolist()
    assert len(seen[0]["test"]) == len(held)


def _over(domain: Domain, view: View) -> View:
    whole = domain.labelled() if view.shown else domain.unlabelled("train")
    return whole.subset(view.index)


def test_side_by_side_is_the_same() -> None:
    domain = clouds()
    cells = [Cell("clouds", shots, "x", name, 0) for shots in (2, 6) for name in ("svm", "prototype")]
    one, two = (list(outcomes({"x": domain}, cells, {}, jobs)) for jobs in (1, 2))
    assert [cell for cell, _, _ in two] == cells
    for (_, _, a), (_, _, b) in zip(one, two):
        assert torch.equal(a.scores, b.scores)
        assert a.settings == b.settings


def test_several_labels_an_example() -> None:
    y = torch.where(torch.rand(60, 3, generator=torch.Generator().manual_seed(0)) < 0.4, 1, -1)
    x = y.float() + 0.1 * torch.randn(60, 3, generator=torch.Generator().manual_seed(1))
    part = {"train": Examples(Arrays(x[:40]), y[:40]), "test": Examples(Arrays(x[40:]), y[40:])}
    domain = Domain("several", CLASSES, part, headline="mean_average_precision")
    ((_, view, found),) = outcomes({"x": domain}, [Cell("several", None, "x", "svm", 0)], {})
    assert found.scores.shape == (20, 3)
    assert ((found.scores > 0) == (y[view.index + 40] > 0)).float().mean() > 0.95
