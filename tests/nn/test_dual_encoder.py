import copy
import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from landbridge.core.errors import BadDataError, LandbridgeError, MissingDataError
from landbridge.nn.backbones import make_backbone
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.fingerprint import fingerprint
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier, describe
from landbridge.nn.text_encoders import make_text_encoder

TEXTS = ["a red flower", "a blue flower with leaves", "rose", "the sky is blue", "leaves"]


def small(width: int | None = 8, image: str = "ganin-mnist", seed: int = 0, **keys: object) -> DualEncoder:
    torch.manual_seed(seed)
    text = make_text_encoder("transformer?width=16&layers=2&heads=2&least=1&dropout=0.1", TEXTS)
    return DualEncoder(make_backbone(image), text, width, **keys).eval()  # type: ignore[arg-type]


def pictures(count: int = 5, channels: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (count, channels, 30, 26), dtype=torch.uint8, generator=generator)


@torch.inference_mode()
def test_logits_are_scaled_cosines_of_projections() -> None:
    model = small(scale=5.0, bias=-2.0)
    images = F.normalize(model.image_head(model.image(model.preprocessing(pictures()))), dim=1)
    texts = F.normalize(model.text_head(model.text(model.tokenize(TEXTS))), dim=1)
    expected = torch.tensor([[5 * float(image @ text) - 2 for text in texts] for image in images])
    torch.testing.assert_close(model(pictures(), TEXTS), expected, rtol=1e-5, atol=1e-5)
    assert model.encode_image(pictures()).shape == (5, 8)


@torch.inference_mode()
def test_raw_and_preprocessed_images_texts_and_tokens_alone_and_in_parts() -> None:
    model = small()
    images, texts = model.encode_image(pictures()), model.encode_text(TEXTS)
    torch.testing.assert_close(model.encode_image(model.preprocessing(pictures())), images)
    torch.testing.assert_close(model.encode_image(pictures(), batch_size=2), images, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(model.encode_text(model.tokenize(TEXTS)), texts)
    torch.testing.assert_close(model.encode_text(TEXTS, batch_size=2), texts, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(model.encode_text(model.tokenize(TEXTS), batch_size=1), texts, rtol=1e-5, atol=1e-6)
    for embedded in (images, texts):
        torch.testing.assert_close(embedded.norm(dim=1), torch.ones(5))


def test_short_texts_do_not_wait_for_long_ones() -> None:
    model, seen = small(), []
    model.text.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape)))
    with torch.inference_mode():
        model.encode_text([TEXTS[1], "rose", "leaves", TEXTS[0]], batch_size=2)
    assert seen == [(2, 3), (2, 7)]


def test_nothing_in_gives_nothing() -> None:
    model = small()
    assert model.encode_image(pictures(0)).shape == (0, 8)
    assert model.encode_text([]).shape == (0, 8)
    assert model(pictures(), []).shape == (5, 0)


def test_every_parameter_learns_and_batches_stay_whole_in_training() -> None:
    model, seen = small(hidden=(12,), dropout=0.1).train(), []
    model.image.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    images, texts = model.encode_image(pictures(), batch_size=2), model.encode_text(TEXTS, batch_size=2)
    model.logits(images, texts).sigmoid().square().sum().backward()
    assert seen == [5]
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_half_precision_around_it_leaves_embeddings_in_single() -> None:
    model = small()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        images, texts = model.encode_image(pictures()), model.encode_text(TEXTS)
    assert images.dtype == texts.dtype == torch.float32
    torch.testing.assert_close(images.norm(dim=1), torch.ones(5))


def test_any_backbone_and_features_as_they_are() -> None:
    model = small(image="identity?inputs=6")
    assert model.encode_image(torch.randn(3, 6)).shape == (3, 8)
    same = small(None, image="identity?inputs=16")
    assert isinstance(same.image_head, nn.Identity)
    assert same.width == 16


@pytest.mark.parametrize("width", [8, None])
def test_saved_and_loaded(width: int | None, tmp_path: Path) -> None:
    image = "identity?inputs=16" if width is None else "ganin-mnist"
    inputs = torch.randn(4, 16) if width is None else pictures()
    model = small(width, image, hidden=() if width is None else (12,), scale=10.0, bias=-10.0)
    model.save(tmp_path / "run/model")
    loaded = DualEncoder.load(tmp_path / "run")
    with torch.inference_mode():
        assert torch.equal(loaded(inputs, TEXTS), model(inputs, TEXTS))
    assert loaded.fingerprint == model.fingerprint
    assert not loaded.training
    described = describe(tmp_path / "run/model", "dual-encoder")
    assert (described["backbone"], described["kind"]) == (image, "dual-encoder")


def test_its_image_encoder_serves_as_a_backbone(tmp_path: Path) -> None:
    model = small()
    model.save(tmp_path)
    taken = make_backbone("ganin-mnist", tmp_path)
    assert fingerprint(taken) == fingerprint(model.image)


def test_copies_are_whole() -> None:
    model = small()
    copied = copy.deepcopy(model)
    with torch.no_grad():
        model.log_scale.zero_()
        next(model.text.parameters()).zero_()
    assert copied.scale > 10
    assert copied.encode_text(TEXTS).shape == (5, 8)


