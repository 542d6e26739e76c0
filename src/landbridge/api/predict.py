"""`landbridge predict`: classes of raw image files."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def predict(model: str, images: str, out: str = "predictions.csv", backbone: str | None = None) -> "Path":
    """Predict the class of every image in a file or folder, and write a CSV.

    Args:
        model: folder of a run, or its `model/`.
        images: an image file, or a folder of them at any depth.
        out: the CSV to write: path, predicted class, confidence (0 to 1), then the probability of each class. An
            image that cannot be read has an empty prediction.
        backbone: your own factory, where the model was made with one.

    Returns:
        The path of the CSV.

    Raises:
        LandbridgeError: no such model, no images.

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
    from landbridge.data.folders import images_below
    from landbridge.data.images import ImageFiles
    from landbridge.nn.models import Classifier

    where = Path(images).expanduser()
    if not where.exists():
        raise MissingDataError(f"no such file or folder: {where}")
    files = ImageFiles([where] if where.is_file() else images_below(where))
    if not len(files):
        raise MissingDataError(f"no images in {where}")
    loaded, target = Classifier.load(model, backbone), Path(out)
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
                    best = int(row.argmax())
                    writer.writerow([path, loaded.classes[best], f"{row[best]:.4f}", *(f"{p:.4f}" for p in row)])
    return target
