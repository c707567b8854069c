"""Multiple-choice questions: every format is read, every bad row is named, no archive is trusted."""

import hashlib
import io
import json
import re
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from fake_web import FakeWeb
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.cli import main
from helpers.datagen.questions import OUT, SUBJECTS, build_questions
from helpers.datagen.questions_by_hand import by_hand
from helpers.errors import DataError
from helpers.evaluate import questions as Q
from helpers.evaluate.questions import (
    Question,
    as_csv,
    load_questions,
    place,
    read_part,
    stratified,
)

SKY = Question("astronomy", "What is up, and blue?", ("sky", "mud", "a cow", "tea, cold"), 0)
SUM = Question("astronomy", 'How much is "2" + 2?', ("3", "4", "5", "6"), 1)
PLAIN = b'"What is up, and blue?",sky,mud,a cow,"tea, cold",A\n"How much is ""2"" + 2?",3,4,5,6,B\n'


def numbered(text: bytes) -> bytes:
    return text.replace(b",A\n", b",0\n").replace(b",B\n", b",1\n")


def record(q, **changes):
    row = {
        "question": q.question,
        "choices": list(q.choices),
        "answer": q.answer,
        "subject": q.subject,
    }
    return {**row, **changes}


# --- formats ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        numbered(PLAIN),
        b"\xef\xbb\xbf" + PLAIN.replace(b"\n", b"\r\n"),
        b"question,A,B,C,D,answer\n" + PLAIN,
        b"id,Prompt,A,B,C,D,Answer\n7," + PLAIN.replace(b'\n"H', b'\n8,"H'),
        PLAIN.replace(b",A\n", b", a\n\n"),
    ],
    ids=["the original", "0 to 3", "BOM and CRLF", "a header", "other columns", "small and blank"],
)
def test_every_shape_of_csv_gives_the_same_questions(data, tmp_path):
    path = tmp_path / "astronomy_test.csv"
    path.write_bytes(data)
    assert load_questions(path).test == [SKY, SUM]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([record(SKY), record(SUM, answer="B")]),
        json.dumps(record(SKY)) + "\n" + json.dumps(record(SUM)),
        json.dumps([{**record(q), "choices": list(q.choices)} for q in (SKY, SUM)], indent=1),
        json.dumps([
            {"question": q.question, **dict(zip("ABCD", q.choices, strict=True)), "answer": q.answer,
             "subject": "astronomy"} for q in (SKY, SUM)
        ]),
    ],
    ids=["a list", "lines", "indented", "options apart"],
)  # fmt: skip
def test_every_shape_of_json_gives_the_same_questions(text, tmp_path):
    path = tmp_path / ("q.jsonl" if "\n{" in text and text[0] == "{" else "q.json")
    path.write_text(text, encoding="utf-8")
    assert load_questions(path).test == [SKY, SUM]


FILES = {  # the original archive's layout, and what one finds beside it
    "data/test/astronomy_test.csv": PLAIN,
    "data/dev/astronomy_dev.csv": numbered(PLAIN),
    "data/val/astronomy_val.csv": b"not read\n",
    "data/auxiliary_train/race.csv": b"not read\n",
    "data/README.txt": b"not read",
    "data/test/._astronomy_test.csv": b"\0\1",
    "__MACOSX/data/test/astronomy_test.csv": b"\0\1",
}


def zipped(files, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(files, path):
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def folder(files, path):
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


WAYS = {
    "folder": (folder, "d"),
    "zip": (zipped, "d.zip"),
    "tar": (tarred, "d.tar"),
    "tgz": (tarred, "d.tgz"),
}


@pytest.mark.parametrize("way", WAYS)
def test_folders_and_archives_give_test_and_dev(way, tmp_path):
    make, name = WAYS[way]
    found = load_questions(make(FILES, tmp_path / name))
    assert found.test == [SKY, SUM]
    assert found.examples("astronomy", 2) == [SKY, SUM]


def test_a_set_without_dev_asks_without_shots_and_says_why_not_with(tmp_path):
    found = load_questions(folder({"astronomy_test.csv": PLAIN}, tmp_path))
    assert found.test == [SKY, SUM]
    assert found.examples("astronomy", 0) == []
    with pytest.raises(DataError, match=r"no dev split.*--shots 0"):
        found.examples("astronomy", 1)
    found = load_questions(folder(FILES, tmp_path / "whole"))
    with pytest.raises(DataError, match=r"has 2 dev questions, 5 shots.*--shots 2"):
        found.examples("astronomy", 5)


def test_a_file_that_is_named_is_asked_whatever_split_its_name_says(tmp_path):
    assert load_questions(folder(FILES, tmp_path) / "data/dev/astronomy_dev.csv").test == [SKY, SUM]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("data/test/high_school_physics_test.csv", ("high_school_physics", "test")),
        ("dev/anatomy.csv", ("anatomy", "dev")),
        ("anatomy.csv", ("anatomy", "test")),
        ("data\\val\\anatomy_val.csv", ("anatomy", "val")),
        ("anatomy/validation-00000-of-00001.parquet", ("anatomy", "val")),
        ("data/auxiliary_train/race.csv", ("race", "train")),
    ],
)
def test_subject_and_split_of_a_file_name(name, expected):
    assert place(name) == expected


