import json
from dataclasses import replace

import pytest
import torch

from landbridge.core.errors import BadDataError
from landbridge.nn.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def naive(images: torch.Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> torch.Tensor:
    rgb = images.expand(-1, 3, -1, -1).double() / 255
    return (rgb - torch.tensor(mean).double().view(1, -1, 1, 1)) / torch.tensor(std).double().view(1, -1, 1, 1)


@pytest.mark.parametrize("shape", [(4, 3, 28, 28), (4, 1, 28, 28), (2, 3, 7, 5), (1, 1, 1, 1), (0, 3, 8, 8)])
@pytest.mark.parametrize(("mean", "std"), [((0.5,), (0.5,)), (IMAGENET_MEAN, IMAGENET_STD)])
def test_bytes_become_normalised_floats(shape, mean, std):
    images = noise(*shape)
    out = Preprocessing(None, mean, std)(images)
    assert out.dtype == torch.float32
    assert out.shape == (shape[0], 3, *shape[2:])
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out.double(), naive(images, mean, std), atol=2e-6, rtol=0)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_layout_of_the_input_does_not_matter(layout):
    images = noise(3, 3, 10, 12)
    before = images.clone()
    ready = Preprocessing((10, 12))
    assert torch.equal(ready(images.contiguous(memory_format=layout)), ready(images))
    assert torch.equal(images, before)
    assert torch.equal(ready(images[:, :, 2:, 1:][:, :, ::2]), ready(images[:, :, 2::2, 1:].contiguous()))


@pytest.mark.parametrize(("mean", "std"), [((0.5,), (0.5,)), (IMAGENET_MEAN, IMAGENET_STD)])
def test_restored_are_the_bytes_that_there_were(mean, std):
    ready, images = Preprocessing(None, mean, std), noise(3, 3, 9, 7)
    assert torch.equal(ready.restored(ready(images)), images)
    beyond = torch.tensor([-99.0, 99.0]).expand(1, 3, 1, 2)
    assert ready.restored(beyond).flatten().tolist() == [0, 255] * 3


def test_resizing_is_antialiased():
    checkers = (torch.arange(64).view(8, 8).remainder(2) * 255).to(torch.uint8).expand(1, 3, 64 // 8, 8).contiguous()
    small = Preprocessing((4, 4))(checkers)
    assert small.shape == (1, 3, 4, 4)
    assert small[..., 1:-1].abs().max() < 0.3  # stripes of one pixel average out; sampling would give -1 or 1


def test_resizing_agrees_with_the_same_filter_in_double_precision():
    images = noise(2, 3, 33, 20)
    out = Preprocessing((16, 24), (0.0,), (1 / 255,))(images)
    exact = torch.nn.functional.interpolate(images.double(), (16, 24), mode="bilinear", antialias=True)
    assert (out.double() - exact).abs().max() <= 1.01  # bytes are rounded once a direction


def test_features_pass_as_float32():
    features = torch.randn(5, 7, dtype=torch.float64)
    out = Preprocessing((28, 28))(features)
    assert out.dtype == torch.float32
    assert torch.equal(out, features.float())


@pytest.mark.parametrize(
    "inputs",
    [
        torch.zeros(2, 3, 8, 8),
        torch.zeros(2, 4, 8, 8, dtype=torch.uint8),
        torch.zeros(3, 8, 8, dtype=torch.uint8),
        torch.zeros(2, 8, dtype=torch.int64),
    ],
)
def test_other_inputs_are_refused(inputs):
    with pytest.raises(BadDataError, match=r"neither images .* nor features"):
        Preprocessing()(inputs)


@pytest.mark.parametrize("shape", [(4, 3, 28, 28), (4, 1, 28, 28)])
def test_instance_norm_takes_out_brightness_and_contrast(shape):
    images = noise(*shape) // 4
    ready = Preprocessing(None, IMAGENET_MEAN, IMAGENET_STD, instance_norm=True)
    out = ready(images)
    assert out.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, ready(3 * images + 20), atol=1e-3, rtol=0)
    torch.testing.assert_close(out.mean((2, 3)), torch.zeros(shape[0], 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var((2, 3), correction=0), torch.ones(shape[0], 3), atol=1e-3, rtol=0)


def test_json_round_trip():
    imagenet = Preprocessing((192, 256), IMAGENET_MEAN, IMAGENET_STD)
    for ready in (Preprocessing(), imagenet, replace(imagenet, instance_norm=True)):
        assert Preprocessing.from_json(json.loads(json.dumps(ready.to_json()))) == ready
