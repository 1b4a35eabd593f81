"""The same bytes on one machine whatever BLAS does, and on another the same values within a tolerance."""

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import same_bytes

from avianvox.features.extract import extract_features, stream_features
from avianvox.features.spec import SPECS, FeatureSpec
from avianvox.inference import gate
from avianvox.types import Waveform

PACKAGE = Path(__file__).resolve().parent.parent / "avianvox"
SCRIPT = Path(__file__).with_name("same_bytes.py")
_NEEDS = {
    "Sandybridge": {"avx"},
    "Haswell": {"avx2", "fma"},
    "Zen": {"avx2", "fma"},
    "SkylakeX": {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"},
}
"""What a processor must have for a kernel of OpenBLAS; without it the process dies."""


_OF_BLAS = {
    f"np.{name}"
    for name in ("dot", "matmul", "vdot", "inner", "tensordot", "linalg", "convolve", "correlate", "cov")
} | {"np.corrcoef", "np.vecdot", "np.polyfit"}
_MAY_USE_BLAS = {
    "models/dense.py",
    "models/offset_regression.py",
    "report/confusion.py",
    "training/guides/teacher.py",
}
"""Fits on one thread, and an order of which the last digits are rounded away."""

ELSEWHERE = "import sys, same_bytes; sys.stdout.buffer.write(same_bytes.extract_noise(sys.argv[1]).tobytes())"


def kernels() -> list[str]:
    """Kernels that this processor can run; the one that OpenBLAS chooses where it doesn't say what it has."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return [""]
    flags = {flag for line in lines if line.startswith("flags") for flag in line.split()}
    return [name for name, needed in _NEEDS.items() if needed <= flags] or [""]


@pytest.fixture(scope="module")
def hashes(synth_catalog_dir: Path) -> dict[tuple[str, int], dict[str, str]]:
    """Of every kind of number, under each kernel with one thread and with two."""
    found = {}
    for kernel in kernels():
        for threads in (1, 2):
            blas = {"OPENBLAS_NUM_THREADS": str(threads)} | ({"OPENBLAS_CORETYPE": kernel} if kernel else {})
            done = subprocess.run(
                [sys.executable, str(SCRIPT), str(synth_catalog_dir)],
                env={**os.environ, **blas},
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
            found[kernel, threads] = json.loads(done.stdout)
    return found


def test_kernels_and_threads_change_nothing(hashes: dict[tuple[str, int], dict[str, str]]) -> None:
    first, *others = ({k: v for k, v in each.items() if not k.startswith("fit")} for each in hashes.values())
    assert len(first) == 14
    for other in others:
        assert [name for name in first if first[name] != other[name]] == []


def test_threads_change_no_fit(hashes: dict[tuple[str, int], dict[str, str]]) -> None:
    for kernel in kernels():
        one, two = hashes[kernel, 1], hashes[kernel, 2]
        assert [name for name in one if one[name] != two[name]] == []


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_frame_is_the_same_wherever_it_stands(spec: FeatureSpec, rng: np.random.Generator) -> None:
    samples = (0.1 * rng.standard_normal(300 * spec.hop_length)).astype(np.float32)
    reach = spec.n_fft // spec.hop_length  # frames at either end that look beyond the sound
    whole = extract_features(Waveform(samples, spec.sample_rate), spec).values
    for first in (1, 2, 3, 7, 31, 64, 100, 127):
        part = extract_features(Waveform(samples[first * spec.hop_length :], spec.sample_rate), spec).values
        assert part[reach:].tobytes() == whole[first + reach :].tobytes()
    for n in (1, 2, 33, 130):
        part = np.concatenate(list(stream_features([samples[: (n + reach) * spec.hop_length]], spec)))
        assert part[:n].tobytes() == whole[:n].tobytes()


def test_what_a_band_rises_over_is_the_same_in_any_window(rng: np.random.Generator) -> None:
    levels = rng.normal(0.0, 5.0, (200, 64)).astype(np.float32)
    whole = gate._near(levels)
    expected = [
        np.mean([row[i] for i in range(64) if 3 <= abs(i - band) <= 8])
        for row in levels[:5]
        for band in range(64)
    ]
    np.testing.assert_allclose(whole[:5].ravel(), expected, atol=1e-5)
    for begin, end in ((0, 1), (3, 4), (5, 22), (64, 131), (199, 200)):
        assert gate._near(levels[begin:end]).tobytes() == whole[begin:end].tobytes()


def test_another_processor_has_the_same_values() -> None:
    """NumPy without its loops for this processor stands for another one."""
    umath = importlib.import_module("numpy._core._multiarray_umath")
    loops = [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]
    for name, spec in SPECS.items():
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, name],
            env={
                **os.environ,
                "NPY_DISABLE_CPU_FEATURES": " ".join(loops),
                "PYTHONPATH": os.pathsep.join(sys.path),
            },
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
        here = same_bytes.extract_noise(name)
        there = np.frombuffer(done.stdout, np.float32).reshape(here.shape)
        mel = here[:, : spec.n_mels]
        loud = mel > mel.max() - 60
        assert np.abs(there[:, : spec.n_mels] - mel)[loud].max() < 1e-4


def test_nothing_else_asks_blas() -> None:
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
            named = isinstance(node, ast.Attribute) and ast.unparse(node) in _OF_BLAS
            if product or named:
                found.add(path.relative_to(PACKAGE).as_posix())
    assert found == _MAY_USE_BLAS
