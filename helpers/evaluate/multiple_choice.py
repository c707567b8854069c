"""Multiple choice as MMLU asks it: which of four options does a model find most likely?

Nothing is generated. The model reads the question, and the log-likelihood of each option is compared:
of its letter after all four were shown ("letter", as MMLU does), or of its text after the question
alone ("cloze", which small models can do: they know facts before they know what letters mean). The
prompts are those of EleutherAI's lm-evaluation-harness (tasks mmlu and mmlu_continuation), so that
numbers agree; a template asks a tuned model in the words that it was tuned with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from helpers.collate import common_prefix
from helpers.errors import DataError, RunError, SettingsError, nearest
from helpers.evaluate.likelihood import (
    Ask,
    Shared,
    batches,
    log_likelihoods,
    shared_prefix,
)
from helpers.evaluate.proportions import paired_difference, wilson
from helpers.evaluate.questions import LETTERS, Question, QuestionSet, item_hash
from helpers.files import append_jsonl, repair_journal, row_with, write_jsonl
from helpers.formatting import format_prompt, get_template
from helpers.model import GPT
from helpers.progress import bar

STYLES = ("letter", "cloze")
NORMALISE = ("byte", "token", "none")
MOST_SHOTS = 5  # as many dev questions a subject has
LEAST_SHARED = 8  # tokens; a copied cache of fewer costs more than it saves
ONE_LETTER = 0.95  # share of one letter among the predictions that is no accident any more


@dataclass(frozen=True)
class Way:
    """How questions are asked."""

    style: str = "letter"
    shots: int = 0  # solved dev questions of the subject before each question
    template: str = ""  # "" = the benchmark's plain text, or the name of a prompt template
    normalise: str = "byte"  # cloze: log-likelihood by "byte", by "token", or "none": the plain sum

    def __post_init__(self):
        if self.style not in STYLES:
            raise SettingsError(f"unknown style {self.style!r}; {nearest(self.style, STYLES)}.")
        if self.normalise not in NORMALISE:
            raise SettingsError(
                f"unknown normalisation {self.normalise!r}; {nearest(self.normalise, NORMALISE)}."
            )
        if not 0 <= self.shots <= MOST_SHOTS:
            raise SettingsError(f"shots are {self.shots}: give 0 to {MOST_SHOTS}.")
        if self.template:
            get_template(self.template)


# --- prompts ----------------------------------------------------------------------------------------


def description(subject: str, way: Way) -> str:
    """The line above the questions of a subject; a template has a preamble of its own."""
    if way.template:
        return ""
    kind = "multiple choice questions" if way.style == "letter" else "questions"
    return f"The following are {kind} (with answers) about {subject.replace('_', ' ')}.\n\n"


def ask(question: Question, way: Way) -> str:
    """The text of a question up to where the answer begins."""
    text = question.question.strip()
    options = "".join(f"\n{x}. {c}" for x, c in zip(LETTERS, question.choices, strict=True))
    if way.template:
        request = f"{text}{options}\nAnswer with the letter." if way.style == "letter" else text
        return format_prompt({"instruction": request}, way.template)
    return f"{text}{options}\nAnswer:" if way.style == "letter" else f"Question: {text}\nAnswer:"


def continuations(question: Question, way: Way) -> list[str]:
    """What may follow `ask`, option by option: GPT-2's words bring the space before them along."""
    texts = LETTERS if way.style == "letter" else question.choices
    return [text if way.template else f" {text}" for text in texts]


def prompt(question: Question, examples: Sequence[Question], way: Way) -> str:
    """Description, solved examples and question: all that the model reads before the answer."""
    solved = (f"{ask(e, way)}{continuations(e, way)[e.answer]}\n\n" for e in examples)
    return description(question.subject, way) + "".join(solved) + ask(question, way)


@dataclass(frozen=True)
class Prepared:
    """A question as token ids, and what was left out so that it fits the model."""

    ask: Ask
    shots: int
    cut: int  # tokens cut off the beginning, where even no example leaves room


def prepare(
    question: Question, examples: Sequence[Question], way: Way, tokenizer, n_positions: int
) -> Prepared:
    """The question with as many of the first examples as fit `n_positions`.

    Without any example still too long, it loses its beginning, as lm-evaluation-harness cuts it.
    Raises DataError for an option that cloze cannot ask for because it has no text.
    """
    ends = [tokenizer.encode_ordinary(text) for text in continuations(question, way)]
    if not all(ends):
        raise DataError(
            f"the question {question.question[:60]!r} has an option without text, whose "
            "likelihood cannot be asked for: use --style letter, or correct it."
        )
    room = n_positions + 1 - max(map(len, ends))  # the last token is predicted, never read
    for shots in range(len(examples), -1, -1):
        ids = tokenizer.encode_ordinary(prompt(question, examples[:shots], way))
        if len(ids) <= room:
            return Prepared(Ask(ids, ends), shots, 0)
    if room < 1:
        raise DataError(f"the question {question.question[:60]!r} has an option too long to read.")
    return Prepared(Ask(ids[-room:], ends), 0, len(ids) - room)


