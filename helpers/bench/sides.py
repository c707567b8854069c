"""What is timed: one generator for each side of each comparison.

A side prepares itself (weights, a warm-up), yields once, and then yields a dict of numbers for each
turn that it is asked for: `seconds`, and what belongs to them. `worker` runs a side in a process of
its own. Ours go through the package's public functions, so that whatever these learn is measured.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from tempfile import TemporaryDirectory

import torch

from helpers.arithmetic import choose_products, products_by
from helpers.bench import textbook
from helpers.collate import IGNORE_INDEX, BatchPlan, evaluation_batches
from helpers.errors import RunError
from helpers.formatting import get_template
from helpers.generate import generate, generate_plain, prefill, prompt_ids
from helpers.masking import loss_weights
from helpers.runs import (
    RunSettings,
    begin,
    choose_precision,
    choose_rows,
    keep_memory,
    load_examples,
)
from helpers.tokenizer import END_OF_TEXT, load_tokenizer
from helpers.train import evaluate_loss, token_losses, train
from helpers.weights import contiguous, find_model, load_model

BATCH, EVALUATED, SEED = 8, 5, 123  # rows a step; batches of either part in an evaluation
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


# --- training ------------------------------------------------------------------------------------


def _settings(model: str, data: str, loss_on: str, precision: str, grouped: bool) -> RunSettings:
    """Two epochs of that model on that data, on the CPU; peers get the same rows in the same steps."""
    return RunSettings(
        model=model,
        data=data,
        loss_on=loss_on,
        precision=precision,
        grouped=grouped,
        batch_size=BATCH,
        seed=SEED,
        device="cpu",
        freeze_embeddings=False,
    ).resolved()


def _material(settings: RunSettings):
    """Training rows as examples, the indices of each step of an epoch, and the rows to evaluate."""
    examples, validation, _ = load_examples(settings)
    plan = BatchPlan(
        examples,
        settings.loss_on,
        batch_size=settings.batch_size,
        grouped=settings.grouped,
        seed=settings.seed,
    )
    watched = [examples[: EVALUATED * BATCH], validation[: EVALUATED * BATCH]]
    return examples, plan.steps(0), watched


def _step_facts(config, examples, steps: list[list[int]], loss_on: str, epoch: int) -> dict:
    """About an average step of these: real tokens, the work they are, and steps of two epochs.

    A token that predicts another is real; padding is not. The work is 6 operations for every token
    and weight that it meets (2 forward, 4 backward); the head's weights meet learnt tokens only.
    """
    rows = [examples[i] for step in steps for i in step]
    tokens = sum(len(row.ids) - 1 for row in rows) / len(steps)
    learnt = sum(1 for row in rows for w in loss_weights(row, loss_on)[1:] if w) / len(steps)
    blocks = 12 * config.n_layer * config.n_embd**2
    work = 6 * (tokens * blocks + learnt * config.n_embd * config.vocab_size)
    return {"tokens": tokens, "work": work, "steps": 2 * epoch}


def train_ours(
    model: str, data: str, steps: int, loss_on="all", precision="fp32", grouped=False
) -> Iterator[dict]:
    """Seconds of a training step and of an evaluation, the course's way."""
    keep_memory()
    settings = _settings(model, data, loss_on, precision, grouped)
    examples, order, watched = _material(settings)
    network = load_model(model)
    config = network.config
    plan, state = begin(settings, network, examples)
    batches = [
        batch
        for part in watched
        for batch in evaluation_batches(part, loss_on, layout=settings.layout)
    ]
    numbers = {"precision": settings.precision, "products": settings.products}
    about: dict = dict(numbers)
    state.settings = replace(state.settings, epochs=10_000)  # the records must not end
    records = train(state, plan, device=settings.device)
    about["first_loss"] = next(records).loss
    done = 1
    yield {}
    while True:
        started = time.perf_counter()
        for _ in range(steps):
            next(records)
        seconds = (time.perf_counter() - started) / steps
        facts = _step_facts(config, examples, _window(order, done, steps), loss_on, len(order))
        done += steps
        started = time.perf_counter()
        evaluate_loss(state.model, batches, device=settings.device, **numbers)
        state.model.train()
        evaluation = time.perf_counter() - started
        yield {"seconds": seconds, "evaluation": evaluation, **facts, **about}


