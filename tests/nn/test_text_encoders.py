import json
from pathlib import Path

import pytest
import torch

from landbridge.core.errors import BadDataError, LandbridgeError, UnknownNameError
from landbridge.nn.fingerprint import digest
from landbridge.nn.text_encoders import (
    TextEncoder,
    TextTransformer,
    last_kept,
    make_text_encoder,
    read_text_encoder,
)
from landbridge.nn.tokenizers import END, Tokenizer, train_tokenizer

TEXTS = ["a red flower", "a blue flower with leaves", "a red rose", "the sky"]


@pytest.fixture
def tokenizer() -> Tokenizer:
    return train_tokenizer(TEXTS, least=1, length=12)


@pytest.fixture
def encoder(tokenizer: Tokenizer) -> TextTransformer:
    torch.manual_seed(0)
    return TextTransformer(tokenizer, width=16, layers=2, heads=4, dropout=0.0).double()


def test_what_stands_behind_the_end_changes_nothing(encoder: TextTransformer) -> None:
    tokens = encoder.tokenizer(TEXTS)
    features = encoder(tokens)
    other = torch.where(encoder.lengths(tokens)[:, None] > torch.arange(tokens.shape[1]), tokens, 7)
    assert not torch.equal(other, tokens)
    assert torch.equal(encoder(other), features)
    longer = torch.nn.functional.pad(tokens, (0, encoder.tokenizer.length - tokens.shape[1]))
    torch.testing.assert_close(encoder(longer), features, rtol=1e-12, atol=1e-12)
    for text, feature in zip(TEXTS, features):
        torch.testing.assert_close(encoder(encoder.tokenizer([text]))[0], feature, rtol=1e-12, atol=1e-12)


def test_no_gradient_reaches_padding(encoder: TextTransformer) -> None:
    tokens = encoder.tokenizer(["the sky", "a blue flower with leaves"])
    (gradient,) = torch.autograd.grad(encoder(tokens)[0].square().sum(), encoder.words.weight)
    assert (gradient[0] == 0).all()
    assert (gradient[int(tokens[0, 1])] != 0).any()


def test_every_word_and_its_place_count(encoder: TextTransformer) -> None:
    encode = lambda text: encoder(encoder.tokenizer([text]))  # noqa: E731
    assert not torch.allclose(encode("red flower"), encode("blue flower"))
    assert not torch.allclose(encode("red flower"), encode("flower red"))


def test_it_is_the_function_of_its_formula(tokenizer: Tokenizer) -> None:
    """One block, one head, written out: x + attention(norm(x)), x + perceptron(norm(x)), norm, at the end."""
    torch.manual_seed(1)
    encoder = TextTransformer(tokenizer, width=8, layers=1, heads=1, dropout=0.0).double()
    (block,) = encoder.blocks
    tokens = tokenizer(["a red flower"])
    x = encoder.words.weight[tokens[0]] + encoder.places[: tokens.shape[1]]
    q, k, v = (block.norm1(x) @ block.self_attn.in_proj_weight.T + block.self_attn.in_proj_bias).chunk(3, 1)  # type: ignore[operator, union-attr]
    scores = q @ k.T / 8**0.5
    scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
    x = x + block.self_attn.out_proj(scores.softmax(1) @ v)  # type: ignore[operator, union-attr]
    x = x + block.linear2(torch.nn.functional.gelu(block.linear1(block.norm2(x))))  # type: ignore[operator]
    for mode in (True, False):
        with torch.inference_mode(not mode):
            torch.testing.assert_close(encoder.train(mode)(tokens)[0], encoder.norm(x[-1]), rtol=1e-10, atol=1e-10)


def test_dropout_is_for_training_alone(tokenizer: Tokenizer) -> None:
    encoder = TextTransformer(tokenizer, width=16, layers=1, heads=2, dropout=0.5)
    tokens = tokenizer(TEXTS)
    assert not torch.equal(encoder(tokens), encoder(tokens))
    encoder.eval()
    assert torch.equal(encoder(tokens), encoder(tokens))


