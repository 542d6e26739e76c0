"""Animals with Attributes 2: 50 animals and their 85 attributes, and those of the animals that are emoji."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from landbridge.core.errors import BadDataError, UnknownNameError
from landbridge.data import emoji
from landbridge.data.domain import Domain
from landbridge.data.folders import looked_for
from landbridge.data.signatures import Signatures

_MATRICES = ("continuous", "binary")


def signatures(variant: str | None, classes: Sequence[str], root: Path | None) -> Signatures:
    """The attributes of all 50 animals (Xian et al., TPAMI 2018; the matrix is Osherson's, Kemp's and Lampert's).

    Expects the base archive in `zsl_attributes/AwA2` or `AwA2`: `classes.txt`, `predicates.txt` and
    `predicate-matrix-continuous.txt` (0 to 100) or `-binary.txt` (0 or 1).

    Args:
        variant: `continuous` (default) or `binary`.
        classes: not looked at.
        root: the data root.
    """
    variant = variant or _MATRICES[0]
    if variant not in _MATRICES:
        raise UnknownNameError(f"awa2 has the matrices {' and '.join(_MATRICES)}, not '{variant}'")
    folder = _folder(root)
    animals, attributes = _listed(folder / "classes.txt"), _listed(folder / "predicates.txt")
    path = folder / f"predicate-matrix-{variant}.txt"
    try:
        matrix = np.loadtxt(path, dtype=np.float32, ndmin=2)
    except ValueError as error:
        raise BadDataError(f"{path} is no table of numbers ({error}): fetch it anew") from error
    if matrix.shape != (len(animals), len(attributes)):
        raise BadDataError(f"{path} is {matrix.shape[0]} x {matrix.shape[1]}, not {len(animals)} x {len(attributes)}")
    # -1 stands where nobody rated; the binary matrix has 0 there.
    values = torch.from_numpy(matrix).clamp(min=0)
    return Signatures(animals, attributes, values, "attributes", f"AwA2's attributes, {variant}")


def load(variant: str | None, root: Path | None) -> Domain:
    """The animals of AwA2 that are emoji, one picture each and vendor; the groups of `all` are the vendors.

    Expects `zsl_attributes/awa2_to_emoji.json` (name -> code points) and the pictures of the domain `emoji`. There is
    no split: train on some vendors and test on another, as in `emoji-animals/all?without-group=fluent`.
    """
    path = looked_for("emoji-animals", root, ["zsl_attributes/awa2_to_emoji.json", "awa2_to_emoji.json"])
    try:
        code_of = dict(json.loads(path.read_text(encoding="utf-8")).items())
    except (ValueError, AttributeError) as error:
        raise BadDataError(f"{path} is no JSON of name: code point ({error})") from error
    known = {_bare(row["codepoint"]): row["codepoint"] for row in emoji.metadata(root, ("codepoint", "name"))}
    class_of = {known[_bare(code)]: name for name, code in code_of.items() if _bare(code) in known}
    if not class_of:
        raise BadDataError(f"{path} names no emoji that emoji/metadata.csv has")
    return emoji.drawn(f"emoji-animals/{variant}", str(variant), class_of, root, split=False)


def unseen(root: Path | None) -> tuple[str, ...]:
    """The ten animals that the proposed split holds out (Xian et al., TPAMI 2018); eight of them are emoji."""
    path = _folder(root) / "testclasses.txt"
    return tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())


def _bare(code: str) -> str:
    """Code points without joiners and variation selectors, which not everyone writes."""
    return "-".join(point for point in code.upper().split("-") if point not in ("200D", "FE0F"))


def _folder(root: Path | None) -> Path:
    return looked_for("awa2", root, ["zsl_attributes/AwA2", "AwA2", "Animals_with_Attributes2"])


def _listed(path: Path) -> tuple[str, ...]:
    """The names in a file of `number name` lines."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    if not lines or any(len(line) != 2 for line in lines):
        raise BadDataError(f"{path} is no list of 'NUMBER NAME' lines: fetch AwA2's base archive anew")
    return tuple(name for _, name in lines)
