"""`python -m tests.drills.slurm`: see drill.py."""

import argparse
import json
import sys
from pathlib import Path

from tests.drills.slurm.drill import Drill, say
from tests.helpers.processes.slurm_cluster import lacking

parser = argparse.ArgumentParser(prog="python -m tests.drills.slurm")
parser.add_argument("--minutes", type=float, default=30.0, help="of faults; then every run is let finish")
parser.add_argument("--seed", type=int, default=1, help="of the faults")
parser.add_argument("--runs", type=int, default=6, help="at a time")
parser.add_argument("--generations", type=int, default=2500, help="of every run")
parser.add_argument("--pace", type=float, nargs=2, default=(5.0, 20.0), help="least and most seconds between faults")
parser.add_argument("--report", type=Path, help="write the verdict as JSON")
args = parser.parse_args()
if why := lacking():
    say(f"skipped: no Slurm here ({why})")
    sys.exit(0)
result = Drill(args.minutes, args.seed, args.runs, args.generations, tuple(args.pace)).run()
text = json.dumps(result, indent=1, ensure_ascii=False)
say(text)
if args.report:
    args.report.write_text(text)
sys.exit(bool(result["problems"]))
