"""The learning curve."""

import numpy as np

from hades_protocol.messages import GenerationMetrics, Reference
from hadesd.analysis.pictures import curve


def line(generation: int, **more) -> GenerationMetrics:
    values = {"fitness_mean": 10.0 * generation, "fitness_best": 12.0 * generation, "fitness_std": 2.0}
    values |= {"fitness_worst": 0.0, "best_so_far": 12.0 * generation} | more
    return GenerationMetrics(generation=generation, sigma=0.1, episodes=4, unfinished=0, nan=0, env_steps=100, **values)


def labels(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_everything_that_is_known_has_its_label():
    metrics = [line(g, evaluated_mean=5.0 * g if g % 2 == 0 else None, evaluated_sem=1.0) for g in range(1, 7)]
    references = [Reference(name="PPO", value=80.0, sem=3.0, source="measured"), Reference(name="random", value=1.0)]
    resumes = [curve.Mark(2, True), curve.Mark(4, False)]
    figure = curve.draw(metrics, references, resumes)
    assert set(labels(figure)) == {
        "± standard deviation",
        "population mean",
        "best candidate",
        "mean dataset on fresh policies",
        "resumed, bit-exact",
        "resumed, not bit-exact",
    }
    assert [text.get_text() for text in figure.axes[0].texts] == ["PPO 80", "random 1"]


def test_a_generation_of_nothing_but_nan_is_a_gap():
    none = dict.fromkeys(("fitness_mean", "fitness_best", "fitness_std", "fitness_worst"), None)
    figure = curve.draw([line(1), line(2, **none), line(3)])
    assert np.isnan(figure.axes[0].lines[0].get_ydata()[1])


def test_a_long_run_is_thinned_and_a_single_generation_is_visible():
    long = curve.draw([line(g) for g in range(1, 3 * curve.MOST_POINTS)])
    assert len(long.axes[0].lines[0].get_xdata()) <= 2 * curve.MOST_POINTS
    assert curve.draw([line(1)]).axes[0].lines[0].get_marker() == ".", "a line through one point is invisible"


def test_the_accuracy_of_images_has_an_axis_of_its_own():
    figure = curve.draw([line(1, fitness_mean=-2.0, evaluated_mean=0.8)], images=True)
    assert figure.axes[1].get_ylabel() == "test accuracy"
    assert figure.axes[1].get_ylim() == (0, 1)
