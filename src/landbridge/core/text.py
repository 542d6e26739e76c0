"""Numbers as people read them."""


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage.

    >>> percent(0.8153), percent(None)
    ('81.5', '-')
    """
    return "-" if value is None else f"{100 * value:.{digits}f}"
