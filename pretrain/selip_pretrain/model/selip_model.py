"""The model: an image encoder and a text encoder with a common embedding space of 512 dimensions.

With a study encoder, whole studies have embeddings in that space too; with a findings head, findings are predicted.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
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
from selip_pretrain.model.findings_head import FindingsHead, read_labels, write_labels
from selip_pretrain.model.study_encoder import StudyEncoder, by_study
from selip_pretrain.objective.finding_labels import FindingLabel
from selip_pretrain.volumes.preprocess import VolumeRecipe
from selip_shared.errors import SelipError
from selip_shared.files import write_text
from selip_shared.hugging_face import model_folder

WEIGHTS = "model.safetensors"
TEXT_ENCODER_FOLDER = "text_encoder"
TEXT_BATCH_SIZE = 256
INITIAL_LOGIT_SCALE = math.log(1 / 0.07)
MAX_LOGIT_SCALE = math.log(100)
"""Logarithms of 1 / temperature, as in CLIP (Radford et al., arXiv 2103.00020)."""


def no_weights(folder: Path) -> SelipError:
    """The error where a folder that is named as a checkpoint holds no weights."""
    return SelipError(
        f"There are no weights in {folder}: name a checkpoint of selip-pretrain, such as {folder / 'best'}."
    )


class SelipModel(nn.Module):
    """Embeds volumes and canonical texts; the inner product of two embeddings is their cosine similarity."""

    def __init__(
        self,
        configuration: Configuration,
        image_encoder: ImageEncoder,
        text_encoder: TextEncoder,
        labels: Mapping[FindingLabel, float] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.configuration = configuration
        self.image_encoder = image_encoder
        self.text_encoder = text_encoder
        self.study_encoder = StudyEncoder() if configuration.study_encoder else None
        self.findings_head = FindingsHead(labels) if labels else None
        self.logit_scale = nn.Parameter(torch.tensor(INITIAL_LOGIT_SCALE))

    @classmethod
    def build(
        cls,
        configuration: Configuration,
        corpus: Sequence[str],
        download: bool = False,
        labels: Mapping[FindingLabel, float] = MappingProxyType({}),
    ) -> Self:
        """A model to train, with random weights from the configuration's seed; `corpus` are the training texts.

        With `labels`, and their shares of the training volumes, it has a findings head.
        """
        torch.manual_seed(configuration.seed)
        text_encoder = make_text_encoder(configuration.text_encoder, corpus, download, configuration.max_tokens)
        return cls(configuration, _image_encoder(configuration), text_encoder, labels)

    @property
    def recipe(self) -> VolumeRecipe:
        """How volumes must be prepared for the model."""
        return self.configuration.recipe

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.logit_scale.device

    def embed_images(self, images: Tensor, modalities: Tensor) -> Tensor:
        """Embeddings (N, 512) of unit length.

        `images` float (N, 1, D, H, W) as `prepare` returns them with this model's recipe; `modalities` int64 (N,),
        indices in MODALITIES. Both may be on another device.
        """
        return normalize(self.image_encoder(images.to(self.device), modalities.to(self.device)).float(), dim=1)

    def embed_studies(self, volumes: Tensor, modalities: Tensor, study_of: Tensor) -> Tensor:
        """Embeddings (S, 512) of unit length of studies, whichever sequences they have, in any order.

        `volumes` (N, 512) are the embeddings of all their volumes, as `embed_images` returns them, `modalities` int64
        (N,) their indices in MODALITIES, `study_of` int64 (N,) the study of each, 0 to S - 1, none without a volume.
        SelipError where the model was trained without a study encoder.
        """
        encoder = self.study_encoder
        if encoder is None:
            raise SelipError("The model has no study encoder: train one with study_encoder = true in --config.")
        study_of = study_of.to(self.device)
        counts = torch.bincount(study_of)
        studies, most = len(counts), int(counts.max())
        modalities = by_study(modalities.to(self.device), study_of, studies, most, -1)
        with torch.autocast(self.device.type, enabled=False):
            embedded = encoder(by_study(volumes.to(self.device), study_of, studies, most), modalities)
        return normalize(embedded, dim=1)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Embeddings (N, 512) of unit length; equal texts are encoded once."""
        if not texts:
            return torch.empty(0, self.text_encoder.projection.out_features, device=self.device)
        distinct = list(dict.fromkeys(texts))
        parts = [distinct[start : start + TEXT_BATCH_SIZE] for start in range(0, len(distinct), TEXT_BATCH_SIZE)]
        embeddings = torch.cat([normalize(self.text_encoder(part).float(), dim=1) for part in parts])
        index_of = {text: index for index, text in enumerate(distinct)}
        return embeddings[torch.tensor([index_of[text] for text in texts], device=self.device)]

    def predict_findings(self, volumes: Tensor) -> Tensor:
        """Probabilities (N, L) that the reports state the findings `findings_head.labels` on the volumes' sequences.

        `volumes` (N, 512) are their embeddings, as `embed_images` returns them. SelipError where the model was trained
        without a findings head.
        """
        if self.findings_head is None:
            raise SelipError("The model predicts no findings: train one with findings_weight = 0.1 in --config.")
        probabilities: Tensor = self.findings_head(volumes.to(self.device)).sigmoid()
        return probabilities

    def truncated_token_counts(self, texts: Sequence[str]) -> list[int]:
        """The number of tokens of each distinct text that has more than the text encoder reads."""
        counts = self.text_encoder.token_counts(list(dict.fromkeys(texts)))
        return [count for count in counts if count > self.configuration.max_tokens]

    def save_pretrained(self, folder: Path | str) -> None:
        """Write weights, configuration, text encoder and labels to a folder, which is created if needed."""
        folder = Path(folder)
        (folder / TEXT_ENCODER_FOLDER).mkdir(parents=True, exist_ok=True)
        self.text_encoder.save(folder / TEXT_ENCODER_FOLDER)
        write_text(folder / CONFIGURATION_FILE, self.configuration.json_text())
        if self.findings_head is not None:
            write_labels(folder, self.findings_head)
        save_file({name: tensor.contiguous() for name, tensor in self.state_dict().items()}, folder / WEIGHTS)

    @classmethod
    def from_pretrained(
        cls, folder_or_id: Path | str, device: torch.device | str = "cpu", download: bool = False
    ) -> Self:
        """The model in a folder or of a Hugging Face id, ready to embed; downloaded only with `download`.

        SelipError where there is none, where the weights do not match its configuration, or without that device.
        """
        _check_device(device)
        folder = model_folder(str(folder_or_id), download)
        configuration = read_configuration(folder)
        if not (folder / WEIGHTS).exists():
            raise no_weights(folder)
        text_encoder = TextEncoder.load(folder / TEXT_ENCODER_FOLDER, configuration.max_tokens)
        labels = read_labels(folder) if configuration.findings_weight else {}
        model = cls(configuration, _image_encoder(configuration), text_encoder, labels)
        try:
            model.load_state_dict(load_file(folder / WEIGHTS))
        except (OSError, SafetensorError, RuntimeError) as failure:
            raise SelipError(
                f"The weights in {folder} are missing, damaged, or of another configuration: use another checkpoint."
            ) from failure
        return model.train(False).to(device)


def _check_device(device: torch.device | str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as failure:
        raise SelipError(
            f"The device {device} cannot be used here: name cpu, or cuda:N with N below the number of GPUs,"
            f" {torch.cuda.device_count()}."
        ) from failure


def _image_encoder(configuration: Configuration) -> ImageEncoder:
    make = IMAGE_ENCODERS[configuration.encoder]
    return make(configuration.recipe.shape, configuration.norm, configuration.pooling)
