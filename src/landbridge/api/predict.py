"""`landbridge predict`: classes of raw image files, of their pixels, or of recordings."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from landbridge.nn.models import Classifier
    from landbridge.zeroshot.model import ZeroShotModel


def predict(
    model: str,
    images: str,
    out: str | None = None,
    backbone: str | None = None,
    window: str | None = None,
    scales: str = "1",
    flip: bool = False,
    gif: bool = False,
) -> "Path":
    """Predict the class of every image or recording in a file or folder, and write a CSV; of a segmenter, label files.

    Args:
        model: folder of a run, or its `model/`.
        images: an image file, or a folder of them at any depth; wav files where the model reads waveforms.
        out: what to write. `predictions.csv` by default: path, predicted class, confidence (0 to 1), then the
            probability of each class. A file that cannot be read has an empty prediction. A model of `landbridge
            zeroshot` says its scores in place of probabilities, and no confidence. Of a segmenter a folder,
            `predictions` by default: class numbers in `labels/`, colours over the images in `overlays/`, `classes.csv`.
        backbone: your own factory, where the model was made with one.
        window: of segmenters: WIDTHxHEIGHT of a window that slides over larger images; the whole image by default.
        scales: of segmenters: factors on the size of the images, with commas, over which answers are averaged.
        flip: of segmenters: average with what is said of mirrored images.
        gif: of segmenters: the images are the frames of a film in the order of their names; also write `overlays.gif`.
            A GIF with several frames always gets one.

    Returns:
        The path of the CSV, or of the folder.

    Raises:
        LandbridgeError: no such model, no files that it reads; options of segmenters for another model.

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

    from landbridge.core.errors import LandbridgeError, MissingDataError
    from landbridge.core.files import atomic_path
    from landbridge.data.folders import IMAGES, files_below
    from landbridge.data.images import Files
    from landbridge.data.speech import RECORDINGS, Recordings
    from landbridge.nn.models import Classifier, describe, model_folder
    from landbridge.nn.segmenter_model import KIND as SEGMENTER
    from landbridge.nn.segmenter_model import Segmenter
    from landbridge.zeroshot.model import ZeroShotModel

    where = Path(images).expanduser()
    if not where.exists():
        raise MissingDataError(f"no such file or folder: {where}")
    kind_of = describe(model_folder(model))["kind"]
    if kind_of == SEGMENTER:
        from landbridge.api._segmented import seeing, segment_files

        segmenter = Segmenter.load(model, backbone)
        look = seeing(window, scales, flip)
        return segment_files(segmenter, Path(model), where, Path(out or "predictions"), gif=gif, **look)
    if window or scales != "1" or flip or gif:
        raise LandbridgeError(f"{model} is no segmenter: leave out --window, --scales, --flip and --gif")
    loaded = ZeroShotModel.load(model, backbone) if kind_of == "zero-shot" else Classifier.load(model, backbone)
    target = Path(out or "predictions.csv")
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
