"""Help and errors in the language of the user: English, or Chinese by the locale or `--lang zh`.

The catalogue is locale/zh/LC_MESSAGES/messages.po, which `python docs/translations.py` keeps complete. A sentence is
translated where it leaves the program, so that whoever raises an error writes it in English and nothing else: its
values are found by the catalogue's template, e.g. "{path} holds no report". Typer's own texts are of the same domain.
"""

import gettext
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

LOCALE = Path(__file__).parent / "locale"
DOMAIN = "messages"  # gettext's own default, which typer's texts are looked up in
PLACEHOLDER = re.compile(r"\{(\w+)\}")


def choose_language(arguments: Sequence[str]) -> None:
    """Speak the language that `--lang` names among the arguments, else that of the locale."""
    gettext.bindtextdomain(DOMAIN, str(LOCALE))
    for at, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--lang":
            os.environ["LANGUAGE"] = value or "".join(arguments[at + 1 : at + 2])


def language_asked_for() -> str | None:
    """The language of `--lang` or the locale where it is zh or en; None where it is another or none, such as C."""
    if gettext.find(DOMAIN, str(LOCALE)):
        return "zh"
    variables = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")  # as gettext looks for them
    names = next(filter(None, map(os.environ.get, variables)), "")
    return "en" if names.startswith("en") else None


def localized(command: Any) -> Any:
    """The click command with its help, that of its parameters, and its errors in the language of the user."""
    import typer  # only here: sentences are translated before libraries are loaded

    for part in (command, *command.params):
        if getattr(part, "help", None):
            part.help = gettext.gettext(part.help)
    for parameter in command.params:
        parameter.display_type_rich = _in_the_users_language(parameter.display_type_rich)
    command.options_metavar = gettext.gettext(command.options_metavar)
    usage = command.get_usage
    command.get_usage = lambda context: usage(context).replace("Usage: ", gettext.gettext("Usage: "), 1)
    help_option = command.get_help_option

    def localized_help_option(context: Any) -> Any:
        option = help_option(context)
        option.help = gettext.gettext(option.help)
        option.display_type_rich = _in_the_users_language(option.display_type_rich)
        return option

    make_context = command.make_context

    def localized_make_context(*arguments: Any, **options: Any) -> Any:
        try:
            return make_context(*arguments, **options)
        except typer.TyperException as error:
            if isinstance(error, typer.BadParameter) and error.message:
                error.message = translated(error.message)
            said = translated(error.format_message())
            error.format_message = lambda: said  # type: ignore[method-assign]  # typer shows what this returns
            raise

    command.get_help_option = localized_help_option
    command.make_context = localized_make_context
    return command


def _in_the_users_language(text: Callable[..., str | None]) -> Callable[..., str | None]:
    """A function that gives a text of typer, such as <path>, as the catalogue says it."""

    def localized_text(*arguments: Any, **options: Any) -> str | None:
        said = text(*arguments, **options)
        return said and gettext.gettext(said)

    return localized_text


def translated(sentence: str) -> str:
    """The sentence in the language of the user; as it is where the catalogue has no template for it."""
    messages = gettext.translation(DOMAIN, LOCALE, fallback=True)
    if not isinstance(messages, gettext.GNUTranslations):
        return sentence
    catalogue: Mapping[str, str] = messages._catalog  # type: ignore[attr-defined]  # gettext lists its messages nowhere
    if found := catalogue.get(sentence):
        return found
    for template, pattern in _patterns(tuple(catalogue)):
        if said := pattern.fullmatch(sentence):
            return catalogue[template].format(**said.groupdict())
    return sentence


@cache
def _patterns(templates: tuple[str, ...]) -> list[tuple[str, re.Pattern[str]]]:
    """The templates with values as expressions, those with the most words of their own first."""
    with_values = [template for template in templates if isinstance(template, str) and PLACEHOLDER.search(template)]
    with_values.sort(key=lambda template: -len(PLACEHOLDER.sub("", template)))
    return [(template, re.compile(_expression(template), re.DOTALL)) for template in with_values]


def _expression(template: str) -> str:
    words = PLACEHOLDER.split(template)
    # A value at the end may be empty: what is only sometimes added to a sentence.
    last = len(words) - 2 if not words[-1] else None
    return "".join(
        f"(?P<{part}>.{'*' if at == last else '+'}?)" if at % 2 else re.escape(part) for at, part in enumerate(words)
    )
