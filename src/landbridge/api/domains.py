"""`landbridge domains`: which domains there are, and which of them are here."""

from typing import Any


def domains(data_root: str | None = None) -> list[dict[str, Any]]:
    """List every domain by name: what it is, whether its files were found, and how many examples it has.

    Args:
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.

    Returns:
        One record a domain: `name`, `about`, `found`, `sizes` (examples by split, or None), `reason` (why not found).

    Example:
        >>> next(record["found"] for record in domains() if record["name"] == "digits/handwritten")
        True
    """
    from landbridge.data.inventory import describe
    from landbridge.data.registry import DOMAINS, names

    records = []
    for name in names():
        found, sizes, reason = describe(name, data_root)
        about = DOMAINS[name.split("/")[0]].about
        records.append({"name": name, "about": about, "found": found, "sizes": sizes, "reason": reason})
    return records
