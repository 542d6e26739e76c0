"""What is written down must hold: commands parse, links lead somewhere, examples run."""

import inspect
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
import yaml
from PIL import Image

import landbridge
from landbridge.adaptation import METHODS
from landbridge.api.compare import EMBEDDED_PAIR, compare
from landbridge.cli import COMMANDS, parse
from landbridge.core.errors import SealedLabelsError
from landbridge.data import registry
from landbridge.data.domain import Domain
from landbridge.data.keys import split_keys
from landbridge.finetuning import METHODS as TUNING
from landbridge.nn import BACKBONES, digits
from landbridge.nn.backbones import make_backbone
from landbridge.probing import CLASSIFIERS
from landbridge.segmentation import METHODS as SEGMENTATION
from landbridge.zeroshot import METHODS as ZEROSHOT
from methods_suite import Bench

ROOT = Path(__file__).parent.parent
README, TOUR, CONTRIBUTING = ROOT / "README.md", ROOT / "docs" / "tour.md", ROOT / "CONTRIBUTING.md"
PAGES = [README, CONTRIBUTING, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    """Every `landbridge ...` of a page, in fenced blocks and between backticks."""
    found = []
    for block in [block for language in ("bash", "sh", "console") for block in blocks(page, language)]:
        for line in block.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|\||;", line.strip().removeprefix("$ ")):
                words = shlex.split(part, comments=True)
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words.pop(0)
                if words and Path(words[0]).name == "landbridge":
                    found.append(shlex.join(["landbridge", *words[1:]]))
    inline = re.findall(r"`(landbridge [^`\n]+)`", prose(page))
    return found + [command for command in inline if not command.startswith("landbridge COMMAND")]


WRITTEN = [(page, command) for page in PAGES for command in commands(page)]


@pytest.mark.parametrize(
    ("page", "command"), WRITTEN, ids=lambda value: name(value) if isinstance(value, Path) else value
)
def test_every_command_parses(page: Path, command: str) -> None:
    words = shlex.split(command.replace("[SOURCE TARGET]", "SOURCE TARGET"))[1:]
    if words[0] in ("--help", "--version"):
        return
    given = parse(words[0], words[1:])
    asked = given.get("methods", given.get("method")) or ""
    known = {*METHODS, *TUNING, *SEGMENTATION, *(CLASSIFIERS if words[0] == "finetune" else ())}
    known = {*ZEROSHOT, "all"} if words[0] == "zeroshot" else known
    for method in (part.partition(":")[0] for part in asked.split(",")):
        parted = words[0] == "finetune" and re.fullmatch(r"(first|last)-\d+", method)
        combined = words[0] in ("adapt", "compare", "tune") and method in METHODS
        assert not method or method in known or parted or combined, f"{name(page)} names the method {method}"
    for domain in [*(given.get("domains") or ()), *(given.get(key) or "" for key in ("source", "target", "domain"))]:
        if registry.entry_of(domain):
            assert split_keys(domain)[0] in registry.names(), f"{name(page)} names the domain {domain}"


def test_commands_are_found_and_all_are_documented() -> None:
    assert {command for page, command in WRITTEN if page == TOUR}
    told = {shlex.split(command)[1] for page, command in WRITTEN if page == README}
    assert set(COMMANDS) <= told, "the README leaves a command out"


def slug(heading: str) -> str:
    """The anchor of a heading as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


LINKS = [(page, link) for page in PAGES for link in re.findall(r"\]\(([^)\s]+)\)", prose(page))]


@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda value: name(value) if isinstance(value, Path) else value)
def test_links_lead_somewhere(page: Path, link: str) -> None:
    if re.match(r"[a-z]+:", link):
        return
    place, _, anchor = link.partition("#")
    target = (page.parent / place).resolve() if place else page
    assert target.exists(), f"{name(page)} links to {link}, which does not exist"
    if anchor and target.suffix == ".md":
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {slug(heading) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_named_in_the_text_exist(page: Path) -> None:
    for path in re.findall(r"`((?:src|tests|docs|examples|benchmarks)/[\w./-]+\.\w+)`", prose(page)):
        assert (ROOT / path).exists(), f"{name(page)} names {path}"
    for text, path in re.findall(r"\[([\w/]+\.py)\]\(([^)]+)\)", prose(page)):
        assert path.endswith(text), f"{name(page)} calls {path} {text}"


# fmt: off
POINTS = [
    "retrieval", "Caltech-101", "Caltech-256", "18.2 %", "86.2", "72.6", "overfit", "freeze", "smaller steps",
    "speech", "one-shot", "VOC2007", "speaker", "dogs from cats", "medical", "multitask", "side by side", "MNIST-M",
    "discriminator", "SA", ".8149", "57.9 %", ".9987", "ADDA", "translation", "sensors", "3-D", "frugal",
    "reliability", "explanations", "weather", "simulator", "AdvEnt", "tuk-tuk", "attributes", "fish", "word vector",
    "DeViSE", "CLIP", "400 million", "margin", "hard negatives", "InfoNCE", "temperature", "zero-shot classification",
    "a photo of a", "Recipe1M",
]
# fmt: on
"""Words by which to recognise the points of the field that the tour must not pass over."""


@pytest.mark.parametrize("point", POINTS)
def test_the_tour_leaves_no_point_out(point: str) -> None:
    assert point.lower() in TOUR.read_text(encoding="utf-8").lower()


SECTIONS = re.split(r"^### ", TOUR.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.partition("\n")[0])
def test_each_point_of_the_tour_shows_something_or_says_why_not(section: str) -> None:
    assert re.search(r"^landbridge |\]\(\.\./src/|[Nn]ot covered(?: yet)?, because", section, re.MULTILINE), section


def test_the_readme_tells_what_the_demo_runs() -> None:
    """The pair and the seeds of `make demo`, in words and in the ten lines of Python."""
    (example,) = blocks(README, "python")
    assert all(f"`{domain}`" in prose(README) for domain in EMBEDDED_PAIR)
    assert f"compare(seeds={inspect.signature(compare).parameters['seeds'].default}, " in example
    assert f'load_domain("{EMBEDDED_PAIR[1]}")' in example
    assert len(example.strip().splitlines()) <= 10
    (imported,) = re.findall(r"^from landbridge import (.+)$", example, re.MULTILINE)
    assert set(imported.split(", ")) <= set(landbridge.__all__)


@pytest.mark.slow
def test_the_example_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks(README, "python")
    short = example.replace("compare(seeds=3, ", "compare(seeds=1, steps=4, quiet=True, ")
    assert short != example
    monkeypatch.chdir(tmp_path)
    exec(compile(short, "README.md", "exec"), {"__name__": "readme"})
    assert (tmp_path / "runs/table/report.html").is_file()


def worked_example(path: str) -> tuple[str, dict[str, str]]:
    """The block of CONTRIBUTING.md for a file, and the line that goes into the registry, read as its key and value."""
    every = blocks(CONTRIBUTING, "python")
    (position,) = [number for number, block in enumerate(every) if block.startswith(f"# {path}\n")]
    line = every[position + 1].strip()
    place = {"Entry": registry.Entry, "_DATA": registry._DATA}
    return every[position], eval("{" + line + "}", place)


def as_module(name: str, code: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(code, f"{name}.py", "exec"), vars(module))
    return module


def test_the_worked_method_trains(
    toy_source: Domain, toy_target: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, line = worked_example("src/landbridge/adaptation/mean_matching.py")
    module = as_module("landbridge.adaptation.mean_matching", code, monkeypatch)
    ((method, reference),) = line.items()
    monkeypatch.setitem(METHODS._entries, method, reference)
    cls = METHODS.resolve(method)
    assert cls.__module__ == module.__name__
    assert cls.paper

    bench = Bench(toy_source, toy_target, steps=40, options={"weight": "3"})
    trained = bench.train(method, cls, tmp_path / "run")
    assert all(value.isfinite().all() for value in trained.state_dict().values())
    inputs = toy_target.unlabelled("test").read()
    with torch.no_grad():
        means = [trained.backbone(domain.unlabelled("test").read()).mean(0) for domain in (toy_source, toy_target)]
        fresh = bench.method(method, cls).backbone
        before = [fresh(domain.unlabelled("test").read()).mean(0) for domain in (toy_source, toy_target)]
    assert (means[0] - means[1]).norm() < 0.5 * (before[0] - before[1]).norm()
    assert trained.model().predict(inputs).shape == (len(inputs), 2)
    with pytest.raises(SealedLabelsError):
        _ = bench.views(cls)["target"].y


def test_the_worked_domain_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, line = worked_example("src/landbridge/data/garden.py")
    as_module("landbridge.data.garden", code, monkeypatch)
    ((family, entry),) = line.items()
    monkeypatch.setitem(registry.DOMAINS, family, entry)
    for kind in ("robin", "wren"):
        for number in range(5):
            path = tmp_path / family / entry.variants[0] / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8)).save(path)
    loaded = registry.load_domain(f"{family}/{entry.variants[0]}", tmp_path)
    assert loaded.classes == ("robin", "wren")
    assert {split: len(examples) for split, examples in loaded.splits.items()} == {"train": 8, "test": 2}


def test_the_worked_backbone_reads_images(monkeypatch: pytest.MonkeyPatch) -> None:
    code, line = worked_example("src/landbridge/nn/digits.py")
    ((spec, reference),) = line.items()
    module, _, function = reference.partition(":")
    assert module == digits.__name__
    names = dict(vars(digits))
    exec(compile(code, "CONTRIBUTING.md", "exec"), names)
    monkeypatch.setattr(digits, function, names[function], raising=False)
    monkeypatch.setitem(BACKBONES._entries, spec, reference)
    backbone = make_backbone(f"{spec}?width=2")
    assert backbone(torch.zeros(3, 3, 28, 28)).shape == (3, backbone.width) == (3, 72)


def test_citation_and_changelog_name_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == landbridge.__version__
    assert citation["cff-version"] == "1.2.0"
    assert f"## [{landbridge.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_constraints_fix_every_dependency() -> None:
    """Each requirement of the base and of the test extra has one exact version, which meets its lower bound."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    fixed = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            package, _, version = line.partition("==")
            fixed[canonicalize_name(package)] = version
    for text in requires("landbridge") or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": "test"}):
            assert needed.specifier.contains(fixed[canonicalize_name(needed.name)]), text
