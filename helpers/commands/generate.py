"""`course generate`."""

from __future__ import annotations

from helpers.commands.common import emit, file_name, note, number, whole_number


def add_generate(commands):
    parser = commands.add_parser("generate", help="answer the rows of a data set")
    parser.add_argument(
        "--model", default="gpt2-mini", help="gpt2-micro, gpt2-mini, gpt2 …, or folder of a run"
    )
    parser.add_argument("--data", default="course")
    parser.add_argument("--split", default="test", help="test, train, val or all")
    parser.add_argument("--out", type=file_name, required=True, help="the responses.json to write")
    parser.add_argument("--template", default="", help="default: the one the model was tuned with")
    parser.add_argument("--max-new-tokens", type=whole_number, default=128)
    parser.add_argument("--temperature", type=number, default=0.0, help="0 = greedy, the default")
    parser.add_argument("--top-k", type=whole_number, default=None)
    parser.add_argument("--batch-size", type=whole_number, default=16, help="answers at a time")
    parser.add_argument("--seed", type=whole_number, default=123)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--precision",
        default="fp32",
        help="fp32, or bf16: faster, and now and then another word; auto: bf16 where it is faster",
    )
    parser.set_defaults(run=_generate)
    return parser


def _generate(args) -> int:
    from helpers.runs import (
        answer,
        check_answers_file,
        check_not_swapped,
        choose_rows,
        trained_on_all,
    )

    check_not_swapped(args.model, args.data)
    check_answers_file(args.out)
    if args.split == "test" and trained_on_all(args.model, args.data):
        note(
            f"Take care: {args.model} was trained on all rows of {args.data} (it had a validation "
            "file of its own), these among them. Its answers to them are no test."
        )
    report = answer(
        args.model,
        choose_rows(args.data, args.split),
        args.out,
        template=args.template,
        device=args.device,
        seed=args.seed,
        max_new_tokens=args.max_new_tokens,
        temperature=args.temperature,
        top_k=args.top_k,
        batch_size=args.batch_size,
        precision=args.precision,
    )
    emit(
        args,
        report,
        f"{report['n']} responses in {report['seconds']:.1f} s, {report['stopped']:.0%} ended by "
        f"themselves\nresponses: {report['out']}",
    )
    return 0


COMMANDS = (add_generate,)
