"""The classes of two dense domains, matched: the same, those of the smaller set, or merged into the coarser one."""

from collections.abc import Sequence

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.data.domain import Domain
from landbridge.data.scene_classes import in_classes_of

LABEL_SETS = ("closed", "open")
"""The classes that both domains have; those of the source and others, which the target alone has."""


def match_scenes(source: Domain, target: Domain, label_sets: str = "closed") -> tuple[Domain, Domain, list[str]]:
    """Both domains with their classes in the same order.

    Of `closed` label sets, classes that one side lacks are void on the other; where one side has CamVid's 11 and the
    other Cityscapes', the latter are merged. A target without any classes takes the source's. An `open` target keeps
    classes of its own, behind those of the source.

    Args:
        source: a domain with masks.
        target: another, or one without labels.
        label_sets: `closed` or `open`.

    Returns:
        Source, target, and what happened to their classes, a note each.

    Raises:
        BadDataError: a domain has one class an image or several, the source has no masks, or the classes do not match;
            or an open target has no class of its own, or lacks one of the source's.
        LandbridgeError: no such setting.

    >>> one, two = Domain("one", ("road", "car"), {}), Domain("two", ("car", "bus", "road"), {})
    >>> match_scenes(one, two)[1].classes
    Traceback (most recent call last):
    landbridge.core.errors.BadDataError: one has no class for each pixel: ...
    """
    if not source.dense:
        raise BadDataError(
            f"{source.name} has no class for each pixel: a segmenter learns from masks, as those of camvid/day or of a "
            "folder with images/, labels/ and classes.csv; classes of whole images are for landbridge adapt"
        )
    if target.classes and not target.dense:
        raise BadDataError(
            f"{target.name} has classes but no class for each pixel to measure a segmenter by: pass --unlabelled if it "
            "is a folder of images without masks"
        )
    check_label_sets(label_sets)
    if label_sets == "open":
        return source, *_opened(source, target)
    for here, there in ((source, target), (target, source)):
        try:
            changed = in_classes_of(there, here.classes)
        except BadDataError:
            continue
        pair = (source, changed) if here is source else (changed, target)
        return *pair, _notes(there, changed)
    kept = _keyed(source, "classes", _shared(source, target))
    raise BadDataError(
        f"the classes of {source.name} and {target.name} do not match: {_only(source, target)}; "
        f"{_only(target, source)}; keep those that both have, as in '{kept}' "
        "and likewise behind the other, or name them alike in classes.csv"
    )


def check_label_sets(label_sets: str) -> None:
    """Raise a `LandbridgeError` if there is no such setting for segmenters."""
    if label_sets not in LABEL_SETS:
        raise LandbridgeError(f"--label-sets of segmenters is {' or '.join(LABEL_SETS)}, not '{label_sets}'")


def private_of(source: Domain, target: Domain) -> tuple[str, ...]:
    """The classes that only the target has, in its order.

    >>> private_of(Domain("one", ("road", "car"), {}), Domain("two", ("car", "cow", "road"), {}))
    ('cow',)
    """
    return tuple(name for name in target.classes if name not in source.classes)


def _opened(source: Domain, target: Domain) -> tuple[Domain, list[str]]:
    """The target in the source's classes and its own behind them, and what is to be said of these."""
    if not target.classes:
        raise BadDataError(
            f"nobody knows which classes {target.name} has: an open target needs masks and their names (classes.csv); "
            "leave out --label-sets open"
        )
    own = private_of(source, target)
    if not own:
        raise BadDataError(
            f"{target.name} has no class that {source.name} lacks: leave out --label-sets open, or leave some out of "
            f"the source, as in '{_keyed(source, 'without', target.classes[-1:])}'"
        )
    if any(name not in target.classes for name in source.classes):
        raise BadDataError(
            f"an open target has all classes of the source, but {_only(source, target)}; leave them out of the source, "
            f"as in '{_keyed(source, 'without', private_of(target, source))}'"
        )
    note = f"{', '.join(own)}: only {target.name} has them, beside {len(source.classes)} classes that both have"
    return target.with_classes((*source.classes, *own)), [note]


def _only(here: Domain, there: Domain) -> str:
    names = [name for name in here.classes if name not in there.classes]
    return f"only in {here.name}: {', '.join(names[:5])}{', ...' * (len(names) > 5)}"


def _shared(one: Domain, other: Domain) -> list[str]:
    return [name for name in one.classes if name in other.classes] or ["CLASS", "CLASS"]


def _keyed(domain: Domain, key: str, classes: Sequence[str]) -> str:
    """A domain as one names it with a key more."""
    return f"{domain.name}{'&' if '?' in domain.name else '?'}{key}={','.join(classes)}"


def _notes(before: Domain, after: Domain) -> list[str]:
    """What became of a domain's classes."""
    gone = [name for name in before.classes if name not in after.classes]
    if not gone:
        return []
    made = [name for name in after.classes if name not in before.classes]
    if made:
        return [f"the {len(before.classes)} classes of {before.name} are merged into {len(after.classes)}"]
    return [f"{', '.join(gone)} of {before.name}: void, since the other domain has no such class"]
