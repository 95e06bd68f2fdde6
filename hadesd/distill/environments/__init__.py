"""Environments behind one interface: gymnax, Brax, and their steps as machine code.
`make.make_environment` is the door; what can be said of them without jax is in `hadesd.spec.environments`."""
