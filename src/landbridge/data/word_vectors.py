"""Word vectors in the text formats of GloVe and word2vec."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.signatures import Signatures, shortened

Vectors = dict[str, Tensor]
"""Word -> float32 [D]."""


def read_vectors(path: Path, words: Iterable[str]) -> Vectors:
    r"""The vectors of some words; the others in the file are passed over without being parsed.

    A line is a word and its numbers, parted by spaces (GloVe; Pennington et al., EMNLP 2014); a first line with the
    count of words and the width (word2vec; Mikolov et al., NeurIPS 2013) may stand before them.

    Args:
        path: the file.
        words: as they are spelt in the file; those that it lacks are not in the result.

    Raises:
        BadDataError: the file has no vectors, or a line has too few numbers.

    >>> _ = (tmp / "tiny.txt").write_text("2 3\ndog 1 2 3\nfish 4 5 6\n")
    >>> read_vectors(tmp / "tiny.txt", ["fish", "chimp"])
    {'fish': tensor([4., 5., 6.])}
    """
    wanted = {word.encode(): word for word in words}
    found: Vectors = {}
    width = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not width:
                parts = line.split()
                if number == 1 and len(parts) == 2 and all(part.isdigit() for part in parts):
                    continue  # word2vec's header
                width = len(parts) - 1
            word = wanted.get(line[: line.find(b" ")])
            if word is None or word in found:
                continue
            cells = line.split()[1:]
            if len(cells) > width:
                continue  # an entry of several words, as some of GloVe's are
            found[word] = _vector(cells, width, f"{path}, line {number}")
    if width < 1:
        raise BadDataError(f"{path} holds no word vectors: a line must be a word and its numbers, parted by spaces")
    return found


def _vector(cells: list[bytes], width: int, where: str) -> Tensor:
    try:
        values = torch.tensor([float(cell) for cell in cells])
    except ValueError as error:
        raise BadDataError(f"{where}: {error}; is this a file of word vectors in text format?") from error
    if len(values) < width:
        raise BadDataError(f"{where}: {len(values)} numbers where {width} are usual: cut off? fetch the file anew")
    return values


def words_of(name: str) -> list[str]:
    """The words of a name: whatever is no letter or figure parts them; a number before it (`001.`) is left out.

    >>> words_of("blue+whale"), words_of("grand_piano"), words_of("001.Black_footed_Albatross")
    (['blue', 'whale'], ['grand', 'piano'], ['Black', 'footed', 'Albatross'])
    """
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", re.sub(r"^\d+\.", "", name))


def spellings(word: str) -> list[str]:
    """How a file may spell a word, the likeliest first: as it is, in small letters, with capitals, in capitals.

    GloVe's smaller files are in small letters throughout, GoogleNews keeps the case and has names of several words.

    >>> spellings("Paris"), spellings("polar_bear")
    (['Paris', 'paris', 'PARIS'], ['polar_bear', 'Polar_Bear', 'POLAR_BEAR'])
    """
    return list(dict.fromkeys([word, word.lower(), word.title(), word.upper()]))


def word_vectors(path: Path, words: Iterable[str]) -> Vectors:
    r"""The vectors of words, however the file spells them; those that it lacks are not in the result.

    >>> _ = (tmp / "tiny.txt").write_text("dog 1 2\nParis 3 4\n")
    >>> word_vectors(tmp / "tiny.txt", ["Dog", "paris"])
    {'Dog': tensor([1., 2.]), 'paris': tensor([3., 4.])}
    """
    words = list(dict.fromkeys(words))
    found = read_vectors(path, [spelt for word in words for spelt in spellings(word)])
    first = {word: next((spelt for spelt in spellings(word) if spelt in found), None) for word in words}
    return {word: found[spelt] for word, spelt in first.items() if spelt is not None}


def name_vectors(path: Path, names: Sequence[str]) -> tuple[Vectors, list[str]]:
    r"""The vector of each name, and the words that the file lacks.

    A name of several words has the vector that the file has for the whole (`polar_bear`, as in GoogleNews), else the
    mean of its words' vectors; if one word is missing, the name has none.

    Args:
        path: the file.
        names: names of classes.

    Returns:
        name -> float32 [D], for those names whose words are all known; and the missing words, in order.

    >>> _ = (tmp / "tiny.txt").write_text("polar 1 0\nbear 0 1\nblue_whale 5 5\n")
    >>> name_vectors(tmp / "tiny.txt", ["polar+bear", "blue+whale", "killer+bear"])
    ({'polar+bear': tensor([0.5000, 0.5000]), 'blue+whale': tensor([5., 5.])}, ['killer'])
    """
    pieces = {name: words_of(name) for name in names}
    wholes = {name: "_".join(words) for name, words in pieces.items()}
    vectors = word_vectors(path, [*wholes.values(), *(word for words in pieces.values() for word in words)])
    found: Vectors = {}
    missing: list[str] = []
    for name, words in pieces.items():
        if wholes[name] in vectors:
            found[name] = vectors[wholes[name]]
        elif words and all(word in vectors for word in words):
            found[name] = torch.stack([vectors[word] for word in words]).mean(0)
        else:
            missing += [word for word in words if word not in vectors]
    return found, list(dict.fromkeys(missing))


def vector_file(name: str | None, root: Path | None) -> Path:
    """The file of word vectors of this name: a path, or a file in `word_vectors/` of the data root.

    Raises:
        MissingDataError: there is none; the message lists those that there are.
    """
    folder = root / "word_vectors" if root else None
    places = [Path(name).expanduser(), *([folder / name] if folder else [])] if name else []
    for place in places:
        if place.is_file():
            return place
    there = sorted(path.name for path in folder.glob("*.txt")) if folder and folder.is_dir() else []
    known = f"there are {', '.join(there)}" if there else "GloVe and word2vec text files go there"
    where = folder or "word_vectors of a data root (--data-root DIR or LANDBRIDGE_DATA)"
    what = f"no file of word vectors '{name}'" if name else "words: needs a file, as in words:FILE.txt"
    raise MissingDataError(f"{what}; looked in {where}: {known}")


def signatures(file: str | None, classes: Sequence[str], root: Path | None) -> Signatures:
    """Vectors of the classes' names, for those whose words the file knows all.

    Raises:
        MissingDataError: no such file.
        BadDataError: it knows none of the names.
    """
    path = vector_file(file, root)
    found, missing = name_vectors(path, classes)
    if not found:
        raise BadDataError(f"{path.name} knows none of the {len(classes)} names (lacks {shortened(missing)})")
    names = tuple(f"d{number}" for number in range(len(next(iter(found.values())))))
    values = torch.stack(list(found.values()))
    advice = f"it has no {shortened(missing)}; go on with the other {len(found)}, or take a larger file"
    return Signatures(tuple(found), names, values, "word vectors", f"words of {path.name}", advice)
