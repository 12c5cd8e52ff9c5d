"""load.py PORT: clients until standard input ends; then what they saw."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))
from frame.callers import Callers  # noqa: E402
from frame.wait import wait_until  # noqa: E402

with Callers([int(sys.argv[1])]) as callers:
    wait_until(lambda: callers.outcomes.get("served", 0) > 0)
    print("served", flush=True)
    sys.stdin.read()
print(callers.outcomes, flush=True)
