"""The host-wide folder where the meter lock, the meter page and the counters stand (M3)."""

import os
from pathlib import Path


def host_runtime_folder() -> Path:
    """`/run/lichen` for root, else `/run/user/UID/lichen` if possible, else `/tmp/lichen-UID`."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    if user == 0:
        return Path("/run/lichen")
    of_user = Path(f"/run/user/{user}")
    return of_user / "lichen" if of_user.is_dir() else Path(f"/tmp/lichen-{user}")  # noqa: S108
