"""A lesson without exercises: with it a sandbox is tried before the first submission."""

EXERCISES = ()
