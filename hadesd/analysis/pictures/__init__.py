"""Pictures for people: a dataset's pairs, a learning curve, a rollout; one file per kind of picture."""
