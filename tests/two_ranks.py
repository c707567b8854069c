"""What each of two processes does for tests/test_distributed.py: `python tests/two_ranks.py FOLDER`.

Everything in one go, because starting a process costs more than the work. The folder holds the
settings of a run; results go into it, written by the first process, the records by both.
"""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import torch
from conftest import TINY, random_model

from helpers.collate import BatchPlan
from helpers.distributed import ALONE, joined
from helpers.errors import RunError
from helpers.files import read_json, write_json
from helpers.masking import make_examples
from helpers.runs import RunSettings, fine_tune
from helpers.tokenizer import load_tokenizer
from helpers.train import TrainSettings, TrainState, token_losses, train

STEPS = {  # name → what is learnt from, layout, rows a step, parts of a step, checkpointing
    "all, an odd number of rows": ("all", "packed", 7, 1, False),
    "a small weight for the prompt": ("response@0.1", "packed", 6, 1, False),
    "padded": ("response", "padded", 5, 1, False),
    "one row, so one rank has none": ("response", "packed", 1, 1, False),
    "three parts, of one row a rank": ("all", "packed", 6, 3, False),
    "checkpointing": ("response", "packed", 6, 1, True),
}


class Kept(torch.optim.Optimizer):
    """An optimiser that changes nothing and keeps the gradients it was given."""

    def __init__(self, model):
        super().__init__(model.parameters(), {})
        self.names, self.found = [name for name, _ in model.named_parameters()], {}

    def step(self):
        gradients = [p.grad.clone() for p in self.param_groups[0]["params"]]
        self.found = dict(zip(self.names, gradients, strict=True))


def first_step(records, name, ranks=ALONE):
    """(loss and counts, gradients) of the first step of training."""
    arm, layout, rows, parts, checkpointing = STEPS[name]
    examples, _ = make_examples(records, "alpaca", load_tokenizer())
    model = random_model(TINY)
    loss = ranks.wrap(model, token_losses, "cpu")
    plan = BatchPlan(
        examples, arm, batch_size=rows, accumulate=parts, layout=layout, share=ranks.share
    )
    settings = TrainSettings(clip=1e9, checkpointing=checkpointing)
    state = TrainState(model, settings, optimizer=Kept(model))
    record = next(train(state, plan, loss=loss, ranks=ranks))
    facts = {"loss": record.loss, "tokens": record.tokens, "targets": record.target_tokens}
    return facts, ranks.gather(state.optimizer.found)


def stopped_after(steps, settings, out, **options):
    """The records of a run that ends there, as if it were killed right after a checkpoint."""
    running = fine_tune(settings, out, checkpoint_every=0, **options)
    found = [next(running) for _ in range(steps + 1)]
    running.close()
    return found


def main(folder):
    records, run = read_json(folder / "records.json"), read_json(folder / "run.json")
    settings, lora = RunSettings(**run), RunSettings(**{**run, "lora": 3, "lr": 0.01})
    facts, gradients, told = {}, {}, {}
    with joined("cpu") as plain:
        for shard in (False, True):
            ranks = replace(plain, shard=shard)
            way = "shard" if shard else "whole"
            for name in STEPS:
                facts[f"{way}/{name}"], gradients[f"{way}/{name}"] = first_step(
                    records, name, ranks
                )
            told[way] = [vars(r) for r in fine_tune(settings, folder / way, ranks=ranks)]
            # One process began it, two go on; two begin, one will go on, and two do here.
            list(fine_tune(settings, folder / f"to-{way}", resume=True, ranks=ranks))
            begun, again = folder / f"from-{way}", folder / f"again-{way}"
            stopped_after(3, settings, begun, ranks=ranks)
            ranks.agreed(shutil.copytree, begun, again)
            resumed = fine_tune(settings, again, resume=True, ranks=ranks)
            told[f"{way} resumed"] = [vars(r) for r in resumed]
            if not shard:
                list(fine_tune(lora, folder / "lora", ranks=ranks))
            try:
                list(fine_tune(settings, folder / way, ranks=ranks))
            except (RunError, SystemExit) as error:
                told[f"{way} again"] = repr(error)
    write_json(folder / f"told-{ranks.rank}.json", told)
    if ranks.first:
        write_json(folder / "facts.json", facts)
        torch.save(gradients, folder / "gradients.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    print(json.dumps("done"))
