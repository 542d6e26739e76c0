"""What a camera makes of a picture: blur, noise, balance of colours."""

import io

import numpy as np
from PIL import Image, ImageFilter

from landbridge.data.streets.geometry import Bytes, Floats
from landbridge.data.streets.knobs import Knobs

WIDE = 1.5
"""Factor on the field of view of the wide-angle lens."""


def as_bytes(image: Floats) -> Bytes:
    """0 to 1 as 0 to 255."""
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def taken(image: Floats, knobs: Knobs, rng: np.random.Generator, *, blur: float, noise: float) -> Bytes:
    """A picture as a sensor reads it.

    Args:
        image: 0 to 1, float32 [H, W, 3].
        knobs: the sensor among them.
        rng: decides on the noise.
        blur: of the lens, in pixels of a picture 240 wide.
        noise: deviation, of 1.
    """
    if knobs.sensor == "noise":
        noise += 0.06
    elif knobs.sensor == "blur":
        blur += 1.5
    elif knobs.sensor == "colour":
        grey = image.mean(-1, keepdims=True)
        image = (grey + 0.6 * (image - grey)) * np.array([1.15, 1.0, 0.76], np.float32) + np.float32(0.03)
    if blur:
        image = blurred(image, blur * image.shape[1] / 240)
    if noise:
        image = image + np.float32(noise) * rng.standard_normal(image.shape, dtype=np.float32)
    return as_bytes(image)


def blurred(image: Floats, radius: float) -> Floats:
    """A Gaussian blur of a picture of 0 to 1."""
    soft = Image.fromarray(as_bytes(image)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(soft, np.float32) / 255


def compressed(image: Bytes, quality: int) -> Bytes:
    """The picture after a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))
