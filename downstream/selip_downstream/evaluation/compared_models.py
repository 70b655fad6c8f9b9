"""The models that are compared, and their embeddings of volumes and texts."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from selip_contracts.vocabulary import MODALITIES, Modality
from selip_downstream.evaluation.comparison import is_difference
from selip_pretrain.data.cohort import PAIRS_PER_PROCESS
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.training.checkpoint import BEST, LAST
from selip_pretrain.volumes.volume_cache import Problem, ScannedImage, VolumeCache, prepare_all
from selip_shared.errors import SelipError
from selip_shared.execution.progress import progress
from selip_shared.execution.workers import open_workers
from selip_shared.messages.console import say
from selip_shared.threads import granted_cpus

RANDOM = "random"
HASH_DIGITS = 12
VOLUME_BATCH_SIZE = 16


class Image(ScannedImage, Protocol):
    """A volume of a known sequence: a row of `images` or `pairs`, or a file of BraTS."""

    @property
    def modality(self) -> Modality:
        """Its sequence."""


AnyImage = TypeVar("AnyImage", bound=Image)


@dataclass(frozen=True)
class EvaluatedModel:
    """One training of a model. `name` is that of its results, `checkpoint` the folder or id it was loaded from."""

    name: str
    model: SelipModel
    checkpoint: str


def load_models(checkpoints: Sequence[str], device: str) -> list[EvaluatedModel]:
    """The model of each checkpoint, NAME=FOLDER or FOLDER, after the first one untrained, which is called random.

    The untrained model has the initial weights of the first checkpoint's training, as random as its text encoder began;
    it is left out where that text encoder has moved. Checkpoints may share a name: trainings that differ only in their
    seed. SelipError where two models have the same name by chance, or a name
    reads as a difference.
    """
    named = [_named(checkpoint) for checkpoint in checkpoints]
    names = [RANDOM, *(name for name, _ in named)]
    unnamed = [name for (name, folder), checkpoint in zip(named, checkpoints, strict=True) if folder == checkpoint]
    twice = next((name for name in (RANDOM, *unnamed) if names.count(name) > 1), None)
    if twice:
        raise SelipError(f"Two models are called {twice}: give them names, as in NAME=FOLDER.")
    if any(is_difference(name) for name in names):
        raise SelipError("A minus between blanks in a name marks a difference: choose another name.")
    loaded = [EvaluatedModel(name, SelipModel.from_pretrained(folder, device), folder) for name, folder in named]
    configuration = loaded[0].model.configuration
    # A text encoder that began with random weights has the characters of its training texts as vocabulary.
    corpus = [token for token in loaded[0].model.text_encoder.tokenizer.get_vocab() if len(token) == 1]
    try:
        untrained = SelipModel.build(configuration, corpus).train(False).to(device)
    except SelipError as error:
        say(f"The untrained weights are left out, since their text encoder is not there: {error}", sys.stderr)
        return loaded
    return [EvaluatedModel(RANDOM, untrained, f"untrained, seed {configuration.seed}"), *loaded]


def trainings_of(models: Sequence[EvaluatedModel]) -> dict[str, list[EvaluatedModel]]:
    """The trainings of each model by name; the model's figures are the means over them."""
    trainings: dict[str, list[EvaluatedModel]] = {}
    for evaluated in models:
        trainings.setdefault(evaluated.name, []).append(evaluated)
    return trainings


def origins_of(models: Sequence[EvaluatedModel]) -> dict[str, list[dict[str, str]]]:
    """The provenance of each training by model name: its checkpoint and the short hash of its weights."""
    return {
        name: [{"checkpoint": one.checkpoint, "weights": weights_hash(one.model)[:HASH_DIGITS]} for one in own]
        for name, own in trainings_of(models).items()
    }


def weights_hash(network: nn.Module) -> str:
    """SHA-256 of a network's weights in safetensors format: for a model that of its model.safetensors."""
    return sha256(save({name: tensor.contiguous() for name, tensor in network.state_dict().items()})).hexdigest()


def prepare_images(
    images: Sequence[AnyImage], models: Sequence[EvaluatedModel], folder: Path
) -> tuple[list[AnyImage], list[Problem]]:
    """The images that every model's recipe can prepare, cached in `folder`, and the problems of the others."""
    usable, problems = list(images), list[Problem]()
    with open_workers(min(granted_cpus(), 1 + len(images) // PAIRS_PER_PROCESS)) as workers:
        for recipe in dict.fromkeys(evaluated.model.recipe for evaluated in models):
            usable, failed = prepare_all(usable, VolumeCache(folder, recipe), workers)
            problems += failed
    return usable, problems


@torch.inference_mode()
def embed_images(evaluated: EvaluatedModel, images: Sequence[Image], folder: Path) -> Tensor:
    """Embeddings (N, 512) of length 1 of prepared images, at least one, float32 on the CPU."""
    volumes = _Volumes(images, VolumeCache(folder, evaluated.model.recipe))
    batches = []
    with progress("volumes embedded", len(images)) as advance:
        for volume, modality in DataLoader(volumes, VOLUME_BATCH_SIZE):
            batches.append(evaluated.model.embed_images(volume, modality).cpu())
            advance(len(volume))
    return torch.cat(batches)


def check_study_encoders(models: Sequence[EvaluatedModel]) -> None:
    """SelipError where a model cannot embed studies."""
    # The untrained weights come first, which only follow a checkpoint.
    for evaluated in reversed(models):
        check_study_encoder(evaluated.model, evaluated.name, "--by study")


def check_study_encoder(model: SelipModel, name: str, option: str) -> None:
    """SelipError, which names the option that needs it, where the model has no study encoder."""
    if model.study_encoder is None:
        raise SelipError(
            f"{name} has no study encoder, which {option} needs: train one with study_encoder = true in --config."
        )


@torch.inference_mode()
def embed_texts(evaluated: EvaluatedModel, texts: Sequence[str]) -> Tensor:
    """Embeddings (T, 512) of length 1 of the texts, float32 on the CPU; how many are truncated is printed on stderr."""
    truncated = evaluated.model.truncated_token_counts(texts)
    if truncated:
        say(
            f"{evaluated.name}: {len(truncated):,} of {len({*texts}):,} distinct texts have more than"
            f" {evaluated.model.configuration.max_tokens} tokens and are truncated.",
            sys.stderr,
        )
    return evaluated.model.embed_texts(texts).cpu()


class _Volumes(Dataset[tuple[Tensor, int]]):
    def __init__(self, images: Sequence[Image], cache: VolumeCache) -> None:
        self.images = images
        self.cache = cache

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.images[index]
        return self.cache.get(image), MODALITIES.index(image.modality)


def _named(checkpoint: str) -> tuple[str, str]:
    """Name and folder or id; a training's folder names it where its last or best checkpoint is meant."""
    name, equals, folder = checkpoint.partition("=")
    if equals and name:
        return name, folder
    path = Path(checkpoint)
    return path.parent.name if path.name in (LAST, BEST) and path.parent.name else path.name, checkpoint
