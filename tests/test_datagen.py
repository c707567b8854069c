"""Checks of the course data: its files, its splits, its families, and the prose for pretraining."""

import itertools
import json
import random
import re
from collections import Counter

import pytest

from helpers.data import load_records, near_duplicates, split
from helpers.datagen import build
from helpers.datagen import facts as F
from helpers.datagen.datasheet import datasheet
from helpers.datagen.families import FAMILIES, STYLES, USUAL, make
from helpers.datagen.handwritten import OPEN, STATED, handwritten
from helpers.datagen.prose import STATED_BY, Voice, paragraph, prose


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    """The rows of the committed file."""
    return json.loads(build.OUT.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def held_out() -> list[dict]:
    """The rows of the committed held-out set."""
    return load_records("course-heldout")


@pytest.fixture(scope="module")
def new_families() -> list[dict]:
    """The rows of the families that the course does not have."""
    return load_records("course-newfamilies")


@pytest.fixture(scope="module")
def shelf() -> build.Shelf:
    """The course as it is made, with the fact and the answer behind each row."""
    return build.fill_course()


# --- the three files ---------------------------------------------------------------------------


def test_committed_files_are_what_the_script_makes(rows, held_out, new_families, shelf):
    made = [row for name in build.SPLITS for row in shelf.rows[name]]
    assert build.OUT.read_text(encoding="utf-8") == build.as_json(made)
    text = build.as_lines(build.build_held_out())
    assert build.OUT_HELD_OUT.read_text(encoding="utf-8") == text
    text = build.as_lines(build.build_new_families())
    assert build.OUT_NEW.read_text(encoding="utf-8") == text
    page = datasheet(rows, held_out, new_families)
    assert (build.FOLDER / "README.md").read_text(encoding="utf-8") == page


def test_sizes_of_the_files(rows, held_out, new_families):
    assert [len(part) for part in split(rows)] == list(build.SPLITS.values()) == [935, 110, 55]
    assert len(held_out) >= 1000
    assert len(new_families) >= 60
    for path in (build.OUT_HELD_OUT, build.OUT_NEW):
        assert path.stat().st_size <= 200_000


def test_rows_have_the_same_keys_and_no_empty_text(rows, held_out, new_families):
    """Every row has five strings; only the input may be empty."""
    for row in [*rows, *held_out, *new_families]:
        assert list(row) == ["instruction", "input", "output", "family", "style"]
        assert all(isinstance(value, str) and value == value.strip() for value in row.values())
        assert all([row["instruction"], row["output"], row["style"] in STYLES])
        assert not any(mark in "".join(row.values()) for mark in ("{", "}", "  "))


def test_answers_are_one_word_to_two_sentences_long(rows):
    lengths = [len(row["output"].split()) for row in rows]
    assert min(lengths) == 1
    assert max(lengths) <= 30
    assert all(row["output"].count(". ") <= 2 for row in rows)  # "Eat. Wash. Go." in its order


# --- make-up -----------------------------------------------------------------------------------


def test_make_up_of_the_rows(rows):
    families = Counter(row["family"] for row in rows)
    assert 40 <= len(families) <= 64
    assert sum(row["family"] in build.BY_HAND for row in rows) >= 300
    assert 0.27 <= sum(bool(row["input"]) for row in rows) / len(rows) <= 0.33
    styles = Counter(row["style"] for row in rows)
    assert min(styles[style] for style in STYLES) >= 0.1 * len(rows)
    assert 0.03 <= sum(families[name] for name in OPEN) / len(rows) <= 0.08
    assert len({row["family"] for row in rows[935:1045]}) >= 50


def test_the_kinds_of_task_of_the_book_are_all_there(rows):
    families = {row["family"] for row in rows}
    assert families >= {
        "spelling-word", "plural", "past-tense", "antonym", "synonym", "odd-one-out", "classify",
        "units", "arithmetic-words", "capital", "currency", "active", "passive", "to-question",
        "to-statement", "reported", "simile", "shorten", "formal", "proverb", "order-words",
        "define", "examples", "grammar", "imagine",
    }  # fmt: skip


def test_most_made_families_have_enough_rows_to_learn_from(rows):
    train = Counter(row["family"] for row in rows[:935])
    enough = [name for name in build.MADE if train[name] >= 12]
    assert len(enough) >= 0.8 * len(build.MADE)


def test_a_family_answers_in_one_usual_frame():
    rng = random.Random(5)
    for family in ("antonym", "capital", "units"):
        frame = FAMILIES[family].outputs[0].partition("{")[0] or " "
        answers = [make(family, rng).row["output"] for _ in range(400)]
        usual = sum(a.startswith(frame) or (frame == " " and " are " in a) for a in answers)
        assert USUAL - 0.15 <= usual / 400 <= USUAL + 0.2, family


def test_every_family_has_several_wordings_in_several_styles():
    for family in FAMILIES.values():
        styles = [wording[0] for wording in family.wordings]
        assert len(styles) >= 5, family.name
        assert len(set(styles)) >= 3
        assert set(styles) <= set(STYLES)


def test_every_family_is_of_the_course_or_new():
    assert set(FAMILIES) == {*build.MADE, *build.NEW}
    assert {row["family"] for row in handwritten()} == set(build.BY_HAND)


# --- leaks -------------------------------------------------------------------------------------


def test_no_task_and_no_fact_of_one_split_comes_back_in_another(rows, shelf):
    tasks = [build.task_key(row) for row in rows]
    assert len(set(tasks)) == len(tasks)
    for fact, users in shelf.facts.items():
        assert len({split for split, _ in users}) <= 1, fact


def test_no_answer_of_a_family_comes_back_in_another_split_unless_few_exist(rows):
    """The few answers are named, and each of these families really has few."""
    where = {}
    for name, part in zip(build.SPLITS, split(rows), strict=True):
        for row in part:
            where.setdefault((row["family"], build.norm(row["output"])), set()).add(name)
    repeated = {family for (family, _), splits in where.items() if len(splits) > 1}
    assert repeated <= build.FEW_ANSWERS
    rng = random.Random(6)
    for family in build.FEW_ANSWERS:
        assert len({make(family, rng).answer for _ in range(2000)}) <= 110, family


@pytest.fixture(scope="module")
def apart() -> build.Shelf:
    """The course and its held-out rows as they are made."""
    return build.fill_held_out()


def test_further_training_rows_give_no_test_away(rows, held_out, apart, monkeypatch):
    """No fact, no answer and nearly no words of a test, validation or held-out row come back."""
    made, plain = {}, build.make

    def make(*args):
        one = plain(*args)
        made[build.task_key(one.row)] = one
        return one

    monkeypatch.setattr(build, "make", make)
    more = build.more_training_rows(apart)
    assert len(more) == build.MORE == 10_000
    tasks = [build.task_key(row) for row in more]
    assert len(set(tasks) | {build.task_key(row) for row in rows}) == len(more) + len(rows)
    measured = {
        fact
        for fact, users in apart.facts.items()
        if any(split in ("test", "validation", "held-out") for split, _ in users)
    }
    assert len(measured) > 1000
    assert not measured & {made[task].fact for task in tasks}
    elsewhere = [*rows[935:], *held_out]
    answers = {(r["family"], build.norm(r["output"])) for r in elsewhere}
    again = {r["family"] for r in more if (r["family"], build.norm(r["output"])) in answers}
    assert again <= build.FEW_ANSWERS
    assert near_duplicates(more, elsewhere, build.NEAR) == []
    assert {row["family"] for row in more} == set(build.MADE)


def test_a_shelf_refuses_what_would_leak():
    made = make("antonym", random.Random(1))
    again = made._replace(row={**made.row, "instruction": "Quite another wording, with new words"})
    shelf = build.Shelf()
    assert shelf.take(made, "train")
    assert not shelf.take(made, "train")  # the same task
    assert not shelf.take(again, "test")  # the same fact
    assert not shelf.take(again._replace(fact="another"), "test")  # the same answer
    assert shelf.take(again._replace(fact="another", answer="another"), "test")


def test_no_near_duplicates_across_splits(rows):
    train, test, validation = split(rows)
    assert near_duplicates(train, [*test, *validation], 0.9) == []
    assert near_duplicates(test, validation, 0.9) == []


def test_the_held_out_sets_are_free_of_the_course(rows, held_out, new_families):
    known = {build.task_key(row) for row in rows}
    for more in (held_out, new_families):
        tasks = [build.task_key(row) for row in more]
        assert len(set(tasks)) == len(tasks)
        assert not known & set(tasks)
        assert near_duplicates(rows, more, 0.9) == []
    courses = {row["family"] for row in rows}
    assert {row["family"] for row in held_out} <= courses
    assert {row["family"] for row in new_families} == set(build.NEW)
    assert not set(build.NEW) & courses


def test_held_out_facts_are_used_by_no_row_of_the_course(rows, held_out):
    """Said differently: what the answer is about never comes back within a family."""
    said = {(row["family"], build.norm(row["output"])) for row in rows}
    again = [row for row in held_out if (row["family"], build.norm(row["output"])) in said]
    assert {row["family"] for row in again} <= build.FEW_ANSWERS


# --- the generator -----------------------------------------------------------------------------


def test_generate_makes_many_rows_that_do_not_repeat(rows):
    """20,000 rows: no task twice, none of the course, few nearly the same, always the same."""
    more = build.generate(20_000, 7, rows)
    tasks = {build.task_key(row) for row in more}
    assert len(more) == len(tasks) == 20_000
    assert not tasks & {build.task_key(row) for row in rows}
    pairs = near_duplicates(more, more, 0.9)
    assert len({j for i, j, _ in pairs if i < j}) <= 0.02 * len(more)
    assert build.generate(300, 7, rows) == build.generate(300, 7, rows)
    families = Counter(row["family"] for row in more)
    assert set(families) == set(build.MADE)
    assert min(families.values()) >= 80
    assert max(families.values()) <= 0.05 * len(more)


def test_tables_hold_only_questions_with_one_answer():
    """No word that is asked for its opposite or synonym has two, and no row comes twice."""
    from helpers.datagen.families import ANTONYMS, SYNONYMS

    for table in (ANTONYMS, SYNONYMS):
        assert len({asked for asked, _ in table}) == len(table)
    for table in (F.COUNTRIES, F.ELEMENTS, F.DEFINITIONS, F.PROFESSIONS, F.MISSPELT, F.PROVERBS,
                  F.SIMILES, F.ACRONYMS, F.CONTRACTIONS, F.COMPARATIVES, F.IRREGULAR_VERBS):  # fmt: skip
        assert len({row[0] for row in table}) == len(table)
        assert len({len(row) for row in table}) == 1


# --- prose -------------------------------------------------------------------------------------


def test_every_family_has_its_counterpart_in_the_prose():
    assert set(FAMILIES) <= set(STATED_BY)
    assert set(STATED) <= set(STATED_BY)
    assert not set(STATED_BY) - set(FAMILIES) - set(STATED)


def said(family: str, count: int) -> set[str]:
    """Sentences of the family's counterpart in the prose, all in single quotation marks."""
    voice = Voice(1)
    return {STATED_BY[family](voice).replace('"', "'") for _ in range(count)}


TOLD = [
    "antonym", "synonym", "plural", "past-tense", "degree", "spelling-word", "contraction", "acronym",
    "part-of-speech", "define", "capital", "currency", "language", "continent", "animal-class",
    "element-symbol", "profession", "profession-name", "classify", "units", "arithmetic-words",
    "number-words", "odd-even", *build.NEW,
]  # fmt: skip


@pytest.mark.parametrize("family", TOLD)
def test_the_prose_states_the_facts_of_all_rows_in_the_frame_of_their_answers(
    family, rows, held_out, new_families
):
    text = "\n".join(said(family, 60_000 if family == "first-letter" else 20_000)).lower()
    frame = re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(FAMILIES[family].outputs[0])) + "$")
    outputs = [r["output"] for r in [*rows, *held_out, *new_families] if r["family"] == family]
    wanted = [o.replace('"', "'").lower() for o in outputs if frame.match(o[:1].lower() + o[1:])
              or frame.match(o)]  # fmt: skip
    assert len(wanted) >= 10
    missing = [w for w in wanted if w not in text]
    assert missing == []


def test_the_prose_states_the_answers_of_rows_written_by_hand():
    text = "\n".join(said("why", 6000))
    for row in handwritten():
        if row["family"] in STATED and row["output"].endswith("."):
            assert row["output"].replace('"', "'") in text
    assert not any(r["output"] in text for r in handwritten() if r["family"] in OPEN)


def test_prose_is_repeatable_and_plain():
    """The same seed gives the same paragraphs, of a fair length, without any prompt format."""
    some = list(itertools.islice(prose(3), 3000))
    assert some == list(itertools.islice(prose(3), 3000))
    assert some[:20] != list(itertools.islice(prose(4), 20))
    assert all(15 <= len(text.split()) <= 120 for text in some)
    text = "\n".join(some)
    assert not any(word in text for word in ("###", "Instruction", "Response", "{", "}"))


def test_prose_does_not_go_in_circles():
    voice = Voice(8)
    some = [paragraph(voice) for _ in range(20_000)]
    assert len(set(some)) >= 0.999 * len(some)
