"""OpenVINO as the backend: what `openvino_checks.py` holds, run where it cannot harm the other tests."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


def test_openvino_in_a_process_of_its_own():
    """Torch and OpenVINO in one process end it by a signal some time later (seen with torch 2.15, OpenVINO 2026.4)."""
    if find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    checks = Path(__file__).with_name("openvino_checks.py")
    done = subprocess.run([sys.executable, "-m", "pytest", str(checks)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
