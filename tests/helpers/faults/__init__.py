"""Faults for tests: disks that refuse or get full, calls that fail, clocks that jump, input that means harm."""
