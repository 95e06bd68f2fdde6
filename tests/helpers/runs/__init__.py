"""What runs are made of, small: settings, the manifests of checkpoints, packages with environments."""
