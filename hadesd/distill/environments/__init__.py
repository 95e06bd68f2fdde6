"""Environments behind one interface: gymnax, Brax, and their steps as machine code.
Made by `make.make_environment`; what can be said of them without jax is in `hadesd.spec.environments`."""