def test_what_is_written_is_read_again():
    found = build_questions()
    rows = read_part(as_csv(found).encode(), "x.csv")
    assert [q for split, q in rows if split == "test"] == found.test
    assert len(rows) == len(found.test) + sum(map(len, found.dev.values()))


# --- bad rows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.csv", PLAIN + b"Too,few,columns,A\n", "x.csv, row 3: 4 columns instead of 6"),
        ("x.csv", PLAIN + b"q,a,b,c,d,E\n", "x.csv, row 3: the answer is 'E'"),
        ("x.csv", PLAIN + b"q,a,b,c,d,4\n", "x.csv, row 3: the answer is '4'"),
        ("x.csv", PLAIN + b'q,a,b,c,d,"A\n', "x.csv, row 3: not CSV"),
        ("x.csv", PLAIN + b'"q" r,a,b,c,d,A\n', "x.csv, row 3: not CSV"),
        ("x.csv", PLAIN + b" ,a,b,c,d,A\n", "x.csv, row 3: the question is empty"),
        ("x.csv", PLAIN + b"caf\xe9,a,b,c,d,A\n", "x.csv, row 3: not UTF-8"),
        ("x.csv", PLAIN + b"q\0,a,b,c,d,A\n", "x.csv, row 3"),
        ("x.csv", PLAIN + b"q" * 100_001 + b",a,b,c,d,A\n", "x.csv, row 3"),
        ("x.json", json.dumps([record(SKY), 3]).encode(), "x.json, row 2: expected an object"),
        (
            "x.json",
            json.dumps([record(SKY, answer=True)]).encode(),
            "x.json, row 1: the answer is 'True'",
        ),
        (
            "x.json",
            json.dumps([record(SKY, answer=None)]).encode(),
            "x.json, row 1: the answer is 'None'",
        ),
        (
            "x.json",
            json.dumps([record(SKY, choices=["a"] * 5)]).encode(),
            "x.json, row 1: 5 options",
        ),
        (
            "x.json",
            json.dumps([record(SKY, choices="abcd")]).encode(),
            "x.json, row 1: no list of options",
        ),
        (
            "x.json",
            json.dumps([record(SKY, choices=[1, 2, 3, 4])]).encode(),
            "row 1: the option A must be text",
        ),
        (
            "x.json",
            json.dumps([record(SKY, question="\ud800")]).encode(),
            "row 1: the question holds a character",
        ),
        ("x.json", b'[{"a": 1, "a": 2}]', "x.json, row 1: the key 'a' appears twice"),
        ("x.jsonl", json.dumps(record(SKY)).encode() + b"\n{", "x.jsonl, line 2: not JSON"),
    ],
)
def test_a_bad_row_is_named(name, data, words):
    with pytest.raises(DataError) as error:
        read_part(data, name)
    assert words in str(error.value)


CELLS = st.lists(
    st.lists(st.text('aA01 ",\n\r\0é;', max_size=4), min_size=4, max_size=7), min_size=1, max_size=4
)


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60), CELLS.map(lambda rows: "\n".join(map(",".join, rows)).encode())
    )
)
def test_any_bytes_as_csv_are_questions_or_an_error_that_names_the_row(data):
    complaint, found = complaint_or_questions(data, "x.csv")
    assert all(0 <= q.answer <= 3 and len(q.choices) == 4 for _, q in found)
    assert "x.csv, row " in complaint or complaint == ""


def complaint_or_questions(data, name):
    try:
        return "", read_part(data, name)
    except DataError as error:
        return str(error), []


