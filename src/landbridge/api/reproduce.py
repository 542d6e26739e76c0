"""`landbridge reproduce`: a published table, computed anew."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def reproduce(
    table: str,
    seeds: int = 3,
    steps: int | None = None,
    only: str | None = None,
    out: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    jobs: int = 1,
    quiet: bool = False,
) -> "Path":
    """Compute a published table anew, ours over the published figure; cells whose data are absent are named so.

    Finished cells are kept: with more data under the data root, or after an interruption, run it again.

    Args:
        table: `ganin2015`: source only, SA, DANN and train on target, from MNIST to MNIST-M, SYN NUMBERS to SVHN,
            SVHN to MNIST, SYN SIGNS to GTSRB (Ganin and Lempitsky, ICML 2015, table 1).
        seeds: how many seeds a cell.
        steps: optimiser steps a run; by default those of `docs/results/digits.md`.
        only: just the column with this target, say `mnist-m`.
        out: folder; by default `runs/<table>`.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda`, `mps`.
        jobs: cells computed side by side.
        quiet: show no progress.

    Returns:
        The folder with `table.json`, `table.md`, `report.html` and one comparison a column.

    Raises:
        LandbridgeError: there is no such table.
    """
    from pathlib import Path

    from landbridge.api._cell import Settings
    from landbridge.api._comparison import run_comparison
    from landbridge.api._published import OURS, PUBLISHED
    from landbridge.api._recipe import Machine
    from landbridge.core.errors import LandbridgeError, MissingDataError, UnknownNameError
    from landbridge.core.registry import nearest
    from landbridge.data.inventory import describe
    from landbridge.reports.reproduction import Column, write_reproduction

    if table not in PUBLISHED:
        hint = nearest(table, PUBLISHED) or f"; known: {', '.join(PUBLISHED)}"
        raise UnknownNameError(f"unknown table '{table}'{hint}")
    published, folder, columns = PUBLISHED[table], Path(out or f"runs/{table}"), []
    chosen = [pair for pair in published.pairs if only in (None, pair.target)]
    if not chosen:
        raise LandbridgeError(f"--only {only}: the targets are {', '.join(pair.target for pair in published.pairs)}")
    machine = Machine(device, data_root=data_root, quiet=quiet)
    for pair in chosen:
        missing = [
            reason for name in (pair.source, pair.target) for ok, _, reason in [describe(name, data_root)] if not ok
        ]
        place = folder / f"{pair.source}-to-{pair.target}"
        if missing:
            columns.append(Column(pair.source, pair.target, pair.figures, None, "; ".join(missing)))
            continue
        settings = {**OURS, **pair.settings, **({"steps": steps} if steps else {})}
        first = Settings("", pair.source, pair.target, **settings)
        try:
            run_comparison(
                place, first, dict.fromkeys(published.methods, seeds), pair.options, machine, jobs, illustrate=False
            )
            columns.append(Column(pair.source, pair.target, pair.figures, place, ""))
        except MissingDataError as error:
            columns.append(Column(pair.source, pair.target, pair.figures, None, str(error)))
    return write_reproduction(folder, published.title, published.paper, published.methods, columns)
