"""`landbridge index`: an index of images, for finding those that look alike or that a sentence describes."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from landbridge.api._indexing import Maker
    from landbridge.retrieval import Index

JUDGED = 5000
"""Most images that look for others of their class; a sample by chance, where there are more, is soon known well."""


def index(
    folder: str,
    backbone: str | None = None,
    weights: str | None = None,
    model: str | None = None,
    out: str | None = None,
    layer: str | None = None,
    pool: str | None = None,
    factory: str | None = None,
    judge: bool = True,
    unreadable: float = 0.01,
    data_root: str | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> dict[str, Any]:
    """Make an index of the images of a folder or a domain, or bring one up to date.

    A network that sees images (`backbone`) makes an index that is searched by pictures; a dual encoder (`model`) one
    that is searched by sentences and recipes too. Where OUT holds an index of the same images by the same network, new
    and changed images are added, those gone are deleted, and nothing else is computed. Near means: by the cosine. Where
    classes are known, each image then looks for others of its class, itself left out: precision at 1, 5 and 10 and mean
    average precision say how good the features are at it.

    Args:
        folder: a folder of images at any depth (the outermost sub-folder is the class), or the name of a domain.
        backbone: the network, see `landbridge backbones`; by default what made the index in OUT. With `model`: your own
            factory, where the model's image encoder was made with one.
        weights: a file, `hub` for those that its publisher gives, a tag of open_clip, or `none`; by default as in OUT,
            else none. A saved model has its own.
        model: a dual encoder instead: a run of `landbridge align` or its `model/`; or `open_clip/NAME`, with `weights`.
        out: where the index lives: a folder, runs/<time>-index by default; or a place of Milvus: FILE.db (Milvus Lite),
            or http://HOST:PORT of a server (a token is read from MILVUS_TOKEN), with #COLLECTION where it holds more.
        layer: the layer whose features are taken; by default as in OUT, else the network's own output.
        pool: how places become one vector: `mean`, `max`, `grid` or `flatten`; by default as in OUT, else `mean`.
        factory: the kind of index: `exact`, or one of faiss's factory strings such as `HNSW32,Flat`; by default exact
            up to 50,000 images, above that `HNSW32,Flat`. In Milvus: FLAT (the default), HNSW, IVF_FLAT or AUTOINDEX.
        judge: tell precision and mean average precision where classes are known; metrics.json in OUT (for Milvus, in
            runs/<time>-index) has them by class.
        unreadable: share of images that may be unreadable.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda` or `mps`.
        quiet: show no progress.

    Returns:
        What is in the index, what was added and removed, and how well images find others of their class.

    Raises:
        LandbridgeError: there are no images, too many are unreadable, or OUT holds something else.

    Example:
        >>> made = index("digits/handwritten", "lenet", out=str(tmp / "index"), quiet=True)
        >>> made["images"] == made["added"], made["width"], made["precision_at_10"] > 0.5
        (True, 800, True)
        >>> index("digits/handwritten", out=str(tmp / "index"), quiet=True)["added"]
        0
    """
    from pathlib import Path

    from landbridge.api._collection import Collection
    from landbridge.api._indexing import maker_of
    from landbridge.api._recipe import free_folder
    from landbridge.api._upkeep import kind_of, up_to_date
    from landbridge.retrieval import is_there, is_vector_store, open_index
    from landbridge.retrieval.files import free_for_index

    in_folder = out is None or not is_vector_store(out)
    target: str | Path = free_folder(out, "index") if in_folder else str(out)
    if in_folder:
        free_for_index(Path(target))
    earlier = open_index(target) if is_there(target) else None
    collection = Collection(folder, data_root)
    maker = maker_of(model, backbone, weights, layer, pool, index=earlier, device=device, quiet=quiet)
    made, changes = up_to_date(earlier, collection, maker, where=target, factory=factory, unreadable=unreadable)
    if changes.any:
        made.save(target)
    told = {
        "index": str(target),
        "images": len(made),
        "added": changes.added,
        "removed": changes.removed,
        "unreadable": ", ".join([*changes.unreadable[:5], *["..."] * (len(changes.unreadable) > 5)]) or "none",
        **_network(maker),
        "width": made.width,
        "kind": kind_of(made),
    }
    if judge:
        told |= _judged(made, Path(target) if in_folder else free_folder(None, "index"))
    made.close()
    return told


def _network(maker: "Maker") -> dict[str, Any]:
    """What made the vectors, in brief."""
    about = maker.about()
    if "model" not in about:
        return {"backbone": maker.name, "weights": maker.weights or "none"}
    return {"model": maker.name} | ({"weights": maker.weights} if maker.weights else {})


def _judged(made: "Index", folder: "Path") -> dict[str, Any]:
    """How well images find others of their class: in brief; all of it stands in metrics.json.

    Nothing, where no class has two images.
    """
    import numpy as np

    from landbridge.core.files import write_json
    from landbridge.evaluation.retrieval import leave_one_out
    from landbridge.runs.result import versions

    labels = [made.payload(id_).get("class") for id_ in made.ids]
    known = np.array([label is not None for label in labels], dtype=bool)
    classes, numbers, sizes = np.unique(
        [label for label in labels if label is not None], return_inverse=True, return_counts=True
    )
    if not (sizes > 1).any():
        return {}
    found = leave_one_out(made.vectors[known], numbers, metric=made.metric, most=JUDGED)
    by_class = {str(classes[number]): asdict(own) for number, own in found.by_class.items()}
    written = {
        "protocol": "leave-one-out: each query is looked for among all other images that have a class",
        **found.to_json(),
        "by_class": by_class,
        "without_class": int((~known).sum()),
        "metric": made.metric,
        "fingerprint": made.fingerprint,
        "about": {name: value for name, value in made.about.items() if name != "skipped"},
        "versions": versions(),
    }
    write_json(folder / "metrics.json", written)
    weakest = sorted(by_class, key=lambda name: by_class[name]["precision"][10])[:5]
    return {
        "classes": len(by_class),
        "queries": found.queries,
        **{f"precision_at_{k}": value for k, value in found.precision.items()},
        "mean_average_precision": found.mean_average_precision,
        "mean_class_precision_at_10": found.mean_class_precision[10],
        "mean_class_average_precision": found.mean_class_average_precision,
        "weakest_at_10": {name: by_class[name]["precision"][10] for name in weakest},
        "metrics": str(folder / "metrics.json"),
    }
