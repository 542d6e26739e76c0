"""What is said of the classes of streets: a table of attributes by hand, and word vectors, composed where none is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import torch

from landbridge.core.errors import BadDataError
from landbridge.data.attribute_tables import read_table
from landbridge.data.signatures import Signatures, shortened
from landbridge.data.word_vectors import name_vectors, vector_file

TABLE = Path(__file__).parent / "tables" / "streets.csv"

COMPOSED: Mapping[str, str] = MappingProxyType({
    "tuk-tuk": "taxi bike",
    "autorickshaw": "taxi bike",
    "rickshaw": "taxi bicycle",
    "bicyclist": "bike rider",
    "pedestrian": "walking person",
    "sidewalk": "walking path",
    "pavement": "walking path",
    "curb": "road edge",
    "billboard": "poster sign",
    "motorcycle": "motor bike",
})  # fmt: skip
"""Class -> words whose mean stands for it where a file of word vectors lacks its name."""


def attributes(variant: str | None, classes: Sequence[str], root: Path | None) -> Signatures:
    """The table by hand: the classes of Cityscapes and CamVid, and tuk-tuk, rickshaw, animal, curb, billboard.

    27 attributes in [0, 1], chosen for what a picture shows, and graded where a new class lies between known ones: a
    tuk-tuk has 0.75 wheels and is half open, between a car (1, 0) and a motorcycle (0.5, 1). Classes that different
    sets have under different names (sidewalk, pavement) have equal rows, and no set has both.
    """
    return read_table(TABLE, "the streets' table")


def words(file: str | None, classes: Sequence[str], root: Path | None) -> Signatures:
    """Vectors of the classes' names; of those that the file lacks, the mean vector of the words in `COMPOSED`.

    Which were composed stands in `source`, and so with every number.

    Args:
        file: the file of word vectors, as `landbridge.data.word_vectors.vector_file` finds it.
        classes: names of classes.
        root: the data root.

    Raises:
        MissingDataError: no such file.
        BadDataError: it knows none of the names.
    """
    path = vector_file(file, root)
    found, missing = name_vectors(path, classes)
    lacking = {name: COMPOSED[name] for name in classes if name not in found and name in COMPOSED}
    composed, still = name_vectors(path, list(lacking.values()))
    found |= {name: composed[said] for name, said in lacking.items() if said in composed}
    if not found:
        raise BadDataError(f"{path.name} knows none of the {len(classes)} names (lacks {shortened(missing)})")
    known = [name for name in classes if name in found]
    made = [f"{name} = {lacking[name].replace(' ', ' + ')}" for name in known if name in lacking]
    columns = tuple(f"d{number}" for number in range(len(found[known[0]])))
    advice = f"it has no {shortened([*missing, *still])}; take a larger file, or attributes"
    source = f"words of {path.name}" + (f", composed: {', '.join(made)}" if made else "")
    return Signatures(
        tuple(known), columns, torch.stack([found[name] for name in known]), "word vectors", source, advice
    )
