"""Knowledge in TOML files: read and validated, with errors that name the file and the entry."""

import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from selip_shared.errors import SelipError

Model = TypeVar("Model", bound=BaseModel)


class TomlFile(NamedTuple):
    """The text of a file and its content."""

    text: str
    table: dict[str, Any]


def open_toml(file: Path | Traversable) -> TomlFile:
    """The content of a file whose form its reader checks; SelipError where it is not TOML."""
    try:
        text = file.read_text(encoding="utf-8")
        return TomlFile(text, tomllib.loads(text))
    except OSError as error:
        raise SelipError(f"{file} cannot be opened ({error.strerror}): name another file.") from error
    except UnicodeDecodeError as error:
        raise SelipError(f"{file} is not in UTF-8: save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise SelipError(f"{file.name} is not valid TOML ({error}): correct it.") from error


def read_toml(file: Path | Traversable, model: type[Model]) -> Model:
    """The file as `model`; SelipError with the file and the first wrong entry where it is not valid."""
    table = open_toml(file).table
    try:
        return model.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        entry = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            message = f"there is no such table; there are {', '.join(model.model_fields)}"
        raise SelipError(f"{file.name}: {entry + ': ' if entry else ''}{message}; correct the file.") from error
