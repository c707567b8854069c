"""Writes the data files of the course, their data sheet and the questions: ``python -m helpers.datagen``."""

from . import build
from .datasheet import datasheet
from .questions import write_questions


def main() -> None:
    """Write five files and print their paths."""
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
    print(write_questions())


if __name__ == "__main__":
    main()
