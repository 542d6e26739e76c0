from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from landbridge.core.errors import LandbridgeError
from landbridge.nn.fingerprint import digest
from landbridge.nn.text_encoders import make_text_encoder, read_text_encoder

TEXTS = ["a red flower", "a blue flower with many green leaves", "sky"]
installed = pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="needs sentence-transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with random weights, in that library's own form."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    place = tmp_path_factory.mktemp("sentences")
    words = sorted({word for text in TEXTS for word in text.split()})
    (place / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=5 + len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    BertModel(config).save_pretrained(place / "bert")
    BertTokenizerFast(vocab=str(place / "vocab.txt")).save_pretrained(place / "bert")
    word = Transformer(str(place / "bert"), max_seq_length=12)
    SentenceTransformer(modules=[word, Pooling(16, pooling_mode="mean")], device="cpu").save(str(place / "whole"))
    return place / "whole"


@installed
def test_it_answers_as_the_library_does_whatever_the_padding(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer

    encoder = make_text_encoder(f"sentence-transformers/{folder}").eval()
    tokens = encoder.tokenizer(TEXTS)
    expected = torch.as_tensor(SentenceTransformer(str(folder), device="cpu").encode(TEXTS))
    with torch.inference_mode():
        torch.testing.assert_close(encoder(tokens), expected, rtol=1e-5, atol=1e-6)
        longest = encoder.lengths(tokens)[2]
        torch.testing.assert_close(encoder(tokens[2:, :longest])[0], expected[2], rtol=1e-5, atol=1e-6)
    assert longest == 3
    assert encoder.width == 16
    assert encoder.tokenizer([]).shape[0] == 0
    assert encoder.tokenizer(["sky " * 50]).shape == (1, 12)


@installed
def test_its_weights_go_on_learning(folder: Path) -> None:
    encoder = make_text_encoder(f"sentence-transformers/{folder}").train()
    encoder(encoder.tokenizer(TEXTS)).square().sum().backward()
    assert all(parameter.grad is not None for name, parameter in encoder.named_parameters() if "pooler" not in name)


@installed
def test_written_and_read(folder: Path, tmp_path: Path) -> None:
    encoder = make_text_encoder(f"sentence-transformers/{folder}").eval()
    with torch.no_grad():
        next(encoder.parameters()).add_(0.1)
    encoder.write(tmp_path / "text")
    again = read_text_encoder(tmp_path / "text").eval()
    again.load_state_dict(encoder.state_dict())
    tokens = again.tokenizer(TEXTS)
    with torch.inference_mode():
        assert torch.equal(again(tokens), encoder(tokens))
    assert digest(again, again.facts()) == digest(encoder, encoder.facts())


@installed
@pytest.mark.parametrize(
    ("spec", "weights", "message"),
    [
        ("sentence-transformers", None, "needs a name"),
        ("sentence-transformers/{}", "hub", "brings its own weights"),
        ("sentence-transformers/{}?width=3", None, "unknown key 'width'; it takes none"),
        ("sentence-transformers//nowhere/at-all", None, "no model '/nowhere/at-all' of sentence-transformers"),
    ],
)
def test_models_that_cannot_be_had(spec: str, weights: str | None, message: str, folder: Path) -> None:
    with pytest.raises(LandbridgeError, match=message):
        make_text_encoder(spec.format(folder), weights=weights)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("landbridge.nn.packages.find_spec", lambda name: None)
    with pytest.raises(LandbridgeError, match=r'needs sentence_transformers: pip install "sentence-transformers"'):
        make_text_encoder("sentence-transformers/all-MiniLM-L6-v2")
