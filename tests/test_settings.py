"""The two modes, and what lessons leave for each other: made once, found again, remade when stale."""

import json
from dataclasses import asdict, replace

import pytest
from conftest import TINY, random_model

from helpers import settings as course
from helpers.data import load_records
from helpers.errors import SettingsError
from helpers.files import read_json, write_json
from helpers.judge import read_verdicts
from helpers.runs import read_responses
from helpers.settings import (
    Settings,
    artifact,
    compare_guess,
    course_settings,
    experiment_folder,
    fingerprint,
    run_folder,
    say,
)
from helpers.weights import KNOWN, save_model

# --- modes ---------------------------------------------------------------------------------------


def test_quick_is_the_default(monkeypatch):
    monkeypatch.delenv("COURSE_MODE", raising=False)
    assert course_settings() == course_settings("quick") == Settings.quick()
    monkeypatch.setenv("COURSE_MODE", "")
    assert course_settings() == Settings.quick()


def test_the_environment_chooses_and_an_argument_wins(monkeypatch):
    monkeypatch.setenv("COURSE_MODE", "full")
    assert course_settings() == Settings.full()
    assert course_settings("quick") == Settings.quick()
    monkeypatch.setenv("COURSE_MODE", "quik")
    with pytest.raises(SettingsError, match="unknown mode 'quik'; did you mean 'quick'"):
        course_settings()


def test_changes_override():
    assert course_settings("quick", epochs=1) == replace(Settings.quick(), epochs=1)


def test_another_model_is_trained_as_suits_that_model():
    for mode in ("quick", "full"):
        micro, real = course_settings(mode, model="gpt2-micro"), course_settings(mode, model="gpt2")
        assert (micro.freeze_embeddings, micro.lr) == (True, KNOWN["gpt2-micro"].frozen_lr)
        assert (real.freeze_embeddings, real.lr) == (False, KNOWN["gpt2"].lr)
    chosen = course_settings("quick", model="gpt2", lr=1e-4, freeze_embeddings=True)
    assert (chosen.freeze_embeddings, chosen.lr) == (True, 1e-4)
    assert course_settings("quick", model="gpt2-mini") == Settings.quick()


def test_what_the_modes_are():
    quick, full = Settings.quick(), Settings.full()
    assert (quick.model, quick.data, quick.judge) == ("gpt2-mini", "course", "reference")
    assert (full.model, full.data, full.judge) == ("gpt2-medium", "book", "ollama:llama3")
    assert (full.epochs, full.lr, full.batch_size) == (2, 5e-5, 8)
    assert (quick.freeze_embeddings, quick.lr) == (True, KNOWN["gpt2-mini"].frozen_lr)
    assert not full.freeze_embeddings  # as the course text does
    # Both learn from everything by default, as the course text does; the arm is lesson 06's subject.
    assert quick.loss_on == full.loss_on == "all"


def test_the_settings_of_a_run_follow_the_mode():
    run = Settings.full().run_settings(loss_on="response", seed=7)
    assert (run.model, run.data, run.lr) == ("gpt2-medium", "book", 5e-5)
    assert (run.loss_on, run.seed) == ("response", 7)
    assert {
        k: v for k, v in asdict(Settings.quick()).items() if k in asdict(run)
    }.items() <= asdict(Settings.quick().run_settings()).items()


@pytest.mark.parametrize("change", [{"freeze_embeddings": False}, {"lr": 1e-3}, {"epochs": 1}])
def test_another_way_of_training_makes_another_model(change):
    quick = Settings.quick()
    for name in ("tuned", "responses"):
        assert fingerprint(name, replace(quick, **change)) != fingerprint(name, quick)
    assert fingerprint("base_responses", replace(quick, **change)) == fingerprint(
        "base_responses", quick
    )


# --- artefacts -----------------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path, records, monkeypatch):
    """Quick mode with a model of a thousand positions and seven numbers a token."""
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "runs"))
    config = replace(TINY, n_layer=1, n_head=1, n_embd=7, n_positions=1024)
    save_model(random_model(config), tmp_path / "model")
    write_json(tmp_path / "data.json", records)
    return course_settings(
        "quick",
        model=str(tmp_path / "model"),
        data=str(tmp_path / "data.json"),
        epochs=1,
        max_new_tokens=3,
    )


