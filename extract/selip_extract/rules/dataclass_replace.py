"""The standard library's `replace`, faster: nearly every token of a report makes a new state."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import replace
else:
    _new, _set = object.__new__, object.__setattr__

    def replace(state: Any, /, **changes: Any) -> Any:
        """A copy of a dataclass without slots, with these fields changed.

        dataclasses.replace passes every field through __init__: for a state of 16 fields 20 times as slow.
        """
        copy = _new(state.__class__)
        _set(copy, "__dict__", state.__dict__ | changes)
        return copy


__all__ = ["replace"]
