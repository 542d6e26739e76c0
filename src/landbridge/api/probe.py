"""`landbridge probe`: how much each layer of a network knows about a domain."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from landbridge.probing.table import LayerTables


def probe(
    backbone: str,
    domains: list[str] | None = None,
    weights: str | None = None,
    shots: int | str | None = None,
    splits: int = 5,
    layers: str = "all",
    classifiers: str = "svm,softmax",
    pool: str = "mean",
    handcrafted: bool = True,
    seed: int = 0,
    unreadable: float = 0.01,
    out: str | None = None,
    data_root: str | None = None,
    device: str = "auto",
    jobs: int = 1,
    quiet: bool = False,
) -> "LayerTables":
    """Chop a network at each layer and learn a classifier there from a few labels: the table of the literature.

    Features of all layers come from one pass and are kept. Finished cells are kept when a probe is interrupted and
    started again. What a classifier leaves open is chosen by cross-validation on the labels shown of the first draw.

    Args:
        backbone: the network, see `landbridge backbones`; `hog` stands for hand-crafted features.
        domains: names, or paths of your own: one table each, and one picture of all.
        weights: a file, the folder of a finished run, `hub`, or `none`.
        shots: labelled examples a class, or several numbers with commas for the accuracy over them; by default all
            labels, and 30 where the domain has no test split of its own, as Caltech-101.
        splits: draws of the labelled examples, by seeds from `seed` on; a mean needs several. All labels are one draw.
        layers: `all` with weights, the `last` of them, the network's `output`, or numbers and names with commas.
        classifiers: `svm`, `softmax`, `knn`, `prototype`, `ncm`, `deep`, with commas.
        pool: how places become one vector: `mean`, `max`, `grid` or `flatten`.
        handcrafted: begin with a row of HOG features and a linear SVM, where scikit-image is installed.
        seed: of the first draw, and of fresh weights.
        unreadable: share of images that may be unreadable.
        out: folder; by default `runs/<time>-probe`.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: of the features: `auto`, `cpu`, `cuda`, `mps`.
        jobs: classifiers learned side by side.
        quiet: show no progress.

    Returns:
        One table a domain; `table.json`, `table.md` and `report.html` stand in the folder.

    Raises:
        LandbridgeError: something you can mend, in one line.

    Example:
        >>> found = probe("lenet", ["digits/handwritten"], shots=3, splits=2, classifiers="prototype", layers="1,last",
        ...               handcrafted=False, out=str(tmp / "probe"), quiet=True)
        >>> [row.name for row in found.tables[0].rows]
        ['Prototype (1)', 'Prototype (2)']
    """
    import shlex

    from landbridge.api._probing import Asked, run_probe, shots_in
    from landbridge.api._recipe import free_folder
    from landbridge.core.errors import LandbridgeError
    from landbridge.data.registry import load_domain

    if not domains:
        raise LandbridgeError("name a domain to probe on, as in: landbridge probe torchvision/alexnet caltech101")
    names = tuple(dict.fromkeys(filter(None, map(str.strip, classifiers.split(",")))))
    asked = Asked(
        backbone, weights, shots_in(shots), splits, layers, names, pool, seed, handcrafted, unreadable
    )  # fmt: skip
    words = ["landbridge", "probe", backbone, *domains]
    given = {"weights": weights, "shots": shots, "splits": splits, "layers": layers, "classifiers": classifiers}
    for name, value in (given | {"pool": pool, "seed": seed}).items():
        words += [f"--{name}", str(value)] if value is not None else []
    words += [] if handcrafted else ["--no-handcrafted"]
    loaded = [load_domain(name, data_root) for name in dict.fromkeys(domains)]
    return run_probe(free_folder(out, "probe"), loaded, asked, shlex.join(words), device=device, jobs=jobs, quiet=quiet)
