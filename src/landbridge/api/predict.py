"""`landbridge predict`: classes of raw image files, or of recordings."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from landbridge.nn.models import Classifier
    from landbridge.zeroshot.model import ZeroShotModel


def predict(model: str, images: str, out: str = "predictions.csv", backbone: str | None = None) -> "Path":
    """Predict the class of every image or recording in a file or folder, and write a CSV.

    Args:
        model: folder of a run, or its `model/`.
        images: an image file, or a folder of them at any depth; wav files where the model reads waveforms.
        out: the CSV to write: path, predicted class, confidence (0 to 1), then the probability of each class. A
            file that cannot be read has an empty prediction. A model of `landbridge zeroshot` says its scores in place
            of probabilities, and no confidence.
        backbone: your own factory, where the model was made with one.

    Returns:
        The path of the CSV.

    Raises:
        LandbridgeError: no such model, no files that it reads.

    Example:
        >>> from landbridge import adapt
        >>> run = adapt("digits/printed", "digits/handwritten", steps=4, out=str(tmp / "predicted"), quiet=True)
        >>> from PIL import Image
        >>> Image.new("RGB", (40, 40)).save(tmp / "black.png")
        >>> path = predict(str(run.folder), str(tmp / "black.png"), out=str(tmp / "predictions.csv"))
        >>> path.read_text().splitlines()[0]
        'path,predicted,confidence,0,1,2,3,4,5,6,7,8,9'
    """
    import csv
    from pathlib import Path

    import torch

    from landbridge.core.errors import MissingDataError
    from landbridge.core.files import atomic_path
    from landbridge.data.folders import IMAGES, files_below
    from landbridge.data.images import Files
    from landbridge.data.speech import RECORDINGS, Recordings
    from landbridge.nn.models import Classifier, describe, model_folder
    from landbridge.zeroshot.model import ZeroShotModel

    where = Path(images).expanduser()
    if not where.exists():
        raise MissingDataError(f"no such file or folder: {where}")
    zero_shot = describe(model_folder(model))["kind"] == "zero-shot"
    loaded = ZeroShotModel.load(model, backbone) if zero_shot else Classifier.load(model, backbone)
    target = Path(out)
    rate = loaded.backbone.rate
    kind = IMAGES if rate is None else RECORDINGS
    paths = [where] if where.is_file() else files_below(where, kind)
    if not paths:
        raise MissingDataError(f"no {kind.plural} in {where}")
    samples = loaded.backbone.example().shape[1]
    files: Files = kind.inputs(paths) if rate is None else Recordings(paths, rate, samples / rate)
    with atomic_path(target) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "predicted", "confidence", *loaded.classes])
        for chunk in torch.arange(len(files)).split(256):
            inputs, bad = files.try_read(chunk, loaded.preprocessing.size or (224, 224))
            for position, row in zip(chunk.tolist(), loaded.predict(inputs)):
                path = str(files.paths[position])
                if position in bad:
                    writer.writerow([path, "", ""] + [""] * len(row))
                else:
                    writer.writerow([path, *called(loaded, row), *(f"{p:.4f}" for p in row)])
    return target


def called(model: "Classifier | ZeroShotModel", row: "Tensor") -> tuple[str, str]:
    """What a model calls an example, and how sure it is: several names with `|`, none where it says numbers.

    Only probabilities say how sure.
    """
    if model.answers == "several":
        return "|".join(name for name, p in zip(model.classes, row) if p > 0.5), ""
    best = int(row.argmax())
    return "" if model.answers == "numbers" else model.classes[
        best
    ], f"{row[best]:.4f}" if model.answers == "one" else ""
