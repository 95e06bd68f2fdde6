"""Metrics of all runs over HTTP in Prometheus' text format."""
