"""hadesd completion: what a shell needs to complete `hadesd` and `hades-tui`."""

import argparse
import os
import shlex
from pathlib import Path

from hades_protocol.errors import ExitCode, UsageError
from hades_protocol.paths import config_home, user_home, xdg
from hadesd.cli.output import say
from hadesd.cli.parsing import Parser, Subparsers, add_verb

SHELLS = ("bash", "zsh", "fish")
COMMANDS = ["hadesd", "hades-tui"]


def add_parser(subparsers: "Subparsers[Parser]") -> Parser:
    """Add the verb and its options to `hadesd`."""
    parser = add_verb(
        subparsers,
        "completion",
        "have the shell complete verbs, runs, settings and environments",
        "hadesd completion --install             # for the shell in $SHELL, from its next start on\n"
        "hadesd completion bash                  # print what the shell has to read, and write nothing",
    )
    parser.add_argument("shell", nargs="?", choices=SHELLS, help="(default: the shell in $SHELL)")
    parser.add_argument("--install", action="store_true", help="write it where the shell finds it")
    return parser


def run(args: argparse.Namespace) -> int:
    """Print the shell's code, or install it."""
    from argcomplete.shell_integration import shellcode

    shell = args.shell or _own_shell()
    if not args.install:
        print(shellcode(COMMANDS, True, shell))
        return ExitCode.OK
    for file, commands in _places(shell).items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(shellcode(commands, True, shell) + "\n")
        say(f"written: {file}")
        if shell != "fish":
            _source(_rc(shell), file)
    say(f"{shell} completes {' and '.join(COMMANDS)} from its next start on")
    return ExitCode.OK


def _rc(shell: str) -> Path:
    """The file that an interactive bash or zsh reads; zsh's may lie in ZDOTDIR."""
    elsewhere = os.environ.get("ZDOTDIR") if shell == "zsh" else None
    return (Path(elsewhere) if elsewhere else user_home(os.environ)) / f".{shell}rc"


def _own_shell() -> str:
    """The person's shell.

    Raises:
        UsageError: it is none of SHELLS.
    """
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SHELLS:
        raise UsageError(f"there is no completion for the shell '{name}': name one of {', '.join(SHELLS)}")
    return name


def _places(shell: str) -> dict[Path, list[str]]:
    """Files, and the commands that each completes.

    fish reads a file of a command's name by itself; the others need a line in their rc file.
    """
    if shell == "fish":
        folder = config_home(os.environ) / "fish/completions"
        return {folder / f"{command}.fish": [command] for command in COMMANDS}
    data = xdg("DATA_HOME", os.environ) or user_home(os.environ) / ".local/share"
    return {data / f"hades/completion.{shell}": COMMANDS}


def _source(rc: Path, file: Path) -> None:
    """Have a shell's rc file read the completion, once."""
    name = shlex.quote(str(file))
    # zsh has compdef, which the file calls, from compinit on.
    first = "" if rc.name == ".bashrc" else "autoload -Uz compinit && compinit; "
    line = f"[ -r {name} ] && {{ {first}. {name}; }}  # completion of hadesd and hades-tui"
    before = rc.read_text(errors="surrogateescape") if rc.exists() else ""  # it may hold Latin-1
    if line in before.splitlines():
        return
    with rc.open("a") as out:
        out.write(f"{'' if before.endswith(chr(10)) or not before else chr(10)}{line}\n")
    say(f"added to {rc}: {line}")
