"""WebDataset shards: tar files of images with their sentences, indexed once and then read in any order."""

import hashlib
import io
import itertools
import json
import os
import re
import tarfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, NamedTuple

from landbridge.core.errors import BadDataError, LandbridgeWarning, MissingDataError
from landbridge.core.files import cache_folder, write_text
from landbridge.data.captions import SPLIT_NAMES, Captions, Told, by_split
from landbridge.data.folders import is_image
from landbridge.data.images import ImageFiles, Inputs

VERSION = 1
"""Of the index; another one is made anew."""

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


class Place(NamedTuple):
    """Where an image lies.

    Attributes:
        shard: the tar file.
        offset: where its first byte stands.
        size: how many bytes it has.
    """

    shard: Path
    offset: int
    size: int


class Sample(NamedTuple):
    """A sample of a shard: what stands in members whose names differ in their ending only.

    Attributes:
        key: the name that they share.
        image: the member with the image, its offset and size; the empty string where there is none.
        texts: its sentences; none where no member holds any.
        label: its class, or None.
        split: its split, or None.
    """

    key: str
    image: str
    offset: int
    size: int
    texts: tuple[str, ...]
    label: str | None
    split: str | None


class TarImages(ImageFiles):
    """Images inside tar files, each read where it lies, in any order and by any number of processes.

    Args:
        paths: the images, in the order of the examples, as `SHARD/MEMBER`.
        places: where each of them lies; may hold others too.
    """

    def __init__(self, paths: Sequence[Path], places: Mapping[Path, Place]) -> None:
        super().__init__(paths)
        self._places = places

    def of(self, paths: Sequence[Path]) -> "TarImages":
        """Other images of the same shards."""
        return TarImages(paths, self._places)

    def source(self, position: int) -> BinaryIO:
        """The bytes of the image at `position`."""
        return io.BytesIO(self._bytes(self.paths[position]))

    def complaint(self, position: int) -> str:
        """Its shard, its name in there, and where it stands."""
        path = self.paths[position]
        place = self._places[path]
        return f"{path.relative_to(place.shard)} in {place.shard} at byte {place.offset}: not an image, or damaged"

    def _bytes(self, path: Path) -> bytes:
        place = self._places[path]
        with place.shard.open("rb") as file:
            file.seek(place.offset)
            return file.read(place.size)

    def _digest_of(self, path: Path) -> str:
        try:
            return hashlib.sha256(self._bytes(path)).hexdigest()
        except OSError as error:
            shard = self._places[path].shard
            raise BadDataError(f"cannot read the shard {shard} ({error.strerror}): is it still there?") from error


def load_shards(name: str, spec: str, unreadable: float) -> dict[str, Captions]:
    """Captions of WebDataset shards.

    A sample is an image, `.txt` with a sentence or `.json` with `caption` or `captions`, and maybe `.cls` with its
    class (or `class` in the JSON). Shards called `train...`, `val...` and `test...` are those splits, or `split` in the
    JSON tells; else a part of the samples is held out by a hash of their keys.

    Args:
        name: of the set.
        spec: one shard, several as in `shards-{000..003}.tar`, or a folder that holds some.
        unreadable: share of the samples that may lack an image or a sentence.

    Raises:
        MissingDataError: a shard is not there.
        BadDataError: a shard is damaged, or too many samples are.
    """
    shards = shards_of(spec)
    home, splits = Path(os.path.commonpath([shard.parent for shard in shards])), _splits_of(shards)
    places: dict[str, Place] = {}
    rows = []
    for shard in shards:
        inside = shard.relative_to(home).as_posix()
        for sample in samples_of(shard):
            member = f"{inside}/{sample.image or sample.key}"
            if sample.image:
                places[member] = Place(shard, sample.offset, sample.size)
            rows.append(Told(member, sample.texts, splits.get(shard, sample.split), sample.label, f"sample {member}"))
    by_path = {home / member: place for member, place in places.items()}

    def inputs(members: Sequence[str]) -> Inputs:
        return TarImages([home / member for member in members], by_path)

    def fault(member: str) -> str | None:
        return None if member in places else "no image"

    return by_split(name, rows, inputs, fault=fault, unreadable=unreadable)


def shards_of(spec: str) -> list[Path]:
    """The shards that `shards-{000..003}.tar` or a folder stands for, in order.

    Raises:
        MissingDataError: one does not exist, or the folder holds none.

    >>> for number in range(2):
    ...     _ = (tmp / f"a-{number}.tar").write_bytes(b"")
    >>> [shard.name for shard in shards_of(f"{tmp}/a-{{0..1}}.tar")]
    ['a-0.tar', 'a-1.tar']
    """
    folder = Path(spec).expanduser()
    if folder.is_dir():
        return sorted(folder.glob("*.tar"))
    shards = [Path(each).expanduser() for each in _expanded(spec)]
    missing = [shard for shard in shards if not shard.is_file()]
    if missing:
        raise MissingDataError(f"{len(missing)} of the {len(shards)} shards of {spec} do not exist: first {missing[0]}")
    return shards


