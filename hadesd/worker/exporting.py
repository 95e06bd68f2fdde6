"""The mean dataset of a kept generation, out of its checkpoint."""

from pathlib import Path

import jax
from msgspec.structs import replace

from hades_protocol.errors import UsageError
from hades_protocol.run_spec import RunSpec
from hadesd.compute import build, results
from hadesd.distill.generation import init_state
from hadesd.storage.checkpoints import find_checkpoint
from hadesd.worker import checkpoints


def export_generation(directory: Path, spec: RunSpec, generation: int, output: Path) -> None:
    """Write the mean dataset after a generation, with the settings of that time: the run may have another size since.

    Raises:
        NotFoundError: that generation is not kept; the kept ones are named.
        UsageError: the run has no dataset (method es).
        CheckpointError: the checkpoint is damaged.
    """
    checkpoint = find_checkpoint(directory, generation)
    manifest = checkpoints.require_manifest(checkpoint)
    saved_spec = manifest.spec()
    problem, mean = build.build(replace(saved_spec, images=spec.images))  # where the images are by now
    if problem.layout is None:
        raise UsageError(f"run {directory.name} is direct neuroevolution (es): it evolves a policy and has no dataset")
    like = jax.eval_shape(lambda: init_state(problem, mean))
    state = checkpoints.load(checkpoint, manifest, like)
    results.write_dataset(output, *results.mean_dataset(saved_spec, problem, state, generation))
