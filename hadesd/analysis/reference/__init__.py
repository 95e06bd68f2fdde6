"""What PPO reaches in a run's environment: the horizontal line in the paper's learning curves (section 5.1)."""
