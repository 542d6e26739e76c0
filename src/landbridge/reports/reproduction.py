"""A published table drawn again: ours over the published figure, sample pictures above each column."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landbridge.core.files import write_json, write_text
from landbridge.core.text import percent
from landbridge.evaluation import snapshot
from landbridge.evaluation.metrics import gap_closed
from landbridge.reports.drawing import picture
from landbridge.reports.pages import write_page


@dataclass(frozen=True)
class Column:
    """One column of the table.

    Attributes:
        source: name of the source domain.
        target: name of the target domain.
        figures: published accuracy by method, in [0, 1].
        folder: our comparison; None where its data are absent.
        absent: what is missing, where something is.
    """

    source: str
    target: str
    figures: Mapping[str, float]
    folder: Path | None
    absent: str


def write_reproduction(folder: Path, title: str, paper: str, methods: Sequence[str], columns: Sequence[Column]) -> Path:
    """Write `table.json`, `table.md` and `report.html` of a published table computed anew.

    Args:
        folder: where.
        title: of the table.
        paper: where it was published.
        methods: its rows.
        columns: its columns.

    Returns:
        The folder.
    """
    drawn = [_column(column, methods) for column in columns]
    content = {"title": title, "paper": paper, "columns": drawn, "methods": list(methods)}
    write_json(folder / "table.json", _without_pictures(content))
    write_text(folder / "table.md", _markdown(content))
    write_page(folder, "reproduction.html.j2", **content)
    return folder


def _column(column: Column, methods: Sequence[str]) -> dict[str, Any]:
    """Ours and the published figure for each method, with the share of the gap closed, and sample pictures."""
    published, ours, pictures, how = column.figures, {}, {}, ""
    if column.folder is not None:
        table = json.loads((column.folder / "table.json").read_text(encoding="utf-8"))
        ours = {row["method"]: row for row in table["rows"]}
        how = f"{table['steps']} steps, seeds {', '.join(map(str, table['seeds']))}, {table['backbone']}, last step"
        pictures = _pictures(column.folder / "cells" / methods[0])
    ends = ("source-only", "target-only")
    cells = []
    for method in methods:
        mine = ours.get(method, {})
        inner = method not in ends
        theirs = gap_closed(published[method], *(published[end] for end in ends)) if inner else None
        cells.append(
            {
                "method": method,
                "mean": mine.get("mean"),
                "deviation": mine.get("deviation"),
                "gap": mine.get("gap_closed") if inner else None,
                "published": published[method],
                "published_gap": theirs,
            }
        )
    return {
        "source": column.source,
        "target": column.target,
        "absent": column.absent,
        "cells": cells,
        "pictures": pictures,
        "how": how,
        "folder": "" if column.folder is None else column.folder.name,
    }


def _pictures(cell: Path) -> dict[str, list[str]]:
    """Some pictures of both domains, as the snapshot of the first run holds them."""
    found = next(iter(sorted(cell.glob("*/snapshot.npz"))), None)
    if found is None:
        return {}
    taken = snapshot.load(found)
    return {side: [picture(image) for image in taken[f"{side}_images"][:4]] for side in ("source", "target")}


def _without_pictures(content: dict[str, Any]) -> dict[str, Any]:
    columns = [{name: value for name, value in column.items() if name != "pictures"} for column in content["columns"]]
    return content | {"columns": columns}


def _ours(cell: Mapping[str, Any]) -> str:
    spread = f" ± {percent(cell['deviation'])}" if cell["deviation"] is not None else ""
    gap = f" ({percent(cell['gap'])}%)" if cell["gap"] is not None else ""
    return f"{percent(cell['mean'])}{spread}{gap}"


def _markdown(content: Mapping[str, Any]) -> str:
    columns = content["columns"]
    lines = [
        f"# {content['title']}: {content['paper']}, computed anew",
        "",
        "Accuracy on the target's test set in %, mean ± standard deviation over seeds (share of the gap closed); "
        "below it the published figure.",
        "",
        "| | " + " | ".join(f"{column['source']} to {column['target']}" for column in columns) + " |",
        "| --- |" + " --- |" * len(columns),
    ]
    for number, method in enumerate(content["methods"]):
        cells = []
        for column in columns:
            cell = column["cells"][number]
            gap = f" ({percent(cell['published_gap'])}%)" if cell["published_gap"] is not None else ""
            ours = "data absent" if column["absent"] else _ours(cell)
            cells.append(f"**{ours}**<br>published {percent(cell['published'])}{gap}")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    lines += [""] + [
        f"- {column['source']} to {column['target']}: {column['absent'] or column['how']}" for column in columns
    ]
    return "\n".join(lines) + "\n"
