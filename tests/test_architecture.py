"""The house as the design draws it: imports go down the floors, no circles, small files, one key to the seal."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "landbridge"

FLOORS = {
    "core": 0,
    "losses": 1,
    "nn": 1,
    "data": 2,
    "evaluation": 2,
    "retrieval": 2,
    "runs": 2,
    "training": 3,
    "probing": 4,
    "finetuning": 4,
    "multitask": 4,
    "adaptation": 4,
    "segmentation": 4,
    "zeroshot": 4,
    "vision_language": 4,
    "advice": 5,
    "reports": 5,
    "api": 6,
    "cli": 6,
    "app": 6,
}
SETTINGS = 4
FILES = sorted(SOURCE.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = list(path.relative_to(SOURCE.parent).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, *, at_run_time: bool = False) -> Iterator[str]:
    """Modules of ours that a file imports; at run time only those outside functions and TYPE_CHECKING."""
    tree = ast.parse(path.read_text())
    skipped: set[ast.AST] = set()
    if at_run_time:
        for node in ast.walk(tree):
            late = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            if late or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
                skipped |= set(ast.walk(node))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("landbridge"))
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("landbridge"):
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                yield deeper if deeper in MODULES else node.module


MODULES = {module_of(path) for path in FILES}


def floor_of(module: str) -> tuple[str, int]:
    folder = module.split(".")[1]
    return folder, FLOORS[folder]


@pytest.mark.parametrize("path", [p for p in FILES if module_of(p) != "landbridge"], ids=module_of)
def test_imports_go_down(path: Path) -> None:
    folder, floor = floor_of(module_of(path))
    for imported in imports_of(path):
        if imported == "landbridge":
            continue
        other, below = floor_of(imported)
        assert below <= floor, f"{module_of(path)} (floor {floor}) imports {imported} (floor {below})"
        if floor == below == SETTINGS:
            assert other == folder, f"the setting {folder} imports the setting {other}: move what they share down"


def test_no_circles() -> None:
    graph = {module_of(path): set(imports_of(path, at_run_time=True)) - {"landbridge"} for path in FILES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"circle: {' -> '.join([*trail[trail.index(module) :], module])}"
        if module not in done:
            for imported in sorted(graph.get(module, ())):
                visit(imported, (*trail, module))
            done.add(module)

    for module in sorted(graph):
        visit(module, ())


def test_every_folder_has_a_floor() -> None:
    for path in SOURCE.iterdir():
        if path.suffix == ".py" and path.stem != "__init__":
            assert path.stem in FLOORS, f"{path.name} stands on no floor"
        elif path.is_dir() and not path.name.startswith("_"):
            assert path.name in FLOORS, f"{path.name}/ stands on no floor"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_files_are_small(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= 400, f"{path.name} has {lines} lines: split it"


OPENERS = {"landbridge.evaluation.metrics", "landbridge.evaluation.snapshot"}
"""The two modules that open sealed labels: to measure, and to colour a report."""


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_only_two_modules_break_the_seal(path: Path) -> None:
    module = module_of(path)
    tree = ast.parse(path.read_text())
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    if module != "landbridge.data.domain" and module not in OPENERS:
        assert not names & {"unseal", "_labels", "_examples"}, f"{module} reaches for sealed labels"


SELECTING = {
    f"landbridge.evaluation.{name}"
    for name in ("collected", "validators", "pixel_validators", "selection", "choosing", "looks")
}
"""What judges models without target labels."""


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_training_and_selection_cannot_measure(path: Path) -> None:
    module = module_of(path)
    if module in SELECTING or (
        module != "landbridge" and floor_of(module)[1] <= SETTINGS and ".evaluation" not in module
    ):
        assert not set(imports_of(path)) & OPENERS, f"{module} could measure on sealed labels"
