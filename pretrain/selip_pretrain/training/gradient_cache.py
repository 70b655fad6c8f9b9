"""Gradients of a loss over a whole batch that is encoded in chunks, so that memory does not limit the batch size.

Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup" (arXiv 2101.06983): compute the
embeddings without a graph, then the loss and its gradient on the embeddings, then encode each chunk again and propagate
its share of that gradient. The result equals that of one pass over the whole batch as long as the embeddings of a chunk
depend only on its own items.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Tower:
    """An encoder and its `items` inputs: `embed` returns the embeddings (n, E) of a slice of them, with gradient."""

    encoder: nn.Module
    embed: Callable[[slice], Tensor]
    items: int
    chunk_size: int | None = None

    @property
    def is_trained(self) -> bool:
        """Whether any of its weights gets a gradient; those of a locked encoder do not."""
        return any(weights.requires_grad for weights in self.encoder.parameters())

    def chunks(self) -> list[slice]:
        """Slices of at most `chunk_size` items."""
        size = self.chunk_size or self.items
        return [slice(start, min(start + size, self.items)) for start in range(0, self.items, size)]

    def forward(self) -> Tensor:
        """Embeddings of all items, (items, E); with a graph only where there is one chunk."""
        chunks = self.chunks()
        if len(chunks) == 1:
            return self.embed(chunks[0])
        with torch.no_grad():
            return torch.cat([self.embed(chunk) for chunk in chunks])

    def backward(self, embeddings: Tensor, gradient: Tensor) -> None:
        """Add to the gradients of the weights, given the result of `forward` and the gradient on it."""
        if embeddings.requires_grad:
            torch.autograd.backward(embeddings, gradient)
            return
        *first, last = self.chunks()
        with self._without_synchronisation():
            for chunk in first:
                torch.autograd.backward(self.embed(chunk), gradient[chunk])
        torch.autograd.backward(self.embed(last), gradient[last])

    def _without_synchronisation(self) -> AbstractContextManager[None]:
        return self.encoder.no_sync() if isinstance(self.encoder, DistributedDataParallel) else nullcontext()


def backward(towers: Sequence[Tower], loss: Callable[..., Tensor]) -> None:
    """Add the gradients of `loss`, a scalar function of the towers' embeddings, to the weights that it depends on."""
    embeddings = [tower.forward() for tower in towers]
    leaves = [
        embedding.detach().requires_grad_(tower.is_trained) for tower, embedding in zip(towers, embeddings, strict=True)
    ]
    torch.autograd.backward(loss(*leaves))
    for tower, embedding, leaf in zip(towers, embeddings, leaves, strict=True):
        if tower.is_trained:
            assert leaf.grad is not None
            tower.backward(embedding, leaf.grad)
