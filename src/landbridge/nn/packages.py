"""Libraries that only some networks need: imported when asked for, one line where they are missing."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from landbridge.core.errors import LandbridgeError


def needed(module: str, what: str, install: str = "landbridge[vision-language]") -> Any:
    """A module of a library that may not be installed.

    Args:
        module: as it is imported.
        what: what needs it, for the message.
        install: what to give to pip.

    Raises:
        LandbridgeError: it is not installed.

    >>> needed("json", "reading").loads("[1]")
    [1]
    >>> needed("no_such_library", "flying", "wings")
    Traceback (most recent call last):
    landbridge.core.errors.LandbridgeError: flying needs no_such_library: pip install "wings"
    """
    package = module.partition(".")[0]
    if find_spec(package) is None:
        raise LandbridgeError(f'{what} needs {package}: pip install "{install}"')
    return import_module(module)
