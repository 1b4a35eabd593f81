"""What networks are fed: which crops and windows, in which batches."""

import numpy as np
import pytest
from training_tones import (  # noqa: F401, fixtures
    SEED,
    catalog_fixture,
    crops,
    data_fixture,
    network,
    reader_fixture,
    same,
    store_fixture,
)

from avianvox.dataset.crops import CropReader
from avianvox.dataset.training_data import TrainingData
from avianvox.models.protocol import TrainSettings
from avianvox.randomness import derive_rng
from avianvox.training.augmentations import AUGMENTATIONS
from avianvox.training.fit import fit_network
from avianvox.training.samplers.balanced import Balanced
from avianvox.training.sequence import WindowSequence


def test_an_epoch_holds_each_recording_once_and_every_crop_can_be_traced(
    reader: CropReader, data: TrainingData
) -> None:
    sequence = crops(reader, data)
    orders = []
    for _ in range(2):
        traced = [crop for i in range(len(sequence)) for crop in sequence.trace(i)]
        orders.append([crop.recording_id for crop in traced])
        assert sorted(orders[-1]) == sorted(data.ids)
        x, y = sequence[1]
        assert x.shape == (7, 53, 56, 1)
        for crop, pixels, target in zip(sequence.trace(1), x, y, strict=True):
            position = data.ids.index(crop.recording_id)
            again = reader.read(data.recordings[[position]], np.array([crop.first_frame]))
            np.testing.assert_array_equal(again[0], pixels[..., 0])
            assert target == data.targets[position]
        sequence.on_epoch_end()
    assert orders[0] != orders[1]


def test_the_plan_is_that_of_runs_that_began_before_there_were_samplers(
    reader: CropReader, data: TrainingData
) -> None:
    sequence = crops(reader, data, crops_per_recording=3, batch_size=100)
    sequence.move_to(2)
    draws = [reader.random_offsets(data.recordings, seed=SEED, epoch=draw) for draw in (6, 7, 8)]
    order = derive_rng(SEED, "shuffle", 2).permutation(3 * len(data))
    expected = [(data.ids[i % len(data)], np.concatenate(draws)[i]) for i in order.tolist()]
    assert [(crop.recording_id, crop.first_frame) for crop in sequence.trace(0)] == expected


def test_a_sampler_may_go_by_other_classes_and_pass_over_recordings(
    reader: CropReader, data: TrainingData
) -> None:
    """Those of a task, where the species are not learned. The crops keep their species."""
    drawn = np.zeros(len(data), np.int64)
    drawn[-2:], drawn[:3] = 1, -1
    n = 2 * (len(data) - 3)
    sequence = crops(reader, data, crops_per_recording=2, batch_size=100, sampler=Balanced(), drawn=drawn)
    for weights in (None, np.ones(len(data))):
        sequence.weights = weights
        sequence.move_to(1)
        places = [data.ids.index(crop.recording_id) for crop in sequence.trace(0)]
        assert len(places) == sequence.n_crops == n
        assert abs(np.bincount(drawn[places]).tolist()[0] - n / 2) <= 1
        assert not set(places) & {0, 1, 2}
        assert sequence[0][1].tolist() == data.targets[places].tolist()


def test_a_recording_that_an_epoch_shows_again_is_cut_elsewhere(
    reader: CropReader, data: TrainingData
) -> None:
    length = np.where(data.targets == 0, data.store.n_frames[data.recordings], 0)
    few = data.subset(np.append(np.flatnonzero(data.targets != 0), np.argmax(length)))
    sequence = crops(reader, few, sampler=Balanced(), batch_size=100)
    traced = [crop.first_frame for crop in sequence.trace(0) if crop.recording_id == few.ids[-1]]
    assert len(traced) > 2
    assert len(set(traced)) > len(traced) // 2


def test_a_batch_is_changed_by_seed_epoch_and_number_alone(reader: CropReader, data: TrainingData) -> None:
    rows = [AUGMENTATIONS.get(name)() for name in ("gain", "mixup_max")]
    first, second = (crops(reader, data, augmentations=rows, batch_size=5) for _ in range(2))
    assert np.array_equal(first[1][0], first[1][0])
    _ = second[0], second[2]
    assert np.array_equal(first[1][0], second[1][0])
    assert not np.array_equal(first[1][0], crops(reader, data, batch_size=5)[1][0])


def test_even_batches_leave_no_small_one(reader: CropReader, data: TrainingData) -> None:
    def shapes(**options: bool) -> list[int]:
        sequence = crops(reader, data, batch_size=len(data) - 1, **options)
        return [len(sequence[i][0]) for i in range(len(sequence))]

    assert shapes() == [len(data) - 1, 1]
    assert sorted(shapes(even_batches=True)) == [len(data) // 2, -(-len(data) // 2)]


def test_more_crops_of_a_recording_differ(reader: CropReader, data: TrainingData) -> None:
    sequence = crops(reader, data, crops_per_recording=3, batch_size=100)
    traced = sequence.trace(0)
    assert len(traced) == 3 * len(data)
    longest = data.ids[int(np.argmax(data.store.n_frames[data.recordings]))]
    assert len({crop.first_frame for crop in traced if crop.recording_id == longest}) > 1


def test_crops_do_not_repeat_across_epochs(reader: CropReader, data: TrainingData) -> None:
    """Three epochs of three crops are nine draws, not five of which some come again."""
    sequence = crops(reader, data, crops_per_recording=3, batch_size=100)
    seen = []
    for _ in range(3):
        seen += [(crop.recording_id, crop.first_frame) for crop in sequence.trace(0)]
        sequence.on_epoch_end()
    draws = [reader.random_offsets(data.recordings, seed=SEED, epoch=draw) for draw in range(9)]
    assert len({tuple(offsets) for offsets in draws}) == 9
    assert sorted(seen) == sorted(
        (name, int(offset)) for offsets in draws for name, offset in zip(data.ids, offsets, strict=True)
    )


def test_validation_windows_are_fixed_and_evenly_spread(reader: CropReader, data: TrainingData) -> None:
    every = WindowSequence(reader, data, batch_size=4)
    few = WindowSequence(reader, data, batch_size=4, most_windows=2)
    counts = np.bincount(every.positions)
    assert counts.max() > 2
    assert list(np.bincount(few.positions)) == list(np.minimum(counts, 2))
    assert sum(len(y) for _, y in (few[i] for i in range(len(few)))) == len(few.positions)
    np.testing.assert_array_equal(few[0][0][1], every[0][0][counts[0] - 1])


@pytest.mark.parametrize("workers", [{"workers": 3}, {"workers": 2, "use_multiprocessing": True}])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_number_of_workers_changes_nothing(
    reader: CropReader, data: TrainingData, workers: dict[str, int]
) -> None:
    settings = TrainSettings(epochs=2, batch_size=7)
    one, several = network(), network()
    history = fit_network(one, crops(reader, data), None, settings)
    assert fit_network(several, crops(reader, data, **workers), None, settings).epochs == history.epochs
    assert same(one.get_weights(), several.get_weights())
