"""Compilers of a trained bundle into something deployable, and what runs it."""

import os

# onnxruntime's wheels tell their maker of each session unless this is set before the import; the user's own word stands
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