VALUES = st.one_of(st.none(), st.booleans(), st.integers(-1, 5), st.floats(), st.text(max_size=3),
                   st.lists(st.text(max_size=2), max_size=5))  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["question", "choices", "answer", "subject", "split", "A", "a"]), VALUES
    ),
    st.booleans(),
)
def test_any_json_object_is_a_question_or_an_error_that_names_the_row(changes, lines):
    rows = [record(SKY), {**record(SUM), **changes}]
    text = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows)
    complaint, found = complaint_or_questions(text.encode(), "x.json")
    assert "x.json, row 2: " in complaint or len(found) == 2


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.text('[]{}:,"1aé\n ', max_size=20),
        st.sampled_from(["[" * 9999, "[{" + '"a":1,' * 2 + "}]", '[{"a": 1, "a": 2}]', "9" * 5000]),
    )
)
def test_any_text_as_json_is_questions_or_an_error_that_names_the_place(text):
    complaint, found = complaint_or_questions(text.encode(), "x.json")
    assert found == []
    assert re.match("x.json, (row|line) ", complaint) or not text.strip("[] \n")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["zip", "tgz", "tar"]), st.integers(0, 400), st.binary(min_size=1, max_size=6)
)
def test_a_damaged_archive_is_read_or_refused(tmp_path_factory, way, at, junk):
    make, name = WAYS[way]
    path = make({"x_test.csv": PLAIN}, tmp_path_factory.mktemp("damaged") / name)
    data = path.read_bytes()
    path.write_bytes(data[:at] + junk + data[at + len(junk) :])
    try:
        complaint = "" if load_questions(path).test else "nothing"
    except DataError as error:
        complaint = str(error)
    assert complaint == "" or str(path) in complaint or "x_test.csv, row " in complaint


# --- archives that mean harm ------------------------------------------------------------------------


def test_names_that_lead_out_of_an_archive_are_refused(tmp_path):
    for name in ("../x_test.csv", "/x_test.csv", "a/../../x_test.csv", "C:\\x_test.csv"):
        for path in (
            zipped({name: PLAIN}, tmp_path / "a.zip"),
            tarred({name: PLAIN}, tmp_path / "a.tar"),
        ):
            with pytest.raises(DataError, match="leads out of the archive"):
                load_questions(path)


def test_links_in_an_archive_are_refused(tmp_path):
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            info = tarfile.TarInfo("x_test.csv")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        with pytest.raises(DataError, match="is a link or device"):
            load_questions(tmp_path / "a.tar")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("x_test.csv")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="is a link or device"):
        load_questions(tmp_path / "a.zip")


@pytest.mark.parametrize(
    "limit", ["LARGEST_PART", "LARGEST_ALL", "LARGEST_ARCHIVE", "MOST_MEMBERS"]
)
@pytest.mark.parametrize("way", ["zip", "tgz"])
def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is(
    limit, way, tmp_path, monkeypatch
):
    make, name = WAYS[way]
    files = {f"{x}_test.csv": PLAIN * 50 for x in "ab"}
    monkeypatch.setattr(Q, limit, 1 if limit == "MOST_MEMBERS" else len(PLAIN) * 50 - 1)
    with pytest.raises(DataError, match=r"unpacks? to .* allowed"):
        load_questions(make(files, tmp_path / name))


