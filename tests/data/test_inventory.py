import inspect
from importlib import import_module

import pytest

from landbridge.core.errors import UnknownNameError
from landbridge.data.images import Arrays, ImageFiles
from landbridge.data.inventory import describe
from landbridge.data.registry import DOMAINS, load_domain, names


@pytest.mark.parametrize("family", DOMAINS)
def test_every_line_of_the_registry_leads_to_a_documented_loader(family):
    entry = DOMAINS[family]
    for reference in (entry.loader, entry.download):
        if reference is not None:
            module, _, attribute = reference.partition(":")
            function = getattr(import_module(module), attribute)
            assert inspect.getdoc(function)
    assert entry.about


def test_names_are_those_of_the_design():
    known = set(names())
    assert {
        "digits/photo",
        "mnist",
        "mnist-m",
        "usps",
        "usps/random",
        "syn-numbers",
        "pacs/sketch",
        "emoji/noto",
    } <= known
    assert {"synsigns", "gtsrb", "office31/dslr", "office-home/real-world", "domainnet/real", "visda2017/test"} <= known
    assert not {"digits", "pacs", "emoji"} & known


def test_nothing_found_without_a_root(monkeypatch, fresh_cache):
    monkeypatch.delenv("LANDBRIDGE_DATA", raising=False)
    for name in names():
        found, sizes, reason = describe(name)
        if DOMAINS[name.split("/")[0]].folder is None:
            assert found
            assert sizes
        else:
            assert (found, sizes) == (False, None)
            assert "LANDBRIDGE_DATA" in reason
            assert "\n" not in reason
    assert not fresh_cache.exists()


def test_sizes_and_note(small_mnist):
    assert describe("mnist", small_mnist) == (True, {"train": 12, "test": 6}, "cut: 12 + 6 of 60,000 + 10,000 images")
    assert not describe("mnist-m", small_mnist).found
    with pytest.raises(UnknownNameError, match="did you mean 'mnist'"):
        describe("mnits", small_mnist)


def test_a_network_by_default_for_every_family(small_mnist):
    assert {load_domain(f"digits/{name}").backbone for name in ("printed", "photo")} == {"ganin-mnist"}
    assert load_domain("syn-numbers").backbone == "ganin-svhn"
    assert load_domain("mnist", small_mnist).backbone == "ganin-mnist"


@pytest.mark.data
def test_looking_reads_no_image(data_root, monkeypatch):
    def read(self, *_):
        raise AssertionError("an image is read")

    monkeypatch.setattr(ImageFiles, "_decode", read)
    monkeypatch.setattr(Arrays, "values", property(read))
    found = [name for name in names() if describe(name, data_root).found]
    assert {"mnist-m", "gtsrb", "pacs/photo", "digits/printed"} <= set(found)
