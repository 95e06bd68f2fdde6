"""The compiler of environment steps: a jaxpr of one example in, scalar operations over a batch out.

Who may enter: hadesd.distill. It imports hadesd.native and nothing else of hades, and knows nothing of runs.
"""
