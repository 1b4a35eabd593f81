"""The decoder's chatter is gone, Python's own words are not. Seen from outside, in a process of its own."""

import subprocess
import sys

import pytest

SCRIPT = """
import ctypes, sys, threading
from avianvox.audio.chatter import silence_decoders
libc = ctypes.CDLL(None)
mac = sys.platform == "darwin"
stderr = ctypes.c_void_p.in_dll(libc, "__stderrp" if mac else "stderr")
stdout = ctypes.c_void_p.in_dll(libc, "__stdoutp" if mac else "stdout")
def chat(words):
    for stream in (stdout, stderr):
        libc.fputs(words, ctypes.c_void_p(stream.value))
    libc.printf(words); libc.puts(words); libc.fflush(None)
def work():
    for _ in range(300):
        with silence_decoders():
            with silence_decoders():
                pass
            chat(b"CHATTER")
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads]
with silence_decoders():
    print("python speaks", file=sys.stderr)
[t.join() for t in threads]
chat(b"after")
"""


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="C's stderr is not a variable here")
def test_only_the_c_library_is_silenced_and_only_while_asked() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["afterafterafter"]
    assert done.stderr.replace("\n", " ").strip() == "python speaks after"
