"""Where figures go: results/KIND-COMMIT.json."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def commit():
    return subprocess.check_output(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"], text=True).strip()


def file_of(kind, to=None):
    """`to`, or the file of this commit."""
    return to or ROOT / f"results/{kind}-{commit()}.json"


def new_file(kind, to=None):
    """The same; ends the program if it is there."""
    path = file_of(kind, to)
    if path.exists():
        sys.exit(f"{path} is there already: remove it, or give another --to")
    return path
