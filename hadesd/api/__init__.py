"""What `import hadesd` offers to programs: datasets, training, evaluation, distillation, and clients of the daemon.

hadesd/__init__.py names it and imports a module when it is first asked for. Nothing here loads jax before something is
computed. The command line may use these modules; nothing below them does.
"""
