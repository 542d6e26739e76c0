"""What an error that a user can mend looks like from the shell."""

from collections.abc import Sequence

import pytest

from landbridge.cli import main


def refused(capsys: pytest.CaptureFixture[str], words: Sequence[str], *parts: str) -> None:
    """The command ends with status 2 and one line on stderr that holds all parts; no traceback anywhere."""
    assert main(list(words)) == 2
    out, err = capsys.readouterr()
    assert err.startswith("landbridge: ")
    assert err.count("\n") == 1, err
    assert "Traceback" not in out + err
    for part in parts:
        assert part in err
