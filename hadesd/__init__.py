"""Distil reinforcement-learning behaviour into a handful of state-action pairs (HaDES, Lupu et al., ICLR 2024).

    import hadesd

    dataset = hadesd.load("cartpole.npz")
    policies = hadesd.train(dataset, inits=10)
    action = policies[0](observation)

What is named here is the library (docs/api.md); everything else in the package is the daemon, its workers and the
command line. A name is imported when it is first asked for, so that `import hadesd` costs nothing; type
checkers read __init__.pyi.
"""

from hadesd.api.names import HOMES, find

__all__ = [*HOMES]


def __getattr__(name: str) -> object:
    globals()[name] = found = find(name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
