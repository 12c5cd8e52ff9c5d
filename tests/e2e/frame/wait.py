"""Waiting for a condition: never for a while and hope."""
import time

# For a program to begin, to answer or to end: nothing that works takes that long, however
# busy the machine. What a deadline of the proxy would bring about as well must come sooner.
TIMEOUT = 60


def wait_until(condition, what="the condition", timeout=20.0):
    """Returns what `condition` returned, once that is true.

    It looks every 10 ms at first, and the less often the longer it lasts: others wait as well.
    """
    begun = time.monotonic()
    while True:
        result = condition()
        if result:
            return result
        waited = time.monotonic() - begun
        if waited > timeout:
            raise AssertionError(f"{what}: not within {timeout:g} s")
        time.sleep(min(max(waited / 20, 0.01), 0.2))
