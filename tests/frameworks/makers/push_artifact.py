"""Push files by ORAS, as any artifact of files: FOLDER, the registry's name, then paths."""

import os
import sys
from pathlib import Path

import oras.client  # type: ignore[import-not-found]

target, *paths = sys.argv[2:]
os.chdir(Path(paths[0]).parent)
client = oras.client.OrasClient(insecure=True)
client.push(target=target, files=[Path(one).name for one in paths], disable_path_validation=True)
