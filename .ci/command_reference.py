"""Write docs/reference/commands.md and docs/reference/settings.md from the command line that the code declares.

python .ci/command_reference.py            write them
python .ci/command_reference.py --check    exit code 1 when one of them is not what the code says
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from itertools import groupby
from pathlib import Path
from types import NoneType
from typing import get_args, get_origin, get_type_hints

from cyclopts import App
from cyclopts.argument import Argument
from page import write_or_check

from collector.cli.config_sources import ENV_PREFIX
from collector.cli.main import app
from collector.run.organizations.organization_settings import OrganizationSettings

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"

COMMANDS = """\
# Commands

`python .ci/command_reference.py` generates this page from the command line in the code. A test compares the two.
`collector --help` and `collector COMMAND --help` print the same, `collector --version` the version.

| command | what it does |
|---|---|
"""

SETTINGS = """\
# Settings

`python .ci/command_reference.py` generates this page from the settings in the code. A test compares the two.

Every setting of `collector collect` has a flag, an environment variable and a place in a TOML file. The flag takes
precedence over the variable, the variable over the file, the file over the default. A misspelt name is an error in each
of the three. The file is the one that `--config` or `COLLECTOR_CONFIG` names, else
`$XDG_CONFIG_HOME/collector/config.toml` (`~/.config/collector/config.toml`). `config.example.toml` at the top of the
repository shows every setting with its default. The file is UTF-8, with or without a byte order mark.

A list has one flag for each value. Commas also separate the values of `type`, `status`, `include` and
`organizations`. In a variable, `:` separates the values of a list, so a value that contains `:` needs the file or the
flag. The API key is not a setting: see [Supply the API key](../how-to/keys.md).
"""

ORGANIZATIONS = """
## `[[organizations]]`

Each table is an organization to collect: [Collect several organizations](../how-to/organizations.md). These settings
have neither flags nor variables. `id` or `label` is required, and at most one source of the key may be set.

