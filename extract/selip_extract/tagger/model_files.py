"""The files of a tagger: half-precision safetensors, its configuration, and the recipe of its training."""

import json
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors.torch import load_file, save

from selip_extract.tagger.network import TaggerConfig, TaggerNetwork
from selip_shared.files import write_bytes, write_text

TAGGER_FOLDER = Path(__file__).parent / "model"
_WEIGHTS, _CONFIGURATION, RECIPE = "model.safetensors", "config.json", "recipe.json"


def save_tagger(network: TaggerNetwork, folder: Path, recipe: str) -> None:
    """Write the network in half precision, and the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.to("cpu", torch.float16).contiguous() for name, tensor in network.state_dict().items()}
    write_bytes(folder / _WEIGHTS, save(weights))
    write_text(folder / _CONFIGURATION, json.dumps(asdict(network.config), indent=1) + "\n")
    write_text(folder / RECIPE, recipe)


def load_tagger(folder: Path) -> TaggerNetwork:
    """The network of a folder for inference, in single precision."""
    stored = json.loads((folder / _CONFIGURATION).read_text(encoding="utf-8"))
    network = TaggerNetwork(TaggerConfig(**{field.name: stored[field.name] for field in fields(TaggerConfig)}))
    network.load_state_dict(load_file(folder / _WEIGHTS))
    network.train(False)
    return network