def test_a_locked_zip_is_refused(tmp_path):
    path = zipped({"x_test.csv": PLAIN}, tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1  # the flag that says: encrypted
    path.write_bytes(data)
    with pytest.raises(DataError, match="not a whole archive, or locked"):
        load_questions(path)


def test_what_is_not_there_or_holds_nothing_is_one_clear_line(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "e.csv").touch()
    for name, words in (("corse", "did you mean 'course'"), (tmp_path / "empty", "holds no questions"),
                        (tmp_path / "e.csv", "holds no questions to ask")):  # fmt: skip
        assert main(["mmlu", "--questions", str(name)]) == 2
        err = capsys.readouterr().err
        assert words in err
        assert err.count("\n") == 1


# --- the hub ----------------------------------------------------------------------------------------


@pytest.fixture
def hub(plain_network, monkeypatch, tmp_path):
    """A pretend hub with both files of cais/mmlu, as CSV bytes that stand in for Parquet."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    content = {file: PLAIN + b"x" * i for i, file in enumerate(Q.HUB_FILES)}
    hashes = {file: hashlib.sha256(data).hexdigest() for file, data in content.items()}
    monkeypatch.setattr(
        Q, "HUB_FILES", dict(list(hashes.items())[:1]) | dict.fromkeys(list(hashes)[1:], "")
    )
    base = f"/datasets/{Q.HUB}/resolve/{Q.HUB_REVISION}/"
    with FakeWeb({base + file: data for file, data in content.items()}) as web:
        monkeypatch.setenv("HF_ENDPOINT", web.url)
        yield web


def test_mmlu_is_fetched_from_the_hub_once_at_its_pinned_revision(hub, capsys):
    assert main(["fetch", "mmlu"]) == 0
    paths = [line.split(", ")[-1] for line in capsys.readouterr().out.splitlines()]
    assert [Path(p).read_bytes()[: len(PLAIN)] for p in paths] == [PLAIN, PLAIN]
    asked = len(hub.requests)
    assert asked == 2
    assert Q.hub_paths() == [Path(p) for p in paths]
    assert len(hub.requests) == asked


def test_without_the_hub_the_message_offers_the_bundled_questions(hub, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert main(["mmlu", "--questions", "mmlu"]) == 2
    err = capsys.readouterr().err
    assert "HF_HUB_OFFLINE is set" in err
    assert "use the bundled questions: course" in err
    assert err.count("\n") == 1


def test_parquet_needs_pyarrow_and_says_so(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DataError, match='pip install "pyarrow'):
        read_part(b"PAR1", "all/test-00000-of-00001.parquet")


def test_parquet_as_on_the_hub_is_read(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed (extra `mmlu`)")
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (extra `mmlu`)")
    for split in ("test", "dev"):
        for part in ("all", "astronomy"):  # the hub holds every question twice
            (tmp_path / part).mkdir(exist_ok=True)
            table = pa.Table.from_pylist([record(SKY), record(SUM)])
            pq.write_table(table, tmp_path / part / f"{split}-00000-of-00001.parquet")
    found = load_questions(tmp_path)
    assert found.test == found.examples("astronomy", 2) == [SKY, SUM]
    whole = (tmp_path / "all" / "test-00000-of-00001.parquet").read_bytes()
    for cut in (4, 60, len(whole) - 9):
        with pytest.raises(DataError, match="not a whole Parquet file"):
            read_part(whole[:cut], "x.parquet")


# --- samples and the bundled set --------------------------------------------------------------------


def test_a_sample_gives_every_subject_its_share_in_file_order():
    rows = [Question(s, f"{s} {i}", ("a", "b", "c", "d"), 0) for s, n in (("x", 60), ("y", 30), ("z", 10))
            for i in range(n)]  # fmt: skip
    sample = stratified(rows, 20, seed=1)
    assert Counter(q.subject for q in sample) == {"x": 12, "y": 6, "z": 2}
    assert [rows.index(q) for q in sample] == sorted(rows.index(q) for q in sample)
    assert stratified(rows, 20, seed=1) == sample != stratified(rows, 20, seed=2)
    assert stratified(rows, 100) == rows
    assert len(stratified(rows, 7)) == 7
    for n in (0, 101):
        with pytest.raises(DataError, match="100"):
            stratified(rows, n)


def test_the_bundled_file_is_what_the_script_makes():
    assert OUT.read_bytes() == as_csv(build_questions()).encode("utf-8")
    assert len(OUT.read_bytes()) <= 100_000


def test_the_bundled_set_is_large_balanced_and_has_examples():
    found = load_questions()
    sizes = Counter(q.subject for q in found.test)
    assert len(found.test) >= 400
    assert len(sizes) >= 12
    assert sum(sizes[subject] for subject in by_hand()) >= 120
    assert set(found.dev) == set(sizes)
    assert len(sizes) == len(SUBJECTS) + len(by_hand())
    for subject, n in sizes.items():
        assert len(found.dev[subject]) == 5
        places = Counter(q.answer for q in found.test if q.subject == subject)
        assert all(n // 4 <= places[i] <= -(-n // 4) for i in range(4)), subject
    everything = [*found.test, *(q for own in found.dev.values() for q in own)]
    for q in everything:
        assert len({c.lower() for c in q.choices}) == 4, q
        assert q.question == q.question.strip()
        assert all(c.strip() == c and c for c in q.choices)
    same = Counter((q.question, frozenset(q.choices)) for q in everything)
    assert max(same.values()) == 1


def test_the_right_option_is_not_told_by_its_length():
    """Whoever always takes the longest, or the shortest, option is hardly better than guessing."""
    found = load_questions().test
    for best in (max, min):
        right = sum(len(q.choices[q.answer]) == best(map(len, q.choices)) for q in found)
        ties = sum(
            sum(len(c) == best(map(len, q.choices)) for c in q.choices) for q in found
        )  # fmt: skip
        assert right / ties < 0.34
