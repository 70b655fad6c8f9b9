"""Gradients of a loss over a whole batch that is encoded in chunks, so that its size is not bound by the memory.

After Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup" (2021): embeddings without a
graph, the loss and its gradient on the embeddings, then each chunk again with its share of that gradient. The result is
that of the whole batch at once, as long as a chunk's embeddings hang on nothing but the chunk's own items.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Tower:
    """One encoder and the items that it is to encode: `embed` gives those of a slice as (n, E), with gradient."""

    encoder: nn.Module
    embed: Callable[[slice], Tensor]
    items: int
    chunk: int | None = None

    def chunks(self) -> list[slice]:
        """The items in slices of at most `chunk`."""
        size = self.chunk or self.items
        return [slice(start, min(start + size, self.items)) for start in range(0, self.items, size)]

    def forward(self) -> Tensor:
        """Embeddings of all items; with a graph only where they are one chunk."""
        chunks = self.chunks()
        if len(chunks) == 1:
            return self.embed(chunks[0])
        with torch.no_grad():
            return torch.cat([self.embed(chunk) for chunk in chunks])

    def backward(self, embeddings: Tensor, gradient: Tensor) -> None:
        """Add to the gradients of the weights, given the gradient on what `forward` returned."""
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
    """Add the gradients of `loss`, a scalar of the towers' embeddings, to the weights of the towers and of the loss."""
    embeddings = [tower.forward() for tower in towers]
    leaves = [embedding.detach().requires_grad_() for embedding in embeddings]
    torch.autograd.backward(loss(*leaves))
    for tower, embedding, leaf in zip(towers, embeddings, leaves, strict=True):
        assert leaf.grad is not None
        tower.backward(embedding, leaf.grad)