def _window(order: list, done: int, steps: int) -> list:
    return [order[(done + n) % len(order)] for n in range(steps)]


def train_textbook(model: str, data: str, steps: int, separate_head=False) -> Iterator[dict]:
    """Seconds of a training step and of an evaluation, the textbook's way; float32."""
    settings = _settings(model, data, "all", "fp32", grouped=False)
    examples, order, watched = _material(settings)
    network = load_model(model)
    config, book = network.config, textbook.copied(network, tied=not separate_head)
    optimizer = textbook.make_optimizer(book)
    batches = [
        [example.ids for example in part[start : start + BATCH]]
        for part in watched
        for start in range(0, len(part), BATCH)
    ]

    def step(number):
        rows = [examples[i].ids for i in order[number % len(order)]]
        return textbook.training_step(book, optimizer, rows)

    about = {"precision": "fp32", "first_loss": step(0)}
    done = 1
    yield {}
    while True:
        started = time.perf_counter()
        for number in range(done, done + steps):
            step(number)
        seconds = (time.perf_counter() - started) / steps
        facts = _step_facts(config, examples, _window(order, done, steps), "all", len(order))
        done += steps
        started = time.perf_counter()
        textbook.evaluate(book, batches)
        evaluation = time.perf_counter() - started
        yield {"seconds": seconds, "evaluation": evaluation, **facts, **about}


