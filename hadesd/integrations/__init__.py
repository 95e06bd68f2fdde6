"""What other programs are told: hooks, Prometheus, and mirrors to TensorBoard or Weights & Biases.
Imports supervisor types and the protocol; the daemon and the command line enter."""
