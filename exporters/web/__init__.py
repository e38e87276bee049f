"""Pages that translate in a browser, and what they share with `crosscade app`: `SITE`."""

from pathlib import Path

SITE = Path(__file__).with_name("site")
"""The page's own files; `backend.js` translates there, the app has another."""
