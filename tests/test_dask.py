"""The executors' contract on a real cluster: two workers on loopback, some of which are killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from dask_cluster import address_of, dask_cluster, die_on_three, process_of_worker, square_and_die_once

from avianvox.cli.features import build
from avianvox.errors import InputError, MissingExtraError
from avianvox.workers import ClusterError, Crashed, Workplace, cluster, open_executor

pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def scheduler_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with dask_cluster(tmp_path_factory.mktemp("cluster")) as file:
        yield file


@pytest.fixture(scope="module")
def place(scheduler_file: Path) -> Workplace:
    return Workplace(scheduler=address_of(scheduler_file))


def test_a_cluster_gives_every_answer_once(place: Workplace, scheduler_file: Path) -> None:
    with open_executor(place) as executor:
        assert list(executor.map(abs, range(-30, 0))) == list(range(30, 0, -1))
        assert sorted(executor.unordered(abs, [-5, -4, -6])) == [(0, 5), (1, 4), (2, 6)]
        assert list(executor.unordered(abs, [])) == []
        assert executor.begin(abs, -3)() == 3
        with pytest.raises(TypeError):
            list(executor.map(len, [1]))
    with open_executor(Workplace(dask_config=scheduler_file)) as executor:
        assert list(executor.map(abs, [-1])) == [1]


def test_a_killed_worker_costs_only_a_retry(place: Workplace, tmp_path: Path) -> None:
    mark = str(tmp_path / "mark")
    with open_executor(place) as executor:
        found = dict(executor.unordered(square_and_die_once, ((n, mark) for n in range(40))))
        assert found == {n: n**2 for n in range(40)}
        assert Path(mark).exists()
        answers = executor.unordered(process_of_worker, range(60))
        os.kill(next(answers)[1], signal.SIGKILL)
        assert len(list(answers)) == 59


def test_a_call_that_kills_every_worker_is_the_only_one_lost(place: Workplace) -> None:
    with open_executor(place) as executor:
        assert list(executor.map(die_on_three, range(12))) == [0, 1, 2, Crashed(3), *range(4, 12)]


def test_workers_look_before_they_work(
    place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(b"12")
    with open_executor(Workplace(scheduler=place.scheduler, shared=(file,))):
        pass
    needs = cluster._Needs(cluster.__version__, ((str(file), 3),))
    with pytest.raises(ClusterError, match=r"model\.tflite: the worker on .* sees 2 bytes, expected 3 bytes"):
        cluster._look(needs)
    file.unlink()
    with pytest.raises(ClusterError, match="does not see it, expected 3 bytes; workers need the same files"):
        cluster._look(needs)
    monkeypatch.chdir(tmp_path)
    file.write_bytes(b"12")
    relative = Workplace(scheduler=place.scheduler, shared=(file.name,))
    with pytest.raises(ClusterError, match=r"does not see it.*give full paths"), open_executor(relative):
        pass
    monkeypatch.setattr(cluster, "__version__", "9.9")
    with pytest.raises(ClusterError, match=r"expected 9\.9; install one version"), open_executor(place):
        pass


def test_a_configuration_of_dask_says_where_and_how(tmp_path: Path) -> None:
    file = tmp_path / "dask.yaml"
    file.write_text("scheduler-address: tcp://127.0.0.1:1\ndistributed: {comm: {timeouts: {connect: 7s}}}\n")
    address, config = cluster._configuration(Workplace(dask_config=file))
    assert address == "tcp://127.0.0.1:1"
    assert config["distributed"]["comm"]["timeouts"]["connect"] == "7s"
    assert len(config["distributed"]["comm"]) > 3  # the rest stays as it was
    address, _ = cluster._configuration(Workplace(scheduler="tcp://127.0.0.1:2", dask_config=file))
    assert address == "tcp://127.0.0.1:2"
    for text, problem in (
        ("a: 1\n", "has no scheduler-address"),
        ("", "has no scheduler-address"),
        ("a: [", "expected a configuration"),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=problem) as raised:
            cluster._configuration(Workplace(dask_config=file))
        assert "\n" not in str(raised.value)


def test_without_dask_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avianvox.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"avianvox\[dask\]"), open_executor(Workplace(scheduler="a")):
        pass


def test_a_scheduler_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "sounds" / "Parus major").mkdir(parents=True)
    config = tmp_path / "dask.yaml"
    config.write_text("scheduler-address: tcp://127.0.0.1:1\ndistributed.comm.timeouts.connect: 200ms\n")
    soundfile.write(tmp_path / "sounds" / "Parus major" / "a.wav", np.zeros(22050, np.float32), 22050)
    options = [tmp_path / "sounds", "--out", tmp_path / "store", "--dask-config", config]
    command = [sys.executable, "-m", "avianvox", "features", "build", *options]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "avianvox: the Dask scheduler at tcp://127.0.0.1:1 cannot be reached (Timed out" in ended.stderr
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://x", "'http' is none of tcp, tls"),
        ("http://127.0.0.1:8786", "'http' is none of tcp, tls"),
        ("nonsense", "it names no host and port"),
        ("tcp://127.0.0.1", "it names no host and port"),
        ("tcp://127.0.0.1:123456", "it names no host and port"),
        ("tcp://no such host:8786", "cannot be found"),
    ],
)
def test_what_can_be_no_scheduler_is_said_at_once(
    address: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the catalog is read, which isn't there, and without Dask's half minute of trying."""

    def unknown(*_: object) -> None:
        raise OSError(-2, "Name or service not known")

    if " " in address:
        monkeypatch.setattr("socket.getaddrinfo", unknown)
    options = ["--out", str(tmp_path / "store"), "--scheduler", address]
    ended = CliRunner().invoke(build, [str(tmp_path / "absent"), *options])
    with pytest.raises(ClusterError) as caught, open_executor(Workplace(scheduler=address)):
        pass
    for error in (ended.exception, caught.value):
        assert isinstance(error, ClusterError)
        assert address in str(error)
        assert words in str(error)


def test_jobs_are_of_this_machine(tmp_path: Path) -> None:
    options = ["--out", str(tmp_path / "store"), "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"]
    ended = CliRunner().invoke(build, [str(tmp_path), *options])
    assert ended.exit_code == 2
    assert "a Dask cluster has its own workers" in ended.stderr


def test_a_lost_scheduler_is_one_error(place: Workplace) -> None:  # the last one here: it ends the cluster
    from distributed import Client

    with Client(place.scheduler, set_as_default=False) as client:
        process = client.run_on_scheduler(os.getpid)
    with open_executor(place) as executor:
        answers = executor.unordered(process_of_worker, range(200))
        next(answers)
        os.kill(process, signal.SIGKILL)
        with pytest.raises(ClusterError, match="is lost; run again later"):
            list(answers)
