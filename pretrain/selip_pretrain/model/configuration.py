"""The configuration of a training: everything but the data that determines a model's weights, stored beside them."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from selip_pretrain.data.augment import AugmentationRecipe
from selip_pretrain.data.batches import BATCH_RULES
from selip_pretrain.data.pairs import Texts
from selip_pretrain.model.encoders.image_encoder import Norm, Pooling
from selip_pretrain.model.encoders.registry import IMAGE_ENCODERS
from selip_pretrain.objective.loss import Mode
from selip_pretrain.objective.targets import TARGETS
from selip_pretrain.volumes.preprocess import VolumeRecipe
from selip_shared.errors import SelipError

CONFIGURATION_FILE = "configuration.json"
Precision = Literal["fp32", "bf16", "fp16"]
BestMetric = Literal["mean_reciprocal_rank", "study_mean_reciprocal_rank", "auc_normal", "auc_site"]


def _current_pooling(pooling: object) -> object:
    """Earlier versions wrote "places" for "flatten"."""
    return "flatten" if pooling == "places" else pooling


class Configuration(BaseModel):
    """The settings of a training; the defaults are the paper's (arXiv 2503.19801) except for norm, target and loss.

    - `norm`: with "group", an embedding does not depend on the other volumes of its process and chunk, as it does with
      the paper's "batch".
    - `pooling`: the paper's "mean", or "flatten", where each voxel of the last feature map has its own weights, so that
      the model learns much sooner where a lesion is.
    - `text_encoder`: "characters", or a folder or Hugging Face id; texts are truncated to `max_tokens`.
    - `init_image`, `init_text`: checkpoints whose image or text encoder the training starts from, where shapes fit.
    - `study_encoder`: also learn an embedding of whole studies; a batch is then of studies.
    - `texts`: what the text encoder reads of a sequence: its canonical statements, the report's own sentences that its
      findings rest on, or in half of the draws each. Normal studies and whole studies have their canonical text.
    - `target`: the similarity of two texts (objective/targets.py), raised to the power `sharpness`.
    - `hard_weight`, `soft_weight`: the weights of CLIP's loss and of the divergence from the soft targets.
    - `clamp`: the probability to which smaller ones are raised in the divergence: 0 in the formula, 1e-3 in the
      authors' code. `loss` "reference" requires weights and a sharpness of 1.
    - `findings_weight`: the weight of the loss of a head that predicts from a volume's embedding which findings its
      report states on its sequence; 0 for no head.
    - `share`: the share of the training patients that are used, the same in every training with a seed; a smaller share
      is a subset of a larger one.
    - `image_rate`, `text_rate`: learning rates, which rise linearly over the share `warmup` of the `steps`, then fall
      with the power `decay_power`, every `decay_every` steps; `adam_eps` and `weight_decay` are AdamW's, `clip` the
      maximum norm of the gradient, 0 for none. A rate of 0 locks an encoder that starts from a checkpoint.
    - `best`: weights of validation metrics; the checkpoint with the highest weighted mean is the best. By default the
      mean reciprocal rank of a volume's text, with a study encoder together with that of a study's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: str = "resnet50"
    norm: Norm = "group"
    pooling: Annotated[Pooling, BeforeValidator(_current_pooling)] = "mean"
    text_encoder: str = "hfl/chinese-bert-wwm"
    max_tokens: int = Field(default=256, ge=8)
    init_image: str | None = None
    init_text: str | None = None
    study_encoder: bool = False
    texts: Texts = "canonical"
    target: str = "best-match"
    hard_weight: NonNegativeFloat = 1.0
    soft_weight: NonNegativeFloat = 1.0
    sharpness: PositiveFloat = 1.0
    clamp: float = Field(default=0.0, ge=0, lt=1)
    loss: Mode = "logits"
    findings_weight: NonNegativeFloat = 0.0
    share: float = Field(default=1.0, gt=0, le=1)
    batches: str = "distinct_texts"
    augment: bool = True
    augmentation: AugmentationRecipe = AugmentationRecipe()
    batch: int = Field(default=64, ge=2)
    steps: PositiveInt = 30_000
    warmup: float = Field(default=1 / 6, ge=0, lt=1)
    decay_power: PositiveFloat = 0.9
    decay_every: PositiveInt = 1
    image_rate: NonNegativeFloat = 1e-4
    text_rate: NonNegativeFloat = 5e-5
    adam_eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.0
    clip: NonNegativeFloat = 1.0
    precision: Precision | None = None
    validate_every: PositiveInt = 250
    best: Annotated[dict[BestMetric, PositiveFloat], Field(min_length=1)] | None = None
    seed: int = Field(default=0, ge=0)
    recipe: VolumeRecipe = VolumeRecipe()

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        choices = ((self.encoder, IMAGE_ENCODERS), (self.target, TARGETS), (self.batches, BATCH_RULES))
        for name, known in choices:
            if name not in known:
                raise ValueError(f"{name} is not one of {', '.join(known)}")
        if self.loss == "reference" and (self.hard_weight, self.soft_weight, self.sharpness) != (1, 1, 1):
            raise ValueError("the reference loss requires a hard_weight, a soft_weight and a sharpness of 1")
        if not self.hard_weight and (self.target == "hard" or not self.soft_weight):
            raise ValueError("a hard_weight of 0 needs a target other than hard and a soft_weight above 0")
        if not self.image_rate and (self.init_image is None or self.norm == "batch" or not self.text_rate):
            raise ValueError("an image_rate of 0 needs an init_image, a group norm, and a text_rate above 0")
        if not self.text_rate and self.init_text is None:
            raise ValueError("a text_rate of 0 needs an init_text")
        if not self.study_encoder and "study_mean_reciprocal_rank" in (self.best or {}):
            raise ValueError("without a study encoder there is no study_mean_reciprocal_rank")
        return self

    @property
    def best_weights(self) -> Mapping[BestMetric, float]:
        """The weights of the validation metrics whose weighted mean selects the best checkpoint."""
        if self.best is not None:
            return self.best
        alone: BestMetric = "mean_reciprocal_rank"
        return {alone: 1.0, "study_mean_reciprocal_rank": 1.0} if self.study_encoder else {alone: 1.0}

    def learning_rate(self, step: int) -> float:
        """The share of the maximum learning rate at a step, counted from 0."""
        warmup = round(self.warmup * self.steps)
        if step < warmup:
            return (step + 1) / warmup
        decayed = (step - warmup) // self.decay_every * self.decay_every
        return float((1 - decayed / (self.steps - warmup)) ** self.decay_power)

    @property
    def flip_probability(self) -> float:
        """The probability that a pair is mirrored."""
        return self.augmentation.flip_probability if self.augment else 0.0

    def json_text(self) -> str:
        """The content of configuration.json."""
        return self.model_dump_json(indent=1) + "\n"


