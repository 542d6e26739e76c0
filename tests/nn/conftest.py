"""Small models of open_clip, known to it by name while the tests run."""

import json
from pathlib import Path
from typing import Any

import pytest

TEXT = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
CLIP = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": TEXT,
}
LIKE_SIGLIP = {
    "embed_dim": 192,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {
        "image_size": 224,
        "timm_model_name": "vit_tiny_patch16_224",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "none",
    },
    "text_cfg": {
        **TEXT,
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
        "norm_kwargs": {"eps": 1e-6},
        "tokenizer_kwargs": {"clean": "canonicalize"},
    },
}
COCA = {
    **CLIP,
    "custom_text": True,
    "vision_cfg": {**CLIP["vision_cfg"], "attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True},  # type: ignore[dict-item]
    "text_cfg": {**TEXT, "embed_cls": True, "output_tokens": True},
    "multimodal_cfg": {**TEXT, "width": 24, "attn_pooler_heads": 2},
}
CONFIGS: dict[str, dict[str, Any]] = {"tiny-clip": CLIP, "tiny-both-ways": LIKE_SIGLIP, "tiny-coca": COCA}


@pytest.fixture(scope="session")
def tiny_open_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Makes `tiny-clip` (causal), `tiny-both-ways` (as SigLIP's) and `tiny-coca` known; the folder of their configs."""
    import open_clip

    folder = tmp_path_factory.mktemp("configs")
    for name, config in CONFIGS.items():
        (folder / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)
    return folder
