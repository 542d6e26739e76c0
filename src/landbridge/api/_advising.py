"""From names to advice: domains are loaded and looked at, strategies tried and ranked, all of it written down."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from landbridge.advice.advice import Advice, Option
from landbridge.advice.commands import Asked, further
from landbridge.advice.material import Extract, Gathered, gather
from landbridge.advice.rules import SOURCE_RULES, Estimate, Suggestion, outlook, ranked, suggestions
from landbridge.advice.strategies import LINEAR, STRATEGIES, VOTERS, linear
from landbridge.advice.trials import Trial, on_shots, run, without_labels
from landbridge.api._indexing import device_of
from landbridge.core.errors import BadDataError, LandbridgeError, RunFolderError, UnknownNameError
from landbridge.core.files import write_json
from landbridge.core.registry import nearest
from landbridge.data.batches import seed_of
from landbridge.data.domain import Domain
from landbridge.data.images import ImageFiles
from landbridge.data.registry import load_domain
from landbridge.nn.backbones import Backbone, make_backbone
from landbridge.nn.heads import Head
from landbridge.nn.layers import evaluating
from landbridge.nn.models import Classifier
from landbridge.nn.taps import OUTPUT
from landbridge.reports.advice import write_advice_report
from landbridge.training.features import FeatureStore


@dataclass(frozen=True)
class Request:
    """What was asked for; the attributes are the arguments of `landbridge.api.advise`, see there."""

    source: str
    target: str
    backbone: str | None
    weights: str | None
    unlabelled: bool
    unlabelled_source: bool
    target_shots: int
    budget: float
    most: int
    keep: str | None
    seed: int
    unreadable: float
    data_root: str | None
    device: str
    quiet: bool

    def __post_init__(self) -> None:
        if self.budget <= 0:
            raise LandbridgeError(f"--budget must be above 0 seconds, not {self.budget}")
        if self.most < 20:
            raise LandbridgeError(f"--most must be at least 20, not {self.most}")
        if self.keep is not None and self.keep not in STRATEGIES:
            hint = nearest(self.keep, STRATEGIES) or f"; known: {', '.join(STRATEGIES)}"
            raise UnknownNameError(f"unknown strategy '{self.keep}'{hint}")
        if self.keep is not None and self.keep not in LINEAR:
            raise LandbridgeError(f"--keep {self.keep}: it has no model to keep; those that have: {', '.join(LINEAR)}")


@dataclass(frozen=True)
class Looked:
    """A pair that was looked at, and the strategies tried on it, before anything is concluded.

    Attributes:
        asked: for what.
        source: the domain to learn from.
        target: the domain to go to.
        backbone: whose features.
        gathered: what the strategies learned from.
        proposed: what applies and what does not.
        trials: what was tried.
    """

    asked: Request
    source: Domain
    target: Domain
    backbone: Backbone
    gathered: Gathered
    proposed: Sequence[Suggestion]
    trials: Mapping[str, Trial]


def look(asked: Request) -> Looked:
    """Load the domains, measure, and try strategies while the budget lasts."""
    source = load_domain(asked.source, asked.data_root, unlabelled=asked.unlabelled_source)
    target = load_domain(asked.target, asked.data_root, unlabelled=asked.unlabelled)
    torch.manual_seed(seed_of(asked.seed, "networks"))
    backbone = make_backbone(asked.backbone or _usual(source), asked.weights)
    for domain in (source, target):
        _check_inputs(backbone, domain)
    extract = extractor(backbone, asked)
    gathered = gather(source, target, extract, asked.target_shots, asked.most, asked.seed)
    proposed = suggestions(gathered.facts)
    names = _to_try(proposed, asked.keep)
    trials = run(names, gathered, asked.budget, asked.seed, _teller(asked.quiet))
    return Looked(asked, source, target, backbone, gathered, proposed, trials)


def _width(domain: Domain) -> int | None:
    """The width of a domain of vectors; None for images, which stay unread."""
    view = domain.unlabelled()
    shape = (0, 3, 1, 1) if isinstance(view.x, ImageFiles) else view.read(torch.tensor([0])).shape
    return shape[1] if len(shape) == 2 else None


def _usual(domain: Domain) -> str:
    """The network usually trained on a domain; vectors are taken as they are."""
    width = _width(domain)
    return domain.backbone if width is None else f"identity?inputs={width}"


def _check_inputs(backbone: Backbone, domain: Domain) -> None:
    example = backbone.example()
    found, wanted = _width(domain), example.shape[1] if example.dim() == 2 else None
    if found != wanted:
        words = ["images" if width is None else f"vectors of {width}" for width in (found, wanted)]
        raise BadDataError(
            f"{domain.name} holds {words[0]}, but {backbone.name} reads {words[1]}: "
            "name another --backbone, or another domain"
        )


def check_free(folder: Path) -> None:
    """Refuse a folder that holds something else than earlier advice, before anything is computed."""
    if folder.exists() and not (folder / "advice.json").is_file() and (folder.is_file() or any(folder.iterdir())):
        raise RunFolderError(f"{folder} is not empty and holds no advice: choose another --out")


def conclude(looked: Looked, folder: Path) -> Advice:
    """Rank what was tried, and write all of it, with the best linear model, into a folder."""
    asked, gathered, spec = looked.asked, looked.gathered, looked.backbone.name
    facts = gathered.facts
    weights = None if asked.weights in (None, "none") else asked.weights
    words = Asked(
        asked.source, asked.target, spec, weights, asked.unlabelled, asked.target_shots, asked.seed, asked.data_root,
        _extra(asked),
    )  # fmt: skip
    options = _options(looked, words)
    kept = asked.keep or next((option.strategy for option in options if option.strategy in LINEAR), None)
    alike = not looked.target.classes or set(facts.classes.shared) <= set(looked.target.classes)
    following = further(words, facts, alike, _seconds_an_image(looked.backbone))
    shutil.rmtree(folder / "model", ignore_errors=True)  # of earlier advice
    if kept is not None:
        _keep(looked.trials[kept], looked.backbone, gathered, folder)
    advice = Advice(
        source=asked.source,
        target=asked.target,
        backbone=spec,
        weights=weights,
        facts=facts,
        outlook=outlook(facts),
        options=tuple(options),
        untried=tuple(each for each in looked.proposed if each.applies and each.name not in looked.trials),
        left_out=tuple(each for each in looked.proposed if not each.applies),
        further=tuple(following),
        kept=kept,
        notes=tuple(_notes(looked, options)),
        seed=asked.seed,
        folder=folder,
        command=words.advise(asked.keep),
    )
    write_json(folder / "advice.json", advice.to_json())
    write_advice_report(advice, gathered.views, words.evaluate(str(folder)) if kept else "")
    return advice


def _to_try(proposed: Sequence[Suggestion], keep: str | None) -> list[str]:
    """The strategies that apply, in their order, the vote after its voters, which it takes as they are.

    The one to keep comes first, so that no budget can drop it.
    """
    names = [each.name for each in proposed if each.applies]
    if "vote" in names:
        names.remove("vote")
        names.insert(1 + max(names.index(name) for name in VOTERS), "vote")
    if keep is None:
        return names
    if keep not in names:
        why = next(each.why for each in proposed if each.name == keep)
        raise LandbridgeError(f"--keep {keep} does not apply here: {why}")
    return sorted(names, key=lambda name: name != keep)


def _options(looked: Looked, words: Asked) -> list[Option]:
    """What was tried, the best first: by the shots where there are some, else by agreement."""
    given, trials, proposed = looked.gathered.material, looked.trials, looked.proposed
    measured = on_shots(trials, len(given.shots_y))
    basis = "shots" if measured else "agreement"
    if not measured:
        carried = {name: trial for name, trial in trials.items() if name in SOURCE_RULES}
        measured = without_labels(carried, given.y, given.classes)
    why = {each.name: each.why for each in proposed}
    order = ranked(measured, list(why))
    order += [name for name in why if name in trials and name not in measured]
    return [_option(trials[name], why[name], measured.get(name), basis, words.of(name)) for name in order]


def _option(trial: Trial, why: str, estimate: Estimate | None, basis: str, command: str) -> Option:
    return Option(
        trial.name,
        why,
        None if estimate is None else estimate.value,
        None if estimate is None else estimate.error,
        "none" if estimate is None else basis,
        trial.source_accuracy,
        round(trial.seconds, 2),
        command,
    )


def extractor(backbone: Backbone, asked: Request) -> Extract:
    """What makes features of a domain by a network."""
    store, device = FeatureStore(quiet=asked.quiet), device_of(asked.device)

    def extract(domain: Domain) -> Domain:
        return store.domains(backbone, domain, device=device, tolerance=asked.unreadable)[OUTPUT]

    return extract


def _teller(quiet: bool) -> Callable[[str], None]:
    from rich.console import Console

    console = Console(stderr=True)
    return lambda name: None if quiet else console.print(f"trying {name}", style="dim", highlight=False)


def _seconds_an_image(backbone: Backbone) -> float:
    """That a forward pass takes an image, on the processor; the second of two batches is timed."""
    inputs = torch.cat([backbone.example()] * 8)
    with evaluating(backbone), torch.inference_mode():
        for _ in range(2):
            begun = time.perf_counter()
            backbone(inputs)
    return (time.perf_counter() - begun) / len(inputs)


def _keep(trial: Trial, backbone: Backbone, gathered: Gathered, folder: Path) -> None:
    """Save a linear rule and its network as a model like any other."""
    rule = linear(trial.scorer, backbone.width)
    head = Head(backbone.width, (), len(gathered.classes))
    with torch.no_grad():
        for parameter, values in zip((head.output.weight, head.output.bias), rule):
            parameter.copy_(torch.from_numpy(np.asarray(values)))
    Classifier(backbone, head, gathered.classes).save(folder / "model")


def _extra(asked: Request) -> list[str]:
    usual = {"most": 2000, "budget": 120.0, "unreadable": 0.01}
    words = ["--unlabelled-source"] if asked.unlabelled_source else []
    for name, value in usual.items():
        if getattr(asked, name) != value:
            words += [f"--{name}", f"{getattr(asked, name):g}"]
    return words


def _notes(looked: Looked, options: Sequence[Option]) -> list[str]:
    facts, spec = looked.gathered.facts, looked.backbone.name
    notes = [f"{domain.name}: {domain.note}" for domain in (looked.source, looked.target) if domain.note]
    if looked.asked.weights in (None, "none") and not spec.startswith(("identity", "hog")):
        notes.append(f"{spec} has fresh weights: distances and estimates tell little; name --weights FILE or hub")
    if facts.classes.relation == "unknown" and facts.source_labelled:
        notes.append("the target's classes are unknown: they are taken to be the source's")
    if options and options[0].basis == "agreement":
        notes.append(
            "without target labels the order is a guess from how far the strategies agree; it is no accuracy. "
            "A few labels (--target-shots) measure"
        )
    if any(option.basis == "none" for option in options):
        notes.append("what has no estimate stands in the order of trust")
    return notes
