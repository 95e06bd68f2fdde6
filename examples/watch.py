"""Start a run in the daemon, watch it, pause it and let it go on, and take its dataset along. JAX is not needed here.

python examples/watch.py         # a daemon is started where none runs; it and its runs outlive this program
"""

import os

import hadesd

GENERATIONS = int(os.environ.get("GENERATIONS", "40"))
POPULATION = int(os.environ.get("POPULATION", "128"))
OUTPUT = os.environ.get("OUTPUT", "cartpole.npz")

with hadesd.connect(start=True) as client:
    print("daemon", client.info().version, "with", len(client.runs()), "runs")
    run = client.start({"env": "CartPole-v1", "evolution": {"generations": GENERATIONS, "population": POPULATION}})
    print("started", run.id)
    for generation in run.watch():
        print(f"generation {generation.generation}: mean {generation.fitness_mean}, best {generation.fitness_best}")
        if generation.generation == GENERATIONS // 2:
            try:
                print("pausing:", run.pause().state)
                print("resuming:", run.resume().state)
            except hadesd.WrongStateError as error:
                print("it was faster:", error)
    summary = run.wait(timeout=600)
    print(run.id, summary.state, "after generation", summary.generation)

    dataset = run.dataset()
    dataset.save(OUTPUT)
    print(dataset, "in", OUTPUT)
