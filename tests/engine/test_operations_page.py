"""docs/operations.md says what the code says."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_operations_is_up_to_date():
    made = subprocess.run([sys.executable, "-m", "tinygrad_core.ops"], cwd=ROOT, capture_output=True, text=True, check=True)
    kept = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert made.stdout == kept, "run `python -m tinygrad_core.ops > docs/operations.md`"
