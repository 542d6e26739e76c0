"""`landbridge evaluate`: how good a saved model is on a labelled domain."""

from typing import Any


def evaluate(
    model: str,
    domain: str,
    split: str = "test",
    backbone: str | None = None,
    data_root: str | None = None,
    unreadable: float = 0.01,
) -> dict[str, Any]:
    """Measure a saved model on any domain that has its classes.

    Args:
        model: folder of a run, or its `model/`.
        domain: name or path of the domain.
        split: `test`, `train`, or `all`.
        backbone: your own factory, where the model was made with one.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        unreadable: share of images that may be unreadable.

    Returns:
        `accuracy`, `mean_class_accuracy` (0 to 1; None without labels), `per_class_accuracy` by class name, `examples`,
        and what was asked.

    Raises:
        LandbridgeError: no such model or domain, or their classes differ.

    Example:
        >>> from landbridge import adapt
        >>> run = adapt("digits/printed", "digits/handwritten", steps=4, out=str(tmp / "evaluated"), quiet=True)
        >>> evaluate(str(run.folder), "digits/handwritten")["examples"]
        500
    """
    from landbridge.api._recipe import ready_domain
    from landbridge.data.domain import Domain, match_classes
    from landbridge.evaluation.metrics import evaluate as measure
    from landbridge.nn.models import Classifier

    loaded = Classifier.load(model, backbone)
    raw = ready_domain(domain, data_root, loaded.preprocessing.size, False, unreadable)
    scores = measure(loaded, match_classes(Domain(f"model {model}", loaded.classes, {}), raw).unlabelled(split))
    by_class = scores.per_class_accuracy
    return {
        "model": model,
        "domain": domain,
        "split": split,
        "accuracy": scores.accuracy,
        "mean_class_accuracy": scores.mean_class_accuracy,
        "examples": scores.examples,
        "per_class_accuracy": None if by_class is None else dict(zip(loaded.classes, by_class)),
    }
