"""What a service tells systemd: that it is ready, and that it still hears.

The protocol is that of sd_notify(3): a datagram to the socket that ``NOTIFY_SOCKET`` names. Where there is
none, nothing is told.
"""

import os
import socket
from contextlib import suppress
from time import monotonic

_EVERY_S = 1.0


class Service:
    """Whoever started this process and wants to know that it is alive."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self._told = float("-inf")

    def ready(self) -> None:
        """Sound is being heard from now on."""
        self._tell("READY=1")

    def alive(self) -> None:
        """Sound was heard; told once a second at most."""
        now = monotonic()
        if now - self._told >= _EVERY_S:
            self._told = now
            self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """What is left is being finished."""
        self._tell("STOPPING=1")

    def _tell(self, text: str) -> None:
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        name = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.sendto(text.encode(), name)