@pytest.fixture
def get():
    """`artifact`, and the names that were made on the way."""

    def ask(name, settings):
        said = []
        path = artifact(name, settings, say=said.append)
        made = [text.split("'")[1] for text in said if "making it now" in text]
        return path, made

    return ask


def test_what_is_missing_is_made_with_all_that_comes_before(tiny, get, tmp_path):
    path, made = get("verdicts", tiny)
    assert made == ["verdicts", "responses", "tuned"]
    folder = tmp_path / "runs" / "quick-tuned-all"
    assert path == folder / "verdicts.jsonl"
    assert [v.status for v in read_verdicts(path)] == ["scored"] * 3
    answered = read_responses(folder / "responses.json")
    assert [r["instruction"] for r in answered] == [
        r["instruction"] for r in load_records(tiny.data)[25:28]
    ]
    assert (folder / "model.safetensors").exists()

    path, made = get("base_verdicts", tiny)
    assert made == ["base_verdicts", "base_responses"]
    assert path == tmp_path / "runs" / "quick-base" / "verdicts.jsonl"


def test_the_second_time_nothing_is_made(tiny, get):
    folder, made = get("tuned", tiny)
    assert made == ["tuned"]
    written = (folder / "model.safetensors").stat().st_mtime_ns
    assert get("tuned", tiny) == (folder, [])
    assert (folder / "model.safetensors").stat().st_mtime_ns == written
    assert get("responses", tiny)[1] == ["responses"]
    assert get("responses", tiny)[1] == []


def test_it_says_what_it_does_and_how_long_it_took(tiny):
    said = []
    artifact("tuned", tiny, say=said.append)
    assert said[0] == "'tuned' is lesson 04's work and not there yet: making it now."
    assert said[1].startswith("'tuned' took ")


@pytest.mark.parametrize("change", [{"epochs": 2}, {"lr": 1e-4}, {"seed": 5}, {"batch_size": 4}])
def test_other_settings_make_it_again(tiny, get, change):
    folder, _ = get("tuned", tiny)
    before = (folder / "model.safetensors").read_bytes()
    other, made = get("tuned", replace(tiny, **change))
    assert (other, made) == (folder, ["tuned"])
    assert (folder / "model.safetensors").read_bytes() != before


def test_other_data_and_another_model_make_it_again(tiny, get, records, tmp_path):
    get("tuned", tiny)
    write_json(tmp_path / "data.json", records[::-1])
    assert get("tuned", tiny)[1] == ["tuned"]
    config = replace(TINY, n_layer=1, n_head=1, n_embd=7, n_positions=1024)
    save_model(random_model(config, seed=1), tmp_path / "model")
    assert get("tuned", tiny)[1] == ["tuned"]
    assert get("tuned", tiny)[1] == []


def test_what_depends_on_a_new_model_is_made_again(tiny, get):
    """Answers and verdicts of the old model must not be shown as the new one's."""
    get("verdicts", tiny)
    other = replace(tiny, epochs=2)
    get("tuned", other)
    assert get("verdicts", other)[1] == ["verdicts", "responses"]


def test_another_judge_makes_new_verdicts_only(tiny, get, monkeypatch):
    class Kind:
        name = "kind"

        def score(self, record):
            return 99.0, "fine"

    get("verdicts", tiny)
    monkeypatch.setattr(course, "judge_from_name", lambda name: Kind())
    path, made = get("verdicts", replace(tiny, judge="kind"))
    assert made == ["verdicts"]
    assert [(v.judge, v.score) for v in read_verdicts(path)] == [("kind", 99.0)] * 3


def test_two_arms_live_side_by_side(tiny, get):
    masked = replace(tiny, loss_on="response")
    assert get("tuned", tiny)[0].name == "quick-tuned-all"
    assert get("tuned", masked)[0].name == "quick-tuned-response"
    assert get("tuned", tiny)[1] == get("tuned", masked)[1] == []
    names = {
        run_folder(replace(tiny, loss_on=a), "tuned") for a in ("response@0.1", "response@0.2")
    }
    assert len(names) == 2