def train_trl(model: str, data: str, steps: int, precision="fp32") -> Iterator[dict]:
    """Seconds of a training step of TRL's SFTTrainer, loss on the response.

    Its best settings on a CPU: bfloat16 where ours takes it, logits for learnt tokens only (its
    default), fused AdamW, rows of similar length together. It packs only with an attention that
    a CPU does not have; without, packed rows would look at each other.
    """
    import datasets
    import transformers
    from tokenizers import Tokenizer, models
    from trl import SFTConfig, SFTTrainer

    datasets.disable_progress_bars()
    transformers.logging.set_verbosity_error()
    logging.getLogger("trl").setLevel(logging.ERROR)
    settings = _settings(model, data, "response", precision, grouped=True)
    examples, order, _ = _material(settings)

    def rows_from(step: int):
        """The rows of a step that warms up and of those that are timed."""
        numbers = [i for part in _window(order, step, steps + 1) for i in part]
        rows = [{"input_ids": examples[i].ids, "labels": _labels(examples[i])} for i in numbers]
        return datasets.Dataset.from_list(rows)

    words = Tokenizer(models.WordLevel({"<|endoftext|>": END_OF_TEXT}, unk_token="<|endoftext|>"))
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<|endoftext|>", pad_token="<|endoftext|>"
    )
    marks: list[float] = []
    losses: list[torch.Tensor] = []

    class Clock(transformers.TrainerCallback):
        def on_step_end(self, *_, **__):
            marks.append(time.perf_counter())

    class Listening(SFTTrainer):
        def compute_loss(self, *arguments, **options):
            loss = super().compute_loss(*arguments, **options)
            losses.append(loss[0] if isinstance(loss, tuple) else loss)
            return loss

    network = transformers.GPT2LMHeadModel.from_pretrained(
        find_model(model).parent, dtype=torch.float32
    )
    with TemporaryDirectory() as folder:
        trainer = Listening(
            model=network,
            args=SFTConfig(
                output_dir=folder,
                use_cpu=True,
                bf16=settings.precision == "bf16",
                per_device_train_batch_size=BATCH,
                max_steps=steps + 1,
                learning_rate=5e-5,
                weight_decay=0.1,
                optim="adamw_torch_fused",
                train_sampling_strategy="sequential",
                gradient_checkpointing=False,
                dataset_kwargs={"skip_prepare_dataset": True},
                logging_strategy="no",
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
            train_dataset=rows_from(0),
            processing_class=tokenizer,
            callbacks=[Clock()],
        )
        yield {}
        done = 1
        while True:
            marks.clear()
            trainer.train_dataset = rows_from(done - 1)
            trainer.train()
            window = _window(order, done, steps)
            done += steps
            facts = _step_facts(network.config, examples, window, "response", len(order))
            seconds = (marks[-1] - marks[0]) / steps
            about = {"precision": settings.precision, "first_loss": float(losses[0])}
            yield {"seconds": seconds, **facts, **about}


def _labels(example) -> list[int]:
    """The ids of an example, those before the response replaced; TRL shifts them itself."""
    weights = loss_weights(example, "response")
    return [token if w else IGNORE_INDEX for token, w in zip(example.ids, weights, strict=True)]


# --- generation ----------------------------------------------------------------------------------


def _questions(data: str, rows: int, room: int) -> tuple[list[list[int]], list[int]]:
    """Prompts of the first `rows` test rows, and the length of each one's reference, end included."""
    tokenizer = load_tokenizer()
    records = choose_rows(data, "test")[:rows]
    prompts = prompt_ids(records, get_template("alpaca"), tokenizer)
    lengths = [len(tokenizer.encode_ordinary(record["output"])) + 1 for record in records]
    return prompts, [min(n, room - len(prompt)) for n, prompt in zip(lengths, prompts, strict=True)]


def generate_ours(
    model: str, data: str, rows: int, precision="fp32", batch_size=16
) -> Iterator[dict]:
    """Seconds for all answers, the course's way."""
    keep_memory()
    precision = choose_precision(precision)
    network = contiguous(load_model(model, dtype=DTYPES[precision]))
    prompts, lengths = _questions(data, rows, network.config.n_positions)
    products = choose_products("auto", "cpu")
    options = {"stop_ids": (), "desc": None, "products": products, "batch_size": batch_size}
    generate(network, prompts[:2], max_new_tokens=2, **options)
    yield {}
    while True:
        started = time.perf_counter()
        answers = generate(network, prompts, max_new_tokens=lengths, **options)
        seconds = time.perf_counter() - started
        yield {
            "seconds": seconds,
            "tokens": sum(lengths),
            "precision": precision,
            "answers": [answer.ids for answer in answers],
        }


def generate_textbook(model: str, data: str, rows: int, of: int) -> Iterator[dict]:
    """Seconds for the answers to `of` rows, projected from those to the first `rows`.

    The time of the textbook's way is that of the tokens it reads: for an answer of n tokens, the text
    n times. So much more there is to read for all rows, so much longer it would take.
    """
    book = textbook.copied(load_model(model))
    prompts, lengths = _questions(data, of, book.places.num_embeddings)
    read = [sum(len(p) + k for k in range(n)) for p, n in zip(prompts, lengths, strict=True)]
    textbook.write(book, prompts[0], 1)
    yield {}
    while True:
        started = time.perf_counter()
        answers = [
            textbook.write(book, prompt, n)
            for prompt, n in zip(prompts[:rows], lengths, strict=False)
        ]
        seconds = time.perf_counter() - started
        yield {
            "seconds": seconds * sum(read) / sum(read[:rows]),
            "measured_seconds": seconds,
            "tokens": sum(lengths),
            "answers": answers,
        }


def generate_transformers(
    model: str, data: str, rows: int, precision="fp32", batch_size=16
) -> Iterator[dict]:
    """Seconds for all answers by transformers' `generate`, prompts padded on the left.

    Prompts of similar length share a batch, as in ours, and each row has its own length.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    network = transformers.GPT2LMHeadModel.from_pretrained(
        find_model(model).parent, dtype=DTYPES[choose_precision(precision)]
    ).eval()
    prompts, lengths = _questions(data, rows, network.config.n_positions)
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    parts = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    _transformers_batch(network, prompts[:2], [2, 2])
    yield {}
    while True:
        answers: dict[int, list[int]] = {}
        started = time.perf_counter()
        for part in parts:
            said = _transformers_batch(
                network, [prompts[i] for i in part], [lengths[i] for i in part]
            )
            answers.update(zip(part, said, strict=True))
        seconds = time.perf_counter() - started
        yield {
            "seconds": seconds,
            "tokens": sum(lengths),
            "precision": choose_precision(precision),
            "answers": [answers[i] for i in range(len(prompts))],
        }


def _transformers_batch(network, prompts, lengths: list[int]) -> list[list[int]]:
    from transformers import StoppingCriteria, StoppingCriteriaList

    width = max(map(len, prompts))
    gaps = [width - len(prompt) for prompt in prompts]
    ids = torch.tensor([[END_OF_TEXT] * gap + p for gap, p in zip(gaps, prompts, strict=True)])
    mask = torch.tensor([[0] * gap + [1] * (width - gap) for gap in gaps])
    wanted = torch.tensor(lengths)

    class Enough(StoppingCriteria):
        def __call__(self, input_ids, scores, **_):
            return input_ids.shape[1] - width >= wanted

    with torch.no_grad():
        out = network.generate(
            ids,
            attention_mask=mask,
            max_new_tokens=max(lengths),
            do_sample=False,
            eos_token_id=None,
            pad_token_id=END_OF_TEXT,
            stopping_criteria=StoppingCriteriaList([Enough()]),
        )
    return [row[width : width + n].tolist() for row, n in zip(out, lengths, strict=True)]


# --- loading -------------------------------------------------------------------------------------

ASKED = list(range(1000, 1040))  # a prompt of forty tokens


def load_ours(model: str) -> Iterator[dict]:
    """Seconds from the file to the first logits, imports not counted."""
    products = choose_products("auto", "cpu")
    yield {}
    started = time.perf_counter()
    network = load_model(model)
    with torch.no_grad(), products_by(products):
        prefill(network, [ASKED], len(ASKED))
    yield {"seconds": time.perf_counter() - started}


def load_transformers(model: str) -> Iterator[dict]:
    """The same by transformers' `from_pretrained`, with logits of the last token only, as ours."""
    import transformers
    from transformers import GPT2LMHeadModel

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    yield {}
    started = time.perf_counter()
    network = GPT2LMHeadModel.from_pretrained(find_model(model).parent, dtype=torch.float32)
    with torch.no_grad():
        network(torch.tensor([ASKED]), logits_to_keep=1)
    yield {"seconds": time.perf_counter() - started}


# --- the machine, the GPU, the equalities --------------------------------------------------------


def matmul_peak(size: int = 2048) -> Iterator[dict]:
    """The most floating-point operations a second seen here in a matrix product, by precision."""
    yield {}
    while True:
        best = {}
        for library in ("torch", choose_products("auto", "cpu")):
            with products_by(library):
                rate = products_per_second(torch.float32, size)
                best["fp32"] = max(rate, best.get("fp32", 0))
        best["bf16"] = products_per_second(torch.bfloat16, size)
        yield best


def products_per_second(dtype: torch.dtype, size: int, repeats: int = 4) -> float:
    """Floating-point operations a second of (size, size) products: the best of a few, on the clock."""
    a = torch.randn(size, size, generator=torch.Generator().manual_seed(0)).to(dtype)
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - started)
    return 2 * size**3 / min(times)


