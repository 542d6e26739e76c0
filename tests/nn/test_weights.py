import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from landbridge.core.errors import BadDataError, MissingDataError
from landbridge.data.registry import load_domain
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier
from landbridge.nn.preprocessing import Preprocessing
from landbridge.nn.weights import load_weights


def network(classes: int = 5, width: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.Linear(width, classes))


def same(one: nn.Module, other: nn.Module, keys: list[str]) -> bool:
    return all(torch.equal(one.state_dict()[key], other.state_dict()[key]) for key in keys)


BODY = ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"]
HEAD = ["3.weight", "3.bias"]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {"state_dict": {f"module.{key}": value for key, value in state.items()}},
    ],
)
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin"])
def test_wrapped_state_dicts(tmp_path, wrap, suffix):
    given, taker = network(), network()
    path = tmp_path / f"weights{suffix}"
    torch.save(wrap(given.state_dict()), path)
    load_weights(taker, path)
    assert same(given, taker, BODY + HEAD)


def test_safetensors(tmp_path):
    given, taker = network(), network()
    save_file(given.state_dict(), tmp_path / "weights.safetensors")
    load_weights(taker, str(tmp_path / "weights.safetensors"))
    assert same(given, taker, BODY + HEAD)


def test_half_precision_files_fill_single_precision_networks(tmp_path):
    given, taker = network(), network()
    save_file({key: value.half() for key, value in given.state_dict().items()}, tmp_path / "w.safetensors")
    load_weights(taker, tmp_path / "w.safetensors")
    assert taker[0].weight.dtype == torch.float32
    assert torch.equal(taker[0].weight, given[0].weight.half().float())


@pytest.mark.parametrize("case", ["missing", "ill-fitting"])
def test_the_classifier_need_not_fit(tmp_path, case):
    given, taker = network(classes=7), network(classes=5)
    head = taker[3].weight.clone()
    state = given.state_dict()
    if case == "missing":
        state = {key: value for key, value in state.items() if key in BODY}
    save_file(state, tmp_path / "w.safetensors")
    load_weights(taker, tmp_path / "w.safetensors")
    assert same(given, taker, BODY)
    assert torch.equal(taker[3].weight, head)


def test_the_classifier_that_was_cut_is_ignored_by_name(tmp_path):
    given, taker = network(), network()[:3]
    save_file(given.state_dict(), tmp_path / "w.safetensors")
    load_weights(taker, tmp_path / "w.safetensors", classifier=("3",))
    assert same(given, taker, BODY)
    with pytest.raises(BadDataError, match=r"2 not in the network \(3.bias, 3.weight\)"):
        load_weights(taker, tmp_path / "w.safetensors", classifier=())


def test_without_a_linear_layer_the_last_convolution_is_the_classifier(tmp_path):
    taker = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1))
    save_file({"0.weight": torch.ones(4, 3, 1, 1), "0.bias": torch.ones(4)}, tmp_path / "w.safetensors")
    load_weights(taker, tmp_path / "w.safetensors")
    assert taker[0].weight.eq(1).all()


def test_every_other_mismatch_is_named_and_nothing_is_loaded(tmp_path):
    taker = network()
    before = {key: value.clone() for key, value in taker.state_dict().items()}
    state = network(width=6).state_dict() | {"extra.weight": torch.zeros(1)}
    del state["1.running_mean"]
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(BadDataError) as caught:
        load_weights(taker, tmp_path / "w.safetensors")
    message = str(caught.value)
    assert "w.safetensors does not fit Sequential: 1 missing from the file (1.running_mean)" in message
    assert "1 not in the network (extra.weight)" in message
    assert "5 of another shape (0.weight (6, 3, 3, 3) for (4, 3, 3, 3), 0.bias (6,) for (4,), " in message
    assert message.endswith("...). Name the backbone, with its keys, that these weights were made for")
    assert "\n" not in message
    assert all(torch.equal(value, before[key]) for key, value in taker.state_dict().items())


def test_a_missing_batch_counter_is_no_mismatch(tmp_path):
    given, taker = network(), network()
    save_file({key: given.state_dict()[key] for key in BODY + HEAD}, tmp_path / "w.safetensors")
    load_weights(taker, tmp_path / "w.safetensors")
    assert same(given, taker, BODY)


class Code:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


@pytest.mark.parametrize("form", ["zip", "pickle"])
def test_a_file_that_carries_code_is_refused_and_nothing_is_run(tmp_path, form):
    path, trap = tmp_path / "w.pt", tmp_path / "trap"
    content = {"0.weight": Code(trap)}
    if form == "zip":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(BadDataError, match=r"w.pt is refused: it is damaged or carries code, of which nothing was run"):
        load_weights(network(), path)
    assert not trap.exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all"])
def test_damaged_files(tmp_path, suffix, content):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    with pytest.raises(BadDataError, match="damaged"):
        load_weights(network(), path)


