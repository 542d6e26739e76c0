"""`landbridge zeroshot`: the table from the shell, going on with it, and one line for what cannot be."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import landbridge
from landbridge.cli import main
from landbridge.core.errors import BadDataError, LandbridgeError, LandbridgeWarning
from landbridge.data.domain import Domain
from landbridge.data.registry import load_domain

ATTRIBUTES = "a,b,c,d,three,five"
UNSEEN = "class 3,class 7,class 9,class 12"


@pytest.fixture
def toy(tmp_path: Path) -> tuple[str, str]:
    """Features of 16 classes, each a sum of its attributes, and the table of these."""
    rng = np.random.default_rng(0)
    table = np.array([[c >> k & 1 for k in range(4)] + [c % 3 == 0, c % 5 == 0] for c in range(16)], float)
    y = np.repeat(np.arange(16), 20)
    x = (table[y] @ rng.normal(size=(6, 15)) + rng.normal(scale=0.9, size=(len(y), 15))).astype(np.float32)
    np.savez(tmp_path / "toy.npz", x=x, y=y, classes=np.array([f"class {c}" for c in range(16)]))
    rows = [f"class {c}," + ",".join(f"{v:g}" for v in row) for c, row in enumerate(table)]
    (tmp_path / "toy.csv").write_text("\n".join([f"class,{ATTRIBUTES}", *rows]) + "\n")
    return str(tmp_path / "toy.npz"), str(tmp_path / "toy.csv")


def run(toy: tuple[str, str], out: Path, *words: str) -> int:
    given = ["--signatures", toy[1], "--unseen", UNSEEN, "--methods", "nearest-attributes,eszsl", "--seeds", "2"]
    return main(["zeroshot", "identity", toy[0], *given, *words, "--out", str(out), "--device", "cpu", "--quiet"])


def test_the_table_from_the_shell(toy: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(toy, out, "--methods", "nearest-attributes,eszsl,devise,conse", "--method.devise.epochs", "3") == 0
    printed = capsys.readouterr().out
    assert "| method | T1 | S | U | H | H as it comes | AUSUC | seeds | settings |" in printed
    assert "class descriptions: attributes, 6 numbers a class, from toy.csv" in printed
    assert "protocol: inductive" in printed
    assert str(out / "report.html") in printed
    content = json.loads((out / "table.json").read_text())
    assert content["kind"] == "attributes"
    rows = {row["method"]: row for row in content["rows"]}
    assert rows["eszsl"]["figures"]["T1"]["mean"] > 2 * content["chance"]
    assert len(rows["devise"]["gamma"]) == 2
    assert len(rows["eszsl"]["gamma"]) == 1
    assert rows["devise"]["settings"]["epochs"] == 3
    page = (out / "report.html").read_text()
    for what in ("Which attributes decided", "Seen against unseen", "Images and names in one space", "class 12"):
        assert what in page


def test_finished_cells_are_kept(toy: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run(toy, out) == 0
    cell = out / "cells" / "eszsl" / "0.json"
    content = json.loads(cell.read_text())
    cell.write_text(json.dumps(content | {"metrics": content["metrics"] | {"T1": 0.1234}}))
    first = (out / "cells" / "nearest-attributes" / "0.json").stat().st_mtime_ns
    assert run(toy, out, "--methods", "nearest-attributes,eszsl,sae") == 0
    printed = capsys.readouterr().out
    assert "| eszsl | 12.3 |" in printed
    assert "| sae |" in printed
    assert (out / "cells" / "nearest-attributes" / "0.json").stat().st_mtime_ns == first
    assert run(toy, out, "--unseen", "class 3,class 5") == 2
    assert "(seen differ): choose another --out" in capsys.readouterr().err


def test_a_run_cut_off_before_its_model_gets_one(toy: tuple[str, str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(toy, out) == 0
    whole = (out / "model" / "model.json").read_text()
    shutil.rmtree(out / "model")
    assert run(toy, out) == 0
    assert (out / "model" / "model.json").read_text() == whole


def test_equal_commands_give_equal_numbers(toy: tuple[str, str], tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        assert run(toy, tmp_path / name, "--methods", "devise", "--method.devise.epochs", "2") == 0
        found.append(json.loads((tmp_path / name / "cells" / "devise" / "1.json").read_text()))
    assert found[0]["metrics"] == found[1]["metrics"]


def test_a_file_names_the_unseen_classes_and_the_report_is_made_anew(toy: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "unseen.txt").write_text("class 3\nclass 7\n")
    assert run(toy, tmp_path / "out", "--unseen", str(tmp_path / "unseen.txt"), "--methods", "eszsl") == 0
    content = json.loads((tmp_path / "out" / "table.json").read_text())
    assert content["unseen"] == ["class 3", "class 7"]
    (tmp_path / "out" / "report.html").unlink()
    landbridge.report(str(tmp_path / "out"))
    assert (tmp_path / "out" / "report.html").is_file()


def test_pictures_of_the_embedded_shapes(tmp_path: Path) -> None:
    few = "small plain red circle,small plain blue square,large plain red square,large plain blue circle"
    more = ",small plain red square,small plain blue circle,large plain red circle,large plain blue square"
    with pytest.warns(LandbridgeWarning, match="left out, as the same for all 8 classes: plain, striped"):
        table = landbridge.zero_shot(
        "small-cnn?width=8", f"shapes?classes={few}{more}", signatures="shapes", train_steps=4, shots=10,
        unseen="large plain red square,small plain blue square", methods="nearest-attributes", seeds=1,
        out=str(tmp_path / "out"), device="cpu", quiet=True,
    )  # fmt: skip
    assert table.plan["train"] == 60
    assert "--train-steps 4 --shots 10" in table.plan["command"]
    assert (tmp_path / "out" / "network" / "model").is_dir()
    page = table.report.read_text()
    assert 'class="decisions"' in page
    assert page.count("data:image/png") == 12
    Image.new("RGB", (32, 32), (250, 0, 0)).save(tmp_path / "mine.png")
    predicted = landbridge.predict(str(tmp_path / "out"), str(tmp_path / "mine.png"), out=str(tmp_path / "mine.csv"))
    header, row = (line.split(",") for line in predicted.read_text().splitlines())
    assert header[:3] == ["path", "predicted", "confidence"]
    assert {*header[3:]} == {*table.seen, *table.unseen}
    assert row[1] == max(header[3:], key=lambda name: float(row[header.index(name)]))
    assert row[2] == "", "scores are no probabilities"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "ezsl"], "did you mean 'eszsl'"),
        (["--methods", ","], "--methods names none of"),
        (["--method.dap.penalty", "1"], "--method.dap: not among the methods"),
        (["--method.eszsl.alpa", "1"], "eszsl has no argument 'alpa'; did you mean 'alpha'"),
        (["--unseen", "class 33"], "has no class 'class 33'; did you mean 'class 3'"),
        (["--signatures", "no.csv"], "no such file: no.csv"),
        (["--shots", "99"], "99 shots asked for, but class 'class 0' has"),
        (["--shots", "0"], "--shots must be at least 1"),
        (["--seeds", "0"], "--seeds must be at least 1"),
        (["--train-steps", "0"], "--train-steps must be at least 1"),
    ],
)
def test_one_line_for_what_cannot_be(
    toy: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert run(toy, tmp_path / "out", *words) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "out" / "table.json").exists()


def test_signatures_that_lack_classes(toy: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = Path(toy[1])
    table.write_text("".join(line for line in table.read_text().splitlines(True) if not line.startswith("class 1,")))
    assert run(toy, tmp_path / "one") == 2
    assert "toy.csv lacks 1 of 16 classes: class 1;" in capsys.readouterr().err
    assert run(toy, tmp_path / "two", "--described-only") == 0
    assert "1 of 16 classes left out, as toy.csv lacks them" in capsys.readouterr().out
    assert run(toy, tmp_path / "three", "--described-only", "--unseen", "class 1") == 2
    assert "toy.csv lacks the unseen class 'class 1'" in capsys.readouterr().err


def test_classes_without_a_description(toy: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(LandbridgeError, match="say with --signatures what is known of the classes"):
        landbridge.zero_shot("identity", toy[0], out=str(tmp_path / "out"), quiet=True)


def test_a_leak_is_refused(toy: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layout whose training part holds unseen classes, as a wrong split of one's own would."""
    from landbridge.api import _zeroshot

    honest = _zeroshot.zero_shot

    def leaking(domain: Domain, *words: object, **options: object) -> tuple[Domain, object]:
        _, split = honest(domain, *words, **options)  # type: ignore[arg-type]
        return load_domain(toy[0]), split

    monkeypatch.setattr(_zeroshot, "zero_shot", leaking)
    with pytest.raises(BadDataError, match="a leak: 64 training examples are of unseen classes"):
        landbridge.zero_shot("identity", toy[0], signatures=toy[1], unseen=UNSEEN, methods="eszsl",
                             out=str(tmp_path / "out"), quiet=True)  # fmt: skip


@pytest.mark.data
def test_emoji_of_another_vendor_by_names_and_keywords(data_root: Path, tmp_path: Path) -> None:
    weights = data_root / "weights"
    table = landbridge.zero_shot(
        f"{weights / 'nets.py'}:mobilenet_v2_gluon?size=64", "emoji-subgroups/noto", test="emoji-subgroups/fluent",
        signatures="keywords:glove.twitter.25d.12k.txt", methods="conse,sae",
        weights=str(weights / "mobilenet_v2_gluon.features.safetensors"), out=str(tmp_path / "out"),
        data_root=str(data_root), device="cpu", quiet=True,
    )  # fmt: skip
    assert table.plan["kind"] == "word vectors"
    assert len(table.unseen) == 17
    for method in ("conse", "sae"):
        row = table.row(method)
        assert row.figures["T1"].mean > table.chance + 3 * row.first["standard_error"]
    mine = tmp_path / "mine.csv"
    landbridge.predict(str(tmp_path / "out"), str(data_root / "emoji" / "fluent" / "1F41F.png"), str(mine),
                       backbone=table.plan["backbone"])  # fmt: skip
    assert len(mine.read_text().splitlines()) == 2
