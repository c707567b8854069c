"""Writes the data files of the course and their data sheet: ``python -m helpers.datagen``."""

from . import build
from .datasheet import datasheet


def main() -> None:
    """Write four files and print their paths."""
    rows, held_out, new = build.build_course(), build.build_held_out(), build.build_new_families()
    texts = {
        build.OUT: build.as_json(rows),
        build.OUT_HELD_OUT: build.as_lines(held_out),
        build.OUT_NEW: build.as_lines(new),
        build.FOLDER / "README.md": datasheet(rows, held_out, new),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
