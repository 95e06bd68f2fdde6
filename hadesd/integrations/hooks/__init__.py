"""A person's own commands, run when something happens to a run."""
