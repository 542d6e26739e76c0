"""`landbridge advise`: which way to go from a source to a target."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landbridge.advice.advice import Advice


def advise(
    source: str,
    target: str,
    backbone: str | None = None,
    weights: str | None = None,
    unlabelled: bool = False,
    unlabelled_source: bool = False,
    target_shots: int = 0,
    budget: float = 120.0,
    most: int = 2000,
    keep: str | None = None,
    seed: int = 0,
    unreadable: float = 0.01,
    out: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> "Advice":
    """Tell which way to go from a source to a target: the map, what is measured, what is tried, what to type next.

    Domains are looked at through the features of a frozen network. Cheap strategies are tried on them and ranked by
    what the target's given labels say, or, without any, by how far the strategies agree. No other label of the target
    is looked at.

    Args:
        source: domain to learn from: a name (`mnist`, `pacs/photo`) or a path of your own.
        target: domain to go to, likewise.
        backbone: network; by default the one usual for the source. `landbridge backbones` lists some.
        weights: a file, `hub`, or `none`. Without weights the network is fresh, and distances tell less.
        unlabelled: read the target without labels, a folder at any depth.
        unlabelled_source: read the source without labels.
        target_shots: labels a class of the target that may be used, drawn by `seed`.
        budget: seconds after which no further strategy is begun; features come on top the first time.
        most: training examples of a domain that are looked at.
        keep: the strategy whose model is kept; by default the best that is linear.
        seed: what all randomness comes from.
        unreadable: share of images that may be unreadable.
        out: folder of advice.json, report.html and model/; runs/<time>-advise by default.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: of the features: `auto`, `cpu`, `cuda`, `mps`.
        quiet: show no progress.

    Returns:
        The advice.

    Raises:
        LandbridgeError: something you can mend, in one line.

    Example:
        >>> found = advise("digits/photo", "digits/handwritten", "lenet", most=200, out=str(tmp / "a"), quiet=True)
        >>> found.facts.classes.relation, found.outlook.word, len(found.options)
        ('same', 'hard', 7)
    """
    from landbridge.api._advising import Request, check_free, conclude, look
    from landbridge.api._recipe import free_folder

    asked = Request(
        source, target, backbone, weights, unlabelled, unlabelled_source, target_shots, budget, most, keep, seed,
        unreadable, data_root, device, quiet,
    )  # fmt: skip
    folder = free_folder(out, "advise")
    check_free(folder)
    return conclude(look(asked), folder)
