"""That JAX can use GPUs is looked up by this name alone; nothing imports it."""
