"""`course augment`."""

from __future__ import annotations

from helpers.commands.common import emit, file_name, note, number, whole_number


def add_augment(commands):
    parser = commands.add_parser(
        "augment",
        help="have a language model write further training rows",
        description="Shows a language model some training rows and asks it for others. Kept is what "
        "follows the data contract, is new, and is no test or validation row; the journal in --out "
        "has every reply and what became of it. The same command goes on with what was interrupted.",
    )
    parser.add_argument("--data", default="course", help="name or file of records to learn from")
    parser.add_argument(
        "--writer",
        required=True,
        metavar="NAME",
        help="ollama:MODEL, openai:MODEL@URL or llamacpp:FILE.gguf",
    )
    parser.add_argument("--out", type=file_name, required=True, help="folder for rows and journal")
    parser.add_argument("--rows", type=whole_number, default=100, help="how many; default 100")
    parser.add_argument(
        "--max-requests",
        type=whole_number,
        default=0,
        metavar="N",
        help="in all; default: four times as many as would do if every row were new",
    )
    parser.add_argument(
        "--per-request", type=whole_number, default=5, help="rows asked for at once"
    )
    parser.add_argument("--shown", type=whole_number, default=4, help="rows shown each time")
    parser.add_argument("--temperature", type=number, default=0.8)
    parser.add_argument("--seed", type=whole_number, default=123)
    parser.add_argument("--timeout", type=number, help="seconds to wait for a reply; default 180")
    parser.add_argument("--pull", action="store_true", help="fetch a missing model with Ollama")
    parser.set_defaults(run=_augment)
    return parser


def _augment(args) -> int:
    from helpers.augment import Order, augment, report, writer_from_name
    from helpers.commands.judge import may_pull
    from helpers.judge import seconds

    order = Order(
        data=args.data,
        rows=args.rows,
        per_request=args.per_request,
        shown=args.shown,
        max_requests=args.max_requests,
        temperature=args.temperature,
        seed=args.seed,
    ).resolved()
    timeout = 0.0 if args.timeout is None else seconds(args.timeout)
    writer = writer_from_name(
        args.writer, order, timeout=timeout, pull=lambda why: args.pull or may_pull(why)
    )
    new = sum(1 for _ in augment(writer, order, args.out))
    found = report(order, args.out, new_requests=new)
    if found["words"]:
        note(found["words"])
    emit(args, found, augment_text(found))
    return 0 if found["stopped"] == "rows" else 1


def augment_text(found: dict) -> str:
    """What became of the replies, and how to train on the rows."""
    out = found["out"]
    val = f" --val {out}/validation.jsonl" if found["validation"] else ""
    return (
        f"{found['accepted']} new rows of {found['wanted']} wanted, from {found['requests']} requests "
        f"({found['failed']} failed)\nnot taken: {found['duplicate']} duplicates, {found['leak']} like "
        f"test or validation rows, {found['invalid']} invalid\nevery reply: {out}/journal.jsonl\n"
        f"to train with them: course train --data {out}/train.jsonl{val} …"
    )


COMMANDS = (add_augment,)
