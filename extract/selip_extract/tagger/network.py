"""The network: a bidirectional encoder over characters, tags, and a linker of values and sites."""

from dataclasses import dataclass
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from selip_extract.tagger.characters import PADDING
from selip_extract.tagger.statements import LINKS, ROLES, STATED

TAGS = 3
"""Outside, begin, inside."""
DISTANCES = 24
"""Buckets of the distance between a value and a site."""
COUNTS = 6
"""Buckets of the number of sentence ends, and of other sites, between the two."""
_HALF = DISTANCES // 2
TAG_WEIGHT, LINK_WEIGHT = 20.0, 4.0
"""Of the three losses, beside that of what values state, which has the weight 1."""


@dataclass
class TaggerConfig:
    """Sizes of the network, and the characters that it knows."""

    characters: str = ""
    width: int = 192
    layers: int = 4
    heads: int = 4
    feed_forward: int = 768
    span_width: int = 128


class Spans(NamedTuple):
    """Spans of a batch of windows: the window of each (spans,), its first and its last character (spans,)."""

    window: Tensor
    first: Tensor
    last: Tensor


class Pairs(NamedTuple):
    """Pairs of a site and a value, by their number among the spans (pairs,), and three features of each (pairs,)."""

    site: Tensor
    value: Tensor
    distance: Tensor
    stops: Tensor
    between: Tensor


