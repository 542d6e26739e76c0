"""The classifier that prompts make: against a naive one, against open_clip's own, and as it is kept."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from landbridge.nn.backbones import make_backbone
from landbridge.nn.dual_encoder import DualEncoder
from landbridge.nn.open_clip_towers import OpenClipText
from landbridge.vision_language.prompts import Prompts, read_templates
from landbridge.vision_language.zero_shot_head import class_weights, zero_shot_head
from vision_language.toy_encoder import CLASSES, toy_encoder

TEMPLATES = ("{}", "a photo of a {}.", "some sketch of the {} and a photo of the {}")


def test_against_one_text_at_a_time() -> None:
    model, prompts = toy_encoder(), Prompts.of(CLASSES, TEMPLATES)
    expected = []
    with torch.no_grad():
        for texts in prompts.texts:
            vectors = torch.stack([model.encode_text([text])[0] for text in texts]).double()
            mean = vectors.mean(0)
            expected.append(mean / mean.norm())
    for batch_size in (1, 4, 256):
        torch.testing.assert_close(
            class_weights(model, prompts, batch_size).double(), torch.stack(expected), atol=1e-6, rtol=0
        )


def test_equal_prompts_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, asked = toy_encoder(), []
    whole = DualEncoder.encode_text

    def spy(self: DualEncoder, texts: list[str], batch_size: int = 256) -> torch.Tensor:
        asked.extend(texts)
        return whole(self, texts, batch_size)

    monkeypatch.setattr(DualEncoder, "encode_text", spy)
    weights = class_weights(
        model, Prompts(("one", "two", "three"), (("a cat", "a dog"), ("a dog", "a cat"), ("a dog",)))
    )
    assert sorted(asked) == ["a cat", "a dog"]
    torch.testing.assert_close(weights[0], weights[1])
    assert not torch.allclose(weights[0], weights[2])


def test_the_mode_of_the_model_comes_back() -> None:
    model = toy_encoder().train()
    weights = class_weights(model, Prompts.of(CLASSES))
    assert model.training
    assert not weights.requires_grad


def test_heads_are_kept_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, prompts = toy_encoder(), Prompts.of(CLASSES, TEMPLATES)
    first = zero_shot_head(model, prompts, folder=tmp_path)
    assert first.scale == pytest.approx(1 / 0.07)
    [kept] = tmp_path.iterdir()
    with monkeypatch.context() as patched:
        patched.setattr(DualEncoder, "encode_text", None)
        again = zero_shot_head(model, prompts, folder=tmp_path)
        assert torch.equal(again.weight, first.weight)
        with pytest.raises(TypeError):
            zero_shot_head(model, Prompts.of(CLASSES, TEMPLATES[:1]), folder=tmp_path)
        with pytest.raises(TypeError):
            zero_shot_head(toy_encoder(seed=1), prompts, folder=tmp_path)
    kept.write_bytes(b"damaged")
    assert torch.equal(zero_shot_head(model, prompts, folder=tmp_path).weight, first.weight)
    assert len(list(tmp_path.iterdir())) == 1


def test_logits_are_scaled_cosines() -> None:
    model = toy_encoder()
    head = zero_shot_head(model, Prompts.of(CLASSES), keep=False)
    images = F.normalize(torch.randn(3, 16, generator=torch.Generator().manual_seed(0)))
    with torch.no_grad():
        expected = model.logits(images, model.encode_text([f"a photo of a {name}." for name in CLASSES]))
    torch.testing.assert_close(head.logits(images), expected)


@pytest.fixture(scope="module")
def clip() -> DualEncoder:
    """The smallest of open_clip's causal towers, fresh weights."""
    pytest.importorskip("open_clip")
    torch.manual_seed(0)
    return DualEncoder.from_open_clip("ViT-S-32-alt")


@pytest.mark.slow
def test_against_open_clips_own_head(clip: DualEncoder) -> None:
    import open_clip

    names, templates = ("tench", "great white shark", "hen"), read_templates("imagenet")[:6]
    torch.manual_seed(0)
    theirs = open_clip.create_model("ViT-S-32-alt", force_custom_text=True).eval()
    theirs.text.load_state_dict(clip.text.tower.state_dict())  # type: ignore[union-attr]
    tokenizer = open_clip.get_tokenizer("ViT-S-32-alt")
    expected = open_clip.build_zero_shot_classifier(theirs, tokenizer, names, templates).T
    torch.testing.assert_close(class_weights(clip, Prompts.of(names, templates)), expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize(("causal", "pool"), [(True, "argmax"), (False, "last")])
def test_short_texts_only_where_the_tower_cannot_see_padding(causal: bool, pool: str) -> None:
    """CLIP's kind of tower may leave padding away; SigLIP's answers otherwise without it, and so gets it."""
    open_clip = pytest.importorskip("open_clip")
    from open_clip.transformer import TextTransformer

    torch.manual_seed(0)
    tower = TextTransformer(77, 49408, 32, 2, 2, output_dim=16, pool_type=pool, no_causal_mask=not causal).eval()
    text = OpenClipText(tower, open_clip.get_tokenizer("ViT-B-32"), {"model_cfg": {"text_cfg": {}}}, "tower")
    model = DualEncoder(make_backbone("identity?inputs=16"), text, None).eval()
    prompts = Prompts.of(("cat", "great white shark"))
    tokens = open_clip.get_tokenizer("ViT-B-32")([text for (text,) in prompts.texts])
    with torch.no_grad():
        whole = F.normalize(tower(tokens), dim=1)
        if not causal:
            assert not torch.allclose(F.normalize(tower(tokens[:, :12]), dim=1), whole, atol=1e-2)
    assert (model.tokenize(["cat"]).shape[1] < 77) == causal
    torch.testing.assert_close(class_weights(model, prompts), whole, atol=2e-6, rtol=0)
