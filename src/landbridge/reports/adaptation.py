"""The report of an adapted or fine-tuned model, and of methods compared on one pair or target: one HTML file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from landbridge.core.files import write_json, write_text
from landbridge.core.text import percent
from landbridge.evaluation.regret import as_columns, explained
from landbridge.evaluation.table import METRICS, Row, Table, spread
from landbridge.reports import finetuning, plots, segmentation, verdicts
from landbridge.reports.drawing import hue_css
from landbridge.reports.evidence import Evidence, Model, of_comparison, of_run
from landbridge.reports.pages import write_page
from landbridge.reports.pictures import cards, pairs
from landbridge.reports.plots import short
from landbridge.runs import Run

PROTOCOLS = {
    "inductive": "methods trained on the target's training part without its labels; measured on its test part",
    "transductive": "methods trained on the whole target without its labels; measured on the same whole target",
}
SELECTIONS = {
    "last": "the weights of the last step: nothing was chosen",
    "source-accuracy": "the checkpoint that is best on held-out source examples",
    "iwv": "the checkpoint that is best on held-out source examples, weighted by how much they look like the target",
    "dev": "as iwv, with less variance (deep embedded validation)",
    "devn": "as dev, with normalised weights",
    "entropy": "the checkpoint that is surest of the unlabelled target",
    "im": "the checkpoint with the most mutual information between unlabelled target and prediction",
    "bnm": "the checkpoint whose predictions on the unlabelled target have the largest nuclear norm: sure and diverse",
    "snd": "the checkpoint whose predictions on the unlabelled target have the densest neighbourhoods",
    "class-ami": "the checkpoint whose target features fall into clusters as they are called",
    "reverse": "the checkpoint from whose calls on the target the source can be learned back",
    "mixval": "the checkpoint that calls mixtures of two target examples as the larger part of them",
}


def write_run_report(run: Run) -> Path:
    """Write `report.html` into a run folder, from what the run and its baseline hold.

    Args:
        run: a finished run.

    Returns:
        The path of the report.

    Raises:
        MissingDataError: the run is not finished.
    """
    return _write(of_run(run))


def write_comparison_report(folder: Path) -> Table:
    """Write `table.json`, `table.md` and `report.html` into a comparison folder, from its finished cells.

    Args:
        folder: holds `comparison.json` and `cells/<method>/<seed>/`, and may hold `illustration/`.

    Returns:
        The table; the report stands in `folder / "report.html"`.

    Raises:
        MissingDataError: there is no comparison, or none of its cells is finished.
        BadDataError: `comparison.json` cannot be read.
    """
    evidence = of_comparison(Path(folder))
    write_json(evidence.folder / "table.json", evidence.table.to_json())
    write_text(evidence.folder / "table.md", evidence.table.to_markdown())
    return replace(evidence.table, report=str(_write(evidence)))


def _write(evidence: Evidence) -> Path:
    after, table, tuned = evidence.after, evidence.table, evidence.after in evidence.tuned
    others = table.tuned if tuned else [*table.adapting, *table.tuned]
    row = table.row(after.name) or table.rows[-1]
    shown = [model for model in (evidence.before, after) if model and model.snapshot]
    dense = segmentation.is_segmentation(evidence)
    taken = [model.snapshot for model in shown if model.snapshot and not dense]
    return write_page(
        evidence.folder,
        "report.html.j2",
        {"spread": spread, "role": plots.role_of},
        evidence=evidence,
        table=table,
        row=row,
        metric=table.measure,
        lead=verdicts.gap(table, row),
        intro=_intro(table, row),
        tiles=finetuning.tiles(evidence, row) if tuned else _tiles(evidence, row),
        columns=_columns(table),
        bars=plots.bars(table) if any(other.mean is not None for other in table.rows) else None,
        others=[verdicts.gap(table, other) for other in others if other.method != after.name],
        sections=segmentation.parts(evidence) if dense else finetuning.parts(evidence),
        scenes=segmentation.scenes(evidence) if dense else None,
        regrets=as_columns(table.regrets),
        regret_note=explained(table.regrets),
        samples={
            table.target: cards("target", taken, evidence.classes),
            "labels shown" if tuned else table.source or "source": cards("source", taken[-1:], evidence.classes, 8),
        },
        pairs=pairs(after.snapshot, evidence.classes),
        aside="" if tuned else "the source, ",
        shown=[model.label for model in shown],
        facts=_facts(evidence),
        settings=_settings(after),
        hues=[(short(name), hue_css(i, len(evidence.classes))) for i, name in enumerate(evidence.classes)],
    )


def _intro(table: Table, row: Row) -> str:
    """What the numbers of the table are."""
    learned = f"{row.protocol} of it shown" if row.tuned else f"{row.protocol} protocol"
    last = "the last step" if row.selection == "last" else f"the checkpoint chosen by {row.selection}"
    seeds = f", mean ± standard deviation over {len(table.seeds)} seeds" if len(table.seeds) > 1 else ""
    metric = table.measure[0].upper() + table.measure[1:]
    return f"{metric} on {table.target}, {learned}, weights of {last}{seeds}."


def _columns(table: Table) -> dict[str, list[str]]:
    """What stands beside the headline metric: heading -> a cell a row."""
    columns = {name.replace(" (%)", " %").replace(" (points)", ""): cells for name, cells in table.columns().items()}
    if any(row.a_distance is not None for row in table.rows):
        distances = [row.a_distance for row in table.rows]
        columns["proxy A-distance"] = ["-" if value is None else f"{value:.2f}" for value in distances]
    columns["seeds"] = [str(len(row.seeds)) for row in table.rows]
    columns["training s"] = [f"{row.train_seconds:.0f}" for row in table.rows]
    return {name: ["–" if cell == "-" else cell for cell in cells] for name, cells in columns.items()}


def _tiles(evidence: Evidence, row: Row) -> list[tuple[str, str, str]]:
    """The few numbers that matter: (what, number, remark)."""
    table = evidence.table
    unknown = ("unknown", "no labels")
    tiles = []
    if table.lower and table.lower is not row:
        tiles.append(
            (table.lower.label, *((f"{percent(table.lower.mean)} %", "before") if _known(table.lower) else unknown))
        )
    tiles.append((row.label, *((f"{percent(row.mean)} %", METRICS[table.metric]) if _known(row) else unknown)))
    if table.oracle and table.oracle is not row and _known(table.oracle):
        tiles.append((table.oracle.label, f"{percent(table.oracle.mean)} %", "sees target labels"))
    if row.gap_closed is not None and not row.oracle and table.lower is not row:
        tiles.append(("gap closed", f"{percent(row.gap_closed, 0)} %", "0 is no help, 100 the oracle"))
    if row.known_accuracy is not None and row.unknown_accuracy is not None:
        both = f"{percent(row.known_accuracy)} / {percent(row.unknown_accuracy)} %"
        tiles.append(("known / unknown", both, "classes of the source, and the others as unknown"))
    if row.by_kind:
        each = f"{percent(row.by_kind['shared classes'])} / {percent(row.by_kind['private classes'])} %"
        tiles.append(("shared / private", each, "mIoU of the source's classes, and of those that only the target has"))
    if row.a_distance is not None:
        earlier = evidence.before.mean("a_distance") if evidence.before else None
        moved = f"{earlier:.2f} → {row.a_distance:.2f}" if earlier is not None else f"{row.a_distance:.2f}"
        tiles.append(("proxy A-distance", moved, "0 alike, 2 apart"))
    return tiles


def _known(row: Row) -> bool:
    return row.mean is not None


def _facts(evidence: Evidence) -> list[tuple[str, str, str]]:
    """How the numbers came about: (what, which, what that means)."""
    table, result = evidence.table, evidence.after.results[0]
    examples = result.metrics.get("target_examples")
    measured = f"{examples:,} target examples" if examples else ""
    if evidence.after in evidence.tuned:
        facts = finetuning.facts(evidence, measured)
    else:
        facts = _adaptation_facts(evidence, measured)
    facts += [
        ("steps", f"{table.steps:,}" if table.steps is not None else "differ between rows", ""),
        ("backbone", table.backbone, ""),
        (
            "device",
            result.device,
            f"{result.train_seconds:,.0f} s of training for {evidence.after.label}, seed {result.seed}",
        ),
    ]
    if table.oracle:
        facts.append(
            ("oracle", table.oracle.method, "saw target labels that the setting does not give; it is no method")
        )
    if table.mixed:
        seen = ", ".join(f"{row.method} {row.labels}" for row in table.tuned)
        facts.append(("target labels seen", seen, "what adapts saw none"))
    return [fact for fact in facts if fact[1]]


def _adaptation_facts(evidence: Evidence, measured: str) -> list[tuple[str, str, str]]:
    table, result = evidence.table, evidence.after.results[0]
    seeds = ", ".join(map(str, table.seeds))
    deviation = "± is the sample standard deviation; intervals are 95 %, by Student's t" if len(table.seeds) > 1 else ""
    return [
        ("protocol", result.protocol, PROTOCOLS.get(result.protocol, "")),
        (
            "weights chosen",
            result.selection,
            f"{_selected(evidence)}; target labels had no say".lstrip("; "),
        ),
        ("seeds" if len(table.seeds) > 1 else "seed", seeds, deviation),
        ("measured on", measured, ""),
    ]


def _selected(evidence: Evidence) -> str:
    """What the rule that chose the weights means."""
    rules = SELECTIONS | (segmentation.SELECTIONS if segmentation.is_segmentation(evidence) else {})
    return rules.get(evidence.after.results[0].selection, "")


def _settings(model: Model) -> list[tuple[str, str]]:
    def plain(value: Any) -> str:
        if isinstance(value, list):
            return ", ".join(map(str, value))
        return ", ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else str(value)

    chosen = model.results[0].settings.items()
    hidden: tuple[Any, ...] = (None, False, "", {}, [])
    return [
        (name.replace("_", " "), plain(value)) for name, value in chosen if name != "classes" and value not in hidden
    ]
