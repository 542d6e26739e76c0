"""The command line, made from the functions of `api/`: names, types and help come from their signatures and docstrings.

Torch is imported only once a command runs, so that `--help` answers at once.
"""

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from landbridge import __version__
from landbridge.core.errors import LandbridgeError
from landbridge.core.registry import nearest, resolve

COMMANDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "adapt": ("landbridge.api.adapt:adapt", ("source?", "target?")),
    "compare": ("landbridge.api.compare:compare", ("domains*",)),
    "tune": ("landbridge.api.tune:tune", ("source", "target")),
    "evaluate": ("landbridge.api.evaluate:evaluate", ("model", "domain")),
    "predict": ("landbridge.api.predict:predict", ("model", "images")),
    "report": ("landbridge.api.report:report", ("run",)),
    "domains": ("landbridge.api.domains:domains", ()),
    "show": ("landbridge.api.show:show", ("domain",)),
    "methods": ("landbridge.api.methods:methods", ()),
    "backbones": ("landbridge.api.backbones:backbones", ()),
    "reproduce": ("landbridge.api.reproduce:reproduce", ("table",)),
    "probe": ("landbridge.api.probe:probe", ("backbone", "domains*")),
    "advise": ("landbridge.api.advise:advise", ("source", "target")),
    "finetune": ("landbridge.api.finetune:finetune", ("backbone?", "target?")),
    "multitask": ("landbridge.api.multitask:learn_tasks", ("tasks*",)),
    "zeroshot": ("landbridge.api.zeroshot:zero_shot", ("backbone?", "domain?")),
    "transfer-depth": ("landbridge.api.transfer_depth:transfer_depth", ("domains*",)),
    "align": ("landbridge.api.align:align", ("captions?",)),
    "classify": ("landbridge.api.classify:classify", ("model", "images")),
    "gap": ("landbridge.api.gap:gap", ("source?", "target?")),
    "segment": ("landbridge.api.segment:segment", ("source?", "target?")),
    "index": ("landbridge.api.index:index", ("folder",)),
    "search": ("landbridge.api.search:search", ("where", "query?")),
}
"""Command -> (its function, its positional arguments; `?` may be missing, `*` may be many)."""

METHOD_PREFIX = "--method."


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the words after `landbridge`; those of this process by default.

    Returns:
        The exit status: 0, or 2 where the user can mend something, with one line that says what.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help"):
        print(overview())
        return 0
    if words[0] == "--version":
        print(f"landbridge {__version__}")
        return 0
    try:
        return _run(words[0], words[1:])
    except LandbridgeError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(
            f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}; nothing half-written was left"
        )
    except KeyboardInterrupt:
        return _fail("stopped; a run goes on with --resume and its folder")


def overview() -> str:
    """All commands, a line each."""
    lines = ["usage: landbridge COMMAND ...", "", "Carry what a model learned to where labels are few or missing.", ""]
    for name, (reference, _) in COMMANDS.items():
        lines.append(f"  {name:16}{_summary(resolve(reference))}")
    lines += ["", "landbridge COMMAND --help tells the rest; landbridge --version the version."]
    return "\n".join(lines)


def parser_of(command: str) -> Any:
    """The parser of one command: its positional arguments, and one option for each further argument of its function.

    Raises:
        LandbridgeError: there is no such command; the message suggests the nearest.
    """
    from jsonargparse import ArgumentParser

    if command not in COMMANDS:
        raise LandbridgeError(f"unknown command '{command}'{nearest(command, COMMANDS) or '; see landbridge --help'}")
    reference, positionals = COMMANDS[command]
    function = resolve(reference)
    described = _argument_help(function)
    parser = ArgumentParser(prog=f"landbridge {command}", exit_on_error=False)
    names: set[str | int] = set()
    for positional in positionals:
        name, many = positional.rstrip("?*"), positional[-1] if positional[-1] in "?*" else None
        parser.add_argument(name, nargs=many, help=described.get(name, ""))
        names.add(name)
    parser.add_function_arguments(function, skip=names)
    parser.add_argument("--config", action="config", help="a YAML file with these options; those given here win")
    return parser


