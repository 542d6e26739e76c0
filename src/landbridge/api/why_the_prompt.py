"""Why the prompt: the same model and images, asked by a bare word, a short sentence, many of them, or a full one."""

from typing import Any

SENTENCE = "This photograph shows a {}, close to the camera and in the middle of the picture."


def why_the_prompt(
    model: str,
    domain: str,
    ensemble: str = "imagenet",
    sentence: str = SENTENCE,
    descriptions: str | None = None,
    weights: str | None = None,
    split: str = "test",
    data_root: str | None = None,
    device: str = "auto",
    quiet: bool = False,
) -> list[dict[str, Any]]:
    """How much the words around a class name matter to a dual encoder (Radford et al., ICML 2021).

    Args:
        model: a run of `landbridge align` or its `model/`; or `open_clip/NAME`, with `weights`.
        domain: whose images and classes.
        ensemble: the templates of the third row, as `classify` takes them.
        sentence: the full sentence of the fourth row, with `{}` where the name belongs.
        descriptions: a file of sentences by class, which the fourth row then says instead; see `classify`.
        weights: for `open_clip/NAME`: a file, `hub`, a tag of open_clip, or `none` for fresh ones.
        split: which part of the domain.
        data_root: folder of the data sets; LANDBRIDGE_DATA by default.
        device: `auto`, `cpu`, `cuda` or `mps`.
        quiet: show no progress.

    Returns:
        Four rows: `prompt` (bare word, a photo of a ..., template ensemble, full sentence), `example`, `prompts` (how
        many), `accuracy` and `mean_class_accuracy` (shares in [0, 1]).

    Raises:
        LandbridgeError: no such model or domain, or the domain's images have no class each.

    Example:
        >>> from landbridge.nn.backbones import make_backbone
        >>> from landbridge.nn.dual_encoder import DualEncoder
        >>> from landbridge.nn.text_encoders import make_text_encoder
        >>> text = make_text_encoder("transformer?width=16&layers=1&least=1", ["a photo of a 1", "a 2"])
        >>> DualEncoder(make_backbone("lenet"), text, width=8).save(tmp / "model")
        >>> rows = why_the_prompt(str(tmp / "model"), "digits/printed", ensemble="{} | a sketch of {}.", quiet=True)
        >>> [(row["prompt"], row["prompts"]) for row in rows]
        [('bare word', 10), ('a photo of a ...', 10), ('template ensemble', 20), ('full sentence', 10)]
    """
    from landbridge.api import _classifying as how
    from landbridge.api._indexing import device_of
    from landbridge.core.errors import BadDataError
    from landbridge.data.registry import load_domain
    from landbridge.data.templates import PHOTO
    from landbridge.evaluation.metrics import score
    from landbridge.vision_language.prompts import Prompts, read_descriptions, read_templates
    from landbridge.vision_language.zero_shot_head import zero_shot_head

    found = load_domain(domain, data_root)
    if found.multi_label or not found.classes:
        raise BadDataError(f"{domain} has no class for each image: name a domain that has")
    told = None if descriptions is None else read_descriptions(descriptions)
    kinds = {
        "bare word": Prompts.of(found.classes, ("{}",)),
        "a photo of a ...": Prompts.of(found.classes, (PHOTO,)),
        "template ensemble": Prompts.of(found.classes, read_templates(ensemble)),
        "full sentence": Prompts.of(found.classes, () if told else read_templates(sentence), told),
    }
    dual, place = how.dual_encoder_of(model, weights, None), device_of(device)
    dual.to(place)
    seen = how.seen_of(found.unlabelled(split), dual.preprocessing.size, 0.01)
    assert seen.view is not None
    features = how.embedded(dual, seen.x, place, quiet=quiet)
    rows = []
    for kind, prompts in kinds.items():
        scores = score(zero_shot_head(dual, prompts).logits(features), seen.view)
        rows.append(
            {
                "prompt": kind,
                "example": prompts.texts[0][0],
                "prompts": sum(map(len, prompts.texts)),
                "accuracy": scores.accuracy,
                "mean_class_accuracy": scores.mean_class_accuracy,
            }
        )
    return rows
