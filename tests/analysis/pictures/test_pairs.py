"""Which picture a dataset gets, and what is in it."""

import numpy as np
import pytest

from hadesd.analysis.pictures import grids, heatmap, images, pairs
from hadesd.analysis.pictures.units import Constants, DrawablePairs
from hadesd.spec import environments


def dataset(name: str, count: int, natural: bool = True, constants: Constants | None = None) -> DrawablePairs:
    entry = environments.find(name)
    random = np.random.default_rng(0)
    states = random.normal(size=(count, *entry.observation)).astype(np.float32)
    if entry.discrete:
        actions = np.eye(entry.actions, dtype=np.float32)[np.arange(count) * entry.actions // count]
    else:
        actions = random.normal(size=(count, entry.actions)).astype(np.float32)
    return DrawablePairs(
        entry, states, states if natural else None, actions, constants, "none" if natural else "running"
    )


def titles(picture: pairs.Picture) -> list[str]:
    return [axes.get_title(loc="left") or axes.get_title() for axes in picture.figure.axes]


def test_cartpole_is_drawn_with_the_action_above_and_the_numbers_beneath():
    picture = pairs.draw(dataset("CartPole-v1", 2))
    assert titles(picture) == ["0: left", "1: right"]
    assert "angle" in picture.figure.axes[0].get_xlabel()
    assert "°" in picture.figure.axes[0].get_xlabel(), "people picture degrees"
    assert "the push" in picture.caption


def test_a_soft_label_says_how_sure_it_is():
    two = dataset("CartPole-v1", 2)
    soft = DrawablePairs(two.entry, two.seen, two.natural, np.array([[0.3, 0.7], [0.998, 0.002]]), None, "none")
    assert titles(pairs.draw(soft)) == ["0: right 70%", "1: left"]


def test_without_natural_units_a_body_cannot_be_posed_and_a_table_is_drawn():
    picture = pairs.draw(dataset("CartPole-v1", 2, natural=False))
    assert titles(picture) == ["state", "action"]
    assert "normalised units" in picture.caption


@pytest.mark.slow
def test_what_is_left_out_of_a_large_dataset_is_said():
    picture = pairs.draw(dataset("CartPole-v1", 70))
    assert "first 64 of 70" in picture.caption
    assert sum(bool(title) for title in titles(picture)) == 64


def test_an_unknown_environment_is_a_table_of_indices():
    plain = DrawablePairs(None, np.ones((3, 5), np.float32), None, np.zeros((3, 2), np.float32), None, "")
    picture = pairs.draw(plain)
    labels = [tick.get_text() for tick in picture.figure.axes[0].get_xticklabels()]
    assert labels == ["s0", "s1", "s2", "s3", "s4"]
    assert picture.caption.startswith(heatmap.CAPTION)


def test_images_are_images_with_their_classes():
    picture = pairs.draw(dataset("digits", 10))
    assert titles(picture) == [str(i) for i in range(10)]
    assert picture.caption.startswith(images.CAPTION)
    shown = picture.figure.axes[0].images[0].get_array()
    assert (float(shown.min()), float(shown.max())) == (0.0, 1.0), "every image is shown in its own range"


@pytest.mark.parametrize("flat", [0.0, 3.5])
def test_an_image_of_one_value_is_grey(flat):
    assert np.all(images.stretched(np.full((2, 2, 1), flat)) == 0.5)


def test_a_real_frame_looks_as_in_the_game():
    values = np.zeros((2, 2, 3), np.float32)
    values[0, 1, 2] = 1
    frame = grids.frame(values)
    assert frame[0, 0].tolist() == [0, 0, 0]
    assert np.allclose(frame[0, 1], [int(grids.CHANNELS[2][i : i + 2], 16) / 255 for i in (1, 3, 5)])
    assert np.all((grids.frame(values * 9 - 4) >= 0) & (grids.frame(values * 9 - 4) <= 1)), "colours stay colours"


def test_minatar_pairs_come_with_the_mean_of_each_action_and_mask_what_never_varies():
    shape = environments.find("Breakout-MinAtar").observation
    variance = np.full(shape, 0.1, np.float32)
    variance[3:, :, 3] = 1e-11  # bricks below the third row
    constants = Constants(np.zeros(shape, np.float32), variance, "the test")
    picture = pairs.draw(dataset("Breakout-MinAtar", 6, constants=constants))
    assert titles(picture)[:3] == [f"mean of the 2 pairs for “{name}”" for name in ("no-op", "left", "right")]
    assert titles(picture)[3:] == ["0: no-op", "1: no-op", "2: left", "3: left", "4: right", "5: right"]
    brick = picture.figure.axes[3].images[4].get_array()
    assert np.allclose(brick[9, 9], grids.UNUSED)
    assert not np.allclose(brick[0, 0], grids.UNUSED)


def test_one_pair_for_each_action_needs_no_means():
    assert titles(pairs.draw(dataset("Breakout-MinAtar", 3))) == ["0: no-op", "1: left", "2: right"]