# --- answers ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What a model made of one question. `prediction` and `answer` count from 0."""

    index: int  # place of the question among those asked
    item: str  # hash of question and options
    subject: str
    answer: int
    prediction: int
    shots: int
    cut: int
    logp: list[float]  # nats of each option
    tokens: list[int]  # of each option
    bytes: list[int]

    @property
    def right(self) -> bool:
        """Whether the model chose the right option."""
        return self.prediction == self.answer


def predict(logp: Sequence[float], tokens: Sequence[int], size: Sequence[int], way: Way) -> int:
    """The option with the highest log-likelihood, normalised; among equal ones the first.

    Long options are less likely just because they are long: cloze divides by bytes (as acc_norm of
    lm-evaluation-harness divides by characters) or tokens. Letters are all of one token.
    """
    by = {"byte": size, "token": tokens, "none": [1] * len(logp)}[way.normalise]
    values = list(logp) if way.style == "letter" else [x / n for x, n in zip(logp, by, strict=True)]
    return values.index(max(values))


def answer_questions(
    model: GPT,
    questions: Sequence[Question],
    found: QuestionSet,
    way: Way,
    tokenizer,
    *,
    done: Collection[int] = (),
    desc: str | None = "",
) -> Iterator[list[Answer]]:
    """Answers, a batch at a time as they are finished; `found` gives the examples.

    Each subject's few-shot text is computed once. Batches whose questions are all in `done` are left
    out, and the others are not changed by that.
    """
    for subject in dict.fromkeys(q.subject for q in questions):
        found.examples(subject, way.shots)  # complain before the work, not after half of it
    model.eval()
    with bar(
        total=len(questions), desc="answering" if desc == "" else desc, unit="question"
    ) as progress:
        progress.update(len(done))
        for subject in dict.fromkeys(q.subject for q in questions):
            numbers = [i for i, q in enumerate(questions) if q.subject == subject]
            examples = found.examples(subject, way.shots)
            limit = model.config.n_positions
            ready = {i: prepare(questions[i], examples, way, tokenizer, limit) for i in numbers}
            for part, shared, length in _plan(model, ready, done):
                scores = log_likelihoods(model, [ready[i].ask for i in part], shared, length)
                yield [
                    _answer(i, questions[i], ready[i], s, way)
                    for i, s in zip(part, scores, strict=True)
                ]
                progress.update(len(set(part) - set(done)))


def _plan(
    model: GPT, ready: dict[int, Prepared], done: Collection[int]
) -> Iterator[tuple[list[int], Shared | None, int]]:
    """Batches of a subject's questions, with the cache of what they all begin with.

    Prompts that had no room for all examples begin like the others, only less far: they use the
    first part of the same cache.
    """
    by_shots: dict[int, list[int]] = {}
    for i, one in ready.items():
        by_shots.setdefault(-1 if one.cut else one.shots, []).append(i)
    shared: Shared | None = None
    for shots in sorted(by_shots, reverse=True):
        numbers = by_shots[shots]
        prompts = [ready[i].ask.prompt for i in numbers]
        length = min(common_prefix(prompts), min(map(len, prompts)) - 1)
        if shared is None and length >= LEAST_SHARED:
            shared = shared_prefix(model, prompts[0][:length])
        if shared is not None:
            length = common_prefix([prompts[0][:length], shared.ids])
        length = length if shared is not None and length >= LEAST_SHARED else 0
        parts = batches(model, [ready[i].ask for i in numbers], length)
        for part in parts:
            chosen = [numbers[k] for k in part]
            if not set(chosen) <= set(done):
                yield chosen, shared, length


def _answer(index: int, question: Question, one: Prepared, scores, way: Way) -> Answer:
    texts = continuations(question, way)
    logp = [score.logp for score in scores]
    tokens = [len(end) for end in one.ask.continuations]
    size = [len(text.lstrip(" ").encode("utf-8")) or 1 for text in texts]
    return Answer(
        index=index,
        item=item_hash(question),
        subject=question.subject,
        answer=question.answer,
        prediction=predict(logp, tokens, size, way),
        shots=one.shots,
        cut=one.cut,
        logp=logp,
        tokens=tokens,
        bytes=size,
    )


# --- a file of answers ------------------------------------------------------------------------------


def answer_into(
    path: str | Path, settings: dict, model, questions, found, way, tokenizer, **options
):
    """All answers in the order of the questions, kept in a file of JSON Lines as they come.

    The first line is {"settings": …}, then a line an answer. The same call goes on with what a
    killed one left there. Raises RunError when the file holds something else.
    """
    path = Path(path)
    answers = {a.index: a for a in open_answers(path, settings)}
    for batch in answer_questions(
        model, questions, found, way, tokenizer, done=frozenset(answers), **options
    ):
        new = [a for a in batch if a.index not in answers]
        append_jsonl(path, *[asdict(a) for a in new])
        answers.update({a.index: a for a in new})
    ordered = [answers[i] for i in range(len(questions))]
    write_jsonl(path, [{"settings": settings}, *map(asdict, ordered)])
    return ordered


