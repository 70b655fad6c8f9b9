"""Stage two: from volumes and findings to encoders that compare them. `SelipModel` is there for programs in Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selip_pretrain.model import SelipModel

__all__ = ["SelipModel"]


def __getattr__(name: str) -> object:
    """The model, imported when it is asked for: the package itself costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from selip_pretrain import model

    return getattr(model, name)
