import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.nn.fingerprint import digest
from landbridge.nn.open_clip_towers import OpenClipText, _weights_of, make_towers
from landbridge.nn.text_encoders import make_text_encoder, read_text_encoder

pytestmark = pytest.mark.usefixtures("tiny_open_clip")
TEXTS = ["a dog", "a photo of a large red flower, on a table", "cat! cats", ""]


def tower(name: str) -> OpenClipText:
    torch.manual_seed(0)
    made = make_text_encoder(f"open_clip/{name}").eval()
    assert isinstance(made, OpenClipText)
    return made


@torch.inference_mode()
def test_a_causal_tower_answers_alike_without_padding() -> None:
    encoder = tower("tiny-clip")
    short, full = encoder.tokenizer(TEXTS), encoder.tokenizer.library(TEXTS)  # type: ignore[attr-defined]
    assert encoder.shortens
    assert short.shape[1] < full.shape[1] == encoder.tokenizer.length == 16
    expected = encoder.tower(full)
    torch.testing.assert_close(encoder(short), expected, rtol=1e-5, atol=1e-6)
    for text, features in zip(TEXTS, expected):
        torch.testing.assert_close(encoder(encoder.tokenizer([text]))[0], features, rtol=1e-5, atol=1e-6)
    assert torch.equal(encoder(full), expected)
    assert encoder.lengths(full).tolist() == encoder.lengths(short).tolist() == [4, 13, 5, 2]


@torch.inference_mode()
def test_a_tower_pooled_at_its_own_end_token_answers_alike_without_padding() -> None:
    """As models converted from elsewhere are: the first end token counts, not the largest number."""
    encoder = tower("tiny-clip")
    end = encoder.tokenizer.library.eot_token_id  # type: ignore[attr-defined]
    encoder.tower.pool_type, encoder.tower.eos_id = "eos", end
    by_end = OpenClipText(encoder.tower, encoder.tokenizer.library, encoder.config, "by end")  # type: ignore[attr-defined]
    full = by_end.tokenizer.library(TEXTS)
    torch.testing.assert_close(by_end(by_end.tokenizer(TEXTS)), by_end.tower(full), rtol=1e-5, atol=1e-6)
    assert by_end.tokenizer(TEXTS).shape[1] == 13


@torch.inference_mode()
def test_a_tower_that_sees_padding_gets_its_full_length() -> None:
    encoder = tower("tiny-both-ways")
    tokens = encoder.tokenizer(["a dog"])
    assert not encoder.shortens
    assert tokens.shape == (1, 16)
    assert encoder.lengths(tokens).tolist() == [16]
    torch.testing.assert_close(encoder(tokens), encoder.tower(tokens), rtol=0, atol=0)
    # The reason: cut to its four tokens, the text gets another answer.
    shortened = encoder.tower(tokens[:, :4])
    assert (shortened - encoder(tokens)).norm() > 0.1 * encoder(tokens).norm()
    with pytest.raises(BadDataError, match="reads texts of exactly 16 tokens, not 4"):
        encoder(tokens[:, :4])


@torch.inference_mode()
def test_a_captioner_answers_as_its_own_tower_does() -> None:
    encoder = tower("tiny-coca")
    tokens = encoder.tokenizer(TEXTS)
    assert not encoder.shortens
    assert torch.equal(encoder(tokens), encoder.tower(tokens)[0])
    assert encoder.width == 24


def test_texts_longer_than_the_tower_are_refused_and_cut_by_its_tokenizer() -> None:
    encoder = tower("tiny-clip")
    with pytest.raises(BadDataError, match="at most 16 tokens, not 17"):
        encoder(torch.zeros(1, 17, dtype=torch.int64))
    tokens = encoder.tokenizer(["dog " * 40])
    assert tokens.shape == (1, 16)
    assert tokens[0, -1] == encoder.tokenizer.library.eot_token_id  # type: ignore[attr-defined]
    assert encoder.tokenizer([]).shape == (0, 16)
    assert torch.equal(encoder.tokenizer("dog"), encoder.tokenizer(["dog"]))


