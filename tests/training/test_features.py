import json
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.data.domain import Domain, Examples
from landbridge.data.images import Arrays
from landbridge.data.registry import load_domain
from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.training import features
from landbridge.training.features import FeatureStore


@pytest.fixture
def backbone() -> Backbone:
    torch.manual_seed(0)
    return make_backbone("lenet")


@pytest.fixture
def toy() -> Domain:
    images = torch.randint(0, 256, (40, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    whole = Examples(Arrays(images), torch.arange(40) % 2)
    return Domain("toy", ("a", "b"), {"train": whole, "test": Examples(Arrays(images[:10]), torch.zeros(10).long())})


def pictures(folder: Path, count: int = 12, damaged: int = 0) -> Path:
    rng = np.random.default_rng(0)
    for number in range(count):
        place = folder / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        if number < damaged:
            (place / f"{number}.png").write_text("no image")
        else:
            Image.fromarray(rng.integers(0, 256, (30, 30, 3), dtype=np.uint8)).save(place / f"{number}.png")
    return folder


class Counter:
    """Counts forward passes of a network."""

    def __init__(self, backbone: Backbone) -> None:
        self.passes = 0
        backbone.network.register_forward_pre_hook(self)

    def __call__(self, *_: object) -> None:
        self.passes += 1


def test_features_are_those_of_a_plain_forward_pass(tmp_path, backbone, toy):
    view = toy.unlabelled()
    found = FeatureStore(tmp_path, quiet=True).features(backbone, view, batch_size=7)["output"]
    with torch.no_grad():
        wanted = backbone.eval()(backbone.preprocessing(view.read()))
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-5, atol=1e-6)
    assert isinstance(found, np.memmap)


def test_a_second_time_nothing_is_computed(tmp_path, backbone, toy):
    store, counter = FeatureStore(tmp_path, quiet=True), Counter(backbone)
    store.features(backbone, toy.unlabelled(), ["output"])
    before = counter.passes
    part = toy.unlabelled().subset(torch.tensor([3, 1]))
    again = FeatureStore(tmp_path, quiet=True).features(backbone, part, ["output"])["output"]
    assert counter.passes == before
    assert np.array_equal(again, store.features(backbone, toy.unlabelled())["output"][[3, 1]])


def test_one_pass_for_all_layers_and_only_for_missing_ones(tmp_path, backbone, toy):
    layers = list(backbone.layers)
    store, counter = FeatureStore(tmp_path, quiet=True), Counter(backbone)
    store.features(backbone, toy.unlabelled(), layers[:2], batch_size=40)
    assert counter.passes == 1
    store.features(backbone, toy.unlabelled(), layers, batch_size=40)
    assert counter.passes == 2
    store.features(backbone, toy.unlabelled(), layers[1:], batch_size=40)
    assert counter.passes == 2


def test_content_is_the_key_not_the_path(tmp_path):
    folder = pictures(tmp_path / "here")
    shutil.copytree(folder, tmp_path / "there")
    store, sums = FeatureStore(tmp_path / "store", quiet=True), []
    for place in ("here", "there"):
        torch.manual_seed(0)
        backbone = make_backbone("lenet")
        counter = Counter(backbone)
        sums.append((store.features(backbone, load_domain(tmp_path / place).unlabelled())["output"], counter.passes))
    assert np.array_equal(sums[0][0], sums[1][0])
    assert [passes > 0 for _, passes in sums] == [True, False]
    torch.manual_seed(1)
    other = make_backbone("lenet")
    counter = Counter(other)
    store.features(other, load_domain(tmp_path / "here").unlabelled())
    assert counter.passes


def test_half_precision_is_half_the_size(tmp_path, backbone, toy):
    full = FeatureStore(tmp_path, quiet=True).features(backbone, toy.unlabelled())["output"]
    half = FeatureStore(tmp_path, "float16", quiet=True).features(backbone, toy.unlabelled())["output"]
    assert half.nbytes * 2 == full.nbytes
    np.testing.assert_allclose(half, full, atol=1e-3)
    as_domain = FeatureStore(tmp_path, "float16", quiet=True).domains(backbone, toy)["output"]
    assert as_domain.unlabelled().read().dtype == torch.float32


def test_an_interrupted_extraction_goes_on_where_it_stopped(tmp_path, backbone, toy, monkeypatch):
    monkeypatch.setattr(features, "SAVED_EVERY", 8)
    whole = FeatureStore(tmp_path / "whole", quiet=True).features(backbone, toy.unlabelled(), batch_size=4)["output"]
    store = FeatureStore(tmp_path / "stopped", quiet=True)
    left = [5]

    def stop(*_: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    hook = backbone.network.register_forward_pre_hook(stop)
    with pytest.raises(KeyboardInterrupt):
        store.features(backbone, toy.unlabelled(), batch_size=4)
    hook.remove()
    assert not list((tmp_path / "stopped").rglob("*.npy"))
    counter = Counter(backbone)
    found = store.features(backbone, toy.unlabelled(), batch_size=4)["output"]
    assert counter.passes == 10 - 4  # ten batches, sixteen examples were noted as done
    assert np.array_equal(found, whole)


def test_features_of_a_domain_are_a_domain(tmp_path, backbone, toy):
    found = FeatureStore(tmp_path, quiet=True).domains(backbone, toy, [backbone.layers[0], "output"])
    for layer, domain in found.items():
        assert domain.classes == toy.classes
        assert torch.equal(domain.labelled().y, toy.labelled().y)
        width = domain.unlabelled().read().shape[1]
        assert domain.backbone == f"identity?inputs={width}"
        assert (layer == "output") == (width == backbone.width)


def test_unreadable_images_are_named_and_left_out(tmp_path, backbone):
    domain = load_domain(pictures(tmp_path / "images", damaged=1))
    store = FeatureStore(tmp_path / "store", quiet=True)
    with pytest.raises(BadDataError, match=r"1 of 12 images .* cannot be read \(first: .*0\.png\): mend or remove"):
        store.domains(backbone, domain)
    kept = store.domains(backbone, domain, tolerance=0.2)["output"]
    assert len(kept.unlabelled("all")) == 11
    assert [Path(name).name for name in kept.skipped] == ["0.png"]
    split = next(name for name in domain.splits if any(p.name == "0.png" for p in domain.splits[name].x.paths))
    with pytest.raises(BadDataError, match=r"cannot read .*0\.png: not an image, or damaged"):
        store.features(backbone, domain.unlabelled(split))


def test_sealed_labels_stay_sealed(tmp_path, backbone, tripwire):
    FeatureStore(tmp_path, quiet=True).domains(backbone, tripwire)


@pytest.fixture
def tripwire(toy) -> Domain:
    class Wire(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, kinds, arguments=(), keywords=None):
            if function in (torch.Tensor.tolist, torch.Tensor.numpy, torch.Tensor.__eq__, torch.Tensor.item):
                raise AssertionError("a label was read")
            return super().__torch_function__(function, kinds, arguments, keywords or {})

    return Domain("toy", toy.classes, {k: Examples(e.x, e.y.as_subclass(Wire)) for k, e in toy.splits.items()})


def _compute(folder: str, queue: "multiprocessing.Queue[float]") -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    view = load_domain("digits/handwritten").unlabelled("test")
    queue.put(float(FeatureStore(Path(folder), quiet=True).features(make_backbone("lenet"), view)["output"].sum()))


@pytest.mark.slow
def test_two_processes_at_once_do_no_harm(tmp_path):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    both = [context.Process(target=_compute, args=(str(tmp_path), queue)) for _ in range(2)]
    for process in both:
        process.start()
    sums = [queue.get(timeout=120) for _ in both]
    for process in both:
        process.join()
    assert sums[0] == sums[1]
    assert len(list(tmp_path.rglob("*.npy"))) == 1
    assert not list(tmp_path.rglob("unfinished.json"))
    assert json.loads(next(tmp_path.rglob("features.json")).read_text())["unreadable"] == []


def test_errors(tmp_path, backbone, toy):
    with pytest.raises(LandbridgeError, match="stored as float32 or float16, not 'int8'"):
        FeatureStore(tmp_path, "int8")
    with pytest.raises(LandbridgeError, match="computed in 32-true or bf16-mixed, not '8'"):
        FeatureStore(tmp_path, precision="8")
    with pytest.raises(UnknownNameError, match="no layer 'conv9'"):
        FeatureStore(tmp_path, quiet=True).features(backbone, toy.unlabelled(), ["conv9"])
