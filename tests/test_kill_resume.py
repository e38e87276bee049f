"""Training killed with -9 at 20 random moments ends in the same bits as training that was never stopped."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_twenty_kills_change_no_bit():
    script = Path(__file__).with_name("kill_resume.py")
    done = subprocess.run([sys.executable, str(script), "--kills", "20"], capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
