"""Self-contained HTML pages: jinja2 templates with style and script inside, which open offline and load nothing."""

import base64
import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from selip_shared.errors import SelipError
from selip_shared.files import write_text

_STYLE = files("selip_shared").joinpath("page.css")


def render_page(folder: Traversable, template: str, style: str, script: str = "", **values: object) -> str:
    """The page of a template in the folder, which may include others that lie there.

    The template gets the values, and `policy`, `style` and `script` for its head, each of which it writes with the
    filter `safe`; the style follows that of all pages. All other values are text: what would be markup in them is
    escaped, and the filter `tojson` writes them as JSON that cannot end its element. UndefinedError where the template
    uses a value that is not given.
    """
    environment = Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    head = _head(_STYLE.read_text(encoding="utf-8") + style, script)
    return environment.get_template(template).render(**values, **head)


def write_page(path: Path, page: str) -> None:
    """Write the page whole or not at all. SelipError where the file cannot be written."""
    try:
        write_text(path, page)
    except OSError as error:
        raise SelipError(f"{path} cannot be written ({error.strerror}): name a file where you may write.") from error


def _head(style: str, script: str) -> dict[str, str]:
    """Style, script, and the Content-Security-Policy that allows only these two and pictures inside the page."""
    policy = (
        "default-src 'none'",
        f"style-src '{_hash(style)}'",
        f"script-src '{_hash(script)}'" if script else "script-src 'none'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return {"policy": "; ".join(policy), "style": style, "script": script}


def _hash(source: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"
