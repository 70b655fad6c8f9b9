"""Stage two: volumes and findings to encoders that can compare them. `SelipModel` is the Python interface."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selip_pretrain.model import SelipModel

__all__ = ["SelipModel"]


def __getattr__(name: str) -> Any:
    # Imported when it is asked for: a command's --help should not wait for torch.
    if name != "SelipModel":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from selip_pretrain.model import SelipModel

    return SelipModel
