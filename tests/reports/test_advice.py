"""Advice as a page and in the terminal."""

import io
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from landbridge.advice.advice import Advice, Further, Option
from landbridge.advice.facts import Classes, Distances, Facts
from landbridge.advice.rules import Suggestion, outlook
from landbridge.data.domain import Domain, Examples, View
from landbridge.data.images import Arrays
from landbridge.reports.advice import answers, show_advice, write_advice_report

FAR, CHANCE = Distances(1.87, 0.31, 12.5, 2.5e-5), Distances(0.02, 0.0, 1.0, 1e-6)


def advice(folder: Path, **changes: object) -> Advice:
    facts = Facts(True, 0, Classes("same", ("cat", "dog")), FAR, CHANCE, 1200, 900)
    options = (
        Option("sa", "turns <axes>", 0.81, 0.01, "agreement", 0.97, 1.25, "landbridge advise a b --keep sa"),
        Option("source-knn", "neighbours vote", 0.6, 0.02, "agreement", 0.9, 0.5, "landbridge index a"),
    )
    made = Advice(
        "a", "b", "lenet", None, facts, outlook(facts), options,
        (Suggestion("coral", True, "x"),), (Suggestion("together", False, "no label"),),
        (Further("train long", 7.2, "landbridge adapt a b"),), "sa", ("take care",), 0, folder, "landbridge advise a b",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def views(*shape: int) -> dict[str, View]:
    x = torch.zeros(20, *shape, dtype=torch.uint8 if len(shape) > 1 else torch.float32)
    domain = Domain("toy", (), {"train": Examples(Arrays(x))})
    return {"source": domain.unlabelled(), "target": domain.unlabelled()}


def printed(made: Advice) -> str:
    out = io.StringIO()
    show_advice(made, Console(file=out, width=160))
    return out.getvalue()


def test_page(tmp_path: Path) -> None:
    page = write_advice_report(advice(tmp_path), views(1, 8, 8), "landbridge predict x y").read_text().split("</style>")
    text = page[1]
    assert text.count('aria-current="true"') == 1
    assert "<b>domain adaptation</b>" in text.split('aria-current="true"')[1][:60]
    assert text.count('class="pixels" src="data:image/png') == 24
    assert "1.87" in text
    assert "2.5e-05" in text
    assert "1. sa" in text
    assert "2. source-knn" in text
    assert "81.0 ± 1.0" in text
    assert "turns &lt;axes&gt;" in text
    assert "about 7 min" in text
    assert "coral was not tried for want of time" in text
    for command in ("adapt a b", "predict x y", "advise a b --keep sa", "index a"):
        assert f"landbridge {command}</pre>" in text


def test_page_of_vectors_and_of_nothing_to_do(tmp_path: Path) -> None:
    facts = replace(advice(tmp_path).facts, source_labelled=False)
    bare = advice(tmp_path, facts=facts, outlook=outlook(facts), options=(), kept=None, untried=(), further=())
    text = write_advice_report(bare, views(5), "").read_text().split("</style>")[1]
    assert "No strategy applies" in text
    assert "Begin with" not in text
    assert "<img" not in text
    assert "<b>not covered</b>" in text.split('aria-current="true"')[1][:60]
    assert "not covered. The source has no labels" in printed(bare)


def test_terminal(tmp_path: Path) -> None:
    text = printed(advice(tmp_path))
    assert "▶ domain adaptation" in text
    assert text.count("▶") == 1
    assert "Similar visual domain? no: proxy A-distance 1.87" in text
    assert "Same classes? yes: all 2 by name" in text
    assert text.index(" sa ") < text.index("source-knn")
    assert "agreement %" in text
    assert "does not apply: together: no label" in text
    assert "  landbridge advise a b --keep sa\n" in text
    assert f"report: {tmp_path / 'report.html'}" in text


def test_shots_light_another_cell(tmp_path: Path) -> None:
    facts = replace(advice(tmp_path).facts, shots=4)
    options = tuple(replace(option, basis="shots") for option in advice(tmp_path).options)
    made = advice(tmp_path, facts=facts, options=options)
    assert "▶ probe, fine-tune, learn both" in printed(made)
    assert "accuracy on the shots %" in printed(made)
    assert "Measured on the 4 labels a class" in write_advice_report(made, views(5), "").read_text()


def test_answers(tmp_path: Path) -> None:
    def short(classes: Classes) -> tuple[str, str]:
        facts = replace(advice(tmp_path).facts, classes=classes)
        answer = answers(advice(tmp_path, facts=facts))[1]
        return answer.short, answer.words

    assert short(Classes("within", ("a",), ("b", "c"))) == ("yes", "the target's 1, and 2 more in the source")
    assert short(Classes("partly", ("a",), (), tuple("vwxyz"))) == (
        "no",
        "1 shared; only in the target: v, w, x, y and 1 more",
    )
    assert short(Classes("none", (), ("a",), ("b",))) == ("no", "not one; the target's: b")
    assert short(Classes("unknown"))[0] == "unknown"
