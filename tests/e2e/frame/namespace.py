"""Mounts of one's own: unshare."""
import shutil
import subprocess

import pytest


def is_possible():
    """Not for every user, and not where the root folder is no mount."""
    return (shutil.which("unshare") is not None and
            subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0)


needs_namespace = pytest.mark.skipif(not is_possible(), reason="needs a mount namespace")