def epochs_on_gpu(model: str, data: str) -> Iterator[dict]:
    """Seconds of two epochs and of 110 answers on a GPU, and real tokens a second; ours alone."""
    settings = RunSettings(
        model=model, data=data, batch_size=BATCH, seed=SEED, freeze_embeddings=False
    ).resolved()
    examples, _, _ = load_examples(settings)
    network = load_model(model, device=settings.device)
    plan, state = begin(replace(settings, epochs=3), network, examples)
    records = train(state, plan, device=settings.device)
    for _ in range(plan.steps_per_epoch):  # the first epoch compiles and warms up
        next(records)
    yield {}
    _wait(settings.device)
    started = time.perf_counter()
    for _ in records:
        pass
    _wait(settings.device)
    seconds = time.perf_counter() - started
    prompts, lengths = _questions(data, 110, network.config.n_positions)
    started = time.perf_counter()
    generate(network.to(torch.bfloat16), prompts, max_new_tokens=lengths, stop_ids=(), desc=None)
    _wait(settings.device)
    answering = time.perf_counter() - started
    tokens = 2 * sum(len(example.ids) - 1 for example in examples)
    yield {"seconds": seconds, "answering": answering, "tokens": tokens}


def _wait(device: str) -> None:
    with torch.cuda.device(device) if device.startswith("cuda") else nullcontext():
        if device.startswith("cuda"):
            torch.cuda.synchronize()


