"""Log-mels against a naive reference; the network for spoken words, its map, its keys, what it changes in training."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landbridge.core.errors import BadDataError, LandbridgeError
from landbridge.nn.backbones import chosen_groups, group_parameters, make_backbone
from landbridge.nn.fingerprint import fingerprint
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier
from landbridge.nn.speech import Front, LogMel, filterbank, played
from landbridge.nn.taps import tap_points


def noise(count: int = 3, samples: int = 8000, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(count, samples, generator=torch.Generator().manual_seed(seed))


def mel_of(frequency: float) -> float:
    return 2595 * np.log10(1 + frequency / 700)


def naive_log_mels(x: np.ndarray, rate: int, mels: int, floor: float) -> np.ndarray:
    """The docstring's two equations and the mean, written with loops in float64, [mels, frames]."""
    length = round(0.032 * rate)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    padded = np.concatenate([np.zeros(length // 2), x, np.zeros(length // 2)])
    step, top = mel_of(rate / 2) / (mels + 1), length // 2 + 1
    frames = []
    for start in range(0, len(padded) - length + 1, length // 2):
        frame = window * padded[start : start + length]
        turn = np.exp(-2j * np.pi * np.outer(np.arange(top), np.arange(length)) / length)
        power = np.abs(turn @ frame) ** 2 / (window**2).sum()
        bands = []
        for band in range(mels):
            left, middle, right = (700 * (10 ** ((band + i) * step / 2595) - 1) for i in range(3))
            total = 0.0
            for k in range(top):
                f = k * rate / length
                if left < f <= middle:
                    total += power[k] * (f - left) / (middle - left)
                elif middle < f < right:
                    total += power[k] * (right - f) / (right - middle)
            bands.append(np.log(floor + total))
        frames.append(bands)
    energy = np.array(frames).T
    return energy - energy.mean(1, keepdims=True)


@pytest.mark.parametrize(("rate", "mels", "samples"), [(8000, 40, 2000), (8000, 20, 1999), (16000, 40, 3000)])
def test_log_mels_equal_the_naive_ones(rate: int, mels: int, samples: int) -> None:
    x = noise(2, samples)
    logmel = LogMel(rate, mels)
    found = logmel(x)
    for waveform, image in zip(x.double().numpy(), found):
        expected = naive_log_mels(waveform, rate, mels, logmel.floor)
        assert image.shape == expected.shape
        assert np.abs(image.numpy() - expected).max() < 1e-4


@pytest.mark.parametrize("hertz", [300, 1000, 2500])
def test_a_pure_tone_is_loudest_in_its_band_while_it_sounds(hertz: int) -> None:
    x = torch.zeros(1, 8000)
    x[0, 4000:] = torch.sin(2 * torch.pi * hertz * torch.arange(4000) / 8000)
    energy = LogMel(8000, 40).energies(x)[0]
    band = round(mel_of(hertz) / mel_of(4000) * 41) - 1
    assert abs(int(energy[:, 48].argmax()) - band) <= 1
    assert torch.allclose(energy[:, 10], torch.tensor(LogMel(8000, 40).floor).log())
    assert energy[band, 48] > energy[band, 10] + 5


@given(st.integers(4, 40), st.sampled_from([8000, 16000, 44100]))
def test_neighbouring_triangles_add_up_to_one(mels: int, rate: int) -> None:
    length = round(0.032 * rate)
    bands, frequency = filterbank(rate, length, mels), torch.linspace(0, rate / 2, length // 2 + 1)
    step = mel_of(rate / 2) / (mels + 1)
    between = (frequency >= 700 * (10 ** (step / 2595) - 1)) & (frequency <= 700 * (10 ** (mels * step / 2595) - 1))
    torch.testing.assert_close(bands.sum(0)[between], torch.ones(int(between.sum())), atol=1e-5, rtol=0)
    assert bands.min() >= 0
    assert bands.max() <= 1


def test_a_channel_changes_little_and_precision_nothing() -> None:
    x = noise(samples=8000)
    logmel = LogMel(8000, 40, floor=1e-9)
    torch.testing.assert_close(logmel(x), logmel(3 * x), atol=1e-3, rtol=0)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(logmel(x), logmel(x.clone()))
        assert logmel(x).dtype == torch.float32
        mixed = logmel(x.bfloat16())
    torch.testing.assert_close(mixed, logmel(x.bfloat16().float()))


def test_the_map_of_the_network() -> None:
    backbone = make_backbone("speech-cnn")
    assert list(backbone.groups) == ["stem", "conv2", "conv3", "conv4"]
    assert backbone.groups["stem"][:2] == ("front", "conv1")
    assert sorted(layer for group in backbone.groups.values() for layer in group) == sorted(backbone.layers)
    assert list(tap_points(backbone)) == ["front", "conv1", "conv2", "conv3", "conv4"]
    assert chosen_groups(backbone, "last:2") == ("conv3", "conv4")
    sizes = [sum(p.numel() for p in group_parameters(backbone, group)) for group in backbone.groups]
    assert sum(sizes) == sum(p.numel() for p in backbone.parameters()) == sum(v.numel() for v in backbone.parameters())
    assert all(sizes)
    assert 50_000 < sum(sizes) < 150_000
    assert (backbone.rate, backbone.example().shape) == (8000, (2, 8000))
    assert make_backbone("ganin-mnist").rate is None


def test_only_training_is_random_and_one_seed_gives_one_outcome() -> None:
    x = noise(8)
    backbone = make_backbone("speech-cnn")
    front, plain = backbone.network.front, make_backbone("speech-cnn?augment=false").network.front
    still = front.eval()(x)
    assert torch.equal(still, front(x))
    assert torch.equal(still, plain.train()(x))
    front.train()
    torch.manual_seed(1)
    one = front(x)
    assert not torch.equal(one, front(x))
    torch.manual_seed(1)
    assert torch.equal(one, front(x))


@given(st.integers(0, 300), st.floats(0, 0.5), st.integers(0, 50))
def test_what_is_played_is_the_recording_at_another_speed_and_place(most: int, share: float, seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.arange(1.0, 501.0).repeat(4, 1)  # a line, so that each value tells its place and the slope the speed
    for row in played(x, most, share):
        places = (row != 0).nonzero().flatten()
        slopes = row[places].diff()
        speed = float(slopes.mean())
        torch.testing.assert_close(slopes, torch.full_like(slopes, speed), atol=1e-3, rtol=0)
        assert 1 / (1 + share) - 1e-3 < speed < 1 + share + 1e-3
        start = float(row[places[0]]) - 1 - 249.5 - speed * (float(places[0]) - 249.5)
        assert abs(start) <= most + 0.1
        assert row[places].min() >= 1
        assert row[places].max() <= 500


def test_nothing_played_is_nothing_changed() -> None:
    x = noise()
    torch.testing.assert_close(played(x, 0, 0.0), x)


def test_it_trains_saves_and_predicts_again(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone = make_backbone("speech-cnn?width=8")
    model = Classifier(backbone, Head(backbone.width, (), 2), ("low", "high"))
    y = torch.arange(16) % 2
    hertz = 400.0 + 1200 * y + 10 * torch.arange(16)
    x = 0.1 * torch.sin(2 * torch.pi * hertz[:, None] * torch.arange(8000) / 8000) + 0.1 * noise(16)
    x[:, :2500], x[:, 5500:] = 0, 0  # a tone that never ends is what the mean over time takes away
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(12):
        loss = torch.nn.functional.cross_entropy(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())
    chances = model.predict(x)
    assert torch.equal(chances.argmax(1), y)
    model.save(tmp_path / "model")
    torch.testing.assert_close(Classifier.load(tmp_path / "model").predict(x), chances)
    assert not [name for name in model.state_dict() if "window" in name or "bands" in name]


def test_settings_tell_networks_apart() -> None:
    torch.manual_seed(0)
    names = ("speech-cnn", "speech-cnn?mels=30", "speech-cnn?rate=16000", "speech-cnn?seconds=2", "speech-cnn?width=16")
    assert len({fingerprint(make_backbone(name)) for name in names}) == len(names)
    assert make_backbone("speech-cnn?rate=16000&seconds=2").example().shape == (2, 32000)
    assert make_backbone("speech-cnn?width=16").width == 32


def test_bad_keys_and_inputs() -> None:
    for name, message in {
        "speech-cnn?mels=400": "a window of 256 samples cannot tell 400 mels apart: ask for fewer$",
        "speech-cnn?rate=0": "rate is a whole number of at least 1000, not 0$",
        "speech-cnn?width=x": "width is a whole number of at least 2, not x$",
        "speech-cnn?mels=7.5": "mels is a whole number of at least 8, not 7.5$",
        "speech-cnn?seconds=0": "seconds are 0.2 to 60, not 0$",
    }.items():
        with pytest.raises(LandbridgeError, match=f"^backbone 'speech-cnn': {message}"):
            make_backbone(name)
    front = Front(8000, 8000, 40, augment=False)
    for x in (torch.zeros(2, 7999), torch.zeros(2, 3, 28, 28)):
        with pytest.raises(
            BadDataError, match=r"^backbone 'speech-cnn' reads waveforms of 8000 samples \(8000 a second\)"
        ):
            front(x)


def test_images_and_waveforms_are_told_apart() -> None:
    with pytest.raises(
        BadDataError, match=r"^backbone 'lenet' reads images, not inputs of shape \(8000,\): name one that"
    ):
        make_backbone("lenet")(torch.zeros(2, 8000))
    with pytest.raises(
        BadDataError, match=r"^backbone 'speech-cnn' reads waveforms, not inputs of shape \(3, 28, 28\)"
    ):
        make_backbone("speech-cnn")(torch.zeros(2, 3, 28, 28))
    with pytest.raises(BadDataError, match=r"^backbone 'mlp\?inputs=4' reads feature vectors, not inputs of shape"):
        make_backbone("mlp?inputs=4")(torch.zeros(2, 3, 28, 28))
