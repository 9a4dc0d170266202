"""What an installation weighs, and what importing its parts costs in CPU-seconds.

Each tier is installed with byte-code into a fresh environment; imports are medians of five
fresh processes, user plus system time, beside a bare interpreter. Goals: PRODUCT's tiers, issue 2.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIERS = (("", 60, None), ("[serve]", 300, 40), ("[all]", 650, 62))
IMPORTS = (
    ("bare interpreter", "pass", None),
    ("lichen", "import lichen", None),
    (
        "lichen.energy.metering",
        "import lichen.energy, lichen.energy.page, lichen.energy.gauge",
        0.1,
    ),
    ("lichen.client", "import lichen.client, lichen.client.connection", 0.35),
    ("lichen.carbon.tracker.metered", "import lichen; lichen.metered", None),
    ("lichen --help", "from lichen.cli.main import run; run(['--help'])", None),
)
MEGABYTE = 1_000_000


def weight(folder: Path) -> float:
    """Megabytes of every file under the folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / MEGABYTE


def cpu_seconds(python: Path, script: str) -> float:
    """User plus system time of one fresh interpreter that runs the script."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, "-c", script], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def installed(extra: str, folder: str) -> Path:
    """The interpreter of a fresh environment that holds the tier, byte-code compiled."""
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", folder, "--clear"], check=True)
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", folder]
    subprocess.run([*install, f"{ROOT}{extra}"], check=True)
    return Path(folder, "bin", "python")


def show_tiers() -> None:
    """Install each tier and print its size and number of packages."""
    print(f"{'tier':16}{'MB':>8}{'goal':>8}{'packages':>10}{'goal':>8}")
    for extra, goal_mb, goal_packages in TIERS:
        with tempfile.TemporaryDirectory() as folder:
            installed(extra, folder)
            packages = sum(1 for _ in Path(folder).glob("lib/*/site-packages/*.dist-info"))
            print(
                f"{'lichen' + extra:16}{weight(Path(folder)):8.0f}{goal_mb:8}{packages:10}"
                f"{goal_packages or '':>8}"
            )


def show_imports() -> None:
    """Print what importing each part costs where the client alone is installed."""
    print(f"\n{'import':26}{'CPU-s':>8}{'goal':>8}")
    with tempfile.TemporaryDirectory() as folder:
        python = installed("", folder)
        for label, script, goal in IMPORTS:
            cost = statistics.median(cpu_seconds(python, script) for _ in range(5))
            print(f"{label:26}{cost:8.3f}{goal or '':>8}")


if __name__ == "__main__":
    show_tiers()
    show_imports()
