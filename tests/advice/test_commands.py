"""Commands to go on with: they parse, and mean what was meant."""

import shlex
from dataclasses import replace
from typing import Any

import pytest

from landbridge.advice.commands import DEEP, Asked, further
from landbridge.advice.facts import Classes, Distances, Facts
from landbridge.advice.strategies import LINEAR, STRATEGIES
from landbridge.cli import parse

FAR = Distances(1.9, 0.3, 10.0, 1.0)
FACTS = Facts(True, 0, Classes("same", ("cat", "dog")), FAR, FAR, 100, 100)
ASKED = Asked("my photos", "pacs/sketch", "timm/resnet18?size=96&mean=0.5", "a b.safetensors", data_root="da ta")


def given(command: str) -> dict[str, Any]:
    words = shlex.split(command)
    assert words[0] == "landbridge"
    return {"command": words[1], **parse(words[1], words[2:])}


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_strategy_has_a_command_that_parses(name: str) -> None:
    found = given(replace(ASKED, shots=3).of(name))
    assert found["weights"] == "a b.safetensors"
    assert found["data_root"] == "da ta"
    assert found["backbone"] == "timm/resnet18?size=96&mean=0.5"
    if name in LINEAR:
        assert (found["command"], found["keep"], found["target_shots"]) == ("advise", name, 3)


def test_to_go_on() -> None:
    found = [given(each.command) for each in further(ASKED, FACTS, True, 0.001)]
    adapting = [each for each in found if each["command"] == "adapt"]
    assert "dann" in [each["method"] for each in adapting]
    assert all(each["method"] in DEEP for each in adapting)
    assert {(each["source"], each["target"]) for each in adapting} == {("my photos", "pacs/sketch")}
    assert found[-1]["target_shots"] == 5
    minutes = {shlex.split(each.command)[5]: each.minutes for each in further(ASKED, FACTS, True, 0.001)[:2]}
    assert minutes["source-only"] == pytest.approx(2000 * 64 * 3 * 0.001 / 60)
    assert minutes["dann"] == pytest.approx(2 * 2000 * 64 * 3 * 0.001 / 60)


def test_a_source_that_knows_more_is_narrowed() -> None:
    facts = replace(FACTS, classes=Classes("within", ("cat", "dog, big"), ("cow",)))
    found = given(further(ASKED, facts, True, 0.1)[0].command)
    assert found["source"] == 'my photos?classes=cat,"dog, big"'
    keyed = further(replace(ASKED, source="pacs/photo?without=horse"), facts, True, 0.1)[0]
    assert given(keyed.command)["source"] == 'pacs/photo?without=horse&classes=cat,"dog, big"'


def test_where_adapt_would_refuse() -> None:
    for facts, alike in ((replace(FACTS, classes=Classes("partly")), True), (FACTS, False)):
        assert [given(each.command)["command"] for each in further(ASKED, facts, alike, 0.1)] == ["advise"]
    assert further(ASKED, replace(FACTS, source_labelled=False), True, 0.1) == []
    shots = replace(FACTS, source_labelled=False, shots=2)
    assert given(further(replace(ASKED, shots=2), shots, True, 0.1)[0].command)["command"] == "probe"


def test_unlabelled_stays_unlabelled() -> None:
    asked = replace(ASKED, unlabelled=True)
    found = [given(each.command) for each in further(asked, FACTS, True, 0.1)]
    assert found
    assert all(each["unlabelled"] for each in found)
    assert given(asked.evaluate("runs/x"))["command"] == "predict"
    assert given(ASKED.evaluate("runs/x"))["command"] == "evaluate"
