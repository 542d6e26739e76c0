"""What it costs to trust a validator: regret over the studies of several comparisons.

    landbridge compare mnist usps --methods source-only,dann,mcc --study --out runs/a
    landbridge compare usps mnist --methods source-only,dann,mcc --study --out runs/b
    python benchmarks/selection.py runs/a runs/b
    python benchmarks/selection.py runs/a runs/b --again --json selection.json

Each comparison and seed is a task: candidates are all steps of all methods that see no target label, and the regret is
the accuracy of the best of them on the target's test part minus that of the one that the validator chooses. `--again`
computes the scores anew from what the runs kept, where a validator was changed or added since.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from landbridge.core.errors import LandbridgeError
from landbridge.core.files import write_json
from landbridge.evaluation.regret import Regret, as_markdown, read_rows, regrets


def pooled(folders: list[Path], *, again: bool = False) -> list[Regret]:
    """The regret of each validator over the studies in some folders of comparisons."""
    rows = []
    for folder in folders:
        found = read_rows(folder, again=again)
        if not found:
            raise LandbridgeError(f"{folder} kept no looks at a labelled target: compare with --study")
        rows += found
    return regrets(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="of a comparison with --study")
    parser.add_argument("--again", action="store_true", help="compute the scores anew")
    parser.add_argument("--json", metavar="FILE")
    given = parser.parse_args()
    try:
        found = pooled(given.folders, again=given.again)
    except LandbridgeError as error:
        sys.exit(f"selection: {error}")
    print(as_markdown(found))
    if given.json:
        write_json(given.json, [asdict(regret) for regret in found])


if __name__ == "__main__":
    main()