def parse(command: str, words: Sequence[str]) -> dict[str, Any]:
    """The arguments of a command's function from its words on the command line.

    Dashes and underscores are the same; `--flag` and `--no-flag` set what is true or false; `--method.NAME VALUE` and
    `--method.METHOD.NAME VALUE` become the function's `options`.

    Raises:
        LandbridgeError: words that the command does not know, or values that it cannot take.

    >>> given = parse("adapt", ["a", "b", "--no-baseline", "--batch-size", "32", "--method.weight", "0.5"])
    >>> given["source"], given["baseline"], given["batch_size"], given["options"]
    ('a', False, 32, {'weight': 0.5})
    >>> parse("search", ["photos.index", "--k", "3", "a dog on a beach"])["query"]
    'a dog on a beach'
    """
    from jsonargparse import ArgumentError

    parser = parser_of(command)
    flags = {action.dest: action for action in parser._actions if action.option_strings}
    plain, places, options = [], list[str](), _Options()
    queue = list(words)
    while queue:
        word = queue.pop(0)
        name, equals, value = word.partition("=")
        if not name.startswith("--") or name == "--":
            places.append(word)
        elif name.startswith(METHOD_PREFIX):
            options.put(name.removeprefix(METHOD_PREFIX), value if equals else _take(queue, name))
        else:
            plain += _flag(name, equals, value, queue, flags)
    if options:
        plain.append(f"--options={json.dumps(options)}")
    try:
        given = parser.parse_args([*plain, *places])  # one that may be missing is not found between options
    except ArgumentError as error:
        raise LandbridgeError(f"{command}: {' '.join(str(error).split())}; see landbridge {command} --help") from None
    return _with_positionals({name: value for name, value in given.as_dict().items() if name != "config"}, given.config)


def _with_positionals(arguments: dict[str, Any], configs: Sequence[Any] | None) -> dict[str, Any]:
    """Positional arguments that were not given, from the config files: there jsonargparse fills in options alone."""
    import yaml

    for config in configs or ():
        written = yaml.safe_load(Path(str(config)).read_text(encoding="utf-8"))
        arguments |= {name: value for name, value in written.items() if arguments.get(name, "") is None}
    return arguments


class _Options(dict[str, Any]):
    """Options of methods, as they come: `weight` for the one method of `adapt`, `dann.weight` in `compare`."""

    def put(self, dotted: str, text: str) -> None:
        *outer, name = dotted.split(".")
        name = name.replace("-", "_")
        place: dict[str, Any] = self
        for key in outer:
            place = place.setdefault(key, {})
        try:
            place[name] = json.loads(text)
        except json.JSONDecodeError:
            place[name] = text


def _take(queue: list[str], name: str) -> str:
    if not queue:
        raise LandbridgeError(f"{name} needs a value")
    return queue.pop(0)


def _flag(name: str, equals: str, value: str, queue: list[str], flags: dict[str, Any]) -> list[str]:
    """One option as jsonargparse spells it."""
    key = name[2:].replace("-", "_")
    if key.startswith("no_") and _is_switch(flags.get(key[3:])):
        return [f"--{key[3:]}=false"]
    if key not in flags and key != "print_config":
        raise LandbridgeError(f"unknown option {name}{nearest(key, flags).replace('_', '-') or '; see --help'}")
    if equals:
        return [f"--{key}={value}"]
    if key in ("help", "print_config"):
        return [f"--{key}"]
    if _is_switch(flags[key]) and (not queue or queue[0] not in ("true", "false")):
        return [f"--{key}=true"]
    return [f"--{key}={_take(queue, name)}"]


def _is_switch(action: Any) -> bool:
    return action is not None and isinstance(action.default, bool)


def _run(command: str, words: Sequence[str]) -> int:
    if "-h" in words or "--help" in words:
        text = parser_of(command).format_help()
        print(re.sub(r"--[a-z]+(?:_[a-z]+)+", lambda found: found[0].replace("_", "-"), text))
        return 0
    arguments = parse(command, words)
    function = resolve(COMMANDS[command][0])
    result = function(**arguments)
    from landbridge.reports.console import show

    show(result)
    return 0


def _argument_help(function: Callable[..., Any]) -> dict[str, str]:
    from docstring_parser import parse as read

    return {item.arg_name: item.description or "" for item in read(str(function.__doc__)).params}


def _summary(function: Callable[..., Any]) -> str:
    return str(function.__doc__).splitlines()[0]


def _fail(message: str) -> int:
    print(f"landbridge: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
