"""`python -m tests.drills.soak`: see soak.py."""

import argparse
import json
import sys
from pathlib import Path

from tests.drills.soak.soak import Soak, say

parser = argparse.ArgumentParser(prog="python -m tests.drills.soak")
parser.add_argument("--minutes", type=float, default=120.0, help="of faults; then every run is let finish")
parser.add_argument("--seed", type=int, default=1, help="of the faults and verbs")
parser.add_argument("--generations", type=int, default=2500, help="of every run")
parser.add_argument("--pace", type=float, nargs=2, default=(20.0, 60.0), help="least and most seconds between faults")
parser.add_argument("--report", type=Path, help="write the verdict as JSON")
args = parser.parse_args()
result = Soak(args.minutes, args.seed, args.generations, tuple(args.pace)).run()
text = json.dumps(result, indent=1, ensure_ascii=False)
say(text)
if args.report:
    args.report.write_text(text)
sys.exit(bool(result["problems"]))
