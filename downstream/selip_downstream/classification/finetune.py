"""Full finetuning of the image encoder and a linear layer on it, with balanced batches.

As published for BraTS: stochastic gradient descent at 5e-4, 50 × 50 steps, three volumes of each class a batch. The
best of the 50 states on the validation cases is used.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from selip_contracts.vocabulary import MODALITIES
from selip_downstream.classification.classifiers import Positions, Prediction, validation_score
from selip_downstream.datasets.labelled_cases import Case
from selip_downstream.evaluation.compared_models import EvaluatedModel
from selip_downstream.evaluation.protocol import Labels
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError
from selip_shared.execution.progress import progress

CASE_BATCH_SIZE = 8
MOMENTUM = 0.9


@dataclass(frozen=True)
class Schedule:
    """`rounds` of `steps` each, with a validation after each round; cases of each class in a batch."""

    rounds: int = 50
    steps: int = 50
    rate: float = 5e-4
    of_each_class: int = 3


class _Classifier(nn.Module):
    def __init__(self, encoder: nn.Module, modalities: Tensor, width: int, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.modalities = modalities
        self.head = nn.Linear(width, classes)

    def forward(self, volumes: Tensor) -> Tensor:
        """Logits (N, classes) of cases (N, sequences, 1, D, H, W)."""
        device = self.head.weight.device
        modalities = self.modalities.repeat(len(volumes)).to(device)
        embeddings = self.encoder(volumes.flatten(0, 1).to(device), modalities)
        logits: Tensor = self.head(embeddings.reshape(len(volumes), -1))
        return logits


@dataclass(frozen=True)
class Finetuning:
    """A model's full finetuning on cases whose volumes are prepared in its cache."""

    evaluated: EvaluatedModel
    cases: Sequence[Case]
    cache: VolumeCache
    schedule: Schedule

    def __call__(self, train: Positions, validation: Positions, test: Positions, seed: int) -> Prediction:
        """Train, select and score. SelipError where the loss is not finite."""
        labels = np.array([case.label for case in self.cases])
        classes = sorted(set(labels[train].tolist()))
        torch.manual_seed(seed)
        network = self._network(len(classes))
        optimizer = torch.optim.SGD(network.parameters(), lr=self.schedule.rate, momentum=MOMENTUM)
        draw = np.random.default_rng(seed)
        best: tuple[float, Prediction] | None = None
        with progress("rounds of finetuning", self.schedule.rounds) as advance:
            for number in range(1, self.schedule.rounds + 1):
                self._learn(network, optimizer, labels, train, classes, draw)
                score = validation_score(self._predict(network, validation, classes, number), labels[validation])
                if best is None or score > best[0]:
                    best = score, self._predict(network, test, classes, number)
                advance(1)
        assert best is not None
        return best[1]

    def _network(self, classes: int) -> _Classifier:
        model = self.evaluated.model
        modalities = torch.tensor([MODALITIES.index(image.modality) for image in self.cases[0].images])
        with torch.inference_mode():
            width = model.embed_images(self._volumes(np.array([0]))[0], modalities).numel()
        return _Classifier(copy.deepcopy(model.image_encoder), modalities, width, classes).to(model.device)

    def _learn(
        self,
        network: _Classifier,
        optimizer: torch.optim.Optimizer,
        labels: Labels,
        train: Positions,
        classes: Sequence[str],
        draw: np.random.Generator,
    ) -> None:
        network.train()
        for _ in range(self.schedule.steps):
            chosen = [draw.choice(train[labels[train] == c], self.schedule.of_each_class) for c in classes]
            truth = torch.arange(len(classes)).repeat_interleave(self.schedule.of_each_class)
            logits = network(self._volumes(np.concatenate(chosen)))
            loss = cross_entropy(logits, truth.to(logits.device))
            if not torch.isfinite(loss):
                raise SelipError(
                    f"The loss of finetuning {self.evaluated.name} is not finite (NaN or infinity): try a lower rate."
                )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    @torch.inference_mode()
    def _predict(self, network: _Classifier, positions: Positions, classes: Sequence[str], number: int) -> Prediction:
        network.train(False)
        parts = [
            network(self._volumes(positions[start : start + CASE_BATCH_SIZE])).softmax(1).double().cpu()
            for start in range(0, len(positions), CASE_BATCH_SIZE)
        ]
        scores = torch.cat(parts).numpy() if parts else np.zeros((0, len(classes)))
        return Prediction(scores, classes, f"round {number}")

    def _volumes(self, positions: Positions) -> Tensor:
        """The volumes (N, sequences, 1, D, H, W) of cases."""
        return torch.stack([torch.stack([self.cache.get(image) for image in self.cases[p].images]) for p in positions])
