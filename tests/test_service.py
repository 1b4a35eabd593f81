"""A service tells systemd that it is ready, that it hears, and that it ends."""

import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest
from handmade_model import write_handmade
from listen_process import SILENCE, listening, tone

from avianvox.trigger import service as module
from avianvox.trigger.service import Service

if not hasattr(socket, "AF_UNIX"):
    pytest.skip("no such sockets here", allow_module_level=True)


def told(link: socket.socket) -> list[str]:
    link.setblocking(False)
    found = []
    while True:
        try:
            found.append(link.recv(100).decode())
        except BlockingIOError:
            return found


def test_nothing_is_told_where_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setattr(module.socket, "socket", pytest.fail)
    Service().ready()


def test_it_is_alive_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    name = f"\0avianvox-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(name)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name[1:])
        service = Service()
        for _ in range(35):
            service.alive()
            now[0] += 0.1
        assert told(link) == ["WATCHDOG=1"] * 4
    service.alive()  # nobody listens any more


def test_listening_tells_its_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = write_handmade(tmp_path / "tones.tflite")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
        link.bind(str(tmp_path / "notify"))
        link.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with listening(model) as (process, pipe, _):
            assert link.recv(100) == b"READY=1"
            pipe.write(np.concatenate((tone(1000, 6), SILENCE)).tobytes())
            assert link.recv(100) == b"WATCHDOG=1"
            time.sleep(2)
            link.setblocking(False)
            told(link)
            time.sleep(4)  # no sound: nothing is told, and systemd starts it anew
            assert told(link) in ([], ["WATCHDOG=1"])  # once, as the outage begins
            link.settimeout(30)
            process.terminate()
            while link.recv(100) != b"STOPPING=1":
                pass
            assert process.wait(20) == 0
