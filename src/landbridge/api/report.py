"""`landbridge report`: the report of a run, a comparison or a probe, made anew."""

from pathlib import Path


def report(run: str) -> Path:
    """Make the report of a run, a comparison or a probe anew, from what its folder holds.

    Nothing is trained and no data set is needed. A run gets its `report.html`; a comparison or a
    probe its `table.json`, `table.md` and `report.html`, with the cells that are finished so far.

    Args:
        run: the folder of a run, a comparison or a probe.

    Returns:
        The path of the report.

    Raises:
        LandbridgeError: there is no run in the folder, or it is not finished.

    Example:
        >>> report("no/such/run")
        Traceback (most recent call last):
        landbridge.core.errors.MissingDataError: no/such/run holds neither a run ...
    """
    from landbridge.core.errors import MissingDataError

    folder = Path(run).expanduser()
    if (folder / "comparison.json").is_file():
        from landbridge.reports.adaptation import write_comparison_report

        write_comparison_report(folder)
        return folder / "report.html"
    if (folder / "probe.json").is_file():
        from landbridge.reports.probing import write_probe_report

        return write_probe_report(folder).report
    if not (folder / "config.yaml").is_file():
        raise MissingDataError(
            f"{run} holds neither a run (config.yaml), nor a comparison (comparison.json), nor a probe (probe.json): "
            "name the folder of one"
        )
    from landbridge.reports.adaptation import write_run_report
    from landbridge.runs import Run

    return write_run_report(Run.open(folder))
