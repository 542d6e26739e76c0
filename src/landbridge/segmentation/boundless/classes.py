"""The class space of a target with classes of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from landbridge.core.errors import BadDataError


@dataclass(frozen=True)
class ClassSpace:
    """Which classes both domains have, and which the target alone.

    Shared classes are numbered 0 to K - 1 as the source numbers them, private ones from K on. In every label of the
    source, pixels of private classes are void, as pixels are that nobody labelled.

    Attributes:
        shared: names of the classes of the source.
        private: names of those that only the target has.

    Raises:
        BadDataError: no class is private, or a class is both.

    >>> space = ClassSpace(("road", "car"), ("tuk-tuk",))
    >>> space.every, list(space.private_numbers)
    (('road', 'car', 'tuk-tuk'), [2])
    """

    shared: tuple[str, ...]
    private: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.private:
            raise BadDataError(
                "no class is the target's own: say --label-sets open, and take a target with more classes than the "
                "source, or leave some out of the source (SOURCE?without=CLASS,CLASS)"
            )
        if both := sorted(set(self.shared) & set(self.private)):
            raise BadDataError(f"{_listed(both)}: a class of the source cannot be private to the target")

    @property
    def every(self) -> tuple[str, ...]:
        """All classes of the target, the shared ones first."""
        return (*self.shared, *self.private)

    @property
    def private_numbers(self) -> range:
        """Numbers of the private classes."""
        return range(len(self.shared), len(self.shared) + len(self.private))

    def shared_logits(self, logits: Tensor) -> Tensor:
        """Logits of the shared classes [n, K, ...], from those of all classes."""
        return logits[:, : len(self.shared)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
