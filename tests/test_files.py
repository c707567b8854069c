"""Files are whole or absent: atomic writes, journals that survive a crash, no NaN."""

import json
import os
import stat

import pytest

from helpers.errors import CourseError
from helpers.files import (
    NUMBER,
    NUMBER_OR_NONE,
    append_jsonl,
    atomic_path,
    content_hash,
    new_folder,
    read_json,
    read_jsonl,
    repair_journal,
    rewrite_text,
    row_with,
    sha256,
    write_json,
    write_jsonl,
    write_text,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# --- atomic writes -------------------------------------------------------------------------------


def write_and_crash(path, error):
    with atomic_path(path) as temporary:
        temporary.write_text("half of the ne")
        raise error


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_the_old_file_stays_when_the_block_raises(tmp_path, error):
    path = write_text(tmp_path / "a.txt", "old")
    with pytest.raises(error):
        write_and_crash(path, error)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_what_killed_writes_left_goes_with_the_next_one_where_nobody_else_writes(tmp_path):
    for left in (".a.txt.abcd1234.part", ".b.txt.abcd1234.part"):
        (tmp_path / left).mkdir()
    write_text(tmp_path / "a.txt", "perhaps another process is at it")
    assert (tmp_path / ".a.txt.abcd1234.part").exists()
    rewrite_text(tmp_path / "a.txt", "we are alone")
    assert names(tmp_path) == [".b.txt.abcd1234.part", "a.txt"]


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_a_new_file_is_absent_when_the_block_raises(tmp_path, error):
    with pytest.raises(error):
        write_and_crash(tmp_path / "a.txt", error)
    assert names(tmp_path) == []


def test_the_old_file_is_there_until_the_block_ends(tmp_path):
    path = write_text(tmp_path / "a.txt", "old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        # The same disk, so that replacing is one step, and a folder that a crash can be swept from.
        assert temporary.parent.parent == path.parent
    assert path.read_text() == "new"
    assert names(tmp_path) == ["a.txt"]


def test_missing_folders_are_made(tmp_path):
    assert write_text(tmp_path / "x" / "y" / "a.txt", "é\n").read_bytes() == b"\xc3\xa9\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permission bits")
def test_a_written_file_has_the_usual_permissions(tmp_path):
    """Temporary files are made private (0600); a classroom shares its runs."""
    (tmp_path / "usual").touch()
    path = write_text(tmp_path / "a.txt", "")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path):
    write_text(tmp_path / "file", "")
    with pytest.raises(CourseError, match="cannot write .*another folder"):
        write_text(tmp_path / "file" / "a.txt", "")


# --- new folders ---------------------------------------------------------------------------------


def test_a_folder_is_there_when_everything_in_it_is(tmp_path):
    (tmp_path / ".made.abcd1234.part").mkdir()  # left by a process that was killed
    with new_folder(tmp_path / "made") as folder:
        write_text(folder / "sub" / "a.txt", "a")
        assert not (tmp_path / "made").exists()
    assert names(tmp_path) == ["made"]
    assert (tmp_path / "made/sub/a.txt").read_text() == "a"
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == stat.S_IMODE(
        (tmp_path / "made/sub").stat().st_mode
    )


def make_and_crash(path, error):
    with new_folder(path) as folder:
        write_text(folder / "a.txt", "a")
        raise error


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_a_new_folder_is_absent_when_the_block_raises(tmp_path, error):
    with pytest.raises(error):
        make_and_crash(tmp_path / "made", error)
    assert names(tmp_path) == []


def test_an_empty_folder_stays_the_one_that_it_is(tmp_path, monkeypatch):
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    before = inside.stat().st_ino
    with new_folder(".") as folder:
        write_text(folder / "a.txt", "a")
    assert inside.stat().st_ino == before
    assert (names(inside), names(tmp_path)) == (["a.txt"], ["inside"])


def make_with_a_file_in_the_way(path):
    with new_folder(path) as folder:
        write_text(folder / "a", "")
        write_text(folder / "a" / "b.txt", "b")


def test_errors_within_a_new_folder_name_the_folder_that_it_would_be(tmp_path):
    with pytest.raises(CourseError) as error:
        make_with_a_file_in_the_way(tmp_path / "made")
    assert str(error.value).startswith(f"cannot write {tmp_path / 'made' / 'a' / 'b.txt'}: ")
    assert ".part" not in str(error.value)


# --- JSON ----------------------------------------------------------------------------------------


def test_json_keeps_its_text_readable(tmp_path):
    path = write_json(tmp_path / "a.json", {"b": "é🙂", "a": None})
    assert path.read_text(encoding="utf-8") == '{\n "b": "é🙂",\n "a": null\n}\n'
    assert read_json(path) == {"b": "é🙂", "a": None}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_is_refused_and_the_old_file_stays(tmp_path, value):
    path = write_json(tmp_path / "a.json", 1)
    write_jsonl(tmp_path / "a.jsonl", [1])
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"loss": value})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_jsonl(tmp_path / "a.jsonl", [1, value])
    with pytest.raises(ValueError, match="not JSON compliant"):
        append_jsonl(tmp_path / "a.jsonl", value)
    assert read_json(path) == 1
    assert read_jsonl(tmp_path / "a.jsonl") == [1]
    assert names(tmp_path) == ["a.json", "a.jsonl"]


