"""A table of animals by hand (furry, four legs, tail, ...), and emoji of them."""

from collections.abc import Sequence
from pathlib import Path

from landbridge.core.errors import BadDataError
from landbridge.data import emoji
from landbridge.data.attribute_tables import read_table
from landbridge.data.domain import Domain
from landbridge.data.signatures import Signatures

TABLE = Path(__file__).parent / "tables" / "animals.csv"

DRAWN = {
    "dog": "1F415 1F9AE 1F415-200D-1F9BA 1F429",
    "chimp": "1F98D 1F9A7",
    "fish": "1F41F 1F420 1F421",
    "cat": "1F408 1F408-200D-2B1B",
    "big cat": "1F405 1F406",
    "bear": "1F43B 1F43C 1F43B-200D-2744-FE0F",
    "horse": "1F40E 1F993",
    "pig": "1F416 1F417",
    "cow": "1F402 1F403 1F404",
    "goat": "1F40F 1F410",
    "deer": "1F98C",
    "sheep": "1F411",
    "elephant": "1F418 1F9A3",
    "rhinoceros": "1F98F",
    "bird": "1F426 1F54A 1F985 1F99C",
    "chick": "1F423 1F424 1F425",
    "bat": "1F987",
    "water bird": "1F986 1F9A2",
    "lizard": "1F98E 1F40A",
    "turtle": "1F422",
    "frog": "1F438",
    "snake": "1F40D",
    "whale": "1F40B 1F433",
    "dolphin": "1F42C",
    "seal": "1F9AD",
    "octopus": "1F419 1F991",
    "crab": "1F980 1F99E",
    "insect": "1F41C 1FAB2 1F41E 1F997 1FAB3",
    "bee": "1F41D 1F99F 1FAB0",
    "snail": "1F40C",
}
"""Animal -> code points of its emoji. There is no chimpanzee: gorilla and orang-utan stand in."""


def load(variant: str | None, root: Path | None) -> Domain:
    """The animals of the table as emoji, by vendor; the groups of `all` are the vendors.

    Expects the files of the domain `emoji`. There is no split: train on some vendors and test on another, as in
    `emoji-zoo/all?without-group=fluent`.
    """
    known = {row["codepoint"] for row in emoji.metadata(root, ("codepoint", "name"))}
    class_of = {code: animal for animal, codes in DRAWN.items() for code in codes.split() if code in known}
    if not class_of:
        raise BadDataError("emoji/metadata.csv has none of the animals: fetch it anew")
    return emoji.drawn(f"emoji-zoo/{variant}", str(variant), class_of, root, split=False)


def signatures(variant: str | None, classes: Sequence[str], root: Path | None) -> Signatures:
    """The table: 30 animals, 13 attributes, 0 or 1; its first three columns are those of many a lecture."""
    return read_table(TABLE, "the animals' table")


def unseen(root: Path | None) -> tuple[str, ...]:
    """The animals that zero-shot learning holds out: three that thirteen coarse attributes tell well apart."""
    return ("fish", "sheep", "bee")
