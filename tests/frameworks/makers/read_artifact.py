"""Read an artifact of a registry by ORAS, and its configuration by ModelPack's schema in olot.

It leaves the files in FOLDER/files, and the name and version of the model in FOLDER/model.
"""

import json
import sys
from pathlib import Path

import oras.client  # type: ignore[import-not-found]
from olot.modelpack import Model  # type: ignore[import-not-found]

folder, target = Path(sys.argv[1]), sys.argv[2]
client = oras.client.OrasClient(insecure=True)
client.pull(target=target, outdir=str(folder / "files"))
manifest = client.get_manifest(target)
blob = client.get_blob(target, manifest["config"]["digest"])
model = Model(**json.loads(blob.content))
assert [one["digest"] for one in manifest["layers"]] == model.modelfs.diffIds
Path(folder, "model").write_text(f"{model.descriptor.name} {model.descriptor.version}")
