"""Measurements that are too long for the tests: each is a command, its result is in `results/`."""
