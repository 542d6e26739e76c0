"""From a template and what it shows to a page on disk: one way for every report."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from landbridge.core.files import write_text
from landbridge.core.text import percent


def kept(text: str) -> str:
    """Percentages that no line break tears apart."""
    return text.replace(" %", "\u00a0%")


def write_page(
    folder: Path, template: str, filters: Mapping[str, Callable[..., Any]] | None = None, /, **content: Any
) -> Path:
    """Fill a template into `report.html`, whole or not at all; whatever it names must be there.

    Args:
        folder: where to.
        template: its file in `reports/templates/`.
        filters: its own, beside `percent` and `kept`.
        content: what it shows, by the names that it uses.

    Returns:
        The path of the page.
    """
    pages = Environment(
        loader=PackageLoader("landbridge.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"percent": percent, "kept": kept, **(filters or {})}
    path = folder / "report.html"
    write_text(path, pages.get_template(template).render(**content))
    return path
