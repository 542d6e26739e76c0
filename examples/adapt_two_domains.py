"""Adapt a network from rendered digits to handwritten ones over photographs, and use it. No download, under a minute.

    python examples/adapt_two_domains.py [FOLDER]

The same from the shell: `landbridge adapt digits/printed digits/photo --steps 300 --out FOLDER`.
"""

import sys
import tempfile
from pathlib import Path

from landbridge import Classifier, adapt, load_domain

STEPS = 300
"""Enough to see something move; `docs/results/digits.md` tells what longer runs reach."""


def main(folder: str) -> None:
    run = adapt("digits/printed", "digits/photo", method="dann", steps=STEPS, seed=0, out=folder)
    before, after = run.folder / "baseline", run.folder
    for name, where in (("source only", before), ("adapted", after)):
        metrics = run.open(where).result.metrics
        print(f"{name:12} source {metrics['source_accuracy']:.3f}   target {metrics['target_accuracy']:.3f}")

    # What comes out is one object that knows its preprocessing and its class names, and reads raw images.
    model = Classifier.load(after)
    images = load_domain("digits/photo").unlabelled("test").read()[:8]
    print("the first eight test images look like:", *(model.classes[best] for best in model.predict(images).argmax(1)))
    print("report:", after / "report.html")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path(tempfile.mkdtemp()) / "run"))