def test_what_the_fingerprint_tells_apart() -> None:
    model = small()
    print_ = model.fingerprint
    assert small().fingerprint == print_
    with torch.no_grad():
        model.log_scale.add_(1)
        model.bias.add_(1)
    assert model.fingerprint == print_
    for part in (model.image, model.text, model.image_head, model.text_head):
        parameter = next(part.parameters())
        before = parameter.detach().clone()
        with torch.no_grad():
            parameter.add_(0.1)
            assert model.fingerprint != print_
            parameter.copy_(before)
    assert model.fingerprint == print_
    renamed = [text.replace("rose", "rise") for text in TEXTS]
    other = make_text_encoder("transformer?width=16&layers=2&heads=2&least=1&dropout=0.1", renamed)
    other.load_state_dict(model.text.state_dict())
    model.text = other
    assert model.fingerprint != print_


@pytest.mark.parametrize("name", ["tiny-clip", "tiny-both-ways", "tiny-coca"])
def test_open_clip_models_have_open_clips_logits(name: str, tiny_open_clip: Path, tmp_path: Path) -> None:
    open_clip = pytest.importorskip("open_clip")
    torch.manual_seed(3)
    theirs = open_clip.create_model(name).eval()
    with torch.no_grad():
        theirs.logit_scale.add_(0.3)
    torch.save(theirs.state_dict(), tmp_path / "weights.pt")
    ours = DualEncoder.from_open_clip(name, tmp_path / "weights.pt")
    images = torch.randn(3, 3, *ours.preprocessing.size or ())
    with torch.inference_mode():
        tokens = open_clip.get_tokenizer(name)(TEXTS)
        if name == "tiny-coca":
            seen, read = (
                F.normalize(encode, dim=-1) for encode in (theirs.encode_image(images), theirs.encode_text(tokens))
            )
            expected = theirs.logit_scale.exp() * seen @ read.T
        else:
            expected, _ = theirs.get_logits(images, tokens)
        torch.testing.assert_close(ours(images, TEXTS), expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(ours(images, tokens), expected, rtol=1e-5, atol=1e-5)
    assert (ours.bias.item() == -10) == (name == "tiny-both-ways")
    ours.save(tmp_path / "model")
    (tmp_path / "weights.pt").unlink()
    loaded = DualEncoder.load(tmp_path / "model")
    with torch.inference_mode():
        assert torch.equal(loaded(images, TEXTS), ours(images, TEXTS))
    assert (loaded.fingerprint, loaded.preprocessing) == (ours.fingerprint, ours.preprocessing)


def test_gradients_pass_through_open_clips_towers(tiny_open_clip: Path) -> None:
    model = DualEncoder.from_open_clip("tiny-clip").train()
    model(torch.randn(2, 3, 32, 32), TEXTS).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_two_models_of_open_clip_may_be_mixed(tiny_open_clip: Path, tmp_path: Path) -> None:
    text = make_text_encoder("open_clip/tiny-both-ways")
    model = DualEncoder(make_backbone("open_clip/tiny-clip"), text, width=8).eval()
    model.save(tmp_path)
    loaded = DualEncoder.load(tmp_path)
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(loaded(images, TEXTS), model(images, TEXTS))


def test_what_cannot_be_made() -> None:
    with pytest.raises(LandbridgeError, match=r"gives 768 features and .* 16: name a width for both"):
        small(None)
    with pytest.raises(LandbridgeError, match="a scale above 0"):
        small(scale=0.0)
    with pytest.raises(LandbridgeError, match="a width of at least 1"):
        small(0)


def test_tokens_that_are_none() -> None:
    for tokens in (torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64)):
        with pytest.raises(BadDataError, match=r"tokens are whole numbers \[n, t\]"):
            small().encode_text(tokens)


def test_folders_that_hold_none(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no model in"):
        DualEncoder.load(tmp_path)
    Classifier(make_backbone("ganin-mnist"), Head(768, (), 2), ("a", "b")).save(tmp_path / "classifier")
    with pytest.raises(LandbridgeError, match="holds a classifier model, not a dual-encoder one"):
        DualEncoder.load(tmp_path / "classifier")
    small().save(tmp_path / "dual")
    with pytest.raises(
        LandbridgeError, match=r"holds a dual-encoder model, not a classifier one: .*landbridge classify"
    ):
        Classifier.load(tmp_path / "dual")
    (tmp_path / "dual/text/text.json").unlink()
    with pytest.raises(BadDataError, match="does not describe a text encoder"):
        DualEncoder.load(tmp_path / "dual")
    described = json.loads((tmp_path / "dual/model.json").read_text())
    del described["heads"]
    (tmp_path / "dual/model.json").write_text(json.dumps(described))
    with pytest.raises(BadDataError, match="does not describe a dual encoder"):
        DualEncoder.load(tmp_path / "dual")


def test_changed_vocabularies_do_not_fit_the_weights(tmp_path: Path) -> None:
    small().save(tmp_path)
    other = make_text_encoder("transformer?width=16&layers=2&heads=2&least=1", ["one two"])
    other.write(tmp_path / "text")
    with pytest.raises(BadDataError, match="do not fit ganin-mnist with transformer"):
        DualEncoder.load(tmp_path)


def test_a_factory_of_ones_own_runs_only_when_named(tmp_path: Path) -> None:
    nets = tmp_path / "nets.py"
    nets.write_text(
        "from torch import nn\n\n\ndef make():\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())\n"
    )
    small(image=f"{nets}:make?size=28").save(tmp_path / "model")
    with pytest.raises(LandbridgeError, match="if you trust its code"):
        DualEncoder.load(tmp_path / "model")
    assert DualEncoder.load(tmp_path / "model", f"{nets}:make?size=28").width == 8
