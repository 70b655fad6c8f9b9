"""Stage one: from reports to cited findings. `extract` and `open_findings` are there for programs in Python."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selip_extract.python_interface import extract, open_findings

__all__ = ["extract", "open_findings"]


def __getattr__(name: str) -> object:
    """The functions for programs in Python, imported when they are asked for: the package itself costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from selip_extract import python_interface

    return getattr(python_interface, name)