PRESETS: dict[str, dict[str, Any]] = {
    # Adam, clipping, augmentation and decay as in the configuration files of the paper's authors
    "paper": {
        "adam_eps": 1e-3,
        "clip": 0.0,
        "decay_every": 250,
        "augmentation": {
            "probability": 0.2,
            "elastic_probability": 0.1,
            "zoom_in_depth": False,
            "flip_probability": 0.0,
        },
    },
    "small": {
        "encoder": "resnet10-narrow",
        "pooling": "flatten",
        "text_encoder": "characters",
        "batch": 32,
        "steps": 600,
        "image_rate": 2e-3,
        "text_rate": 5e-4,
        "validate_every": 100,
        "recipe": {"shape": (12, 64, 64)},
    },
}


def resolve(preset: str, file: Path | None, options: dict[str, Any]) -> Configuration:
    """A preset, overridden by a JSON or TOML file, then by the options that are not None; SelipError where invalid."""
    if preset not in PRESETS:
        raise SelipError(f"There is no preset {preset}: choose one of {', '.join(PRESETS)}.")
    chosen = {name: value for name, value in options.items() if value is not None}
    try:
        return Configuration.model_validate(PRESETS[preset] | ({} if file is None else _settings(file)) | chosen)
    except ValidationError as failure:
        raise SelipError(f"The configuration is not valid: {_first(failure)}.") from failure


def read_configuration(folder: Path) -> Configuration:
    """The configuration beside a model's weights; SelipError where there is none, or one of another version."""
    try:
        return Configuration.model_validate_json((folder / CONFIGURATION_FILE).read_bytes())
    except OSError as failure:
        raise SelipError(
            f"There is no {CONFIGURATION_FILE} in {folder}: name a checkpoint that selip-pretrain wrote."
        ) from failure
    except ValidationError as failure:
        raise SelipError(
            f"{folder / CONFIGURATION_FILE} was not written by this version of the program ({_first(failure)}):"
            " use a checkpoint of this version."
        ) from failure


def differences(before: Configuration, now: Configuration) -> str:
    """The settings in which two configurations differ, in words; empty where they are equal."""
    old, new = before.model_dump(mode="json"), now.model_dump(mode="json")
    return ", ".join(f"{name} {old[name]} instead of {new[name]}" for name in new if old[name] != new[name])


def _settings(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        settings = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except OSError as failure:
        raise SelipError(
            f"The configuration {file} cannot be read ({failure.strerror}): name another file."
        ) from failure
    except ValueError as failure:
        raise SelipError(f"The configuration {file} is not valid JSON or, by its suffix, TOML: {failure}.") from failure
    if not isinstance(settings, dict):
        raise SelipError(f"The configuration {file} must hold settings by name: write it as configuration.json is.")
    return settings


def _first(failure: ValidationError) -> str:
    error = failure.errors()[0]
    setting = ".".join(map(str, error["loc"]))
    return f"{setting}: {error['msg']}" if setting else str(error["msg"]).removeprefix("Value error, ")
