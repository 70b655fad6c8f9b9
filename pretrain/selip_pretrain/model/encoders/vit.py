"""MONAI's 3D vision transformer of size small (ViT-S), with patches of 4 × 16 × 16 voxels."""

from monai.networks.nets.vit import ViT
from torch import Tensor

from selip_pretrain.model.encoders.image_encoder import ImageEncoder, Pooling, Shape
from selip_shared.errors import SelipError

PATCH = (4, 16, 16)
WIDTH = 384
STAGES = 4


class VisionTransformer(ImageEncoder):
    """A vision transformer with feature maps after each quarter of the layers, all with stride (4, 16, 16)."""

    def __init__(self, shape: Shape, pooling: Pooling) -> None:
        if any(size % patch for size, patch in zip(shape, PATCH, strict=True)):
            raise SelipError(
                f"A vision transformer needs a shape that is a multiple of {_by(PATCH)} voxels, not {_by(shape)}:"
                " change the recipe's shape, or use a ResNet."
            )
        depth, height, width = (size // patch for size, patch in zip(shape, PATCH, strict=True))
        self.grid = (depth, height, width)
        super().__init__((WIDTH,) * STAGES, WIDTH, self.grid, pooling)
        self.net = ViT(1, shape, PATCH, hidden_size=WIDTH, mlp_dim=4 * WIDTH, num_layers=12, num_heads=6)

    def feature_maps(self, images: Tensor, modalities: Tensor) -> list[Tensor]:
        """The tokens as a grid; the sequence is added to every token, and the last map is normalised."""
        net = self.net
        x = net.patch_embedding(images) + self.modality(modalities)[:, None]
        maps = []
        for number, block in enumerate(net.blocks, start=1):
            x = block(x)
            if number % (len(net.blocks) // STAGES) == 0:
                tokens = net.norm(x) if number == len(net.blocks) else x
                maps.append(tokens.transpose(1, 2).unflatten(2, self.grid))
        return maps


def _by(sizes: Shape) -> str:
    return "×".join(map(str, sizes))
