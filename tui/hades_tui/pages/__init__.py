"""Whole pages of text: watch, health, log, help, forms, details."""
