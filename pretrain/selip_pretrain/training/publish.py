"""A checkpoint as a model folder for others: safetensors, configuration and a model card filled from the run."""

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, ModelCard, ModelCardData
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

from selip_pretrain.model.configuration import CONFIGURATION_FILE, Configuration, read_configuration
from selip_pretrain.model.findings_head import LABELS_FILE
from selip_pretrain.model.selip_model import TEXT_ENCODER_FOLDER, WEIGHTS
from selip_pretrain.training.checkpoint import VALIDATION_FILE
from selip_shared.errors import SelipError
from selip_shared.files import replacing_folder, write_text

CARD_FILE = "README.md"
SETTINGS = (
    "encoder", "norm", "pooling", "text_encoder", "study_encoder", "texts", "target", "sharpness", "hard_weight",
    "soft_weight", "findings_weight", "loss", "weight_decay", "batch", "steps", "precision", "share", "seed",
)  # fmt: skip


def write_model_folder(checkpoint: Path, out: Path, name: str, license_id: str | None) -> None:
    """Write the model of a checkpoint and its card to a folder; without optimizer state and paths of this machine.

    `name` is that of the model on the Hub. SelipError where there is no complete checkpoint, or something else is in
    the folder.
    """
    configuration = _without_paths(read_configuration(checkpoint))
    try:
        validation = json.loads((checkpoint / VALIDATION_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as failure:
        raise SelipError(
            f"There is no {VALIDATION_FILE} in {checkpoint}: name the folder best of a training."
        ) from failure
    if out.exists() and not (out / CARD_FILE).exists() and any(out.iterdir()):
        raise SelipError(f"{out} holds other files: name a new folder with --out.")
    try:
        with replacing_folder(out) as partial:
            for file in (WEIGHTS, *([LABELS_FILE] if configuration.findings_weight else [])):
                shutil.copy(checkpoint / file, partial / file)
            shutil.copytree(checkpoint / TEXT_ENCODER_FOLDER, partial / TEXT_ENCODER_FOLDER)
            shutil.copy(checkpoint / VALIDATION_FILE, partial / VALIDATION_FILE)
            write_text(partial / CONFIGURATION_FILE, configuration.json_text())
            write_text(partial / CARD_FILE, model_card(configuration, validation, name, license_id))
    except OSError as failure:
        raise SelipError(f"The model cannot be copied to {out} ({failure}): name another folder.") from failure


def model_card(configuration: Configuration, validation: dict[str, Any], name: str, license_id: str | None) -> str:
    """The model card in Markdown, with the Hub's metadata."""
    data = ModelCardData(
        language=["zh"], license=license_id, library_name="selip", model_name=name,
        tags=["medical", "radiology", "mri", "head-mri", "image-text", "contrastive"],
    )  # fmt: skip
    settings = configuration.model_dump(mode="json")
    metrics = {metric: f"{value:.4g}" for metric, value in validation.items() if metric != "step"}
    card = ModelCard.from_template(
        data,
        template_str=files("selip_pretrain.training").joinpath("model_card.md").read_text(encoding="utf-8"),
        name=name,
        study_encoder=configuration.study_encoder,
        settings={setting: settings[setting] for setting in SETTINGS},
        step=f"{validation['step']:,} of {configuration.steps:,}",
        metrics=metrics,
    )
    return str(card.content)


def upload(folder: Path, repository: str, public: bool) -> str:
    """Upload a model folder to the Hugging Face Hub, private unless `public`; its address there.

    SelipError where that fails.
    """
    api = HfApi()
    try:
        address = api.create_repo(repository, private=not public, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder, commit_message="Model and model card")
    except (HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, OSError) as failure:
        raise SelipError(
            f"{folder} cannot be uploaded to {repository} ({failure}): check the name, the connection and the token, as"
            " hf auth login stores it; the folder is complete."
        ) from failure
    return str(address)


def _without_paths(configuration: Configuration) -> Configuration:
    """The configuration with folders of this machine by their last name."""
    names = {
        setting: Path(value).name
        for setting in ("text_encoder", "init_image", "init_text")
        if (value := getattr(configuration, setting)) is not None and Path(value).exists()
    }
    return configuration.model_copy(update=names)
