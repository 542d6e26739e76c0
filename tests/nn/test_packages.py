import pytest

from landbridge.core.errors import LandbridgeError
from landbridge.nn.packages import needed


def test_a_missing_library_is_one_line() -> None:
    with pytest.raises(
        LandbridgeError, match=r'^reading needs no_library: pip install "landbridge\[vision-language\]"$'
    ):
        needed("no_library", "reading")


def test_a_library_is_imported() -> None:
    assert needed("json.decoder", "reading").JSONDecodeError is not None
