"""`landbridge search`: the images of an index that look most like one's own."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from landbridge.retrieval import Index


def search(
    where: str,
    text: str | None = None,
    image: str | None = None,
    k: int = 10,
    backbone: str | None = None,
    weights: str | None = None,
    layer: str | None = None,
    pool: str | None = None,
    out: str | None = None,
    unreadable: float = 0.01,
    data_root: str | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> list[dict[str, Any]]:
    """Find the images that look most like a given one.

    Args:
        where: an index that `landbridge index` made; or a folder of images, or the name of a domain, of which an index
            is then made first and kept in the cache for the next time.
        text: what to look for, in words. No index takes words yet: those are made by networks that see images only.
        image: what to look for: an image file.
        k: how many hits.
        backbone: the network; by default that of the index. A folder of images needs one.
        weights: a file, `hub`, or `none`; by default those of the index, else none.
        layer: the layer whose features are compared; by default that of the index, else the network's own output.
        pool: `mean`, `max`, `grid` or `flatten`; by default that of the index, else `mean`.
        out: folder for results.json and report.html; runs/<time>-search by default.
        unreadable: share of images in a folder that may be unreadable.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda` or `mps`.
        quiet: show no progress.

    Returns:
        The hits, the nearest first: rank, score (a cosine), path, and the class where it is known.

    Raises:
        LandbridgeError: there is no such index, folder or image, or another network made the index.

    Example:
        >>> from PIL import Image
        >>> for shade in (0, 100, 250):
        ...     Image.new("RGB", (30, 30), (shade, 90, 90)).save(tmp / f"{shade}.png")
        >>> found = search(str(tmp), image=str(tmp / "100.png"), k=2, backbone="lenet", out=str(tmp / "o"), quiet=True)
        >>> found[0]["rank"], round(found[0]["score"], 3), found[0]["path"].endswith("100.png")
        (1, 1.0, True)
    """
    from pathlib import Path

    from landbridge.api._indexing import Maker, kept_index
    from landbridge.api._recipe import free_folder
    from landbridge.core.errors import LandbridgeError
    from landbridge.retrieval import made_by, open_index
    from landbridge.retrieval.files import is_index
    from landbridge.retrieval.index import at_least_one

    at_least_one(k)
    place = Path(where).expanduser()
    index = open_index(place) if is_index(place) else None
    if text is not None:
        network = backbone or (index.about.get("backbone") if index else None)
        raise LandbridgeError(
            f"'{text}' cannot be looked for: an index comes from a network that sees images only"
            f"{f' ({network})' if network else ''}, and text needs a dual encoder of images and text; "
            "look for an image instead, with --image FILE"
        )
    if image is None:
        raise LandbridgeError("there is nothing to look for: name an image file with --image FILE")
    maker = Maker(backbone, weights, layer, pool, index=index, device=device, quiet=quiet)
    if index is not None:
        made_by(index, maker.fingerprint)
    vector = maker.vector_of(Path(image).expanduser())
    if index is None:
        index = kept_index(where, maker, data_root, unreadable)
    scores, ids = index.search(vector, k)
    root = index.about.get("folder")
    hits = [
        {
            "rank": rank,
            "score": round(float(score), 6),
            "class": index.payload(id_).get("class"),
            "path": _readable(Path(root) / id_) if root else id_,
        }
        for rank, (score, id_) in enumerate(zip(scores[0], ids[0]), 1)
    ]
    words = ["landbridge", "search", where, "--image", image, "--k", str(k)]
    given = {"backbone": backbone, "weights": weights, "layer": layer, "pool": pool, "data-root": data_root}
    for name, value in given.items():
        words += [f"--{name}", value] if value is not None else []
    report = _write(free_folder(out, "search"), index, Path(image), ids[0], hits, shlex.join(words), data_root)
    if not quiet:
        print(f"report: {report}")
    return hits if any(hit["class"] is not None for hit in hits) else [_without_class(hit) for hit in hits]


def _write(
    folder: "Path",
    index: "Index",
    image: "Path",
    ids: Sequence[str],
    hits: Sequence[dict[str, Any]],
    command: str,
    data_root: str | None,
) -> "Path":
    """Write `results.json` and `report.html`."""
    from landbridge.api._collection import picture_in, pictures_of
    from landbridge.api._indexing import kind_of
    from landbridge.core.files import write_json
    from landbridge.reports.retrieval import LARGE, shown, write_search_report
    from landbridge.runs.result import versions

    about = {name: value for name, value in index.about.items() if name != "skipped"}
    own = _own_id(index, image)
    label = index.payload(own).get("class")
    write_json(
        folder / "results.json",
        {
            "query": str(image),
            "class": label,
            "hits": list(hits),
            "images": len(index),
            "metric": index.metric,
            "kind": kind_of(index),
            "about": about,
            "fingerprint": index.fingerprint,
            "versions": versions(),
            "command": command,
        },
    )
    cards = [
        shown(
            hit["path"],
            picture,
            label=hit["class"],
            score=hit["score"],
            fits=None if label is None or hit["class"] is None or id_ == own else hit["class"] == label,
            itself=id_ == own,
        )
        for id_, hit, picture in zip(ids, hits, pictures_of(index, ids, data_root))
    ]
    facts = [
        ("searched", f"{index.about.get('name')}, {len(index):,} images"),
        ("network", about.get("backbone", "unknown")),
        ("weights", about.get("weights") or "none: fresh ones"),
        ("features", f"{about.get('layer')}, {index.width:,} numbers an image"),
        ("index", "every image is compared" if kind_of(index) == "exact" else f"faiss, {kind_of(index)}"),
    ]
    query = shown(str(image), picture_in(image.expanduser()), LARGE, label=label)
    return write_search_report(folder, query, cards, facts, command)


def _own_id(index: "Index", image: "Path") -> str:
    """The id that the query has, or would have, in the index; empty where it lies elsewhere."""
    folder, place = index.about.get("folder"), image.expanduser().absolute()
    return place.relative_to(folder).as_posix() if folder is not None and place.is_relative_to(folder) else ""


def _readable(path: "Path") -> str:
    """The path from here where it lies below, else the whole."""
    from pathlib import Path

    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _without_class(hit: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in hit.items() if name != "class"}
