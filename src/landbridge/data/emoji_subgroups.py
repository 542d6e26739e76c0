"""Emoji by Unicode's subgroups, which the words of their names and keywords describe."""

from collections.abc import Sequence
from pathlib import Path

import torch

from landbridge.core.errors import BadDataError
from landbridge.data import emoji
from landbridge.data.domain import Domain
from landbridge.data.signatures import Signatures, shortened
from landbridge.data.word_vectors import vector_file, word_vectors, words_of

SUBGROUPS = (
    "face-smiling", "face-affection", "face-tongue", "face-hand", "face-neutral-skeptical", "face-sleepy",
    "face-unwell", "face-hat", "face-glasses", "face-concerned", "face-negative", "face-costume", "cat-face",
    "monkey-face", "emotion", "hand-fingers-open", "hand-fingers-partial", "hand-single-finger", "hand-fingers-closed",
    "hands", "hand-prop", "body-parts", "person", "person-gesture", "person-role", "person-fantasy",
    "person-activity", "person-sport", "person-resting", "family", "person-symbol", "hair-style", "skin-tone",
    "animal-mammal", "animal-bird", "animal-amphibian", "animal-reptile", "animal-marine", "animal-bug",
    "plant-flower", "plant-other", "food-fruit", "food-vegetable", "food-prepared", "food-asian", "food-marine",
    "food-sweet", "drink", "dishware", "place-map", "place-geographic", "place-building", "place-religious",
    "place-other", "transport-ground", "transport-water", "transport-air", "hotel", "time", "sky-weather", "event",
    "award-medal", "sport", "game", "arts-crafts", "clothing", "sound", "music", "musical-instrument", "phone",
    "computer", "light-video", "book-paper", "money", "mail", "writing", "office", "lock", "tool", "science",
    "medical", "household", "other-object", "transport-sign", "warning", "arrow", "religion", "zodiac", "av-symbol",
    "gender", "math", "punctuation", "currency", "other-symbol", "keycap", "alphanum", "geometric", "flag",
)  # fmt: skip
"""Unicode's names of the subgroups, by the numbers that the table has."""

LEAST = 5
"""Emoji that a subgroup must have to be a class."""


def load(variant: str | None, root: Path | None) -> Domain:
    """Emoji by vendor, or of `all` four, with Unicode's subgroups of at least five emoji as classes.

    Expects what `emoji` does, with the column `subgroup` (0 to 97). The split is 80 / 20 by a hash of the code point, a
    subgroup at a time, and the same for all vendors.
    """
    members = _members(root)
    class_of = {row["codepoint"]: name for name, rows in members.items() for row in rows}
    return emoji.drawn(f"emoji-subgroups/{variant}", str(variant), class_of, root)


def signatures(file: str | None, classes: Sequence[str], root: Path | None) -> Signatures:
    """For each subgroup the mean vector of all words in the names and keywords of its emoji that the file knows.

    Every emoji counts once, its words are averaged first; and so does a word that it repeats.

    Raises:
        MissingDataError: no such file.
        BadDataError: it knows none of the words.
    """
    path = vector_file(file, root)
    said = {
        name: [set(words_of(f"{row['name']} {row['keywords']}")) for row in rows]
        for name, rows in _members(root).items()
    }
    every = sorted({word for emojis in said.values() for words in emojis for word in words})
    known = word_vectors(path, every)
    if not known:
        raise BadDataError(f"{path.name} knows none of the words of the emoji ({shortened(every)})")
    means = {}
    for name, emojis in said.items():
        told = [[known[word] for word in sorted(words) if word in known] for words in emojis]
        if any(told):
            means[name] = torch.stack([torch.stack(vectors).mean(0) for vectors in told if vectors]).mean(0)
    values = torch.stack(list(means.values()))
    names = tuple(f"d{number}" for number in range(values.shape[1]))
    return Signatures(tuple(means), names, values, "word vectors", f"names and keywords in {path.name}")


def _members(root: Path | None) -> dict[str, list[dict[str, str]]]:
    """The rows of the emoji of each subgroup that is large enough."""
    rows = emoji.metadata(root, ("codepoint", "name", "keywords", "subgroup"))
    by_name: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        if not row["subgroup"].isdecimal() or int(row["subgroup"]) >= len(SUBGROUPS):
            raise BadDataError(f"emoji/metadata.csv: the subgroup of {row['codepoint']} is no number from 0 to 97")
        by_name.setdefault(SUBGROUPS[int(row["subgroup"])], []).append(row)
    members = {name: rows for name, rows in by_name.items() if len(rows) >= LEAST}
    if not members:
        raise BadDataError(f"emoji/metadata.csv has no subgroup of at least {LEAST} emoji")
    return members
