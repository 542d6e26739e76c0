"""`landbridge report`: the report of a run, a comparison or a probe, made anew."""

from pathlib import Path

KINDS = {
    "comparison.json": ("a comparison", "landbridge.reports.adaptation:write_comparison_report"),
    "tune.json": ("a search for settings", "landbridge.reports.trials:write_trials_report"),
    "probe.json": ("a probe", "landbridge.reports.probing:write_probe_report"),
    "multitask.json": ("several tasks", "landbridge.reports.multitask:write_multitask_report"),
    "shots.json": ("a study over shots", "landbridge.reports.shots:write_shots_report"),
    "leave_out.json": ("groups left out", "landbridge.reports.speakers:write_leave_out_report"),
    "zeroshot.json": ("zero-shot learning", "landbridge.reports.zeroshot:write_zeroshot_report"),
    "gap.json": ("a table of gaps", "landbridge.reports.gap:write_gap_report"),
    "depth.json": ("curves over depth", "landbridge.reports.depth:write_depth_report"),
}
"""What a folder may hold beside a run: the file that says so, what it is, and what writes its report."""


def report(run: str) -> Path:
    """Make the report of a run, a comparison, a probe or another table anew, from what its folder holds.

    Nothing is trained and no data set is needed. A run gets its `report.html`; a table its `table.json`, `table.md`
    and `report.html`, with the cells that are finished so far. A folder of several transfer-depth folders gets one page
    with all their curves side by side.

    Args:
        run: the folder of a run or of a table.

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
    from landbridge.core.registry import resolve

    folder = Path(run).expanduser()
    for file, (_, writer) in KINDS.items():
        if (folder / file).is_file():
            return Path(resolve(writer)(folder).report)
    if any(folder.glob("*/depth.json")):
        from landbridge.reports.depth import write_depths_report

        return write_depths_report(folder)
    if not (folder / "config.yaml").is_file():
        known = ", ".join(f"{what} ({file})" for file, (what, _) in KINDS.items())
        raise MissingDataError(f"{run} holds neither a run (config.yaml), nor one of these: {known}")
    from landbridge.runs import Run

    found = Run.open(folder)
    if "captions" in found.config:
        from landbridge.api._recipes import write_questions
        from landbridge.reports.alignment import write_alignment_report

        write_questions(found)
        return write_alignment_report(found)
    from landbridge.reports.adaptation import write_run_report

    return write_run_report(found)
