"""Writes the course file: ``python -m helpers.datagen``."""

from .build import write

if __name__ == "__main__":
    print(write())
