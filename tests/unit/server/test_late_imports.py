"""What takes long to load is not loaded before the HTTP door answers."""

import subprocess
import sys


def test_the_data_plane_is_ready_to_answer_http_without_grpc() -> None:
    script = (
        "import sys; import lichen.server.dataplane, lichen.server.grpc_door; "
        "print(sorted({'grpc', 'google.protobuf'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_the_data_plane_is_ready_without_what_explains() -> None:
    script = (
        "import sys; import lichen.server.dataplane; print(sorted("
        "one for one in sys.modules if one.startswith(('lichen.explain.', 'lichen.frameworks.g'))))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "['lichen.explain.explainer']\n"
