"""`course chat`: type a request, and read what the base model and the tuned one make of it."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from helpers.commands.common import emit, file_name, note, number, plain, whole_number
from helpers.errors import CourseError, RunError, SettingsError, nearest, one_line

COMMANDS_INSIDE = {
    "help": "these lines",
    "input TEXT": "an input for the next message, such as a sentence to rewrite",
    "temperature 0.7": "more is more varied; 0 is greedy, always the likeliest token",
    "top-k 40": "choose among so many candidates; off: among all",
    "history 5": "the last messages again, those of other days too",
    "save FILE": "this conversation as text",
    "quit": "leave, as does Ctrl-D. Ctrl-C stops an answer, and a second Ctrl-C leaves too",
}


def add_chat(commands):
    parser = commands.add_parser(
        "chat",
        help="talk to a tuned model and to its base",
        description="Shows the answers of the base model and of the tuned one, token by token, and "
        "keeps them. Ctrl-C stops an answer; /help says what else can be typed. What is not typed in "
        "a terminal is answered line by line. Each message stands alone: no model sees earlier ones.",
    )
    parser.add_argument(
        "model",
        nargs="?",
        default="",
        metavar="RUN",
        help="folder of a run, or a model; default: lesson 04's run, which is made if it is missing",
    )
    parser.add_argument(
        "--base", metavar="MODEL", help="default: the model that RUN was tuned from"
    )
    parser.add_argument("--no-base", action="store_true", help="ask RUN alone")
    parser.add_argument("--temperature", type=number, default=0.0, help="0 = greedy, the default")
    parser.add_argument("--top-k", type=whole_number, default=None)
    parser.add_argument("--max-new-tokens", type=whole_number, default=128)
    parser.add_argument("--seed", type=whole_number, default=123)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--history", type=file_name, metavar="FILE", help="default: chat.jsonl where the runs are"
    )
    parser.set_defaults(run=_chat)
    return parser


def _chat(args) -> int:
    from helpers.chat import Options, load_chat, open_history
    from helpers.runs import choose_device
    from helpers.weights import find_model

    if args.base is not None and args.no_base:
        raise SettingsError("chat: --base and --no-base exclude each other: leave one of them out.")
    options = Options(args.temperature, args.top_k, args.max_new_tokens)
    choose_device(args.device)  # like the next two: wrong is told now, not after a training
    if args.history:
        open_history(args.history)
    if args.base:
        find_model(args.base)
    args.model = args.model or _run_of_lesson_04()
    chat = load_chat(
        args.model,
        "" if args.no_base else args.base,
        device=args.device,
        options=options,
        history=args.history,
        seed=args.seed,
    )
    note(
        f"You talk to {' and '.join(chat.models)}; prompt style {chat.template.name}, {options}.\n"
        f"What is said is kept in {chat.history}. /help says what can be typed, /quit leaves."
    )
    refused = Talk(chat, out=sys.stderr if args.json else sys.stdout).until_quit()
    report = {"models": list(chat.models), "messages": chat.asked, "refused": refused}
    report.update(answers=chat.said, history=str(chat.history))
    if args.json:
        emit(args, report, "")
    elif chat.said:
        note(f"\nKept in {chat.history}.")
    return 2 if refused and not sys.stdin.isatty() else 0


def _run_of_lesson_04() -> str:
    from helpers.settings import artifact, course_settings

    return str(artifact("tuned", course_settings(), say=note))


class Talk:
    """What happens between the prompt and the models: lines read, answers written to `out`."""

    def __init__(self, chat, out):
        self.chat, self.out, self.input = chat, out, ""
        self.typed = sys.stdin.isatty()
        with suppress(ImportError, AttributeError):
            sys.stdin.reconfigure(errors="replace")
            import readline  # noqa: F401 - with it, `input` knows the arrow keys

    def until_quit(self) -> int:
        """How many lines were refused until /quit, a second Ctrl-C or the end of the input."""
        refused = 0
        with suppress(EOFError, KeyboardInterrupt):
            while True:
                try:
                    self.take(input("\nYou: " if self.typed else ""))
                except CourseError as error:
                    refused += 1
                    note(f"course: {one_line(error)}")
        return refused

    def take(self, line: str) -> None:
        """Answer a message, or do what a line that begins with / says. /quit raises EOFError."""
        if line.startswith("/"):
            name, _, rest = line[1:].partition(" ")
            self.command(name.lower(), rest.strip())
        elif line.strip():
            answers = self.chat.ask(line, self.input)
            self.input = ""
            if not self.typed:
                print(f"You: {plain(line.strip())}", file=self.out)
            self.write(answers)

    def write(self, answers) -> None:
        """Print the answers as they come. Ctrl-C ends the one at hand, a second one the chat."""
        from helpers.chat import remark
        from helpers.runs import interrupt_held

        with interrupt_held() as pressed:
            for answer in answers:
                before = len(pressed)
                print(f"\n{answer.model}:\n    ", end="", flush=True, file=self.out)
                try:
                    for piece in answer:
                        text = plain(piece).replace("\n", "\n    ")
                        print(text, end="", flush=True, file=self.out)
                        if len(pressed) > before:
                            break
                finally:
                    answer.stop()
                    ended = remark(answer.line)
                    print(f" ({ended})" if ended else "", flush=True, file=self.out)
        if not self.typed:
            print(file=self.out)

    def command(self, name: str, rest: str) -> None:
        """Do one of COMMANDS_INSIDE. Raises SettingsError for any other, and for a bad value."""
        known = [usage.split()[0] for usage in COMMANDS_INSIDE]
        if name not in known:
            raise SettingsError(
                f"there is no command '/{name}'; {nearest(name, known)}. A message that begins with "
                "/ needs a blank before it."
            )
        if name == "quit":
            raise EOFError
        if name == "input":
            self.input = rest
            note(f"Input for the next message: {plain(rest)}" if rest else "No input.")
        elif name in ("temperature", "top-k"):
            self.chat.options = self.chat.options.changed(**{name.replace("-", "_"): rest})
            note(f"Now {self.chat.options}.")
        elif name == "help":
            note("\n".join(f"/{usage:18}{words}" for usage, words in COMMANDS_INSIDE.items()))
        else:
            self.show(rest) if name == "history" else self.save(rest)

    def show(self, last: str) -> None:
        """Print the last messages and their answers, five unless told otherwise."""
        from helpers.chat import read_history, transcript

        if last and not (last.isdecimal() and int(last)):
            raise SettingsError(f"/history {last!r}: give a number of messages, such as 5.")
        print(plain(transcript(read_history(self.chat.history), int(last or 5))), file=self.out)

    def save(self, name: str) -> None:
        """Write this conversation to a new file."""
        from helpers.chat import transcript
        from helpers.files import write_text

        if not name or Path(name).exists():
            why = f"{name} exists already" if name else "the name of the file is missing"
            raise RunError(f"/save: {why}. Name a new file, such as chat.txt.")
        note(f"Saved in {write_text(name, transcript(self.chat.said) + chr(10))}.")


COMMANDS = (add_chat,)
