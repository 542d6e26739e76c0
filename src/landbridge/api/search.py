"""`landbridge search`: the images of an index that look most like one's own, or that fit a sentence or a recipe."""

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from landbridge.api._asking import Query
    from landbridge.retrieval import Index


def search(
    where: str,
    query: str | None = None,
    image: str | None = None,
    recipe: str | None = None,
    k: int = 10,
    backbone: str | None = None,
    weights: str | None = None,
    model: str | None = None,
    layer: str | None = None,
    pool: str | None = None,
    out: str | None = None,
    unreadable: float = 0.01,
    data_root: str | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> list[dict[str, Any]]:
    """Find the images that look most like a given one, or that fit a sentence or a recipe best.

    Args:
        where: an index that `landbridge index` made, its folder or its place in Milvus; or a folder of images, or the
            name of a domain, of which an index is then made first and kept in the cache for the next time.
        query: what to look for: an image file that is there; all else is a sentence, for which the index must come from
            a dual encoder (`landbridge index --model`).
        image: what to look for: an image file, whatever its name.
        recipe: what to look for: the text of a recipe, or a file with it (free text, or .json with `title`,
            `ingredients` and `instructions`), any field of which may be missing; the index must come from a model of
            images and recipes.
        k: how many hits.
        backbone: the network; by default what made the index. A folder of images needs one, or `model`. With `model`:
            your own factory, where the model's image encoder was made with one.
        weights: a file, `hub`, or `none`; by default those of the index, else none.
        model: a dual encoder: a run of `landbridge align` or its `model/`, or `open_clip/NAME`; by default as in the
            index.
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
        LandbridgeError: there is no such index, folder or image, another network made the index, or the network that
            made it cannot read the query.

    Example:
        >>> from PIL import Image
        >>> for shade in (0, 100, 250):
        ...     Image.new("RGB", (30, 30), (shade, 90, 90)).save(tmp / f"{shade}.png")
        >>> found = search(str(tmp), str(tmp / "100.png"), k=2, backbone="lenet", out=str(tmp / "o"), quiet=True)
        >>> found[0]["rank"], round(found[0]["score"], 3), found[0]["path"].endswith("100.png")
        (1, 1.0, True)
        >>> search(str(tmp), "a dog on a beach", backbone="lenet", quiet=True)
        Traceback (most recent call last):
        landbridge.core.errors.LandbridgeError: 'a dog on a beach' cannot be looked for: lenet sees images only; ...
    """
    from pathlib import Path

    from landbridge.api._asking import query_of
    from landbridge.api._collection import Collection
    from landbridge.api._indexing import maker_of
    from landbridge.api._recipe import flags, free_folder
    from landbridge.api._upkeep import kept_index
    from landbridge.retrieval import is_there, is_vector_store, made_by, open_index
    from landbridge.retrieval.index import at_least_one

    at_least_one(k)
    asked = query_of(query, image, recipe)
    place = where if is_vector_store(where) else str(Path(where).expanduser())
    index = open_index(place) if is_vector_store(place) or is_there(place) else None
    collection = Collection(where, data_root) if index is None else None
    maker = maker_of(model, backbone, weights, layer, pool, index=index, device=device, quiet=quiet)
    if index is not None:
        made_by(index, maker.fingerprint)
    asked = asked.seen_by(maker)
    vector = asked.vector(maker)
    if collection is not None:
        index = kept_index(collection, maker, unreadable)
    assert index is not None
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
    words = ["landbridge", "search", where, *([query] if query is not None else [])]
    given = {
        "image": image, "recipe": recipe, "k": k, "backbone": backbone, "model": model, "weights": weights,
        "layer": layer, "pool": pool, "data_root": data_root,
    }  # fmt: skip
    command = shlex.join([*words, *flags({name: value for name, value in given.items() if value is not None}, {})])
    report = _write(free_folder(out, "search"), index, asked, ids[0], hits, command, data_root)
    index.close()
    if not quiet:
        print(f"report: {report}")
    return hits if any(hit["class"] is not None for hit in hits) else [_without_class(hit) for hit in hits]


def _write(
    folder: "Path",
    index: "Index",
    asked: "Query",
    ids: Sequence[str],
    hits: Sequence[Mapping[str, Any]],
    command: str,
    data_root: str | None,
) -> "Path":
    """Write `results.json` and `report.html`."""
    from landbridge.api._collection import picture_in, pictures_of
    from landbridge.api._upkeep import kind_of
    from landbridge.core.files import write_json
    from landbridge.reports.recipes import AskedRecipe, write_recipe_report
    from landbridge.reports.retrieval import LARGE, shown, write_search_report
    from landbridge.runs.result import versions

    about = {name: value for name, value in index.about.items() if name != "skipped"}
    own = "" if asked.image is None else _own_id(index, asked.image)
    label = index.payload(own).get("class") if own else None
    write_json(
        folder / "results.json",
        {
            "query": asked.said,
            "query_kind": asked.kind,
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
    facts = _facts(index)
    if asked.recipe is not None:
        return write_recipe_report(folder, [AskedRecipe(asked.recipe, cards, None, len(index))], facts, command)
    if asked.image is None:
        return write_search_report(folder, asked.said, cards, facts, command)
    query = shown(str(asked.image), picture_in(asked.image.expanduser()), LARGE, label=label)
    return write_search_report(folder, query, cards, facts, command)


def _facts(index: "Index") -> list[tuple[str, str]]:
    """What was searched, and how."""
    from landbridge.api._upkeep import said_kind

    about = index.about
    if "model" in about:
        maker = [("model", about["model"]), ("encoders", f"{about['backbone']} and {about['text_encoder']}")]
        maker += [("weights", about["weights"])] if about.get("weights") else []
        features = f"in the space of images and texts, {index.width:,} numbers an image"
    else:
        maker = [("network", about.get("backbone", "unknown")), ("weights", about.get("weights") or "none: fresh ones")]
        features = f"{about.get('layer')}, {index.width:,} numbers an image"
    return [
        ("searched", f"{about.get('name')}, {len(index):,} images"),
        *maker,
        ("features", features),
        ("index", said_kind(index)),
    ]


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