@pytest.mark.parametrize("name", ["tiny-clip", "tiny-both-ways", "tiny-coca"])
def test_written_and_read(name: str, tmp_path: Path) -> None:
    encoder = tower(name)
    encoder.write(tmp_path / "text")
    again = read_text_encoder(tmp_path / "text").eval()
    again.load_state_dict(encoder.state_dict())
    tokens = encoder.tokenizer(TEXTS)
    assert torch.equal(again.tokenizer(TEXTS), tokens)
    with torch.inference_mode():
        assert torch.equal(again(tokens), encoder(tokens))
    assert digest(again, again.facts()) == digest(encoder, encoder.facts())
    (tmp_path / "text/open_clip_config.json").write_text("{}")
    with pytest.raises(BadDataError, match="does not describe a model of open_clip"):
        read_text_encoder(tmp_path / "text")


def test_a_tokenizer_from_elsewhere_is_kept_with_the_tower(tiny_open_clip: Path, tmp_path: Path) -> None:
    """As SigLIP's is, which open_clip fetches from a hub: reading the model again needs no hub."""
    open_clip = pytest.importorskip("open_clip")
    transformers = pytest.importorskip("transformers")
    from landbridge.nn.tokenizers import train_tokenizer

    words = train_tokenizer(TEXTS, least=1)
    library = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words._library, pad_token="<pad>", eos_token="<end>", unk_token="<unknown>"
    )
    library.save_pretrained(str(tmp_path / "hub"))
    config = json.loads((tiny_open_clip / "tiny-both-ways.json").read_text())
    config["text_cfg"]["hf_tokenizer_name"] = str(tmp_path / "hub")
    (tmp_path / "tiny-fetched.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "tiny-fetched.json")
    encoder = tower("tiny-fetched")
    tokens = encoder.tokenizer(TEXTS)
    assert int(tokens.max()) < words.vocabulary
    encoder.write(tmp_path / "text")
    shutil.rmtree(tmp_path / "hub")
    again = read_text_encoder(tmp_path / "text")
    assert torch.equal(again.tokenizer(TEXTS), tokens)
    assert again.facts()["tokenizer"] == encoder.facts()["tokenizer"]
    with pytest.raises(LandbridgeError, match="no tokenizer of 'open_clip/tiny-fetched'"):
        make_towers("tiny-fetched")


@pytest.mark.parametrize(
    ("name", "weights", "kind", "message"),
    [
        ("tiny-clap", None, UnknownNameError, "open_clip has no model 'tiny-clap'; did you mean 'tiny-clip'"),
        ("xyzzy", None, UnknownNameError, "open_clip has no model 'xyzzy'; see"),
        ("tiny-clip", "hub", LandbridgeError, "no weights 'hub' of 'open_clip/tiny-clip'.*open_clip lists none"),
        ("ViT-B-32", "moon", LandbridgeError, "no weights 'moon' of 'open_clip/ViT-B-32'.*its tags: openai"),
        ("local-dir:/nowhere", None, LandbridgeError, "open_clip cannot make 'local-dir:/nowhere'"),
        ("local-dir:/nowhere", "openai", LandbridgeError, "brings its own weights: leave out openai"),
    ],
)
def test_models_that_cannot_be_had(name: str, weights: str | None, kind: type[LandbridgeError], message: str) -> None:
    with pytest.raises(kind, match=message):
        make_towers(name, weights)


def test_a_checkpoint_of_another_model_or_none(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(2)}, tmp_path / "other.pt")
    (tmp_path / "broken.pt").write_text("broken")
    for file in ("other.pt", "broken.pt"):
        with pytest.raises(LandbridgeError, match=f"open_clip cannot make 'tiny-clip' with the weights '.*{file}'"):
            make_towers("tiny-clip", tmp_path / file)


def test_weights_come_with_the_activation_that_they_were_trained_with() -> None:
    open_clip: Any = pytest.importorskip("open_clip")
    assert _weights_of(open_clip, "ViT-B-32", "openai") == ("openai", "ViT-B-32-quickgelu")
    assert _weights_of(open_clip, "ViT-B-32", "hub") == ("openai", "ViT-B-32-quickgelu")
    assert _weights_of(open_clip, "ViT-B-32", "laion2b_s34b_b79k") == ("laion2b_s34b_b79k", "ViT-B-32")
    assert _weights_of(open_clip, "ViT-B-32", None) == (None, "ViT-B-32")


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landbridge.nn.packages.find_spec", lambda name: None)
    with pytest.raises(LandbridgeError, match=r"'open_clip/ViT-B-32' needs open_clip: pip install"):
        make_text_encoder("open_clip/ViT-B-32")
