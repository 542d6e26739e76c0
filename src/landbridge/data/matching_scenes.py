"""The classes of two dense domains, matched: the same, those of the smaller set, or merged into the coarser one."""

from landbridge.core.errors import BadDataError
from landbridge.data.domain import Domain
from landbridge.data.scene_classes import in_classes_of


def match_scenes(source: Domain, target: Domain) -> tuple[Domain, Domain, list[str]]:
    """Both domains with the same classes in the same order.

    Classes that one side lacks are void on the other; where one side has CamVid's 11 and the other Cityscapes', the
    latter are merged. A target without any classes takes the source's.

    Args:
        source: a domain with masks.
        target: another, or one without labels.

    Returns:
        Source, target, and what happened to their classes, a note each.

    Raises:
        BadDataError: a domain has one class an image or several, the source has no masks, or the classes do not match.

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
    for here, there in ((source, target), (target, source)):
        try:
            changed = in_classes_of(there, here.classes)
        except BadDataError:
            continue
        pair = (source, changed) if here is source else (changed, target)
        return *pair, _notes(there, changed)
    raise BadDataError(
        f"the classes of {source.name} and {target.name} do not match: {_only(source, target)}; "
        f"{_only(target, source)}; keep those that both have, as in '{source.name}?classes={_shared(source, target)}' "
        "and likewise behind the other, or name them alike in classes.csv"
    )


def _only(here: Domain, there: Domain) -> str:
    names = [name for name in here.classes if name not in there.classes]
    return f"only in {here.name}: {', '.join(names[:5])}{', ...' * (len(names) > 5)}"


def _shared(one: Domain, other: Domain) -> str:
    return ",".join(name for name in one.classes if name in other.classes) or "CLASS,CLASS"


def _notes(before: Domain, after: Domain) -> list[str]:
    """What became of a domain's classes."""
    gone = [name for name in before.classes if name not in after.classes]
    if not gone:
        return []
    made = [name for name in after.classes if name not in before.classes]
    if made:
        return [f"the {len(before.classes)} classes of {before.name} are merged into {len(after.classes)}"]
    return [f"{', '.join(gone)} of {before.name}: void, since the other domain has no such class"]