class _Layer(nn.Module):
    def __init__(self, config: TaggerConfig) -> None:
        super().__init__()
        width, self.heads = config.width, config.heads
        self.attention_norm, self.forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values, self.mixed = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wider, self.narrower = nn.Linear(width, config.feed_forward), nn.Linear(config.feed_forward, width)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        batch, length, width = x.shape
        shape = (batch, length, 3, self.heads, width // self.heads)
        mixed = self.queries_keys_values(self.attention_norm(x)).view(shape).permute(2, 0, 3, 1, 4)
        queries, keys, values = mixed.float()  # on CPUs its backward pass is twice as fast as in half precision
        attended = functional.scaled_dot_product_attention(
            _rotated(queries, rotation), _rotated(keys, rotation), values, attn_mask=mask
        )
        x = x + self.mixed(attended.transpose(1, 2).reshape(batch, length, width))
        return x + cast(Tensor, self.narrower(functional.relu(self.wider(self.forward_norm(x)))))


def _rotated(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary position embedding (Su et al., RoFormer, 2021); x (batch, heads, length, width)."""
    cosine, sine = rotation
    one, other = x.chunk(2, -1)
    return torch.cat((one * cosine - other * sine, other * cosine + one * sine), -1)


class TaggerNetwork(nn.Module):
    """Tags characters, says what a value states, and links values to sites."""

    def __init__(self, config: TaggerConfig) -> None:
        super().__init__()
        self.config = config
        width, span = config.width, config.span_width
        self.embedding = nn.Embedding(len(config.characters) + 2, width, padding_idx=PADDING)
        self.neighbours = nn.Conv1d(width, width, 5, padding=2)
        self.encoder = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.tags = nn.Linear(width, len(ROLES) * TAGS)
        self.site, self.value = nn.Linear(2 * width, 2 * span), nn.Linear(2 * width, 2 * span)
        self.stated = nn.Sequential(nn.Linear(2 * width, 2 * span), nn.ReLU(), nn.Linear(2 * span, len(STATED) + 1))
        self.distance = nn.Embedding(DISTANCES, span)
        self.stops, self.between = nn.Embedding(COUNTS, span), nn.Embedding(COUNTS, span)
        self.link = nn.Linear(2 * span, len(LINKS) + 1)
        self.apply(_set_first_weights)

    def encode(self, numbers: Tensor) -> Tensor:
        """The characters in their context: numbers (windows, length) to (windows, length, width)."""
        read = numbers != PADDING
        # What lies behind a window is nothing, however long the windows beside it are.
        x = self.embedding(numbers) * read[..., None]
        x = x + functional.relu(self.neighbours(x.transpose(1, 2))).transpose(1, 2)
        mask = read[:, None, None, :]
        rotation = self._rotation(numbers.shape[1], x)
        for layer in self.encoder:
            x = cast(Tensor, layer(x, rotation, mask))
        return cast(Tensor, self.norm(x))

    def _rotation(self, length: int, like: Tensor) -> tuple[Tensor, Tensor]:
        half = self.config.width // self.config.heads // 2
        kind = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else like.dtype
        angles = torch.arange(length)[:, None] * torch.pow(10_000, -torch.arange(half) / half)
        return angles.cos().to(like.device, kind), angles.sin().to(like.device, kind)

    def tag_logits(self, encoded: Tensor) -> Tensor:
        """(windows, length, roles, 3): how each character stands to the spans of each role."""
        tags: Tensor = self.tags(encoded)
        return tags.view(*tags.shape[:-1], len(ROLES), TAGS)

    def stated_logits(self, encoded: Tensor, values: Spans) -> Tensor:
        """(values, statements + 1): whether each value makes each statement, and last whether it is doubted."""
        return cast(Tensor, self.stated(_ends(encoded, values)))

    def link_logits(self, encoded: Tensor, sites: Spans, values: Spans, pairs: Pairs) -> Tensor:
        """(pairs, 5): not linked, linked without a side, and linked with each side."""
        site_sum, site_product = self.site(_ends(encoded, sites)).chunk(2, -1)
        value_sum, value_product = self.value(_ends(encoded, values)).chunk(2, -1)
        placed = self.distance(pairs.distance) + self.stops(pairs.stops) + self.between(pairs.between)
        added = functional.relu(site_sum[pairs.site] + value_sum[pairs.value] + placed)
        return cast(Tensor, self.link(torch.cat((added, site_product[pairs.site] * value_product[pairs.value]), -1)))

    def forward(
        self,
        numbers: Tensor,
        labels: Tensor,
        site_spans: Tensor,
        value_spans: Tensor,
        stated: Tensor,
        site_value_pairs: Tensor,
        links: Tensor,
    ) -> dict[str, Tensor]:
        """`loss` of a batch, and for each window whether all of it is right, given the spans, as `exact` (windows,).

        numbers (windows, length), labels (windows, length, roles), spans (spans, 3), stated (values, statements + 1),
        site_value_pairs (pairs, 5), links (pairs,).
        """
        sites, values = Spans(*site_spans.unbind(-1)), Spans(*value_spans.unbind(-1))
        pairs = Pairs(*site_value_pairs.unbind(-1))
        encoded = self.encode(numbers)
        tags = self.tag_logits(encoded).float()
        said = self.stated_logits(encoded, values).float()
        linked = self.link_logits(encoded, sites, values, pairs).float()
        read = numbers != PADDING
        loss = TAG_WEIGHT * functional.cross_entropy(tags[read].flatten(0, 1), labels[read].flatten())
        exact = ((tags.argmax(-1) == labels).all(-1) | ~read).all(-1)
        if len(said):
            loss = loss + functional.binary_cross_entropy_with_logits(said, stated, reduction="sum") / len(said)
            exact = exact & _all_right(((said > 0) == (stated > 0)).all(-1), values.window, len(exact))
        if len(linked):
            loss = loss + LINK_WEIGHT * functional.cross_entropy(linked, links)
            window = values.window[pairs.value]
            exact = exact & _all_right(linked.argmax(-1) == links, window, len(exact))
        return {"loss": loss, "exact": exact}


def _set_first_weights(module: nn.Module) -> None:
    if isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02 if module.num_embeddings > DISTANCES else 0.1)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


def _all_right(right: Tensor, window: Tensor, windows: int) -> Tensor:
    wrong = torch.zeros(windows, dtype=torch.long).to(right.device)
    return wrong.index_add(0, window, (~right).long()) == 0


def _ends(encoded: Tensor, spans: Spans) -> Tensor:
    return torch.cat((encoded[spans.window, spans.first], encoded[spans.window, spans.last]), -1)


def distance_bucket(distance: int) -> int:
    """The bucket of a signed number of characters: single ones up to 3, then ever wider ones."""
    size = distance if distance >= 0 else -distance - 1
    bucket = size if size < 4 else min(_HALF - 1, 2 * size.bit_length() - 2 + ((size >> (size.bit_length() - 2)) & 1))
    return _HALF + bucket if distance >= 0 else _HALF - 1 - bucket
