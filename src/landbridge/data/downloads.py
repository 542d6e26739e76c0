"""Fetching the sets that torchvision can fetch, with its own addresses and checksums."""

import os
import tempfile
from pathlib import Path

from landbridge.core.errors import MissingDataError
from landbridge.data.inventory import describe

DOWNLOADABLE = ("mnist", "usps", "svhn")
"""Families that `download` knows; `mnist-m` additionally needs photographs that torchvision does not have."""


def download(name: str, root: Path | None) -> Path:
    """Fetch a set into the data root, in the layout that its loader expects, unless it is there already.

    What arrives is checked and moved into place only when whole; a damaged file is replaced, all others stay.

    Args:
        name: a domain whose family is `mnist`, `usps` or `svhn`.
        root: the data root; it is made if missing.

    Returns:
        The folder of the set.

    Raises:
        MissingDataError: there is no way to fetch it, no data root, or the download failed.
    """
    family = name.partition("/")[0]
    if family not in DOWNLOADABLE:
        raise MissingDataError(
            f"{name} cannot be downloaded by landbridge, only {', '.join(DOWNLOADABLE)}: fetch it yourself"
        )
    if root is None:
        raise MissingDataError(f"where to put {name}? pass --data-root DIR or set LANDBRIDGE_DATA")
    target = root / family
    if describe(family, root).found:
        return target
    from torchvision import datasets

    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".download-", dir=target) as temporary:
        try:
            if family == "mnist":
                datasets.MNIST(temporary, download=True)
            elif family == "usps":
                for train in (True, False):
                    datasets.USPS(temporary, train=train, download=True)
            else:
                for split in ("train", "test"):
                    datasets.SVHN(temporary, split=split, download=True)
        except (OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise MissingDataError(
                f"{family} could not be downloaded ({reason}): try again, or put it into {target}"
            ) from error
        for file in sorted(path for path in Path(temporary).rglob("*") if path.is_file()):
            place = target / file.relative_to(temporary)
            place.parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, place)
    return target


def mnist(root: Path) -> None:
    """Fetch MNIST into `root/mnist`."""
    download("mnist", root)


def usps(root: Path) -> None:
    """Fetch USPS into `root/usps`."""
    download("usps", root)


def svhn(root: Path) -> None:
    """Fetch SVHN, the cropped digits without the extra set, into `root/svhn`."""
    download("svhn", root)
