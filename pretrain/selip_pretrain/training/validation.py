"""Validation: how well images, and studies, retrieve their own texts among the distinct texts of a split.

And how well statements, and the findings head, tell images apart: normal ones, and those with a finding.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from selip_contracts.statements import NORMAL_TEXT
from selip_contracts.vocabulary import MODALITIES
from selip_pretrain.data.batches import load_batches, sequential_batches
from selip_pretrain.data.pairs import Pair, PairDataset
from selip_pretrain.data.studies import studies_of, study_numbers
from selip_pretrain.model.configuration import Configuration
from selip_pretrain.model.findings_head import FindingsHead
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.objective.finding_labels import LabelledTexts
from selip_pretrain.objective.finding_similarity import TextTable
from selip_pretrain.objective.loss import findings_loss
from selip_pretrain.training.gather import gather
from selip_pretrain.training.zero_shot import (
    MIN_CASES,
    Answers,
    ZeroShotQuestion,
    commonest,
    mean_areas,
    questions_of,
)
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError

IMAGE_BATCH_SIZE = 1024
"""Images whose similarities with all texts are computed together."""
TOP_K = (1, 5, 10)
STUDY, AREA = "study_", "auc_"
SITES = 10
"""The commonest sites on a sequence whose areas under the ROC curve are measured."""

Metrics = dict[str, float]


@torch.inference_mode()
def validate(model: SelipModel, pairs: Sequence[Pair], cache: VolumeCache, batch_size: int, workers: int) -> Metrics:
    """Retrieval metrics over pairs, and areas under the ROC curve where there are enough cases.

    The processes of a distributed training share the work and return the same. With a study encoder, the pairs are read
    by study, and the metrics of studies are named `study_…`.
    """
    was_training = model.training
    model.train(False)
    images = _embed_distributed(model, pairs, cache, batch_size, workers)
    stated = [index for index, pair in enumerate(pairs) if pair.text]
    in_own_words = model.configuration.texts == "sentences"
    own = [(in_own_words and pairs[index].sentences) or pairs[index].text for index in stated]
    metrics = _retrieval(model, images[stated], own)
    metrics |= _zero_shot(model, images[stated], [pairs[index] for index in stated])
    if model.findings_head is not None:
        metrics |= _findings(model.findings_head, images[stated], [pairs[index] for index in stated])
    if model.study_encoder is not None:
        of_studies, texts = embed_studies(model, pairs, images)
        metrics |= {f"{STUDY}{name}": value for name, value in _retrieval(model, of_studies, texts).items()}
    model.train(was_training)
    return metrics


@torch.inference_mode()
def embed_studies(model: SelipModel, pairs: Sequence[Pair], images: Tensor) -> tuple[Tensor, list[str]]:
    """Embeddings (S, 512) of the studies of pairs that were read by study, and the texts of these studies.

    `images` (N, 512) are the embeddings of the pairs' volumes.
    """
    modalities = torch.tensor([MODALITIES.index(pair.modality) for pair in pairs])
    embedded = model.embed_studies(images, modalities, torch.tensor(study_numbers(pairs)))
    return embedded, [study.text for study in studies_of(pairs)]


def check_best_metrics(configuration: Configuration, pairs: Sequence[Pair]) -> None:
    """SelipError where the validation pairs do not suffice for a metric that selects the best checkpoint."""
    possible = {f"{AREA}{question.kind}" for question in _questions([pair for pair in pairs if pair.text])}
    for metric in configuration.best_weights:
        if metric.startswith(AREA) and metric not in possible:
            raise SelipError(
                f"{metric}, by which the best checkpoint is selected, cannot be measured: a sequence needs {MIN_CASES}"
                " volumes with and without it in the validation split. Use another metric in the setting best."
            )


def _questions(pairs: Sequence[Pair]) -> dict[ZeroShotQuestion, Answers]:
    """What is asked of these pairs, which have a text."""
    return commonest(questions_of([pair.text for pair in pairs], [pair.modality for pair in pairs]), SITES)


def _zero_shot(model: SelipModel, images: Tensor, pairs: Sequence[Pair]) -> Metrics:
    """The mean areas under the ROC curve, `auc_normal` and `auc_site`, of images (N, E), where there are enough."""
    questions = _questions(pairs)
    texts = sorted({NORMAL_TEXT, *(text for question in questions for text in question.statements)})
    embedded = dict(zip(texts, model.embed_texts(texts).float().cpu().numpy(), strict=True))
    areas = mean_areas(questions, images.float().cpu().numpy(), embedded)
    return {f"{AREA}{kind}": area for kind, area in areas.items()}


def _findings(head: FindingsHead, images: Tensor, pairs: Sequence[Pair]) -> Metrics:
    """The loss of the head and the mean area under the ROC curve of its labels, of images (N, E) of these pairs.

    The area is of the labels with enough cases; without any it is missing.
    """
    from sklearn.metrics import roc_auc_score

    table = TextTable([pair.text for pair in pairs], [pair.modality for pair in pairs])
    answers = LabelledTexts(table, head.labels).answers(table.rows([pair.text for pair in pairs]))
    log_odds = head(images)
    areas = []
    for given, scores in zip(answers.T.numpy(), log_odds.nan_to_num().cpu().T.numpy(), strict=True):
        cases = given[~np.isnan(given)]
        if min(cases.sum(), (1 - cases).sum()) >= MIN_CASES:
            areas.append(roc_auc_score(cases, scores[~np.isnan(given)]))
    metrics = {"findings": findings_loss(log_odds, answers.to(log_odds.device)).item()}
    return metrics | ({f"{AREA}findings": float(np.mean(areas))} if areas else {})


def _retrieval(model: SelipModel, images: Tensor, own: Sequence[str]) -> Metrics:
    """`retrieval_metrics` of images, or studies, (N, E), whose texts are `own` (N,), among these texts."""
    texts = list(dict.fromkeys(own))
    index_of = {text: index for index, text in enumerate(texts)}
    own_text = torch.tensor([index_of[text] for text in own], device=model.device)
    return retrieval_metrics(*text_ranks(images, model.embed_texts(texts), own_text), len(texts))


def text_ranks(images: Tensor, texts: Tensor, own_text: Tensor) -> tuple[Tensor, Tensor]:
    """How many texts are more similar to each image than its own text, and how many exactly as similar, it included.

    Two int64 (N,). `images` (N, E) and `texts` (T, E) are embeddings, `own_text` int64 (N,) the index of each image's
    text. Inner products in float32 or higher, under autocast too.
    """
    better, tied = [], []
    with torch.autocast(images.device.type, enabled=False):
        dtype = torch.promote_types(images.dtype, torch.float32)
        for start in range(0, len(images), IMAGE_BATCH_SIZE):
            similarity = images[start : start + IMAGE_BATCH_SIZE].to(dtype) @ texts.to(dtype).T
            own = similarity.gather(1, own_text[start : start + IMAGE_BATCH_SIZE, None])
            better.append((similarity > own).sum(1))
            tied.append((similarity == own).sum(1))
    return torch.cat(better), torch.cat(tied)


def retrieval_metrics(better: Tensor, tied: Tensor, texts: int) -> Metrics:
    """Recall at 1, 5 and 10, mean rank, mean reciprocal rank, and the numbers of images and texts.

    `better` and `tied` int64 (N,) as `text_ranks` returns them, so that with random order among tied texts the rank is
    uniform on better + 1, …, better + tied; each metric is the expectation over that order.
    """
    better, tied = better.double().cpu(), tied.double().cpu()
    recalls = {f"top_{k}": ((k - better).clamp(min=0).minimum(tied) / tied).mean().item() for k in TOP_K}
    mean_reciprocal = (torch.digamma(better + tied + 1) - torch.digamma(better + 1)) / tied
    reciprocal = mean_reciprocal.where(tied > 1, 1 / (better + 1))
    return recalls | {
        "mean_rank": (better + (tied + 1) / 2).mean().item(),
        "mean_reciprocal_rank": reciprocal.mean().item(),
        "images": len(better),
        "texts": texts,
    }


def embed_pairs(
    model: SelipModel, pairs: Sequence[Pair], cache: VolumeCache, batch_size: int = 32, workers: int = 0
) -> Tensor:
    """Embeddings (N, 512) of the pairs' volumes, in their order, on the model's device."""
    dataset = PairDataset(pairs, cache, augment=False, seed=0)
    draws = sequential_batches(len(pairs), batch_size)
    batches = load_batches(dataset, draws, workers, pin_memory=model.device.type == "cuda")
    return torch.cat([model.embed_images(batch.images, batch.modalities) for batch in batches])


def _embed_distributed(
    model: SelipModel, pairs: Sequence[Pair], cache: VolumeCache, batch_size: int, workers: int
) -> Tensor:
    """`embed_pairs` with each process embedding its share, padded to equal length with pairs from the beginning."""
    world_size = dist.get_world_size() if dist.is_initialized() else 1
    share = -(-len(pairs) // world_size)
    rank = dist.get_rank() if dist.is_initialized() else 0
    own = [pairs[index % len(pairs)] for index in range(rank * share, (rank + 1) * share)]
    return gather(embed_pairs(model, own, cache, batch_size, workers))[: len(pairs)]
