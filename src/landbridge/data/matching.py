"""The classes of two domains, matched by name: the same ones, or some that only one side has."""

from dataclasses import replace

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.data.domain import Domain

UNKNOWN = "unknown"
"""The class of all target examples whose own class the source lacks; always the last."""

LABEL_SETS = ("closed", "partial", "open")
"""The target has the source's classes; some of them; all of them and others."""

_CLOSED = (
    "rename the folders so that they agree, say --label-sets partial or open if they rightly differ, "
    "or pass --unlabelled if the target's are meaningless"
)


def match_classes(source: Domain, target: Domain, advice: str = _CLOSED, *, dense: bool = False) -> Domain:
    """The target with its classes in the source's order, matched by name.

    Args:
        source: a domain with classes.
        target: a domain with the same classes in any order, or with none known.
        advice: what to do where they differ.
        dense: whether both may have a label for each pixel.

    Raises:
        BadDataError: the names differ; the message says which stand on one side only. Or an example may have several
            labels: what pairs domains trains or measures classifiers of one class an example.

    >>> one = Domain("one", ("cat", "dog"), {})
    >>> match_classes(one, Domain("two", ("dog", "cat"), {})).classes
    ('cat', 'dog')
    >>> match_classes(one, Domain("two", ("cat", "cow"), {}))
    Traceback (most recent call last):
    landbridge.core.errors.BadDataError: the classes of one and two differ: only in one: dog; only in two: cow; ...
    """
    if not (dense and source.dense and target.dense):
        _check_one_class_each(source, target)
    sides = [*_only(source, target), *_only(target, source)]
    if target.classes and sides:
        raise BadDataError(f"the classes of {source.name} and {target.name} differ: {'; '.join(sides)}; {advice}")
    return target.with_classes(source.classes)


def match_label_sets(source: Domain, target: Domain, label_sets: str = "closed") -> tuple[Domain, Domain]:
    """Both domains with the same classes in the same order, where the target may have fewer or more than the source.

    Args:
        source: a domain with classes.
        target: the other, or one whose classes nobody knows.
        label_sets: `closed`: the same classes. `partial`: the target may lack some. `open`: it may have others, all of
            which become one class more, `unknown`, of both domains, the last.

    Raises:
        BadDataError: classes that the setting does not allow, or that `match_classes` refuses.
        LandbridgeError: no such setting.

    >>> one, two = Domain("one", ("cat", "dog"), {}), Domain("two", ("cow", "dog", "cat"), {})
    >>> [domain.classes for domain in match_label_sets(one, two, "open")]
    [('cat', 'dog', 'unknown'), ('cat', 'dog', 'unknown')]
    >>> match_label_sets(one, two, "partial")
    Traceback (most recent call last):
    landbridge.core.errors.BadDataError: a partial target has no classes of its own, but only in two: cow; ...
    """
    check_label_sets(label_sets)
    if label_sets == "closed":
        return source, match_classes(source, target)
    _check_one_class_each(source, target)
    if label_sets == "partial":
        if target.classes and (own := _only(target, source)):
            raise BadDataError(f"a partial target has no classes of its own, but {own[0]}; say --label-sets open")
        return source, target.with_classes(source.classes)
    if UNKNOWN in source.classes:
        raise BadDataError(
            f"{source.name} has a class '{UNKNOWN}', which an open target's other classes are called: rename it"
        )
    if target.classes and (missing := _only(source, target)):
        raise BadDataError(
            f"an open target has all classes of the source, but {missing[0]}; leave them out of the source with "
            f"{source.name}?without=..."
        )
    classes = (*source.classes, UNKNOWN)
    named = tuple(name if name in source.classes else UNKNOWN for name in target.classes)
    return source.with_classes(classes), replace(target, classes=named).with_classes(classes)


def check_label_sets(label_sets: str) -> None:
    """Raise a `LandbridgeError` if there is no such setting."""
    if label_sets not in LABEL_SETS:
        raise LandbridgeError(f"--label-sets is {', '.join(LABEL_SETS[:-1])} or {LABEL_SETS[-1]}, not '{label_sets}'")


def _check_one_class_each(*domains: Domain) -> None:
    for domain in domains:
        if domain.dense:
            raise BadDataError(
                f"an example of {domain.name} has a label for each pixel, but this takes one class an example: "
                "segmenters are trained by landbridge segment"
            )
        if domain.multi_label:
            raise BadDataError(
                f"an example of {domain.name} may have several labels, but adapting and evaluating a classifier takes "
                "one class an example: take another domain"
            )


def _only(here: Domain, there: Domain) -> list[str]:
    """The classes that stand on this side only, in a phrase; nothing where there are none."""
    only = [name for name in here.classes if name not in there.classes]
    shown = ", ".join(only[:5]) + (f" and {len(only) - 5} more" if len(only) > 5 else "")
    return [f"only in {here.name}: {shown}"] if only else []
