"""The part of `hadesd evaluate` for datasets of images: accuracies instead of returns."""

from typing import TYPE_CHECKING, Any

from hades_protocol.run_spec import RunSpec
from hadesd.cli.computing import interruptible
from hadesd.cli.output import print_json, say

if TYPE_CHECKING:
    from hadesd.analysis.datasets.reader import DatasetFile


def evaluate_images(dataset: "DatasetFile", spec: RunSpec, inits: int, seed: int, head: dict[str, Any] | None) -> int:
    """Train, classify, report; `head`: what the JSON begins with, None for a table."""
    from hadesd.analysis.evaluation.image_accuracy import evaluate

    say(
        f"training {inits} classifiers on {len(dataset.states)} images of {spec.env}, as many on class means and on "
        f"random real images ({spec.policy.kind}, {spec.cloning.epochs} epochs) …"
    )
    judged = interruptible(lambda: evaluate(dataset, spec, inits, seed))
    found = {name: accuracies.summary() for name, accuracies in judged.items()}
    if head is not None:
        print_json(head | found["dataset"] | {"baselines": {k: v for k, v in found.items() if k != "dataset"}})
        return 0
    print(f"{'trained on':<20}{'test accuracy':>18}{'train accuracy':>18}")
    for name, summary in found.items():
        cells = [
            f"{summary[f'{part}_accuracy_mean']:.3f} ± {summary[f'{part}_accuracy_std']:.3f}"
            for part in ("test", "train")
        ]
        print(f"{'this dataset' if name == 'dataset' else name:<20}{cells[0]:>18}{cells[1]:>18}")
    say(f"(mean ± standard deviation over {inits} classifiers each)")
    return 0