def test_json_that_somebody_damaged_is_one_clear_line(tmp_path):
    (tmp_path / "a.json").write_text('{"half": ')
    with pytest.raises(CourseError, match=r"a\.json: not JSON"):
        read_json(tmp_path / "a.json")


# --- journals ------------------------------------------------------------------------------------

ROWS = [{"step": 1, "text": "é"}, {"step": 2, "text": "🙂\u2028"}, {"step": 3, "text": ""}]


def test_appending_line_by_line_and_writing_at_once_are_the_same(tmp_path):
    for row in ROWS:
        append_jsonl(tmp_path / "a.jsonl", row)
    write_jsonl(tmp_path / "b.jsonl", ROWS)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    assert read_jsonl(tmp_path / "a.jsonl") == ROWS


def test_a_journal_cut_at_any_byte_loses_only_its_last_line(tmp_path):
    """Also inside an accent or an emoji, where the rest is not even UTF-8."""
    whole = b"".join(json.dumps(r, ensure_ascii=False).encode() + b"\n" for r in ROWS)
    path = tmp_path / "a.jsonl"
    for n in range(len(whole) + 1):
        kept = ROWS[: whole[:n].count(b"\n")]
        path.write_bytes(whole[:n])
        assert read_jsonl(path) in (kept, ROWS[: len(kept) + 1])  # + 1: only the newline is gone
        assert repair_journal(path) == kept
        append_jsonl(path, {"step": 9})  # nothing sticks to the end of a half-written line
        assert read_jsonl(path) == [*kept, {"step": 9}]


def test_repairing_leaves_a_whole_journal_alone_and_a_missing_one_missing(tmp_path):
    path = write_jsonl(tmp_path / "a.jsonl", ROWS)
    before = path.stat()
    assert repair_journal(path) == ROWS
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino
    assert repair_journal(tmp_path / "none.jsonl") == []
    assert names(tmp_path) == ["a.jsonl"]


@pytest.mark.parametrize("damaged", [b'{"step": 2, "te', b"\xff\xfe"], ids=["cut off", "not UTF-8"])
@pytest.mark.parametrize("read", [read_jsonl, repair_journal])
def test_damage_in_the_middle_raises_with_the_line_number(tmp_path, read, damaged):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"step": 1}\n' + damaged + b'\n{"step": 3}\n')
    with pytest.raises(CourseError, match=r"a\.jsonl, line 2: not JSON.*Remove that line"):
        read(path)
    assert damaged in path.read_bytes()


def test_a_damaged_last_line_with_its_newline_is_no_crash_but_damage(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"step": 1}\n{"ste\n')
    with pytest.raises(CourseError, match="line 2"):
        read_jsonl(path)


ROW = row_with(run=str, loss=NUMBER, val=NUMBER_OR_NONE)


@pytest.mark.parametrize("read", [read_jsonl, repair_journal])
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"loss": 1, "val": 2.0}, "'run' is missing"),
        ({"run": "a", "loss": 1}, "'val' is missing"),  # there is a difference to None
        ({"run": "a", "loss": None, "val": None}, "'loss' is None"),
        ({"run": ["a"], "loss": 1, "val": None}, r"'run' is \['a'\]"),
        ([1], "not an object with run, loss, val"),
    ],
)
def test_a_line_that_is_no_row_raises_with_its_number_and_what_is_wrong(tmp_path, read, line, told):
    path = tmp_path / "a.jsonl"
    good = {"run": "a", "loss": 1, "val": None, "more": []}
    write_jsonl(path, [good, {**good, "loss": 0.5, "val": 2}])
    path.write_text(path.read_text() + "\n" + json.dumps(line) + "\n")  # a blank line counts
    with pytest.raises(CourseError, match=rf"a\.jsonl, line 4: {told}\. Remove that line or the"):
        read(path, ROW)
    assert len(read(path)) == 3


def test_a_journal_that_cannot_be_opened_is_one_clear_line(tmp_path):
    with pytest.raises(CourseError, match=r"none\.jsonl: No such"):
        read_jsonl(tmp_path / "none.jsonl")
    with pytest.raises(CourseError, match="cannot read"):
        read_jsonl(tmp_path)
    with pytest.raises(CourseError, match="cannot read"):
        repair_journal(tmp_path)


# --- hashes --------------------------------------------------------------------------------------


def test_sha256_of_known_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    (tmp_path / "b").write_bytes(b"\0" * ((1 << 20) + 1))  # more than one piece
    assert sha256(tmp_path / "b") == (
        "2cb74edba754a81d121c9db6833704a8e7d417e5b13d1a19f4a52f007d644264"
    )


def test_a_content_hash_does_not_depend_on_key_order_but_on_everything_else():
    assert content_hash({"a": 1, "b": [2, "é"]}) == content_hash({"b": [2, "é"], "a": 1})
    assert content_hash([1, 2]) != content_hash([2, 1])
    assert content_hash("1") != content_hash(1)
    assert content_hash("\ud83d") != content_hash("\ud83e")  # half a pair can be hashed too
