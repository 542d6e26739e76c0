"""`landbridge evaluate`: how good a saved model is on a labelled domain."""

from typing import Any


def evaluate(
    model: str,
    domain: str,
    split: str = "test",
    label_sets: str = "closed",
    backbone: str | None = None,
    data_root: str | None = None,
    unreadable: float = 0.01,
) -> dict[str, Any]:
    """Measure a saved model on any domain that has its classes.

    Args:
        model: folder of a run, or its `model/`.
        domain: name or path of the domain.
        split: `test`, `train`, or `all`.
        label_sets: `closed`, or `partial` for a domain that lacks some of the model's classes. A model that knows
            `unknown` takes all classes that are not its own for that. Of a segmenter `closed`, or `open` to count
            classes that it does not know too.
        backbone: your own factory, where the model was made with one.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        unreadable: share of images that may be unreadable.

    Returns:
        `accuracy`, `mean_class_accuracy` (0 to 1; None without labels), `per_class_accuracy` by class name, `examples`,
        and what was asked; of a model that knows `unknown` also `known_accuracy`, `unknown_accuracy`, `all_accuracy`
        and `h_score`. Of a segmenter `miou`, `pixel_accuracy`, `mean_class_accuracy`, `per_class_iou` and `class_set`,
        over images and masks of their own size; classes that the model does not know are void, unless label sets are
        open; and where some classes were no class of its source, `shared_miou`, `private_miou` and `harmonic_miou`.

    Raises:
        LandbridgeError: no such model or domain, or their classes differ.

    Example:
        >>> from landbridge import adapt
        >>> run = adapt("digits/printed", "digits/handwritten", steps=4, out=str(tmp / "evaluated"), quiet=True)
        >>> evaluate(str(run.folder), "digits/handwritten")["examples"]
        500
    """
    from landbridge.api._recipe import ready_domain
    from landbridge.data.domain import Domain
    from landbridge.data.matching import UNKNOWN, match_label_sets
    from landbridge.evaluation.metrics import evaluate as measure
    from landbridge.nn.models import Classifier, describe, model_folder
    from landbridge.nn.segmenter_model import KIND as SEGMENTER

    if describe(model_folder(model))["kind"] == SEGMENTER:
        from landbridge.api._segmented import evaluate_segmenter

        return evaluate_segmenter(model, domain, split, backbone, data_root, unreadable, label_sets)
    loaded = Classifier.load(model, backbone)
    raw = ready_domain(domain, data_root, loaded.preprocessing.size, False, unreadable)
    opened = loaded.classes[-1] == UNKNOWN and UNKNOWN not in raw.classes
    known = Domain(f"model {model}", loaded.classes[:-1] if opened else loaded.classes, {})
    _, matched = match_label_sets(known, raw, "open" if opened else label_sets)
    scores = measure(loaded, matched.unlabelled(split), open_set=opened)
    by_class = scores.per_class_accuracy
    return {
        "model": model,
        "domain": domain,
        "split": split,
        "accuracy": scores.accuracy,
        "mean_class_accuracy": scores.mean_class_accuracy,
        **scores.open_set,
        "examples": scores.examples,
        "per_class_accuracy": None if by_class is None else dict(zip(loaded.classes, by_class)),
    }
