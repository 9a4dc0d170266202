"""Where the programs of the environment are that others speak to buckets and registries with."""

import sys
from pathlib import Path

Path(sys.argv[1], "python").write_text(sys.executable)