def test_made_from_a_spec() -> None:
    spec = "transformer?width=24&layers=3&heads=2&dropout=0&tokens=bpe&vocabulary=290&length=20&least=1"
    encoder = make_text_encoder(spec, TEXTS)
    assert isinstance(encoder, TextTransformer)
    assert (encoder.name, encoder.width, len(encoder.blocks)) == (spec, 24, 3)
    assert (encoder.tokenizer.length, encoder.tokenizer.vocabulary <= 290) == (20, True)


def test_written_and_read(encoder: TextTransformer, tmp_path: Path) -> None:
    encoder.write(tmp_path / "text")
    again = read_text_encoder(tmp_path / "text").double()
    again.load_state_dict(encoder.state_dict())
    tokens = again.tokenizer(TEXTS)
    assert torch.equal(tokens, encoder.tokenizer(TEXTS))
    assert torch.equal(again.eval()(tokens), encoder.eval()(tokens))
    assert digest(again, again.facts()) == digest(encoder, encoder.facts())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("transformers", "unknown text encoder 'transformers'; did you mean 'transformer'"),
        ("transformer?width", "'width' is not key=value"),
        ("transformer?=3", "'=3' is not key=value"),
        ("transformer?widht=3", "unknown key 'widht'; did you mean 'width'"),
        ("transformer?color=3", "unknown key 'color'; it takes width, layers"),
        ("transformer?width=wide", "width is a whole number, not 'wide'"),
        ("transformer?dropout=much", "dropout is a number, not 'much'"),
        ("transformer?width=0", "width is at least 1, not 0"),
        ("transformer?layers=0", "layers is at least 1, not 0"),
        ("transformer?width=10&heads=4", "width 10 is no multiple of its 4 heads"),
        ("transformer?dropout=1", r"dropout is in \[0, 1\), not 1.0"),
        ("transformer?tokens=letters", "tokens are words or bpe"),
        ("transformer/large", "has keys, no name"),
        ("open_clip/ViT-B-32?width=3", "unknown key 'width'; it takes none"),
    ],
)
def test_specs_that_cannot_be(spec: str, message: str) -> None:
    with pytest.raises(LandbridgeError, match=message):
        make_text_encoder(spec, TEXTS * 2)


def test_what_a_transformer_needs_and_does_not_take(encoder: TextTransformer) -> None:
    with pytest.raises(BadDataError, match="give texts"):
        make_text_encoder("transformer")
    with pytest.raises(LandbridgeError, match="takes no weights"):
        make_text_encoder("transformer", TEXTS, "hub")
    with pytest.raises(BadDataError, match="texts of 13 tokens are longer than the 12"):
        encoder(torch.full((1, 13), END))


@pytest.mark.parametrize("content", [None, "{", "{}", json.dumps({"kind": "transformer", "name": "x"})])
def test_a_folder_that_describes_none(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "text.json").write_text(content)
    with pytest.raises(BadDataError, match="does not describe a text encoder"):
        read_text_encoder(tmp_path)


def test_a_folder_of_an_unknown_kind(tmp_path: Path) -> None:
    (tmp_path / "text.json").write_text(json.dumps({"kind": "telepathy"}))
    with pytest.raises(UnknownNameError, match="unknown text encoder 'telepathy'"):
        read_text_encoder(tmp_path)


def test_last_kept() -> None:
    assert last_kept(torch.tensor([[1, 1, 1], [5, 1, 5], [5, 6, 1]]), pad=1).tolist() == [0, 3, 2]


def test_all_kinds_are_text_encoders() -> None:
    from landbridge.nn.text_encoders import TEXT_ENCODERS

    assert all(issubclass(TEXT_ENCODERS.resolve(name), TextEncoder) for name in TEXT_ENCODERS)
