"""All that decides a model's weights, beside the data: written beside them, and read back from there."""

import json
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from selip_pretrain.data.batches import BATCH_RULES
from selip_pretrain.model.encoders.image_encoder import Norm, Pooling
from selip_pretrain.model.encoders.registry import IMAGE_ENCODERS
from selip_pretrain.objective.loss import Mode
from selip_pretrain.objective.targets import TARGETS
from selip_pretrain.volumes.preprocess import VolumeRecipe
from selip_shared.errors import SelipError

CONFIGURATION_FILE = "configuration.json"
Precision = Literal["fp32", "bf16", "fp16"]


class Configuration(BaseModel):
    """The defaults are the paper's, but for the norm, the target and the loss.

    Group norm replaces its batch norm, under which an embedding hangs on the volumes that share its process and its
    chunk of the memory; "batch" gives the paper's. Where `pooling` is "places", not the paper's "mean", every place of
    the last feature map has weights of its own: it is learnt much sooner where something is. `target` names how similar
    two texts are, to the power of `sharpness`, and `loss` "reference" takes the paper's formula to the letter.
    `text_encoder` is "characters", or a folder or Hugging Face id. The learning rates rise over the share `warmup` of
    the `steps`, then fall with `decay_power`; `clip` is the greatest norm of the gradient. `share` of the training
    patients are learnt from: the same ones in every training of a seed, those of a smaller share among those of a
    larger one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: str = "resnet50"
    norm: Norm = "group"
    pooling: Pooling = "mean"
    text_encoder: str = "hfl/chinese-bert-wwm"
    target: str = "best-match"
    soft_weight: NonNegativeFloat = 1.0
    sharpness: PositiveFloat = 1.0
    loss: Mode = "logits"
    share: float = Field(default=1.0, gt=0, le=1)
    batches: str = "distinct_texts"
    augment: bool = True
    batch: int = Field(default=64, ge=2)
    steps: PositiveInt = 30_000
    warmup: float = Field(default=1 / 6, ge=0, lt=1)
    decay_power: PositiveFloat = 0.9
    image_rate: PositiveFloat = 1e-4
    text_rate: PositiveFloat = 5e-5
    clip: PositiveFloat = 1.0
    precision: Precision | None = None
    validate_every: PositiveInt = 250
    seed: int = Field(default=0, ge=0)
    recipe: VolumeRecipe = VolumeRecipe()

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        choices = ((self.encoder, IMAGE_ENCODERS), (self.target, TARGETS), (self.batches, BATCH_RULES))
        for name, known in choices:
            if name not in known:
                raise ValueError(f"{name} is none of {', '.join(known)}")
        if self.loss == "reference" and (self.soft_weight, self.sharpness) != (1, 1):
            raise ValueError("the reference loss has a soft_weight and a sharpness of 1")
        return self

    def learning_rate(self, step: int) -> float:
        """The share of the highest learning rate for the step of that number, counted from 0."""
        warmup = round(self.warmup * self.steps)
        if step < warmup:
            return (step + 1) / warmup
        return float((1 - (step - warmup) / (self.steps - warmup)) ** self.decay_power)

    def json_text(self) -> str:
        """As it is written to a file."""
        return self.model_dump_json(indent=1) + "\n"


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "small": {
        "encoder": "resnet10-narrow",
        "pooling": "places",
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
    """A preset, changed by a JSON or TOML file, changed by options that are not None; SelipError where one is wrong."""
    if preset not in PRESETS:
        raise SelipError(f"There is no preset {preset}: name one of {', '.join(PRESETS)}.")
    chosen = {name: value for name, value in options.items() if value is not None}
    try:
        return Configuration.model_validate(PRESETS[preset] | ({} if file is None else _settings(file)) | chosen)
    except ValidationError as failure:
        raise SelipError(f"The configuration is not possible: {_first(failure)}.") from failure


def read_configuration(folder: Path) -> Configuration:
    """The configuration beside a model's weights; SelipError where there is none or one of another version."""
    try:
        return Configuration.model_validate_json((folder / CONFIGURATION_FILE).read_bytes())
    except OSError as failure:
        raise SelipError(
            f"There is no {CONFIGURATION_FILE} in {folder}: name a checkpoint that selip-pretrain has written."
        ) from failure
    except ValidationError as failure:
        raise SelipError(
            f"{folder / CONFIGURATION_FILE} is not of this version of the program: {_first(failure)}."
        ) from failure


def differences(before: Configuration, now: Configuration) -> str:
    """In words, where two configurations differ."""
    old, new = before.model_dump(mode="json"), now.model_dump(mode="json")
    return ", ".join(f"{name} {old[name]} instead of {new[name]}" for name in new if old[name] != new[name])


def _settings(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        settings = tomllib.loads(text) if file.suffix == ".toml" else json.loads(text)
    except OSError as failure:
        raise SelipError(f"The configuration {file} cannot be read ({failure.strerror}): name another.") from failure
    except ValueError as failure:
        raise SelipError(f"The configuration {file} is neither JSON nor, by its name, TOML: {failure}.") from failure
    if not isinstance(settings, dict):
        raise SelipError(f"The configuration {file} holds no settings by name.")
    return settings


def _first(failure: ValidationError) -> str:
    error = failure.errors()[0]
    place = ".".join(map(str, error["loc"]))
    return f"{place}: {error['msg']}" if place else str(error["msg"]).removeprefix("Value error, ")
