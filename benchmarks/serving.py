"""What a prediction costs in our data plane, and beside other servers, in one run.

    python benchmarks/serving.py                              the default peers, about 20 minutes
    python benchmarks/serving.py --peers all --write docs/explanation/serving.md
    python benchmarks/serving.py --quick --models mlp --peers lichen,echo

Needs two cores, `taskset` and `wrk` (Debian: apt-get install wrk); each peer gets an environment of
its own under `.venv-peers`. The parts are in `benchmarks/contest`. Exit code 1 when
a goal is missed.
"""

import sys

from contest.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
