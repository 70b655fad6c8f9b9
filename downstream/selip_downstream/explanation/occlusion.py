"""What an image says for statements: their cosines, and where in the head it says so.

Where: a window of the head is hidden under its usual brightness, and how much the statement's lead over the normal text
falls is what the window has told for it (occlusion; Zeiler and Fergus, 2014). Gradients of inner layers do worse here:
see docs/explanation.md.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from selip_contracts.statements import NORMAL_TEXT, parse_sequence_text, parse_statement
from selip_contracts.vocabulary import MODALITIES, SITES, Modality
from selip_downstream.classification.zero_shot import ZeroShotQuestion
from selip_downstream.evaluation.compared_models import VOLUME_BATCH_SIZE
from selip_pretrain.model.selip_model import SelipModel
from selip_shared.errors import SelipError
from selip_shared.progress import Advance

WINDOWS = 5
"""A window is this part of the grid along each axis; windows overlap by half."""
MIN_HEAD_SHARE = 0.1
"""A window is hidden where at least this share of it is head."""

Window = tuple[slice, ...]


def check_statements(texts: Sequence[str], modality: Modality) -> None:
    """SelipError, which names the word, where a text does not consist of statements on that sequence."""
    for text in texts:
        try:
            parse_sequence_text(text, modality)
        except ValueError as error:
            example = "在左侧基底节区表现为" + ("环形强化" if modality == "T1CE" else "高信号")
            raise SelipError(f"{error}: write statements like {example}{_site_meant(text)}.") from error


class Likeness(NamedTuple):
    """A statement and its cosine with the image."""

    text: str
    cosine: float


def likenesses(model: SelipModel, image: Tensor, modality: Modality, texts: Sequence[str]) -> list[Likeness]:
    """The texts by falling cosine with a prepared image (1, D, H, W)."""
    cosines = _cosines(model, image[None], modality, _embedded(model, texts))[0].tolist()
    return sorted((Likeness(*pair) for pair in zip(texts, cosines, strict=True)), key=lambda found: -found.cosine)


def nearest_statements(model: SelipModel, image: Tensor, modality: Modality, places: int) -> list[str]:
    """The normal text, and of the vocabulary's places (a site with its side) the nearest ones, with their best signal.

    So a list reads as a differential of places, not as the same place under every name of a signal.
    """
    statements = [text for site in SITES for text in ZeroShotQuestion("site", modality, site).statements]
    best: dict[tuple[str | None, str], str] = {}
    for text, _ in likenesses(model, image, modality, statements):
        side, site, *_ = parse_statement(text, modality)
        best.setdefault((side, site), text)
    return [*list(best.values())[:places], NORMAL_TEXT]


def head_of(image: Tensor) -> Tensor:
    """Where the head is in a prepared image (1, D, H, W), as bool (D, H, W): what is brighter than the mean."""
    return image[0] > image.mean()


def windows(head: Tensor) -> list[Window]:
    """The windows of a grid in which there is head, bool (D, H, W)."""
    along = [
        [
            slice(max(round(i * size / WINDOWS / 2), 0), round((i + 2) * size / WINDOWS / 2))
            for i in range(-1, 2 * WINDOWS)
        ]
        for size in head.shape
    ]
    return [w for w in product(*along) if head[w].numel() and head[w].float().mean() >= MIN_HEAD_SHARE]


@torch.inference_mode()
def support(model: SelipModel, image: Tensor, modality: Modality, texts: Sequence[str], advance: Advance) -> Tensor:
    """Where a prepared image (1, D, H, W) supports each text: float32 (T, D, H, W), in cosines.

    A voxel's value is the mean, over the windows that hold it, of how much hiding the head in them takes from the
    text's lead over the normal text: above 0 it speaks for the text; outside the head it is 0. `advance` hears of every
    window.
    """
    embedded = _embedded(model, [*texts, NORMAL_TEXT])
    head = head_of(image)
    usual = image[0][head].median()
    lead = _lead(_cosines(model, image[None], modality, embedded))[0]
    fallen = torch.zeros(len(texts), *head.shape)
    covered = torch.zeros(head.shape)
    hiding = windows(head)
    for start in range(0, len(hiding), VOLUME_BATCH_SIZE):
        part = hiding[start : start + VOLUME_BATCH_SIZE]
        hidden = image.repeat(len(part), 1, 1, 1, 1)
        for volume, window in zip(hidden, part, strict=True):
            volume[(0, *window)].masked_fill_(head[window], usual)
        falls = lead - _lead(_cosines(model, hidden, modality, embedded))
        for fall, window in zip(falls, part, strict=True):
            fallen[(slice(None), *window)] += fall[:, None, None, None]
            covered[window] += 1
        advance(len(part))
    return fallen / covered.clamp(min=1) * head


def _site_meant(text: str) -> str:
    """The sites that a text calls by another of their names, as part of a sentence."""
    meant = [name for name, site in SITES.items() if any(f"{form}表现为" in text for form in site.surface_forms)]
    return f", and name the site {' or '.join(meant)}" if meant else ""


def _lead(cosines: Tensor) -> Tensor:
    """Of cosines (N, T + 1), the last one the normal text's: how much the others (N, T) are above it."""
    return cosines[:, :-1] - cosines[:, -1:]


@torch.inference_mode()
def _embedded(model: SelipModel, texts: Sequence[str]) -> Tensor:
    return model.embed_texts(texts)


@torch.inference_mode()
def _cosines(model: SelipModel, images: Tensor, modality: Modality, embedded: Tensor) -> Tensor:
    """(N, T) on the CPU."""
    modalities = torch.full((len(images),), MODALITIES.index(modality))
    return (model.embed_images(images, modalities) @ embedded.T).cpu()