ANSWER_KINDS = {f.name: {"int": int, "str": str}.get(f.type, list) for f in fields(Answer)}
ANSWER = row_with(**ANSWER_KINDS)


def open_answers(path: Path, settings: dict) -> list[Answer]:
    """The answers that the file holds; a new file is begun with the settings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = repair_journal(path)
    if not lines:
        write_jsonl(path, [{"settings": settings}])
        return []
    if not isinstance(lines[0], dict) or lines[0].get("settings") != settings:
        raise RunError(
            f"{path} holds something else: another model's answers, other questions or other "
            "settings. Name another folder, or remove that file."
        )
    return _answers(lines, path)


def _answers(lines: list, path: Path) -> list[Answer]:
    for number, line in enumerate(lines[1:], start=2):
        if wrong := ANSWER(line):
            raise RunError(
                f"{path}, line {number}: no answer ({wrong}). Remove that line or the file."
            )
    return [Answer(**{key: line[key] for key in ANSWER_KINDS}) for line in lines[1:]]


# --- what came out ----------------------------------------------------------------------------------


def summarise(answers: Sequence[Answer], way: Way) -> dict:
    """n, accuracy, ci95, chance, shots, shots_dropped, cut, predicted, by_subject, warning.

    `shots_dropped` counts the questions that had no room for all examples, `cut` those that lost
    their beginning, `predicted` how often each letter was chosen.
    """
    if not answers:
        raise DataError("there are no answers to sum up.")
    return {
        "n": len(answers),
        **share(answers),
        "chance": 1 / len(LETTERS),
        "style": way.style,
        "normalise": way.normalise if way.style == "cloze" else None,
        "template": way.template or None,
        "shots": way.shots,
        "shots_dropped": sum(a.shots < way.shots for a in answers),
        "cut": sum(a.cut > 0 for a in answers),
        "predicted": {x: sum(a.prediction == i for a in answers) for i, x in enumerate(LETTERS)},
        "by_subject": [
            {"subject": subject, "n": len(own), **share(own)}
            for subject, own in _by_subject(answers).items()
        ],
        "warning": fingerprint(answers),
    }


def share(answers: Sequence[Answer]) -> dict:
    """The share of right answers, 0 to 1, and its interval."""
    right = sum(a.right for a in answers)
    return {"accuracy": right / len(answers), "ci95": list(wilson(right, len(answers)))}


def _by_subject(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for answer in answers:
        found.setdefault(answer.subject, []).append(answer)
    return found


def fingerprint(answers: Sequence[Answer]) -> str:
    """A warning when the result is what always giving the same letter would be, else "".

    On all of MMLU always A, B, C, D scores 22.95, 24.65, 25.51, 26.89 %: whoever reports one of
    these to the last digit has probably measured no model at all.
    """
    n = len(answers)
    letter, times = Counter(LETTERS[a.prediction] for a in answers).most_common(1)[0]
    if times >= max(2, ONE_LETTER * n) and n >= 10:
        every = "all" if times == n else f"{times:,} of {n:,}"
        return (
            f"the model chose {letter} for {every} questions: its accuracy says how many answers "
            f"are {letter}, not what it knows. Small models do not understand letters; ask with "
            "--style cloze."
        )
    accuracy = sum(a.right for a in answers) / n
    for i, letter in enumerate(LETTERS):
        if n >= 1000 and round(accuracy, 4) == round(sum(a.answer == i for a in answers) / n, 4):
            return (
                f"{accuracy:.2%} is just what always answering {letter} would score here: an "
                "accident, or a fault in how the options were compared."
            )
    return ""


def compare(a: Sequence[Answer], b: Sequence[Answer]) -> dict:
    """How much more often B is right than A, question by question; `words` in a sentence.

    Raises RunError when the two were not asked the same questions.
    """
    if [x.item for x in a] != [x.item for x in b]:
        raise RunError(
            "the two results are about different questions, or in another order: ask both models "
            "with the same --questions, --sample and --seed."
        )
    result = {
        "n": len(a),
        "accuracy_a": sum(x.right for x in a) / len(a),
        "accuracy_b": sum(x.right for x in b) / len(b),
        **paired_difference([x.right for x in a], [x.right for x in b]),
    }
    return {**result, "words": in_words(result)}


def in_words(result: dict) -> str:
    """The verdict of `compare` in a sentence."""
    points, (low, high) = 100 * result["difference"], (100 * x for x in result["ci95"])
    sure = f"95 % interval {low:+.1f} to {high:+.1f}, McNemar's p = {result['p']:.2g}"
    each = f"only A was right {result['only_a']} times, only B {result['only_b']} times"
    if not result["resolved"]:
        return f"not resolved: B - A is {points:+.1f} points ({sure}); {each}"
    side = "more" if points > 0 else "less"
    return f"B is right {side} often, by {abs(points):.1f} points ({sure}); {each}"