def test_an_experiment_has_another_folder_for_other_settings_and_files(tiny, records, tmp_path):
    """Its runs could not be compared with those of other weights, and are left alone."""
    first = experiment_folder(tiny)
    assert first.parent == tmp_path / "runs"
    assert first.name.startswith("quick-masking-")
    assert experiment_folder(replace(tiny, loss_on="response")) == first
    assert experiment_folder(tiny, "mine").name.startswith("quick-mine-")
    others = {first, *(experiment_folder(replace(tiny, **c)) for c in ({"lr": 1e-4}, {"seed": 5}))}
    write_json(tmp_path / "data.json", records[::-1])
    assert len({*others, experiment_folder(tiny)}) == 4


def test_a_run_that_was_killed_is_made_again(tiny, get, monkeypatch):
    real = course.fine_tune

    def killed(*args, **kwargs):
        for record in real(*args, **kwargs):
            if record.step == 2:
                raise KeyboardInterrupt
            yield record

    monkeypatch.setattr(course, "fine_tune", killed)
    with pytest.raises(KeyboardInterrupt):
        get("tuned", tiny)
    monkeypatch.setattr(course, "fine_tune", real)
    folder, made = get("tuned", tiny)
    assert made == ["tuned"]
    assert read_json(folder / "settings.json")["loss_on"] == "all"
    assert json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["step"] == 4


def test_a_file_that_was_deleted_is_made_again(tiny, get):
    path, _ = get("base_responses", tiny)
    path.unlink()
    assert get("base_responses", tiny) == (path, ["base_responses"])


def test_remade_answers_are_judged_again(tiny, get):
    get("base_verdicts", tiny)
    get("base_responses", tiny)[0].unlink()
    assert get("base_responses", tiny)[1] == ["base_responses"]
    assert get("base_verdicts", tiny)[1] == ["base_verdicts"]


def test_an_unknown_artefact_offers_the_nearest(tiny):
    with pytest.raises(SettingsError, match="'tunde'; did you mean 'tuned'"):
        artifact("tunde", tiny)


# --- what lessons print --------------------------------------------------------------------------


def test_sentences_are_printed_in_lines_that_break_between_words(capsys):
    words = "response is lower, by 0.252 nats (95 % interval 0.196 to 0.307)"
    say(words, width=len(words))
    say(words, width=len(words) - 1)
    say(words, width=36)
    assert capsys.readouterr().out.splitlines() == [
        words,
        "response is lower, by 0.252 nats (95 % interval 0.196 to",
        "  0.307)",
        "response is lower, by 0.252 nats",  # "(95 %" stays together
        "  (95 % interval 0.196 to 0.307)",
    ]


def test_lines_of_a_sentence_and_words_too_long_are_kept(capsys):
    path = "/a/path-that/is-longer/than-the-line"
    say(f"one\ntwo {path}", "", 3, width=12)
    assert capsys.readouterr().out.splitlines() == ["one", "two", f"  {path}", "", "3"]


def test_a_prediction_is_set_beside_what_was_found():
    assert compare_guess(None, 4.0, "points").startswith("Found: 4 points. (You made no prediction")
    assert compare_guess(2, 4.0, "points") == (
        "You predicted 2, found: 4 points. Your prediction is 0.5 times what was found."
    )
    assert compare_guess(2, 0.0).endswith("Your prediction is off from what was found.")
    assert compare_guess(1, 0.999).endswith("Your prediction is close to what was found.")
    assert compare_guess("Grow ", "grow").endswith("found: grow, as you predicted.")
    assert compare_guess("grow", "shrink").endswith("found: shrink, not what you predicted.")


def test_a_prediction_that_agrees_in_the_digits_shown_holds():
    found = 1.1269
    assert compare_guess(1.13, found) == "You predicted 1.13, found: 1.13. Your prediction holds."
    assert compare_guess(1.127, found).endswith("Your prediction holds.")
    assert compare_guess(1.12, found).endswith("Your prediction is 0.99 times what was found.")
    assert compare_guess(0, 0).endswith("Your prediction holds.")
    assert compare_guess(3186, 3186, "tokens").endswith("3186 tokens. Your prediction holds.")
    assert compare_guess(3190, 3186).endswith("Your prediction is close to what was found.")
