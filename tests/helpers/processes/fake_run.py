"""`hadesd run` whose worker is fake_worker.py. Arguments: those of the verb."""

import functools
import sys
from pathlib import Path

from hades_protocol.errors import HadesError
from hadesd.cli.parsing import Parser
from hadesd.cli.runs import run
from hadesd.supervisor.worker_process import Worker

FAKE_WORKER = Path(__file__).with_name("fake_worker.py")


def main() -> int:
    """Run as the verb does."""
    parser = Parser(prog="hadesd")
    verb = run.add_parser(parser.add_subparsers(parser_class=Parser))
    start = functools.partial(Worker, command=(sys.executable, str(FAKE_WORKER)))
    try:
        return run.run(verb.parse_args(sys.argv[1:]), start_worker=start)
    except HadesError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
