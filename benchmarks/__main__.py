"""`make bench`: every measured ratio of docs/results.md, with the command that makes it."""

import sys

from benchmarks import overhead, start_up

if __name__ == "__main__":
    sys.exit(start_up.main() or overhead.main())
