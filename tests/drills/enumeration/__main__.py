"""`python -m tests.drills.enumeration`: see campaign.py.

It starts itself anew under the library that makes calls fail.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.helpers.faults import fault_injector

parser = argparse.ArgumentParser(prog="python -m tests.drills.enumeration")
parser.add_argument("scenarios", nargs="*", metavar="NAME", help="these alone, for example resume")
parser.add_argument("--share", type=float, default=1.0, help="of all cases, drawn by chance")
parser.add_argument("--seed", type=int, default=1, help="of that chance")
parser.add_argument("--few-faults", action="store_true", help="no power cuts, and of errors one of each kind")
parser.add_argument("--report", type=Path, help="write the counts as JSON")


def main(args: argparse.Namespace) -> int:
    """Run the cases; the exit status."""
    # The worker's environment, before anything imports jax.
    import tests.conftest  # noqa: F401
    from tests.drills.enumeration import bench
    from tests.drills.enumeration.campaign import FAULTS, FEW, Campaign
    from tests.drills.enumeration.scenarios import SCENARIOS

    bench.set_up()
    with tempfile.TemporaryDirectory(prefix="hades-", dir="/tmp") as directory:
        campaign = Campaign(Path(directory))
        for scenario in SCENARIOS:
            if not args.scenarios or scenario.name in args.scenarios:
                began = time.monotonic()
                faults = FEW if args.few_faults else FAULTS
                campaign.run(scenario, faults, args.share, args.seed)
                sys.stderr.write(f"{scenario.name}: {time.monotonic() - began:.1f} s\n")
    text = json.dumps(campaign.document(), indent=1, ensure_ascii=False)
    if args.report:
        args.report.write_text(text)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    return bool(campaign.problems)


if __name__ == "__main__":
    arguments = parser.parse_args()
    if fault_injector.VARIABLE not in os.environ:
        if not fault_injector.can_compile():
            parser.error("there is no C compiler (cc)")
        with tempfile.TemporaryDirectory(prefix="hades-", dir="/tmp") as place:
            environment = fault_injector.build(Path(place))
            command = [sys.executable, "-m", "tests.drills.enumeration", *sys.argv[1:]]
            sys.exit(os.spawnve(os.P_WAIT, sys.executable, command, os.environ | environment))
    # XLA's threads and orbax's executors can hold up an interpreter's way out by seconds.
    os._exit(main(arguments))
