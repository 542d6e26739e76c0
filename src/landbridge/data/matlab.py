"""Matlab files, in which several sets keep their labels."""

from pathlib import Path
from typing import Any

import numpy as np

from landbridge.core.errors import BadDataError


def matlab_variable(path: Path, name: str) -> np.ndarray[Any, Any]:
    """One variable of a `.mat` file; the others are skipped without unpacking them.

    Raises:
        BadDataError: the file is damaged, or has no such variable.
    """
    import zlib

    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        found: np.ndarray[Any, Any] = loadmat(path, variable_names=[name])[name]
    except (
        MatReadError, LookupError, ValueError, TypeError, RuntimeError, EOFError, OSError, zlib.error,
    ) as error:  # fmt: skip
        raise BadDataError(
            f"{path} is not the published Matlab file with '{name}', or damaged ({error}): fetch it anew"
        ) from error
    return found
