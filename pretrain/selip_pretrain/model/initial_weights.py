"""The start of a training from the encoders of an earlier checkpoint, wherever the shapes of the weights fit."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from selip_pretrain.model.encoders.text_encoder import load_tokenizer
from selip_pretrain.model.selip_model import TEXT_ENCODER_FOLDER, WEIGHTS, SelipModel, no_weights
from selip_shared.errors import SelipError
from selip_shared.hugging_face import model_folder

MAX_NAMED = 8


def initialise(model: SelipModel, download: bool = False) -> list[str]:
    """Load the encoders that the configuration's init_image and init_text name; what was loaded, in a sentence each.

    Weights of other shapes, or that only one side has, keep their random values. Token embeddings are loaded by token,
    so that the vocabularies may differ. SelipError where there is no checkpoint, or nothing in it fits, or not all of a
    locked encoder.
    """
    notes = []
    if model.configuration.init_image is not None:
        folder = model_folder(model.configuration.init_image, download)
        is_locked = not model.configuration.image_rate
        notes.append(_load(model.image_encoder, "image_encoder", _weights(folder), folder, is_locked))
    if model.configuration.init_text is not None:
        folder = model_folder(model.configuration.init_text, download)
        weights = _weights(folder)
        encoder = model.text_encoder
        embeddings = encoder.backbone.get_input_embeddings()
        (name,) = (name for name, one in encoder.named_parameters() if one is embeddings.weight)
        old = weights.get(f"text_encoder.{name}")
        if old is not None and old.shape[1] == embeddings.weight.shape[1]:
            earlier = load_tokenizer(folder / TEXT_ENCODER_FOLDER).get_vocab()
            rows = embeddings.weight.detach().clone()
            for token, row in encoder.tokenizer.get_vocab().items():
                if token in earlier:
                    rows[row] = old[earlier[token]]
            weights[f"text_encoder.{name}"] = rows
        notes.append(_load(encoder, "text_encoder", weights, folder, is_locked=not model.configuration.text_rate))
    return notes


def _weights(folder: Path) -> dict[str, Tensor]:
    try:
        return load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as failure:
        raise no_weights(folder) from failure


def _load(encoder: nn.Module, part: str, weights: dict[str, Tensor], folder: Path, is_locked: bool) -> str:
    own = encoder.state_dict()
    given = {name.removeprefix(f"{part}."): one for name, one in weights.items() if name.startswith(f"{part}.")}
    fitting = {name: given[name] for name, one in own.items() if name in given and given[name].shape == one.shape}
    if all(name.startswith("projection.") for name in fitting):
        raise SelipError(f"No layer of the {part} in {folder} fits: use a checkpoint of the same encoder.")
    if is_locked and len(fitting) < len(own):
        missing = [name for name in own if name not in fitting]
        raise SelipError(
            f"{len(missing)} tensors of the locked {part} do not fit those in {folder} and would stay random: "
            f"{', '.join(missing[:MAX_NAMED])}. Use a checkpoint of the same preset and recipe, or a rate above 0."
        )
    with torch.no_grad():
        encoder.load_state_dict(fitting, strict=False)
    left = [
        f"{name} ({_by(given[name])} instead of {_by(one)})" if name in given else f"{name} (not in it)"
        for name, one in own.items()
        if name not in fitting
    ]
    left += [f"{name} (only in it)" for name in given if name not in own]
    named = ", ".join(left[:MAX_NAMED]) + (" …" if len(left) > MAX_NAMED else "")
    return f"{len(fitting)} of {len(own)} tensors of the {part} are from {folder}" + (
        f"; not loaded: {named}." if left else "."
    )


def _by(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "1"
