"""Where figures go: results/KIND-COMMIT.json, never over one."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def commit():
    return subprocess.check_output(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"], text=True).strip()


def new_file(kind, to=None):
    """`to`, or the file of this commit; ends the program if it is there."""
    path = to or ROOT / f"results/{kind}-{commit()}.json"
    if path.exists():
        sys.exit(f"{path} is there already: remove it, or give another --to")
    return path
