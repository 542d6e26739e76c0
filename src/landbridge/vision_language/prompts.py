"""Prompts: what is said about a class to the encoder of texts. Templates, ensembles of them, and descriptions."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError, UnknownNameError
from landbridge.core.registry import nearest
from landbridge.data.registry import load_domain, names
from landbridge.data.templates import PHOTO, SEPARATOR, Template, spoken
from landbridge.nn.packages import needed

IMAGENET = "imagenet"
"""The name of a list of classes and of a set of templates."""

FIELDS = ("name", "description")
"""What a template may ask for; `{}` is `{name}`."""

LISTS = (".txt", ".csv", ".json")

Descriptions = Mapping[str, Sequence[str]]
"""Sentences by class."""


@dataclass(frozen=True)
class Prompts:
    """What is said about each class.

    Attributes:
        classes: their names.
        texts: the prompts of each, at least one.

    Raises:
        BadDataError: there is no class, or one of which nothing is said.
    """

    classes: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if not self.classes:
            raise BadDataError("there are no classes to tell apart: name some, as in --classes cat,dog")
        if len(self.texts) != len(self.classes):
            raise ValueError(f"prompts of {len(self.texts)} classes for {len(self.classes)} names")
        for name, texts in zip(self.classes, self.texts):
            if not texts:
                raise BadDataError(f"nothing is said about the class '{name}': give it a template or a description")

    @classmethod
    def of(
        cls, classes: Sequence[str], templates: Sequence[str] = (), descriptions: Descriptions | None = None
    ) -> "Prompts":
        """The prompts that templates make of names and descriptions.

        Args:
            classes: names; an underscore in one is said as a space.
            templates: sentences with `{}` or `{name}` where the name belongs, and `{description}` for what is known
                about the class; one with that field gives a prompt for each sentence of the description. By default
                the description as it stands, or `a photo of a {}.` where there is none.
            descriptions: sentences by class.

        Raises:
            LandbridgeError: a template has another field, or none.
            BadDataError: a class has no description, and a template asks for it.

        >>> Prompts.of(["art_deco"], ["{}", "a sketch of {name}."]).texts
        (('art deco', 'a sketch of art deco.'),)
        >>> Prompts.of(["cat"], ["a {}: {description}"], {"cat": ["it purrs", "it has whiskers"]}).texts
        (('a cat: it purrs', 'a cat: it has whiskers'),)
        """
        templates = templates or ((PHOTO,) if descriptions is None else ("{description}",))
        parsed = [Template.of(template, FIELDS) for template in templates]
        if any("description" in template.fields for template in parsed):
            _check_described(classes, descriptions)
        known = descriptions or {}
        return cls(
            tuple(classes),
            tuple(tuple(text for one in parsed for text in _filled(one, c, known.get(c, ()))) for c in classes),
        )


def read_templates(text: str) -> tuple[str, ...]:
    """The templates that a word, a file or a line stands for.

    Args:
        text: `name` for the bare word, `photo` for `a photo of a {}.`, `imagenet` for the 80 templates of CLIP's
            ensemble on ImageNet (Radford et al., ICML 2021), `imagenet-simple` for the seven best of them, which its
            authors found; a file with a template a line; or templates with `|` between them.

    Raises:
        LandbridgeError: open_clip, which ships the sets of ImageNet, is missing; a template has an unknown field.
        MissingDataError: there is no such file, or no template in it.

    >>> read_templates("photo"), read_templates("{} on a table. | {} in the wild.")
    (('a photo of a {}.',), ('{} on a table.', '{} in the wild.'))
    """
    if text in _SETS:
        return _SETS[text]()
    if "{" not in text and (Path(text).suffix or Path(text).expanduser().exists()):
        lines = _file(Path(text).expanduser(), "templates").splitlines()
    else:
        lines = text.split(SEPARATOR)
    templates = tuple(line.strip() for line in lines if line.strip())
    if not templates:
        raise MissingDataError(f"no template in '{text}': write one with {{}} where the class name belongs")
    if len(templates) == 1 and "{" not in text and (hint := nearest(text, _SETS)):
        raise UnknownNameError(f"unknown templates '{text}'{hint}")
    for template in templates:
        Template.of(template, FIELDS)
    return templates


def read_classes(text: str, root: str | Path | None = None) -> tuple[str, ...]:
    """The class names that a word, a file or a line stands for.

    Args:
        text: `imagenet` for its 1,000 classes, as open_clip spells them; names with commas between them; a file with
            a name a line (`.txt`), with a column `class` (`.csv`), or with a list or the keys of an object (`.json`);
            or the name or folder of a domain, whose classes are meant.
        root: the folder of the data sets.

    Raises:
        BadDataError: a name comes twice or is empty, there are less than two, or a file cannot be used.
        MissingDataError: there is no such file.
        UnknownNameError: a single word that is no domain.

    >>> read_classes("cat, dog,bird")
    ('cat', 'dog', 'bird')
    """
    if not text.strip():
        raise BadDataError("the list of classes is empty: name some, as in --classes cat,dog")
    if text == IMAGENET:
        return tuple(_of_open_clip("IMAGENET_CLASSNAMES"))  # two of its names stand for two classes each
    path = Path(text).expanduser()
    if path.suffix.lower() in LISTS and ("," not in text or path.is_file()):
        found = _listed(path)
    elif "," in text and "?" not in text and not path.exists():
        found = [name.strip() for name in text.split(",")]
    else:
        found = list(_of_domain(text, root))
    return _checked(found, text)


def read_descriptions(path: str | Path) -> dict[str, tuple[str, ...]]:
    """Sentences by class from a file.

    Args:
        path: a `.csv` with the columns `class` and `description`, or a `.json` that is a list of such objects, or an
            object with a sentence or a list of sentences for each class. A class may have several.

    Raises:
        MissingDataError: there is no such file, or nothing in it.
        BadDataError: it is not made like that.
    """
    path = Path(path).expanduser()
    found: dict[str, list[str]] = {}
    for name, sentence in _described_csv(path) if path.suffix.lower() == ".csv" else _described_json(path):
        if not name.strip() or not sentence.strip():
            raise BadDataError(f"{path} has a class without a name or without a description: fill it in or remove it")
        found.setdefault(name.strip(), []).append(sentence.strip())
    if not found:
        raise MissingDataError(f"{path} describes no class")
    return {name: tuple(sentences) for name, sentences in found.items()}


def _filled(template: Template, name: str, sentences: Sequence[str]) -> Iterator[str]:
    for sentence in sentences if "description" in template.fields else ("",):
        yield template.fill(name=spoken(name), description=sentence)


def _check_described(classes: Sequence[str], descriptions: Descriptions | None) -> None:
    if descriptions is None:
        raise LandbridgeError("a template asks for {description}: name the file of descriptions with --descriptions")
    missing = [name for name in classes if name not in descriptions]
    if missing:
        raise BadDataError(
            f"{len(missing)} of {len(classes)} classes have no description (first: '{missing[0]}'"
            f"{nearest(missing[0], descriptions)}): describe them, or use templates without {{description}}"
        )


def _checked(found: Sequence[str], text: str) -> tuple[str, ...]:
    if len(found) < 2:
        raise BadDataError(f"'{text}' names {len(found)} class{'es' * (not found)}: two are needed to tell apart")
    seen: set[str] = set()
    for name in found:
        if not name:
            raise BadDataError(f"'{text}' has an empty class name: is there a comma too many?")
        if name in seen:
            raise BadDataError(f"'{text}' names the class '{name}' twice: remove one")
        seen.add(name)
    return tuple(found)


def _of_domain(text: str, root: str | Path | None) -> tuple[str, ...]:
    try:
        domain = load_domain(text, root)
    except UnknownNameError as error:
        raise UnknownNameError(
            f"'{text}' is no list of classes: names with commas between them, a file ({', '.join(LISTS)}), "
            f"{IMAGENET}, or a domain{nearest(text, [IMAGENET, *names()])}"
        ) from error
    if not domain.classes:
        raise BadDataError(f"{text} has no classes: name some with --classes")
    return domain.classes


def _listed(path: Path) -> list[str]:
    text = _file(path, "classes")
    match path.suffix.lower():
        case ".txt":
            return [line.strip() for line in text.splitlines() if line.strip()]
        case ".csv":
            return [row["class"].strip() for row in _table(path, text, ("class",))]
    content = _json(path, text)
    listed = list(content) if isinstance(content, list | dict) else []
    if not listed or not all(isinstance(name, str) for name in listed):
        raise BadDataError(f"{path} is no list of class names, and no object with them as keys")
    return [name.strip() for name in listed]


def _described_csv(path: Path) -> Iterator[tuple[str, str]]:
    for row in _table(path, _file(path, "descriptions"), ("class", "description")):
        yield row["class"], row["description"]


def _described_json(path: Path) -> Iterator[tuple[str, str]]:
    content = _json(path, _file(path, "descriptions"))
    rows = content.items() if isinstance(content, dict) else []
    if isinstance(content, list):
        rows = [(row.get("class"), row.get("description")) for row in content if isinstance(row, dict)]
    for name, told in rows:
        for sentence in told if isinstance(told, list) else [told]:
            if not isinstance(name, str) or not isinstance(sentence, str):
                raise BadDataError(f"{path}: a class and its description are texts, not {name!r} and {sentence!r}")
            yield name, sentence


def _table(path: Path, text: str, columns: Sequence[str]) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True, restval="")
    found = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = found
    for name in columns:
        if name not in found:
            raise BadDataError(f"{path} has no column '{name}'; its columns are: {', '.join(found) or 'none'}")
    return list(reader)


def _file(path: Path, what: str) -> str:
    if not path.is_file():
        raise MissingDataError(f"no file {path} to read {what} from")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadDataError(f"{path} is no text in UTF-8 ({error})") from error


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadDataError(f"{path} is no JSON ({error})") from error


def _of_open_clip(what: str) -> Sequence[Any]:
    module = needed("open_clip.zero_shot_metadata", "the list of classes and templates of ImageNet")
    found: Sequence[Any] = getattr(module, what)
    return found


def _imagenet(which: str) -> tuple[str, ...]:
    """Templates that open_clip keeps as functions of a name, written with `{}`."""
    return tuple(template("{}") for template in _of_open_clip(f"{which}_IMAGENET_TEMPLATES"))


_SETS: dict[str, Callable[[], tuple[str, ...]]] = {
    "name": lambda: ("{}",),
    "photo": lambda: (PHOTO,),
    IMAGENET: lambda: _imagenet("OPENAI"),
    f"{IMAGENET}-simple": lambda: _imagenet("SIMPLE"),
}
