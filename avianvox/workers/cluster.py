"""The workers of a Dask cluster, behind a `Pool`.

How a cluster comes to be (SLURM, Kubernetes, a cloud) is Dask's business: here it has an address. Its workers
read the same files under the same paths as this machine, and have the same version of avianvox; each worker
looks before its first call. A call whose worker is lost is made again by the scheduler, up to
``distributed.scheduler.allowed-failures`` times. Then it may be what kills workers, or may have waited beside
it: it is made once more when no other call is under way.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from avianvox import __version__
from avianvox.errors import InputError, require_extra
from avianvox.workers import ClusterError, WorkerCrashed, Workplace
from avianvox.workers.pools import Pool

_FIRST_WORKER_S = 60.0  # so long a cluster may take to have one; some start workers when work comes
_REMOTE = {"tcp", "tls", "ws", "wss", "ucx"}  # how Dask speaks with another process
_COUNT_S = 5.0  # a cluster may grow and shrink


@contextmanager
def dask_cluster(workplace: Workplace) -> Iterator[Pool]:
    """The workers of the cluster with this scheduler; raises `ClusterError`."""
    check_scheduler(workplace)
    import dask
    from distributed import Client

    address, config = _configuration(workplace)
    with dask.config.set(config), _quiet():
        try:
            client = Client(address, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ClusterError(
                f"the Dask scheduler at {address} cannot be reached ({error}); check that it is running"
            ) from error
        with client:
            files = tuple((str(path), os.path.getsize(path)) for path in workplace.shared)
            needs = _Needs(str(__version__), files)
            _look_at_workers(client, address, needs)
            with _Calls(client, address, needs) as calls:
                yield Pool(_Width(client), calls.start, calls.again, calls.broken)


def check_scheduler(workplace: Workplace) -> None:
    """Raise at once what can be said of a scheduler's address before anything is read: `ClusterError`.

    Dask itself goes on trying for half a minute, or says in the middle of the work what it does not know.
    """
    require_extra("distributed", extra="dask", purpose="work on a Dask cluster")
    from distributed.comm.addressing import parse_address, parse_host_port
    from distributed.comm.registry import backends

    address, _ = _configuration(workplace)
    expected = "expected an address such as tcp://10.0.0.1:8786"
    scheme, place = parse_address(address)
    if scheme not in _REMOTE or scheme not in backends:
        known = ", ".join(sorted(_REMOTE & set(backends)))
        raise ClusterError(f"'{address}' is no Dask scheduler: '{scheme}' is none of {known}; {expected}")
    try:
        host, port = parse_host_port(place.rstrip("/"))
        found = host and 0 < port < 1 << 16
    except ValueError:
        found = False
    if not found:
        raise ClusterError(f"'{address}' is no Dask scheduler: it names no host and port; {expected}")
    try:
        socket.getaddrinfo(host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"the Dask scheduler at {address} cannot be found ({reason}); {expected}"
        raise ClusterError(message) from error


def _configuration(workplace: Workplace) -> tuple[str, dict[str, Any]]:
    """Address of the scheduler, and the configuration of Dask to work under."""
    import dask

    file = workplace.dask_config
    if file is None:
        return workplace.scheduler, {}
    if not file.is_file():
        raise InputError(f"{file}: there is no such file; expected a configuration of Dask")
    try:
        read: Mapping[str, Any] = next(
            iter(dask.config.collect_yaml([str(file)])), {}
        )  # of an empty file, nothing
    except ValueError as error:
        told = " ".join(str(error).split())
        raise InputError(f"{file}: expected a configuration of Dask in YAML; {told}") from error
    address = workplace.scheduler or read.get("scheduler-address") or read.get("address")
    if not address:
        raise InputError(f"{file} has no scheduler-address; add one, or name the scheduler with --scheduler")
    return str(address), {} if "address" in read else dask.config.merge(dask.config.config, read)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave what Dask has to say about lost connections to the one line of an error."""
    loggers = [logging.getLogger(f"distributed.{name}") for name in ("client", "comm", "core", "batched")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@dataclass(frozen=True, slots=True)
class _Needs:
    """What a worker has to have: ``files`` are paths and sizes in bytes."""

    version: str
    files: tuple[tuple[str, int], ...]


def _look_at_workers(client: Any, address: str, needs: _Needs) -> None:
    """Raise `ClusterError` where there is no worker, or one that is not fit."""
    try:
        client.submit(_look, needs, pure=False).result(timeout=_FIRST_WORKER_S)
        client.run(_look, needs)
    except TimeoutError as error:
        raise ClusterError(
            f"the Dask cluster at {address} has no worker within {_FIRST_WORKER_S:.0f} s; start some first"
        ) from error
    except (ImportError, AttributeError) as error:
        raise ClusterError(
            f"a worker of {address} cannot run avianvox {needs.version} ({error}); install it on all workers"
        ) from error


@lru_cache(maxsize=4)
def _look(needs: _Needs) -> None:
    """Raise `ClusterError` where this worker lacks something. A worker that is fit looks but once."""
    here = f"the worker on {socket.gethostname()}"
    if needs.version != __version__:
        raise ClusterError(
            f"{here} has avianvox {__version__}, expected {needs.version}; install one version everywhere"
        )
    for path, size in needs.files:
        found = os.path.getsize(path) if os.path.exists(path) else None
        if found != size:
            what = "does not see it" if found is None else f"sees {found} bytes"
            advice = "" if os.path.isabs(path) else f" (it is in {os.getcwd()}: give full paths)"
            raise ClusterError(
                f"{path}: {here} {what}, expected {size} bytes{advice}; workers need the same files under "
                "the same paths, as on a shared file system"
            )


def _call(needs: _Needs, fn: Callable[[Any], Any], item: Any) -> Any:
    _look(needs)
    return fn(item)


class _Calls:
    """Calls on a cluster, with our own errors for lost workers and for a lost scheduler."""

    def __init__(self, client: Any, address: str, needs: _Needs) -> None:
        self._client = client
        self._remote: set[Any] = set()
        self._address = address
        self._needs = needs
        self._under_way: set[Future[Any]] = set()
        self._lost = ThreadPoolExecutor(1)  # waits for calls that are made again, one at a time
        self._broken = False

    def __enter__(self) -> "_Calls":
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # the scheduler may be gone
            self._client.cancel(list(self._remote))
        self._lost.shutdown(cancel_futures=True)

    def broken(self) -> bool:
        """Whether a call was lost, and none was begun since."""
        return self._broken

    def start(self, fn: Callable[[Any], Any], item: Any) -> "Future[Any]":
        """Begin a call. The future has a ``BrokenExecutor`` where it died with too many workers."""
        self._broken = False
        future = self._submit(fn, item)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def again(self, fn: Callable[[Any], Any], item: Any) -> "Future[Any]":
        """Make a lost call once more, alone. Its future has `WorkerCrashed` if it is lost again."""
        return self._lost.submit(self._make_alone, fn, item)

    def _make_alone(self, fn: Callable[[Any], Any], item: Any) -> Any:
        wait(list(self._under_way))
        try:
            return self._submit(fn, item).result()
        except BrokenExecutor as error:
            raise WorkerCrashed(str(error)) from error

    def _submit(self, fn: Callable[[Any], Any], item: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        remote = self._client.submit(_call, self._needs, fn, item, pure=False)
        self._remote.add(remote)
        self._client.loop.add_callback(self._settle, future, remote)
        return future

    async def _settle(self, future: "Future[Any]", remote: Any) -> None:
        from distributed import KilledWorker
        from distributed.comm import CommClosedError
        from distributed.utils import CancelledError

        try:
            answer = await self._client.gather(remote, asynchronous=True)
        except KilledWorker as error:
            self._broken = True
            future.set_exception(BrokenExecutor(str(error)))
        except (CancelledError, CommClosedError):
            lost = f"the connection to the Dask scheduler at {self._address} is lost; run again later"
            future.set_exception(ClusterError(lost))
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(answer)
        finally:
            self._remote.discard(remote)


class _Width:
    """How many calls a cluster can make at once, asked for now and then."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._asked = 0.0
        self._width = 1

    def __call__(self) -> int:
        if (now := time.monotonic()) > self._asked + _COUNT_S:
            self._asked = now
            with suppress(OSError):  # the calls under way will say that the scheduler is gone
                threads: Mapping[str, int] = self._client.nthreads()
                self._width = max(1, sum(threads.values()))
        return self._width
