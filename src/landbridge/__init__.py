"""Landbridge: carry what a model learned where labels are many to where they are few or missing."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "adapt": "landbridge.api.adapt:adapt",
    "compare": "landbridge.api.compare:compare",
    "tune": "landbridge.api.tune:tune",
    "evaluate": "landbridge.api.evaluate:evaluate",
    "predict": "landbridge.api.predict:predict",
    "report": "landbridge.api.report:report",
    "domains": "landbridge.api.domains:domains",
    "show": "landbridge.api.show:show",
    "methods": "landbridge.api.methods:methods",
    "backbones": "landbridge.api.backbones:backbones",
    "reproduce": "landbridge.api.reproduce:reproduce",
    "probe": "landbridge.api.probe:probe",
    "advise": "landbridge.api.advise:advise",
    "finetune": "landbridge.api.finetune:finetune",
    "learn_tasks": "landbridge.api.multitask:learn_tasks",
    "zero_shot": "landbridge.api.zeroshot:zero_shot",
    "transfer_depth": "landbridge.api.transfer_depth:transfer_depth",
    "align": "landbridge.api.align:align",
    "classify": "landbridge.api.classify:classify",
    "why_the_prompt": "landbridge.api.why_the_prompt:why_the_prompt",
    "segment": "landbridge.api.segment:segment",
    "gap": "landbridge.api.gap:gap",
    "index": "landbridge.api.index:index",
    "search": "landbridge.api.search:search",
    "load_domain": "landbridge.data.registry:load_domain",
    "Classifier": "landbridge.nn.models:Classifier",
    "DualEncoder": "landbridge.nn.dual_encoder:DualEncoder",
    "Segmenter": "landbridge.nn.segmenter_model:Segmenter",
    "Domain": "landbridge.data.domain:Domain",
    "LandbridgeError": "landbridge.core.errors:LandbridgeError",
}

__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    """Import public names when they are first used: torch takes seconds, and `--help` needs none of it."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'landbridge' has no attribute '{name}'")
    from landbridge.core.registry import resolve

    return resolve(_PUBLIC[name])


if TYPE_CHECKING:
    from landbridge.api.adapt import adapt as adapt
    from landbridge.api.advise import advise as advise
    from landbridge.api.align import align as align
    from landbridge.api.backbones import backbones as backbones
    from landbridge.api.classify import classify as classify
    from landbridge.api.compare import compare as compare
    from landbridge.api.domains import domains as domains
    from landbridge.api.evaluate import evaluate as evaluate
    from landbridge.api.finetune import finetune as finetune
    from landbridge.api.gap import gap as gap
    from landbridge.api.index import index as index
    from landbridge.api.methods import methods as methods
    from landbridge.api.multitask import learn_tasks as learn_tasks
    from landbridge.api.predict import predict as predict
    from landbridge.api.probe import probe as probe
    from landbridge.api.report import report as report
    from landbridge.api.reproduce import reproduce as reproduce
    from landbridge.api.search import search as search
    from landbridge.api.segment import segment as segment
    from landbridge.api.show import show as show
    from landbridge.api.transfer_depth import transfer_depth as transfer_depth
    from landbridge.api.tune import tune as tune
    from landbridge.api.why_the_prompt import why_the_prompt as why_the_prompt
    from landbridge.api.zeroshot import zero_shot as zero_shot
    from landbridge.core.errors import LandbridgeError as LandbridgeError
    from landbridge.data.domain import Domain as Domain
    from landbridge.data.registry import load_domain as load_domain
    from landbridge.nn.dual_encoder import DualEncoder as DualEncoder
    from landbridge.nn.models import Classifier as Classifier
    from landbridge.nn.segmenter_model import Segmenter as Segmenter