| setting | type | meaning |
|---|---|---|
"""
MEANINGS = {
    "id": "Its id. The key is a partner or deployment key, by default that of `[api]`.",
    "label": "Its name in messages and, without an `id`, in file names. Without an `id`, the key is that of a user.",
    "key_file": "File that holds its key.",
    "key_command": "Command that prints its key.",
    "key_fd": "Open descriptor to read its key from.",
    "key_keyring": "Entry of the system keyring that holds its key.",
}

CODE = re.compile(r"(\(?)(--?[a-z][a-z-]*|\.[a-z]+|[^\s<]*[_\[{=][^\s<]*?)([.,;:)]*)")
"""A word of help text that a user types, between the punctuation around it."""

TYPES = {str: "text", int: "integer", float: "number", bool: "true or false", tuple: "list of texts", Path: "path"}


def main(arguments: list[str]) -> int:
    commands = {name: command for name in app if isinstance(command := app[name], App) and not name.startswith("-")}
    written = {"commands": commands_page(commands), "settings": settings_page(options_of(commands["collect"]))}
    return max(write_or_check(REFERENCE / f"{name}.md", text, arguments) for name, text in written.items())


def options_of(command: App) -> list[Argument]:
    """The arguments and flags of a command that its help shows."""
    return [each for each in command.assemble_argument_collection(parse_docstring=True) if each.show]


def commands_page(commands: dict[str, App]) -> str:
    index = "".join(
        f"| [`collector {name}`](#collector-{name}) | {cell(first_paragraph(command.help))} |\n"
        for name, command in commands.items()
    )
    return COMMANDS + index + "".join(command_text(name, command) for name, command in commands.items())


def command_text(name: str, command: App) -> str:
    options = options_of(command)
    first, _, rest = (command.help_prologue or command.help).strip("\n").partition("\n\n")
    parts = [f"\n## `collector {name}`\n", f"{prose(first)}\n", fenced(usage_of(name, command, options))]
    parts += paragraphs(rest)
    parts += [option_table(title, group) for title, group in groups_of(options).items()]
    parts += paragraphs(command.help_epilogue or "")
    return "\n".join(parts)


def usage_of(name: str, command: App, options: list[Argument]) -> str:
    """The usage line: that of the command, if it states one."""
    return command.usage or f"collector {name} {usage(options)}".strip()


def usage(options: list[Argument]) -> str:
    places = [each.name if each.required else f"[{each.name} ...]" for each in options if not is_flag(each)]
    return " ".join((*places, *(["[OPTIONS]"] if any(map(is_flag, options)) else [])))


def groups_of(options: list[Argument]) -> dict[str, list[Argument]]:
    """The options by their group: those with arguments first, then those of settings, in the order of the code."""
    ordered = sorted(options, key=lambda each: (is_flag(each), not each.keys))
    return {title: [each for each in options if group_of(each) == title] for title in map(group_of, ordered)}


def option_table(title: str, options: list[Argument]) -> str:
    rows = [f"| {names_of(each)} | {cell(each.parameter.help or '')} | {default_of(each)} |" for each in options]
    heading = [] if title == "Parameters" else [f"**{title}**\n"]
    return "\n".join((*heading, "| option | meaning | default |", "|---|---|---|", *rows, ""))


def settings_page(options: list[Argument]) -> str:
    settings = [each for each in options if len(each.keys) == 2]
    hints = get_type_hints(OrganizationSettings)
    organizations = [
        f"| `{each.name}` | {type_of(hints[each.name])} | {MEANINGS[each.name]} |\n"
        for each in fields(OrganizationSettings)
    ]
    return SETTINGS + "".join([*sections_of(settings), ORGANIZATIONS, *organizations])


def sections_of(settings: list[Argument]) -> Iterator[str]:
    return (
        f"\n## `[{section}]`\n\n| setting, flag, variable | type, default | meaning |\n|---|---|---|\n"
        + "".join(map(setting_row, group))
        for section, group in groupby(settings, lambda each: each.keys[0])
    )


def setting_row(setting: Argument) -> str:
    names = "<br>".join((f"`{setting.keys[1]}`", *names_of(setting).split(", "), f"`{variable_of(setting)}`"))
    meaning = cell(setting.parameter.help or "")
    return f"| {names} | {type_of(setting.hint)}<br>{default_of(setting)} | {meaning} |\n"


def variable_of(setting: Argument) -> str:
    return ENV_PREFIX + setting.names[0].lstrip("-").replace("-", "_").upper()


def names_of(argument: Argument) -> str:
    return ", ".join(f"`{name}`" for name in argument.names)


def group_of(argument: Argument) -> str:
    return str(argument.parameter.group[0].name) if argument.parameter.group else "Parameters"


def is_flag(argument: Argument) -> bool:
    return argument.name.startswith("-")


def type_of(hint: object) -> str:
    """The type of a setting as a user writes it; None stands for a setting without a value."""
    found = (
        next((each for each in get_args(hint) if each is not NoneType), hint) if NoneType in get_args(hint) else hint
    )
    if isinstance(found, type) and issubclass(found, Enum):
        return ", ".join(f"`{each.value}`" for each in found)
    return TYPES[get_origin(found) or found]


def default_of(argument: Argument) -> str:
    value = argument.field_info.default
    if argument.required:
        return "required"
    if value is argument.field_info.empty or value in (None, (), ""):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def first_paragraph(text: str) -> str:
    return text.strip().partition("\n\n")[0]


def paragraphs(text: str) -> Iterator[str]:
    """Plain text as Markdown: paragraphs that are laid out by spaces keep their lines."""
    for each in re.split(r"\n\s*\n", text.strip("\n")):
        if each.strip():
            yield fenced(each) if re.search(r"^ ", each, re.MULTILINE) else f"{prose(each.strip())}\n"


def prose(text: str) -> str:
    """Plain text as Markdown that shows it unchanged."""
    return re.sub(r"([*_\[\]|\\])", r"\\\1", text).replace("<", "&lt;")


def cell(text: str) -> str:
    """Plain text as one cell. Flags, placeholders, variables and endings of file names stand as code."""
    words = (CODE.fullmatch(word) or word for word in text.split())
    return " ".join(prose(word) if isinstance(word, str) else "{}`{}`{}".format(*word.groups()) for word in words)


def fenced(text: str) -> str:
    return "```text\n{}\n```\n".format(text.strip("\n"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
