"""The files of a tagger: half-precision safetensors, its configuration, and the recipe of its training."""

import copy
from pathlib import Path

import torch
from transformers.utils import logging

from selip_extract.tagger.network import TaggerNetwork
from selip_shared.files import write_text

TAGGER_FOLDER = Path(__file__).parent / "model"
RECIPE = "recipe.json"


def save_tagger(network: TaggerNetwork, folder: Path, recipe: str) -> None:
    """Write the network in half precision, and the recipe."""
    folder.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(network).to(torch.float16).save_pretrained(folder)  # type: ignore[arg-type]
    write_text(folder / RECIPE, recipe)


def load_tagger(folder: Path) -> TaggerNetwork:
    """The network of a folder for inference, in single precision."""
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    network = TaggerNetwork.from_pretrained(folder, dtype=torch.float32, use_safetensors=True, local_files_only=True)
    network.train(False)
    return network
