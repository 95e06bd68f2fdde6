"""What the screen knows: the model that events change, and what is derived from it.

Pure: (model, event) -> model. Imports only hades_protocol; every other package may import it.
"""
