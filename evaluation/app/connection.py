"""A connection of `crosscade app` that is closed when nothing is asked on it: silent ones must not keep others out."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """uvicorn's, for at most so many seconds without a whole request head."""

    def __init__(self, seconds: float, *arguments: Any, **facts: Any) -> None:
        super().__init__(*arguments, **facts)
        self._seconds = seconds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts the clock."""
        super().connection_made(transport)
        self.loop.call_later(self._seconds, self._hang_up)

    def _hang_up(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()