def _expanded(spec: str) -> list[str]:
    """The names that ranges in braces stand for; figures keep their zeros."""
    pieces = _RANGE.split(spec)
    ranges = [
        [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
        for first, last in zip(pieces[1::3], pieces[2::3])
    ]
    if not all(ranges):
        raise BadDataError(f"{spec}: a range in braces ends before it begins")
    return [
        "".join(a + b for a, b in zip(pieces[::3], (*chosen, ""), strict=True)) for chosen in itertools.product(*ranges)
    ]


def _splits_of(shards: Sequence[Path]) -> dict[Path, str]:
    """The split that the name of each shard begins with; none if that of any begins otherwise."""
    named = {shard: re.split(r"[^a-z]", shard.name.lower())[0] for shard in shards}
    return named if all(name in SPLIT_NAMES for name in named.values()) else {}


def samples_of(shard: Path) -> list[Sample]:
    """The samples of a shard, from the index that is kept in the cache folder; made at the first time.

    Args:
        shard: the tar file; one of another name, size or time of change is indexed anew.

    Raises:
        BadDataError: it is damaged; the message says at which byte.
    """
    state = shard.stat()
    key = f"{shard.resolve()} {state.st_size} {state.st_mtime_ns} {VERSION}"
    name = f"{shard.stem}-{hashlib.sha256(key.encode()).hexdigest()[:20]}.json"
    try:
        path = cache_folder("shards") / name
        if path.is_file():
            rows = json.loads(path.read_text(encoding="utf-8"))
            return [Sample(*row)._replace(texts=tuple(row[4])) for row in rows]
    except (OSError, ValueError, TypeError):
        pass  # no room, or damaged: what follows replaces it
    samples = _indexed(shard)
    try:
        write_text(cache_folder("shards") / name, json.dumps(samples))
    except OSError as error:
        warnings.warn(
            f"the index of {shard} cannot be kept for next time ({error.strerror or error}): set LANDBRIDGE_CACHE to a "
            "folder with room",
            LandbridgeWarning,
            stacklevel=2,
        )
    return samples


def _indexed(shard: Path) -> list[Sample]:
    samples: dict[str, Sample] = {}
    with shard.open("rb") as file:
        for member in _members(shard, file):
            place, _, ending = member.name.rpartition("/")[2].partition(".")
            key = member.name.removesuffix(f".{ending}")
            if not place or not ending:  # hidden, or of no kind
                continue
            before = samples.get(key, Sample(key, "", 0, 0, (), None, None))
            file.seek(member.offset_data)
            samples[key] = _with_member(before, member, file, shard)
    found = [sample for sample in samples.values() if sample.image or sample.texts]
    if not found:
        raise MissingDataError(f"{shard} holds no samples: images with .txt or .json of the same name are expected")
    return found


def _members(shard: Path, file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """The files in a tar, up to its end mark; a tar that stops before it is refused."""
    whole = file.seek(0, os.SEEK_END)
    file.seek(0)
    end, last = 0, "nothing"
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            for member in tar:
                end = member.offset_data + member.size
                if end > whole:
                    raise tarfile.ReadError(f"{member.name} would end at byte {end}")
                last = member.name
                if member.isfile():
                    yield member
            end = tar.offset
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("neither a member nor the end mark")
    except tarfile.TarError as error:
        file.seek(0)
        if file.read(2) == b"\x1f\x8b":
            raise BadDataError(
                f"{shard} is compressed, and nothing in it has a place: unpack it with gunzip"
            ) from error
        place = f"after {last}, at byte {min(end, whole)} of {whole}"
        raise BadDataError(f"{shard} is damaged or cut off {place} ({error}): fetch or write it anew") from error


def _with_member(sample: Sample, member: tarfile.TarInfo, file: BinaryIO, shard: Path) -> Sample:
    """A sample and what one more member, at which the file stands, tells about it."""
    suffix = PurePosixPath(member.name).suffix.lower()
    if is_image(member.name):
        if sample.image:
            raise BadDataError(f"{shard}: the sample {sample.key} has two images, {sample.image} and {member.name}")
        return sample._replace(image=member.name, offset=member.offset_data, size=member.size)
    if suffix not in (".txt", ".json", ".cls"):
        return sample
    try:
        text = file.read(member.size).decode("utf-8-sig").strip()
        if suffix == ".cls":
            return sample._replace(label=text or None)
        return sample._replace(texts=_joined(sample, [text])) if suffix == ".txt" else _with_json(sample, text)
    except (ValueError, TypeError, AttributeError) as error:
        raise BadDataError(f"{shard}, {member.name} at byte {member.offset_data}: not usable ({error})") from error


def _with_json(sample: Sample, text: str) -> Sample:
    content: dict[str, Any] = json.loads(text)
    said = content.get("captions", content.get("caption", []))
    label, split = (None if content.get(key) is None else str(content[key]) for key in ("class", "split"))
    texts = _joined(sample, [said] if isinstance(said, str) else said)
    return sample._replace(texts=texts, label=sample.label or label, split=split)


def _joined(sample: Sample, texts: Sequence[str]) -> tuple[str, ...]:
    """The sentences of a sample and others that it does not have yet."""
    return tuple(dict.fromkeys([*sample.texts, *(text for text in texts if text.strip())]))