def test_files_that_are_no_weights(tmp_path):
    with pytest.raises(MissingDataError, match="no weights file"):
        load_weights(network(), tmp_path / "nowhere.pt")
    (tmp_path / "w.h5").write_bytes(b"")
    with pytest.raises(BadDataError, match=r"can be read: \.safetensors, or \.pt, \.pth, \.bin"):
        load_weights(network(), tmp_path / "w.h5")
    for content in ([torch.zeros(1)], {}, {"lr": 0.1}):
        torch.save(content, tmp_path / "w.pt")
        with pytest.raises(BadDataError, match="holds no state dict"):
            load_weights(network(), tmp_path / "w.pt")


@pytest.fixture
def published(data_root: Path) -> Path:
    if not (data_root / "weights").is_dir():
        pytest.skip(f"needs weights/ in {data_root}")
    return data_root / "weights"


@pytest.mark.data
def test_published_weights_load_into_their_networks(published):
    cases = {
        "timm/mobilenetv2_100?pad_type=same&mean=0.5&std=0.5": ("mobilenetv2_100.timm.safetensors", 1280),
        "torchvision/squeezenet1_1": ("squeezenet1_1.torchvision.safetensors", 512),
        f"{published / 'nets.py'}:mobilenet_v2_gluon": ("mobilenet_v2_gluon.features.safetensors", 1280),
    }
    for spec, (file, width) in cases.items():
        fresh, loaded = make_backbone(spec), make_backbone(spec, published / file)
        assert loaded.width == width
        assert not torch.equal(next(fresh.parameters()), next(loaded.parameters()))


@pytest.mark.data
def test_published_weights_load_with_their_head(published):
    import timm
    from safetensors.torch import load_file

    path = published / "mobilenetv2_100.timm.safetensors"
    whole = timm.create_model("mobilenetv2_100", pad_type="same", num_classes=1001)
    load_weights(whole, path)
    assert torch.equal(whole.classifier.weight, load_file(path)["classifier.weight"])


@pytest.mark.data
def test_padding_as_trained_changes_the_features(published):
    file = published / "mobilenetv2_100.timm.safetensors"
    image = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    specs = ("timm/mobilenetv2_100?pad_type=same", "timm/mobilenetv2_100")
    with torch.no_grad():
        right, wrong = (make_backbone(spec, file).eval()(image) for spec in specs)
    assert (right - wrong).norm() > 0.05 * right.norm()


IMAGENET_CLASS = {"accordion": 401, "flamingo": 130, "panda": 388, "pizza": 963, "strawberry": 949, "umbrella": 879}


@pytest.mark.data
def test_padding_as_trained_is_what_predicts_well(published, data_root):
    """Weights load strictly under either padding; under the wrong one, other predictions, less sure of the truth."""
    import timm

    if not (data_root / "caltech101").is_dir():
        pytest.skip(f"needs caltech101/ in {data_root}")
    domain = load_domain("caltech101", data_root).only(list(IMAGENET_CLASS))
    shown = domain.labelled(8)
    images = Preprocessing((160, 160))(shown.read(size=(160, 160)))
    truth = torch.tensor([IMAGENET_CLASS[name] + 1 for name in domain.classes])[shown.y]  # 0 is background
    said = {}
    for padding in ("same", ""):
        network = timm.create_model("mobilenetv2_100", num_classes=1001, pad_type=padding).eval()
        load_weights(network, published / "mobilenetv2_100.timm.safetensors")
        with torch.no_grad():
            said[padding] = network(images).log_softmax(1)
    assert (said["same"].argmax(1) == truth).float().mean() > 0.6
    assert (said["same"].argmax(1) != said[""].argmax(1)).float().mean() > 0.1
    likelihood = {padding: values[range(len(truth)), truth].mean() for padding, values in said.items()}
    assert likelihood[""] < likelihood["same"] - 0.05


@pytest.mark.data
def test_weights_of_another_architecture_are_refused(published):
    for spec in ("timm/resnet18", "torchvision/mobilenet_v2", "ganin-mnist"):
        with pytest.raises(BadDataError, match="does not fit"):
            make_backbone(spec, published / "mobilenet_v2_gluon.features.safetensors")


def test_a_run_lends_its_backbone(tmp_path):
    model = Classifier(make_backbone("lenet"), Head(make_backbone("lenet").width, (500,), 10), tuple("0123456789"))
    model.save(tmp_path / "run" / "model")
    for place in ("run", "run/model", "run/model/model.safetensors"):
        taken = make_backbone("lenet", tmp_path / place)
        assert same(taken.network, model.backbone.network, list(taken.network.state_dict()))
    with pytest.raises(BadDataError, match="does not fit"):
        make_backbone("ganin-mnist", tmp_path / "run")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match="is a folder without a model"):
        make_backbone("lenet", tmp_path / "empty")
