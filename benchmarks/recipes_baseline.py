"""Recipes and photographs by words and canonical correlation alone: what a trained model has to beat.

    python benchmarks/recipes_baseline.py --image-encoder timm/mobilenetv2_100 --weights FILE
    python benchmarks/recipes_baseline.py --image-encoder ... --counts 200,475,950,1900
    python benchmarks/recipes_baseline.py --model runs/recipes

TF-IDF of each field, its singular vectors (latent semantic analysis), and regularised canonical correlation with the
features of a frozen network. Settings were chosen by cross-validation among the recipes of the training and validation
parts; the correlations are learned from the training part alone, and the test is looked at once. Below it the same for
`--begin correlations` of `landbridge align`, before it has trained, on the same features. With `--model` a run of
`landbridge align` is measured. Hubs corrected is CSLS (Conneau et al., ICLR 2018, equation 3): that looks at all
queries of the test together, which a user with one query cannot.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landbridge.core.errors import LandbridgeError

Rows = NDArray[np.float64]
FIELDS = ("title", "ingredients", "instructions")
LSA, IMAGE_RIDGE, TEXT_RIDGE, DIRECTIONS, POWER = 400, 3.0, 3.0, 128, 2.0
"""The baseline's settings, the best of those that docs/results/recipes-trials.jsonl lists, by cross-validation."""

NEIGHBOURS = 10


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image-encoder", help="a frozen network, as in `landbridge align`")
    parser.add_argument("--weights", help="its weights, a file")
    parser.add_argument("--model", help="a run of `landbridge align recipes` in place of the baseline")
    parser.add_argument("--backbone", help="your own factory, where the run's image encoder was made with one")
    parser.add_argument("--counts", default="", help="learn from so many training recipes each, for a curve")
    asked = parser.parse_args()
    try:
        rows = of_model(asked.model, asked.backbone) if asked.model else of_baseline(asked)
    except LandbridgeError as error:
        sys.exit(str(error))
    print("| what | photograph → recipe: MedR | R@1 / 5 / 10 % | recipe → photograph: MedR | R@1 / 5 / 10 % |")
    print("| --- | --- | --- | --- | --- |")
    for name, scores in rows.items():
        print(f"| {name} | {told(scores)} | {told(scores.T)} |")


def of_baseline(asked: argparse.Namespace) -> dict[str, Rows]:
    """Scores of the test part [photographs, recipes], by what was learned from."""
    if asked.image_encoder is None:
        raise LandbridgeError("name the frozen network: --image-encoder timm/mobilenetv2_100 --weights FILE")
    texts, images = read(asked.image_encoder, asked.weights)
    known = len(texts["train"]) + len(texts["validation"])
    all_texts = [text for part in ("train", "validation", "test") for text in texts[part]]
    all_images = np.concatenate([images[part] for part in ("train", "validation", "test")])
    train, test = np.arange(len(texts["train"])), np.arange(known, len(all_texts))
    rows = {"all fields": scored(all_images, all_texts, FIELDS, train, test)}
    rows["all fields, hubs corrected"] = hub_corrected(rows["all fields"])
    for field in FIELDS:
        rows[f"{field} alone"] = scored(all_images, all_texts, (field,), train, test)
    began = started(all_images, all_texts, train, test)
    rows |= {"our start, all fields": began, "our start, all fields, hubs corrected": hub_corrected(began)}
    for count in map(int, filter(None, asked.counts.split(","))):
        fewer = train[:count]
        rows[f"all fields, {count:,} recipes"] = scored(all_images, all_texts, FIELDS, fewer, test)
        rows[f"our start, all fields, {count:,} recipes"] = started(all_images, all_texts, fewer, test)
    return rows


def started(images: Rows, texts: Sequence[Mapping[str, str]], train: NDArray[Any], test: NDArray[Any]) -> Rows:
    """Cosines of the photographs and the recipes of `test` where `--begin correlations` puts them."""
    import torch

    from landbridge.nn.backbones import make_backbone
    from landbridge.nn.dual_encoder import DualEncoder
    from landbridge.nn.recipe_text import Recipe
    from landbridge.nn.text_encoders import make_text_encoder
    from landbridge.vision_language.recipes import start_with_correlations

    whole = [Recipe(text["title"], (text["ingredients"],), (text["instructions"],)).text for text in texts]
    known, features = [whole[number] for number in train], torch.from_numpy(images).float()
    encoder = make_text_encoder(f"recipe?width={DIRECTIONS}", known)
    model = DualEncoder(make_backbone(f"identity?inputs={images.shape[1]}"), encoder, DIRECTIONS).eval()
    start_with_correlations(model, features[train], known)
    with torch.inference_mode():
        photographs, recipes = model.encode_image(features[test]), model.encode_text([whole[number] for number in test])
    return np.asarray((photographs @ recipes.T).numpy(), np.float64)


