"""Training above a frozen lower part."""

import re
from pathlib import Path

import pytest
import torch

import landbridge
from landbridge.core.errors import LandbridgeError, SealedLabelsError
from landbridge.data.batches import in_order
from landbridge.data.registry import load_domain
from landbridge.nn.backbones import make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.models import Classifier
from landbridge.training.features import FeatureStore
from landbridge.training.frozen import VERSIONS, FrozenBelow


@pytest.fixture
def below(tmp_path: Path) -> FrozenBelow:
    return FrozenBelow(make_backbone("ganin-mnist"), ["stem"], FeatureStore(tmp_path, quiet=True))


def test_upper_part_on_stored_outputs_is_the_whole_on_images(below: FrozenBelow) -> None:
    domain = load_domain("digits/handwritten")
    lower = below.domain(domain)
    head = Head(below.upper.width, (), len(domain.classes))
    whole = below.whole(Classifier(below.upper, head, domain.classes)).eval()
    raw, maps = domain.unlabelled("test").read(torch.arange(20)), lower.unlabelled("test").read(torch.arange(20))
    torch.testing.assert_close(below.upper.eval()(maps), whole.backbone(whole.preprocessing(raw)))
    assert lower.classes == domain.classes
    assert torch.equal(lower.labelled().y, domain.labelled().y)
    with pytest.raises(SealedLabelsError):
        _ = lower.unlabelled().y


def test_augmented_versions_of_one_image_stay_together(below: FrozenBelow) -> None:
    domain = load_domain("digits/handwritten?classes=0,1")
    lower = below.domain(domain, ("train",), "shift", seed=3)
    count = len(domain.unlabelled())
    assert len(lower.unlabelled()) == VERSIONS * count
    assert len(lower.unlabelled("test")) == len(domain.unlabelled("test"))
    assert torch.equal(lower.labelled().y, domain.labelled().y.repeat(VERSIONS))
    rest, held = lower.validation(seed=0)
    assert not set(rest.bundle.tolist()) & set(held.bundle.tolist())
    maps = next(in_order(lower.unlabelled(), below.upper.preprocessing, batch_size=VERSIONS * count))
    assert not torch.equal(maps[:count], maps[count : 2 * count])
    again = below.domain(domain, ("train",), "shift", seed=3)
    assert torch.equal(again.unlabelled().read(), lower.unlabelled().read())


def test_a_run_above_a_frozen_part_leaves_it_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDBRIDGE_CACHE", str(tmp_path / "cache"))
    start = landbridge.adapt(
        "digits/printed", "digits/handwritten", "source-only", steps=5, out=str(tmp_path / "start"), quiet=True
    )
    run = landbridge.adapt(
        "digits/printed", "digits/handwritten", "dann", steps=10, freeze="1", augment="shift", baseline=False,
        weights=str(start.folder), out=str(tmp_path / "run"), quiet=True,
    )  # fmt: skip
    before, after = (Classifier.load(folder.folder).backbone.network for folder in (start, run))
    assert torch.equal(before.conv1.weight, after.conv1.weight)
    assert not torch.equal(before.conv2.weight, after.conv2.weight)
    assert "--freeze 1" in run.result.command


def test_what_cannot_be_frozen_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANDBRIDGE_CACHE", str(tmp_path / "cache"))
    pair, out = ("digits/printed", "digits/handwritten"), str(tmp_path / "run")
    with pytest.raises(LandbridgeError, match="'ganin-mnist' has 2 layer groups, so say 0 to 2"):
        landbridge.adapt(*pair, freeze="3", out=out, quiet=True)
    with pytest.raises(LandbridgeError, match="is no lower part of 'ganin-mnist'"):
        landbridge.adapt(*pair, freeze="all", out=out, quiet=True)
    for method in ("fixmatch", "mean-teacher", "dann+fixmatch"):
        with pytest.raises(LandbridgeError, match=re.escape(f"'{method}' looks at its images through changing")):
            landbridge.adapt(*pair, method, freeze="1", out=out, quiet=True)
    assert not (tmp_path / "run").exists()
