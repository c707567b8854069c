"""`course export`."""

from __future__ import annotations

from helpers.commands.common import emit, file_name


def add_export(commands):
    parser = commands.add_parser("export", help="a model for transformers, llama.cpp or Ollama")
    parser.add_argument(
        "model", help="folder of a run, of a model or of a LoRA adapter, or a model's name"
    )
    parser.add_argument(
        "--to", required=True, metavar="FORMAT", help="hf (a Hugging Face folder) or gguf"
    )
    parser.add_argument("--out", type=file_name, required=True, help="the new folder to write")
    parser.add_argument(
        "--type", default="f16", help="how GGUF holds matrices: f32, f16 (default) or q8_0"
    )
    parser.add_argument("--template", default="", help="default: the one the model was tuned with")
    parser.set_defaults(run=_export)
    return parser


def _export(args) -> int:
    from helpers.export import export

    report = export(args.model, args.to, args.out, template=args.template, kind=args.type)
    emit(args, report, export_text(report))
    return 0


def export_text(report: dict) -> str:
    """What was written and how it is opened, as two lines."""
    out = report["out"]
    size = f"{report['bytes'] / 1e6:.1f} MB, prompt template {report['template']}"
    if report["to"] == "hf":
        how = f"open it: transformers.AutoModelForCausalLM.from_pretrained({out!r})"
        return f"model and tokenizer for transformers: {out} ({size})\n{how}"
    how = (
        f"Ollama: ollama create my-model -f {out}/Modelfile   "
        f"llama.cpp: llama-server -m {out}/model.gguf"
    )
    return f"GGUF file ({report['type']}) and Modelfile: {out} ({size})\n{how}"


COMMANDS = (add_export,)
