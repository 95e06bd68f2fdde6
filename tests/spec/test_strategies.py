import pytest

from hades_protocol.errors import UsageError
from hadesd.spec.strategies import STRATEGIES, check, find


@pytest.mark.parametrize("name", ["Open_ES", "openes", "open-es", "OPENES"])
def test_spelling_does_not_matter(name):
    assert find(name).name == "Open_ES"


@pytest.mark.parametrize(
    ("name", "population", "parameters", "dimensions", "says"),
    [
        ("openes", 7, {}, 10, "8"),
        ("differentialevolution", 3, {}, 10, "at least 4"),
        ("cmaes", 8, {"c_men": 0.1}, 10, "did you mean 'c_mean'"),
        ("openes", 8, {"c_mean": 0.1}, 10, "openes has no parameter 'c_mean'; it takes none"),
        ("snes", 8, {"x": 0.1}, 10, "'x'; it takes: lr_std_init"),
        ("cmaes", 8, {}, 100_000, "use crfmnes"),
    ],
)
def test_what_a_strategy_cannot_do_is_refused_in_one_line(name, population, parameters, dimensions, says):
    with pytest.raises(UsageError) as caught:
        check(find(name), population, parameters, dimensions)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_strategy_is_answered_with_the_nearest():
    with pytest.raises(UsageError, match="cmaes"):
        find("cma")
    assert all(find(key) is entry for key, entry in STRATEGIES.items())