def same_step(model: str, data: str) -> Iterator[dict]:
    """How far ours and the textbook are apart on the first step: loss, and worst gradient.

    Both as shares: of the loss, and of the norm of each parameter's gradient.
    """
    settings = _settings(model, data, "all", "fp32", grouped=False)
    examples, order, _ = _material(settings)
    network = contiguous(load_model(model))
    book = textbook.copied(network)
    yield {}
    plan, _ = begin(settings, network, examples)
    ours = 0.0
    batches = plan.micro_batches(0, 0)
    total = sum(batch.weight for batch in batches)
    with products_by(settings.products):
        for batch in batches:
            nll, weights = token_losses(network, batch)
            part = (nll * weights).sum() / total
            part.backward()
            ours += float(part.detach())
    loss = textbook.batch_loss(book, [examples[i].ids for i in order[0]])
    loss.backward()
    loss = float(loss.detach())
    grads = {name: parameter.grad for name, parameter in network.named_parameters()}
    whole = torch.linalg.vector_norm(torch.stack([g.norm() for g in grads.values()]))
    worst = max(float((p.grad - g).norm() / whole) for p, g in textbook.matching(book, grads))
    yield {"loss": abs(ours - loss) / loss, "gradient": worst}


def same_words(model: str, data: str, rows: int, others: bool) -> Iterator[dict]:
    """How many of some answers differ: ours in a batch against alone, the textbook, transformers."""
    yield {}
    network = load_model(model)
    prompts, lengths = _questions(data, rows, network.config.n_positions)
    ours = next_turn(generate_ours(model, data, rows, batch_size=rows))["answers"]
    alone = [
        generate_plain(network, p, max_new_tokens=n, stop_ids=()).ids
        for p, n in zip(prompts, lengths, strict=True)
    ]
    found = {"alone": alone}
    found["the textbook"] = next_turn(generate_textbook(model, data, rows, rows))["answers"]
    if others:
        peer = generate_transformers(model, data, rows, batch_size=rows)
        found["transformers"] = next_turn(peer)["answers"]
    yield {
        name: sum(a != b for a, b in zip(ours, said, strict=True)) for name, said in found.items()
    }


def next_turn(side: Iterator[dict]) -> dict:
    """What a side says in its first turn."""
    next(side)
    return next(side)


SIDES = {
    side.__name__: side
    for side in (
        train_ours,
        train_textbook,
        train_trl,
        generate_ours,
        generate_textbook,
        generate_transformers,
        load_ours,
        load_transformers,
        matmul_peak,
        epochs_on_gpu,
        same_step,
        same_words,
    )
}


def make_side(name: str, options: dict) -> Iterator[dict]:
    """The side of that name, prepared to take its first turn."""
    if name not in SIDES:
        raise RunError(f"there is no side {name!r} to measure.")
    side = SIDES[name](**options)
    next(side)
    return side