def of_model(run: str, backbone: str | None) -> dict[str, Rows]:
    """Scores of the test part by a trained model, as they are and with hubs corrected."""
    from landbridge.data.captions import load_captions
    from landbridge.nn.dual_encoder import DualEncoder
    from landbridge.vision_language.looks import embeddings

    images, texts = embeddings(DualEncoder.load(run, backbone), load_captions("recipes")["test"])
    scores = (images @ texts.T).double().numpy()
    return {"all fields": scores, "all fields, hubs corrected": hub_corrected(scores)}


def read(encoder: str, weights: str | None) -> tuple[dict[str, list[dict[str, str]]], dict[str, Rows]]:
    """The fields of each recipe as text, and the features of its photograph, by split."""
    import torch

    from landbridge.data.captions import load_captions
    from landbridge.data.domain import Examples, View
    from landbridge.nn.backbones import make_backbone
    from landbridge.nn.recipe_encoder import field_text
    from landbridge.nn.recipe_text import parse_recipe
    from landbridge.training.features import FeatureStore

    network, store = make_backbone(encoder, weights), FeatureStore(quiet=True)
    texts, images = {}, {}
    for name, part in load_captions("recipes").items():
        every = View(part.name, name, (), Examples(part.images), torch.arange(len(part)), shown=False)
        images[name] = np.asarray(store.features(network, every)["output"], np.float64)
        recipes = [parse_recipe(text) for text in part.texts]
        texts[name] = [{field: field_text(recipe, field) for field in FIELDS} for recipe in recipes]
    return texts, images


def scored(
    images: Rows,
    texts: Sequence[Mapping[str, str]],
    fields: Sequence[str],
    train: NDArray[Any],
    test: NDArray[Any],
) -> Rows:
    """Cosines of the photographs and the recipes of `test` in the space that `train` has taught."""
    words = reduced(texts, fields, train, LSA)
    whitened = [white(rows, train, ridge) for rows, ridge in ((unit(images), IMAGE_RIDGE), (words, TEXT_RIDGE))]
    u, strengths, v = np.linalg.svd(whitened[0][train].T @ whitened[1][train] / len(train), full_matrices=False)
    scale = strengths[:DIRECTIONS] ** (POWER / 2)
    photographs, recipes = whitened[0] @ u[:, :DIRECTIONS] * scale, whitened[1] @ v[:DIRECTIONS].T * scale
    scores: Rows = unit(photographs[test]) @ unit(recipes[test]).T
    return scores


def reduced(texts: Sequence[Mapping[str, str]], fields: Sequence[str], train: NDArray[Any], width: int) -> Rows:
    """TF-IDF of the fields side by side, along its leading singular vectors, [N, width]; learned from `train` alone."""
    from scipy.sparse import hstack
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    blocks = []
    for field in fields:
        vectorizer = TfidfVectorizer(min_df=2, sublinear_tf=True, stop_words="english", strip_accents="unicode")
        vectorizer.fit([texts[number][field] for number in train])
        blocks.append(vectorizer.transform([recipe[field] for recipe in texts]))
    sparse = hstack(blocks).tocsr()
    most = min(width, len(train) - 1, sparse.shape[1] - 1)
    rows: Rows = TruncatedSVD(most, random_state=0, n_iter=3).fit(sparse[train]).transform(sparse)
    return rows


def white(rows: Rows, train: NDArray[Any], ridge: float) -> Rows:
    """Centred rows along the principal axes of `train`, divided by their deviation there; `ridge` in mean variances."""
    centred = rows - rows[train].mean(0)
    values, axes = np.linalg.eigh(centred[train].T @ centred[train] / len(train))
    whitened: Rows = centred @ axes / np.sqrt(values.clip(0) + ridge * values.mean())
    return whitened


def unit(rows: Rows) -> Rows:
    """Rows of length 1."""
    lengths: Rows = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Rows = rows / lengths.clip(1e-12)
    return scaled


def hub_corrected(scores: Rows, neighbours: int = NEIGHBOURS) -> Rows:
    """CSLS: 2 s_ij minus the means of the largest scores of query i and of candidate j."""
    largest = np.sort(scores, 1)[:, -neighbours:].mean(1, keepdims=True), np.sort(scores, 0)[-neighbours:].mean(0)
    corrected: Rows = 2 * scores - largest[0] - largest[1]
    return corrected


def ranks(scores: Rows) -> NDArray[np.float64]:
    """The rank of what stands on the diagonal, in its row, from 1; equals half before it."""
    own = scores.diagonal()[:, None]
    above, equal = (scores > own).sum(1), (scores == own).sum(1) - 1
    return np.asarray(1 + above + equal / 2, np.float64)


def told(scores: Rows) -> str:
    """Median rank and recall at 1, 5 and 10."""
    found = ranks(scores)
    return f"{np.median(found):.1f} | " + " / ".join(f"{100 * (found <= k).mean():.1f}" for k in (1, 5, 10))


if __name__ == "__main__":
    main()
