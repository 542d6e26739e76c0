"""What is said of the classes, as numbers that a generator can be conditional on."""

import warnings
from pathlib import Path

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, LandbridgeWarning
from landbridge.data.signatures import Signatures, load_signatures, shortened
from landbridge.segmentation.boundless.classes import ClassSpace

ATTRIBUTES = "attributes"
"""Our own table of the classes of streets."""

_OURS = {ATTRIBUTES: "streets", "words": "street-words"}


def load_descriptions(spec: str, space: ClassSpace, root: Path | None = None) -> Signatures:
    """The signatures of all classes, shared ones first.

    Args:
        spec: `attributes` for our own table of streets; `words:FILE` for word vectors, those that a file lacks composed
            of others (`tuk-tuk` = taxi + bike); a `.csv` of one's own; or whatever else `load_signatures` takes.
        space: the classes.
        root: the data root, for files of word vectors.

    Raises:
        UnknownNameError: no such source.
        MissingDataError: its files are not there.
        BadDataError: a class is not described, or two classes are described alike.
    """
    kind, colon, rest = spec.partition(":")
    with warnings.catch_warnings():
        # Of columns that tell nothing apart, as a table for several sets has: `conditions` takes none of them.
        warnings.simplefilter("ignore", LandbridgeWarning)
        return load_signatures(f"{_OURS.get(kind, kind)}{colon}{rest}", space.every, root)


def conditions(signatures: Signatures, space: ClassSpace) -> Tensor:
    """A row a class for a generator to be conditional on, float32 [K + P, A].

    Columns that are the same for all shared classes are left out: nothing can be learned about what they look like.
    Rows are scaled to length sqrt(A), so that they weigh as much as the noise beside them.

    Raises:
        BadDataError: what is left describes two classes alike.

    >>> table = Signatures(("car", "bike", "trike"), ("wheels", "bell"), torch.tensor([[1., 0], [.5, 0], [.75, 1]]),
    ...     "attributes", "mine")
    >>> conditions(table, ClassSpace(("car", "bike"), ("trike",))).shape
    torch.Size([3, 1])
    """
    values = signatures.of(space.every).values
    shared = values[: len(space.shared)]
    known = values[:, (shared != shared[:1]).any(0)]
    if not known.shape[1]:
        raise BadDataError(f"{signatures.source} says the same of all classes of the source: nothing can be learned")
    # What the source shows nothing of cannot tell a private class from another.
    for number in space.private_numbers:
        alike = (known == known[number]).all(1).nonzero().flatten().tolist()
        if len(alike) > 1:
            names = [space.every[place] for place in alike]
            raise BadDataError(
                f"{signatures.source}: what tells {shortened(names)} apart no class of the source has: describe them "
                "by attributes that some have"
            )
    lengths = torch.linalg.vector_norm(known, dim=1, keepdim=True).clamp_min(1e-12)
    scaled: Tensor = known * (float(known.shape[1]) ** 0.5 / lengths)
    return scaled
