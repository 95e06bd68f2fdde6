"""CartPole seen by a camera."""
