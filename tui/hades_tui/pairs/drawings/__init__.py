"""One small drawing a kind of environment, for a state and its action."""
