"""Policies trained on a dataset and scored: one environment, several, images, many settings."""
