"""Carry a network from rendered digits to handwritten ones, and use it. No download, under a minute.

    python examples/adapt_two_domains.py [FOLDER]

The same from the shell:

    landbridge adapt digits/printed digits/handwritten --method sa --steps 500 --rate 0.05 --out FOLDER

Subspace alignment shows something after so few steps. `--method dann` plays a game that takes thousands of them:
`docs/results/digits.md` tells what it reaches, and under which settings.
"""

import sys
import tempfile
from pathlib import Path

from landbridge import Classifier, adapt, load_domain


def main(folder: str) -> None:
    run = adapt("digits/printed", "digits/handwritten", method="sa", steps=500, rate=0.05, seed=0, out=folder)
    before, after = run.open(run.folder / "baseline").result.metrics, run.result.metrics
    print("on the target, source only:", before["target_accuracy"], "adapted:", after["target_accuracy"])

    # What comes out is one object that knows its preprocessing and its class names, and reads raw images.
    model = Classifier.load(run.folder)
    images = load_domain("digits/handwritten").unlabelled("test").read()
    print("first images:", *(model.classes[best] for best in model.predict(images[:10]).argmax(1)))
    print("report:", run.folder / "report.html")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path(tempfile.mkdtemp()) / "run"))
