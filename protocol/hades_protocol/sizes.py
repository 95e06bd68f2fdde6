"""Which settings of a run can change while it goes on, and which a fork can change."""

RESIZABLE = (
    "evolution.population",
    "dataset.pairs",
    "policy.inits",
    "evaluation.environments",
    "resources.gpus",
    "resources.devices",
)
"""What `resize` takes."""
