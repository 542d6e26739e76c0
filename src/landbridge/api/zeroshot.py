"""`landbridge zeroshot`: classes never seen, known by a description alone, by several methods side by side."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from landbridge.zeroshot.table import ZeroShotTable


def zero_shot(
    backbone: str | None = None,
    domain: str | None = None,
    signatures: str | None = None,
    methods: str | None = None,
    unseen: str | None = None,
    test: str | None = None,
    weights: str | None = None,
    train_steps: int | None = None,
    shots: int | None = None,
    seeds: int = 3,
    described_only: bool = False,
    pool: str = "mean",
    unreadable: float = 0.01,
    out: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    options: dict[str, Any] | None = None,
    quiet: bool = False,
) -> "ZeroShotTable":
    """Recognise classes that no example was seen of, from their attributes, names or sentences.

    Features are computed once and kept. Settings of each method (its own grid, or what --method.NAME.ARGUMENT gives: a
    value, or a list to try) and the calibration between seen and unseen classes are chosen on validation classes, cut
    from the seen ones. Finished cells are kept when the command is started again. With no domain, the embedded coloured
    shapes: a small network is trained on the seen combinations first.

    Args:
        backbone: the network, see `landbridge backbones`; `identity` for data that are features already.
        domain: a name, or a path of your own.
        signatures: what is known of the classes: a `.csv` of attributes (a row a class), `awa2`, `words:FILE.txt` (the
            vectors of their names), ...; by default what the domain brings along.
        methods: `nearest-attributes`, `dap`, `iap`, `two-towers`, `conse`, `devise`, `ale`, `sje`, `eszsl`, `sae`,
            `dem`, `cvae`, with commas; `all` of them; by default four quick ones.
        unseen: names of the unseen classes with commas, or a file with one a line; by default the published split of
            the domain, or a fifth of the classes by a hash of their names.
        test: another domain with the same classes to test on, as another vendor's drawings.
        weights: a file, the folder of a finished run, `hub`, or `none`.
        train_steps: train the network on the seen classes first, for so many batches.
        shots: training examples a seen class, drawn at random; all by default.
        seeds: how many seeds, from 0 on, for methods in which chance plays a part.
        described_only: go on without the classes that the signatures lack, in place of refusing.
        pool: how places become one vector: `mean`, `max`, `grid` or `flatten`.
        unreadable: share of images that may be unreadable.
        out: folder; by default `runs/<time>-zeroshot`.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: of the features: `auto`, `cpu`, `cuda`, `mps`.
        options: arguments of methods, by method.
        quiet: show no progress.

    Returns:
        The table: a row a method; `table.json`, `table.md` and `report.html` stand in the folder.

    Raises:
        LandbridgeError: something you can mend, in one line.

    Example:
        >>> table = zero_shot("identity?inputs=2", "digits/handwritten", signatures="nothing.csv")
        Traceback (most recent call last):
        landbridge.core.errors.MissingDataError: no such file: nothing.csv
    """
    import shlex
    from pathlib import Path

    from landbridge.api._recipe import Machine, flags, free_folder, method_flags
    from landbridge.api._zeroshot import Asked, run_zeroshot
    from landbridge.zeroshot import METHODS

    given = {
        "signatures": signatures,
        "methods": methods,
        "unseen": unseen,
        "test": test,
        "weights": weights,
        "train_steps": train_steps,
        "shots": shots,
        "seeds": seeds,
        "described_only": described_only,
        "pool": pool,
        "unreadable": unreadable,
    }
    usual = dict.fromkeys(given) | {"seeds": 0, "described_only": False, "pool": "mean", "unreadable": 0.01}
    words = ["landbridge", "zeroshot", *filter(None, (backbone, domain)), *flags(given, usual)]
    for method, arguments in (options or {}).items():
        words += method_flags(arguments, method)
    if domain is None:
        domain, train_steps = EMBEDDED, train_steps or EMBEDDED_STEPS
    named = ",".join(METHODS) if methods == "all" else QUICK if methods is None else methods
    held_out = _names(unseen, Path(unseen)) if unseen else ()
    asked = Asked(
        domain, backbone, signatures, tuple(dict.fromkeys(filter(None, map(str.strip, named.split(","))))), held_out,
        test, weights, train_steps, shots, seeds, described_only, pool, unreadable, options or {},
    )  # fmt: skip
    machine = Machine(device, 1, "auto", data_root, False, quiet)
    return run_zeroshot(free_folder(out, "zeroshot"), asked, shlex.join(words), machine)


EMBEDDED, EMBEDDED_STEPS = "shapes", 500
"""What is used where no domain is named, and how long the network is trained on it."""

QUICK = "nearest-attributes,dap,eszsl,sae"
"""The methods compared where none are named."""


def _names(text: str, path: Any) -> tuple[str, ...]:
    """Names with commas, or the lines of a file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else text.split(",")
    return tuple(dict.fromkeys(name for line in lines if (name := line.strip())))
