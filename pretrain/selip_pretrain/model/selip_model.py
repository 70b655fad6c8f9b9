"""The model: an image encoder and a text encoder that meet in one space of 512 dimensions."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import normalize

from selip_pretrain.model.configuration import CONFIGURATION_FILE, Configuration, read_configuration
from selip_pretrain.model.encoders.image_encoder import ImageEncoder
from selip_pretrain.model.encoders.registry import IMAGE_ENCODERS, make_text_encoder
from selip_pretrain.model.encoders.text_encoder import TextEncoder
from selip_pretrain.volumes.preprocess import VolumeRecipe
from selip_shared.errors import SelipError
from selip_shared.files import write_text
from selip_shared.hugging_face import model_folder

WEIGHTS = "model.safetensors"
TEXT_ENCODER_FOLDER = "text_encoder"
TEXTS_AT_ONCE = 256
FIRST_SCALE = math.log(1 / 0.07)
HIGHEST_SCALE = math.log(100)


class SelipModel(nn.Module):
    """Volumes and canonical texts to embeddings whose inner product says how well they go together."""

    def __init__(self, configuration: Configuration, image_encoder: ImageEncoder, text_encoder: TextEncoder) -> None:
        super().__init__()
        self.configuration = configuration
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder
        self.logit_scale = nn.Parameter(torch.tensor(FIRST_SCALE))

    @classmethod
    def build(cls, configuration: Configuration, corpus: Sequence[str], download: bool = False) -> Self:
        """A model to train, its random weights decided by the configuration's seed; `corpus` are the texts to learn."""
        torch.manual_seed(configuration.seed)
        text_encoder = make_text_encoder(configuration.text_encoder, corpus, download)
        return cls(configuration, _image_encoder(configuration), text_encoder)

    @property
    def recipe(self) -> VolumeRecipe:
        """How volumes are prepared for it."""
        return self.configuration.recipe

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.logit_scale.device

    def embed_images(self, images: Tensor, modalities: Tensor) -> Tensor:
        """Embeddings (N, 512) of length 1.

        `images` float (N, 1, D, H, W) as `prepare` makes them with this model's recipe; `modalities` int64 (N,),
        positions in MODALITIES. Both may lie on another device.
        """
        return normalize(self.image_encoder(images.to(self.device), modalities.to(self.device)).float(), dim=1)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (N, 512) of length 1; a text that comes several times is encoded once."""
        if not texts:
            return torch.empty(0, self.text_encoder.projection.out_features, device=self.device)
        distinct = list(dict.fromkeys(texts))
        parts = [distinct[start : start + TEXTS_AT_ONCE] for start in range(0, len(distinct), TEXTS_AT_ONCE)]
        embeddings = torch.cat([normalize(self.text_encoder(part).float(), dim=1) for part in parts])
        place = {text: number for number, text in enumerate(distinct)}
        return embeddings[torch.tensor([place[text] for text in texts], device=self.device)]

    def save_pretrained(self, folder: Path | str) -> None:
        """Write weights, configuration and text encoder to a folder, made where there is none."""
        folder = Path(folder)
        (folder / TEXT_ENCODER_FOLDER).mkdir(parents=True, exist_ok=True)
        self.text_encoder.save(folder / TEXT_ENCODER_FOLDER)
        write_text(folder / CONFIGURATION_FILE, self.configuration.json_text())
        save_file({name: tensor.contiguous() for name, tensor in self.state_dict().items()}, folder / WEIGHTS)

    @classmethod
    def from_pretrained(
        cls, folder_or_id: Path | str, device: torch.device | str = "cpu", download: bool = False
    ) -> Self:
        """The model of a folder or Hugging Face id, ready to embed; fetched only where `download` asks for it.

        SelipError where there is none, or one that does not go with its configuration.
        """
        folder = model_folder(str(folder_or_id), download)
        configuration = read_configuration(folder)
        text_encoder = TextEncoder.load(folder / TEXT_ENCODER_FOLDER)
        model = cls(configuration, _image_encoder(configuration), text_encoder)
        try:
            model.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, SafetensorError, RuntimeError) as failure:
            raise SelipError(
                f"The weights in {folder} are missing, damaged, or of another configuration: take another checkpoint."
            ) from failure
        return model.train(False).to(device)


def _image_encoder(configuration: Configuration) -> ImageEncoder:
    make = IMAGE_ENCODERS[configuration.encoder]
    return make(configuration.recipe.shape, configuration.norm, configuration.pooling)
