"""An index as a folder: whole or not at all, and checked before it is read."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.retrieval import open_index
from retrieval.kinds import BY_NAME, EXACT, HNSW, filled


@pytest.mark.parametrize("kind", ["exact", "hnsw"])
def test_damaged_files_get_one_line(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index = filled(BY_NAME[kind], np.eye(3, dtype=np.float32))
    index.save(folder)
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["entries.json", *(["graph.faiss"] if kind == "hnsw" else []), "index.json", "vectors.npy"]
    for name in files:
        broken = tmp_path / f"broken-{name}"
        shutil.copytree(folder, broken)
        content = (broken / name).read_bytes()
        (broken / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(BadDataError, match=r"damaged|does not describe") as caught:
            open_index(broken)
        assert "\n" not in str(caught.value)
        (broken / name).unlink()
        with pytest.raises(MissingDataError, match=r"no index in|lacks its file"):
            open_index(broken)
    with pytest.raises(BadDataError, match="holds vectors of width 3, not 4"):
        open_index(folder, width=4)
    with pytest.raises(MissingDataError, match="no index in"):
        open_index(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "milvus"}, "kind 'milvus': update Landbridge"),
        ({"format": 99}, "update Landbridge"),
        ({"width": 4}, "describes float32"),
        ({"width": "3"}, "does not describe an index"),
        ({"sha256": {}}, "does not describe an index"),
    ],
)
def test_descriptions_that_do_not_fit(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    filled(EXACT, np.eye(3, dtype=np.float32)).save(tmp_path / "index")
    path = tmp_path / "index" / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(BadDataError, match=message):
        open_index(tmp_path / "index")


def test_a_graph_of_another_index(tmp_path: Path) -> None:
    filled(HNSW, np.eye(3, dtype=np.float32)).save(tmp_path / "one")
    filled(HNSW, np.eye(4, dtype=np.float32)).save(tmp_path / "other")
    described = tmp_path / "one" / "index.json"
    foreign = json.loads((tmp_path / "other" / "index.json").read_text())["sha256"]["graph.faiss"]
    content = json.loads(described.read_text())
    content["sha256"]["graph.faiss"] = foreign
    described.write_text(json.dumps(content))
    shutil.copy(tmp_path / "other" / "graph.faiss", tmp_path / "one" / "graph.faiss")
    with pytest.raises(BadDataError, match="does not fit the vectors beside it"):
        open_index(tmp_path / "one")


def test_saving_replaces_an_index_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "holiday.jpg").write_text("dear")
    index = filled(EXACT, np.eye(3, dtype=np.float32))
    with pytest.raises(BadDataError, match="holds something else than an index"):
        index.save(photos)
    with pytest.raises(BadDataError, match="is a file"):
        index.save(photos / "holiday.jpg")
    assert (photos / "holiday.jpg").read_text() == "dear"
    (tmp_path / "index").mkdir()
    index.save(tmp_path / "index")
    before = (tmp_path / "index" / "index.json").read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    index.delete(["v/0.png"])
    with pytest.raises(OSError, match="No space left"):
        index.save(tmp_path / "index")
    assert (tmp_path / "index" / "index.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "photos"]
    assert len(open_index(tmp_path / "index")) == 3
