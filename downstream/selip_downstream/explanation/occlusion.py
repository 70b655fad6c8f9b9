"""The cosines of an image with statements, and where in the head the image supports a statement.

Support is measured by occlusion (Zeiler and Fergus, 2014): a window of the head is replaced by the median brightness,
and the drop of the statement's margin over the normal text is the support of the window. Gradients of inner layers are
worse here: see docs/explanation.md.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import torch
from torch import Tensor

from selip_contracts.statements import NORMAL_TEXT, parse_sequence_text, parse_statement
from selip_contracts.vocabulary import MODALITIES, SITES, Modality
from selip_downstream.evaluation.compared_models import VOLUME_BATCH_SIZE
from selip_downstream.explanation.study_view import Embedder
from selip_pretrain.training.zero_shot import ZeroShotQuestion
from selip_shared.errors import SelipError
from selip_shared.execution.progress import Advance

WINDOWS = 5
"""Windows along each axis; they overlap by half."""
MIN_HEAD_SHARE = 0.1
"""Minimum share of head in a window."""

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


def likenesses(model: Embedder, image: Tensor, modality: Modality, texts: Sequence[str]) -> list[Likeness]:
    """The texts by falling cosine with a prepared image (1, D, H, W)."""
    cosines = _cosines(model, image[None], modality, _embedded(model, texts))[0].tolist()
    return sorted((Likeness(*pair) for pair in zip(texts, cosines, strict=True)), key=lambda found: -found.cosine)


def nearest_statements(model: Embedder, image: Tensor, modality: Modality, count: int) -> list[str]:
    """The statements of the nearest lateralised sites, each with its best signal, then the normal text.

    So the list is a differential of sites, not one site with every signal.
    """
    statements = [text for site in SITES for text in ZeroShotQuestion("site", site, modality=modality).statements]
    best: dict[tuple[str | None, str], str] = {}
    for text, _ in likenesses(model, image, modality, statements):
        side, site, *_ = parse_statement(text, modality)
        best.setdefault((side, site), text)
    return [*list(best.values())[:count], NORMAL_TEXT]


def head_of(image: Tensor) -> Tensor:
    """Mask of the head in a prepared image (1, D, H, W), bool (D, H, W): voxels brighter than the mean."""
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
def support(model: Embedder, image: Tensor, modality: Modality, texts: Sequence[str], advance: Advance) -> Tensor:
    """Where a prepared image (1, D, H, W) supports each text: float32 (T, D, H, W), in cosines.

    A voxel's value is the mean, over the windows that contain it, of the drop of the text's margin over the normal text
    when the head in the window is hidden: above 0 it supports the text, outside the head it is 0. `advance` is called
    with the number of windows done.
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
def _embedded(model: Embedder, texts: Sequence[str]) -> Tensor:
    return model.embed_texts(texts)


@torch.inference_mode()
def _cosines(model: Embedder, images: Tensor, modality: Modality, embedded: Tensor) -> Tensor:
    """(N, T) on the CPU."""
    modalities = torch.full((len(images),), MODALITIES.index(modality))
    return (model.embed_images(images, modalities) @ embedded.T).cpu()
