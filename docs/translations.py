"""Keeps the Chinese catalogue complete: finds all help and errors, adds what is new, and lists what lacks Chinese.

`python docs/translations.py` writes messages.po and messages.mo; `--check` only lists, and fails where the catalogue is
not what it would write or where a message has no Chinese.
"""

import ast
import io
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import typer
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from selip_downstream.evaluation.tasks import METRICS, STUDIES, TOGETHER, metric_label
from selip_shared.common_options import with_common_options
from selip_shared.files import write_bytes
from selip_shared.messages.translation import DOMAIN, LOCALE, PLACEHOLDER

ROOT = Path(__file__).parent.parent
PACKAGES = ("shared", "data_contracts", "extract", "pretrain", "downstream")
PO = LOCALE / "zh" / "LC_MESSAGES" / f"{DOMAIN}.po"
RAISED = ("SelipError", "with_note", "_leave", "BadParameter")
"""What is called with a sentence for the user."""
TABLES = (
    "_REMEDIES",
    "STATUS_MEANING",
    "REVIEW_MEANING",
    "OUTCOME_MEANING",
    "REASON_MEANING",
    "FAULT_MEANING",
    "INTERVAL_MEANING",
    "LABELS",
    "HEADINGS",
)
"""Dictionaries of sentences for the user."""
PRINTED = (
    "translated",
    "say",
    "_say",
    "print",
    "small_table",
    "add_column",
    "add_row",
    "_cross",
    "_counts",
    "_texts",
    "_table",
)
"""What prints its sentences."""
HEADINGS = ("heading", "column")
"""What a heading of a table is called where several are added in a loop."""
PRINTING = ("extract/selip_extract/cli", "pretrain/selip_pretrain", "downstream/selip_downstream")
"""Where that is looked for."""
WRONG_ARGUMENTS = (
    "Invalid value: {v1}",
    "Invalid value for {v1}: {v2}",
    "Missing {v1} {v2}.",
    "No such option: {v1}",
    "No such option: {v1} (Possible options: {v2})",
    "Option {v1} requires an argument.",
    "Got unexpected extra argument(s) ({v1})",
    "Input should be a valid integer, unable to parse string as an integer",
    "Input should be a valid number, unable to parse string as a number",
    "Input should be greater than or equal to {v1}",
    "Input should be less than or equal to {v1}",
    "Value error, {v1} is not one of {v2}.",
    "{v1} is not in the range {v2}.",
)
"""What typer says of wrong arguments, which it does not look up in a catalogue."""
OF_TYPER = (
    "Usage: ",
    "[OPTIONS]",
    *(
        f"<{kind}>"
        for kind in ("path", "str", "int", "float", "bool", "int range", "float range", "list[str]", "list[path]")
    ),
)
"""What typer writes in its help, likewise."""


OF_RESULTS = (
    *(metric_label(metric) for metrics in METRICS.values() for metric in metrics),
    *(TOGETHER, STUDIES, "image to text", "text to image", "normal", "site", "side", "signal"),
    *("rows", "studies", "{v1} left", "new", "changed", "unchanged", "gone"),
)
"""Labels of figures, what their configurations call sequences, directions and questions, and what is counted."""


def help_texts() -> Iterator[str]:
    """The help of each command and of its options."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for entry in scripts.values():
        module, _, name = entry.partition(":")
        command = with_common_options(import_module(f"{module.rpartition('.')[0]}.{name}").app)
        yield from (part.help for part in (command, *command.params) if getattr(part, "help", None))
        yield command.get_help_option(typer.Context(command)).help


def sentences() -> Iterator[str]:
    """The templates of all errors."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _name(node.func) in RAISED and node.args:
                    yield from _templates(node.args[0])
                elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Dict):
                    name = _name(node.targets[0] if isinstance(node, ast.Assign) else node.target)
                    yield from (text for value in node.value.values if name in TABLES for text in _templates(value))


def printed() -> Iterator[str]:
    """What the commands print: sentences, and the titles and headings of tables."""
    for file in sorted(file for folder in PRINTING for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in PRINTED:
                for argument in node.args:
                    yield from (
                        text if _name(node.func) == "translated" else text.strip()
                        for text in _templates(argument)
                        if re.search("[A-Za-z]{3}", text)
                    )
            elif isinstance(node, ast.For) and _name(node.target) in HEADINGS and isinstance(node.iter, ast.Tuple):
                yield from (text for heading in node.iter.elts for text in _templates(heading))


def progress_units() -> Iterator[str]:
    """What the work is counted in whose progress is shown."""
    for file in sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) == "progress" and node.args:
                yield from _templates(node.args[0])


def typers_texts() -> Iterator[str]:
    """What typer says itself, in its help and of wrong arguments."""
    for file in sorted(Path(typer.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) == "_":
                yield from _templates(node.args[0])


def _name(node: ast.expr) -> str:
    return getattr(node, "id", getattr(node, "attr", ""))


def _templates(node: ast.expr) -> Iterator[str]:
    """The sentence with {value} for each value; two where a condition chooses."""
    if isinstance(node, ast.IfExp):
        yield from _templates(node.body)
        yield from _templates(node.orelse)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr | ast.BinOp):
        words, values = [], 0
        for part in _parts(node):
            if isinstance(part, ast.Constant):
                words.append(str(part.value))
            else:
                values += 1
                words.append(f"{{v{values}}}")
        if any(word and not PLACEHOLDER.fullmatch(word) for word in words):
            yield "".join(words)


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _parts(node.left)
        yield from _parts(node.right)
    elif isinstance(node, ast.JoinedStr):
        yield from node.values
    else:
        yield node


def updated() -> Catalog:
    """The catalogue with every message of today, and none besides."""
    old = read_po(io.BytesIO(PO.read_bytes()), locale="zh") if PO.exists() else Catalog(locale="zh")
    catalogue = Catalog(locale="zh", project="SeLIP", charset="utf-8", creation_date=old.creation_date)
    catalogue.revision_date = old.revision_date
    for text in sorted(
        {
            *help_texts(),
            *sentences(),
            *printed(),
            *typers_texts(),
            *WRONG_ARGUMENTS,
            *OF_TYPER,
            *OF_RESULTS,
            *progress_units(),
        }
        - {""}
    ):
        before = old.get(text)
        catalogue.add(text, before.string if before else "")
    return catalogue


def main() -> None:
    """Update the catalogue, or check it."""
    catalogue, written, compiled = updated(), io.BytesIO(), io.BytesIO()
    write_po(written, catalogue, width=120, omit_header=False)
    write_mo(compiled, catalogue)
    files = {PO: written.getvalue(), PO.with_suffix(".mo"): compiled.getvalue()}
    said = {str(message.id): str(message.string) for message in catalogue if message.id}
    wrong = [text for text, chinese in said.items() if not chinese or _values(chinese) - _values(text)]
    if "--check" in sys.argv:
        wrong += [str(path) for path, content in files.items() if not path.exists() or path.read_bytes() != content]
    else:
        PO.parent.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            write_bytes(path, content)
    for text in wrong:
        print(text)
    if wrong:
        sys.exit(f"{len(wrong)} messages lack Chinese or name other values: complete {PO.relative_to(ROOT)}.")


def _values(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


if __name__ == "__main__":
    main()
