"""lm-evaluation-harness and ours agree, question by question, on the same prompts.

Needs the extra `harness`; the default suite skips this file where it is not installed.
"""

import json

import pytest
import torch
from conftest import random_model

from helpers.evaluate.likelihood import log_likelihoods_plain
from helpers.evaluate.multiple_choice import Way, answer_questions, summarise
from helpers.evaluate.questions import load_questions, stratified
from helpers.model import GPTConfig
from helpers.weights import load_model

lm_eval = pytest.importorskip(
    "lm_eval", reason="lm-evaluation-harness is not installed (extra `harness`)"
)
pytestmark = pytest.mark.filterwarnings("default")  # its dependencies' own

TASKS = {
    "letter": "default/_default_template_yaml",
    "cloze": "continuation/_continuation_template_yaml",
}
ABOUT = {
    "letter": "The following are multiple choice questions (with answers) about nature.\\n\\n",
    "cloze": "The following are questions (with answers) about nature.\\n\\n",
}


@pytest.fixture(scope="module")
def found():
    """Twenty questions of one subject."""
    found = load_questions("course")
    found.test = stratified([q for q in found.test if q.subject == "nature"], 20)
    return found


def theirs(model, found, style, shots, folder):
    """Samples and results of the harness's own MMLU task, on our questions instead of the hub's."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    from helpers.evaluate.harness import CourseLM

    for split, questions in (("test", found.test), ("dev", found.dev["nature"])):
        rows = [
            {"question": q.question, "choices": list(q.choices), "answer": q.answer}
            for q in questions
        ]
        (folder / f"{split}.json").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    template = lm_eval.__path__[0] + "/tasks/mmlu/" + TASKS[style]
    (folder / "slice.yaml").write_text(
        f"include: {template}\ntask: slice\ndataset_path: json\ndataset_name: null\n"
        f'description: "{ABOUT[style]}"\n'
        f"dataset_kwargs:\n  data_files:\n    test: {folder}/test.json\n    dev: {folder}/dev.json\n"
        "  cache_dir: " + str(folder / "cache") + "\n",
        encoding="utf-8",
    )
    tasks = TaskManager(include_path=str(folder), include_defaults=False)
    out = simple_evaluate(
        model=CourseLM(model), tasks=["slice"], num_fewshot=shots, task_manager=tasks,
        bootstrap_iters=0, log_samples=True,
    )  # fmt: skip
    return out["samples"]["slice"], out["results"]["slice"]


@pytest.mark.parametrize("model_name", ["gpt2-micro", "random"])
@pytest.mark.parametrize(
    ("style", "shots"), [("letter", 0), ("letter", 3), ("cloze", 0), ("cloze", 2)]
)
def test_ours_and_theirs_agree(found, tokenizer, tmp_path, model_name, style, shots):
    if model_name == "random":
        model = random_model(GPTConfig(2, 3, 21, 1024, 50257))
    else:
        model = load_model(model_name)
    samples, results = theirs(model, found, style, shots, tmp_path)
    way = Way(style, shots)
    ours = [
        a for batch in answer_questions(model, found.test, found, way, tokenizer) for a in batch
    ]
    ours = {a.index: a for a in ours}
    assert len(samples) == len(ours) == 20
    for sample in samples:
        logp = [float(pair[0]) for pair in sample["filtered_resps"]]
        assert ours[sample["doc_id"]].logp == pytest.approx(logp, abs=1e-4)
        assert sample["target"] in (
            str(ours[sample["doc_id"]].answer),
            ours[sample["doc_id"]].answer,
        )
    report = summarise([ours[i] for i in range(20)], way)
    # Theirs is by characters; all are ASCII here.
    key = "acc,none" if style == "letter" else "acc_norm,none"
    assert report["accuracy"] == pytest.approx(results[key])


def test_spaces_empty_contexts_and_greedy_flags(tiny_model, tokenizer):
    from lm_eval.api.instance import Instance

    from helpers.evaluate.harness import CourseLM

    lm = CourseLM(tiny_model)
    pairs = [
        ("The sky is ", "blue"),
        ("The sky is", " blue"),
        ("", "Hello"),
        ("word " * 200, " x y"),
    ]
    requests = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
    found = lm.loglikelihood(requests)
    assert found[0] == pytest.approx(found[1])
    for (logp, greedy), (context, end) in zip(found, pairs, strict=True):
        plain = log_likelihoods_plain(tiny_model, [lm._ask(context, [end])])[0][0]
        assert (logp, greedy) == (pytest.approx(plain.logp, abs=1e-4), plain.greedy)
    with torch.no_grad():
        best = int(
            tiny_model(torch.tensor([tokenizer.encode_ordinary("The sky is")]))[0, -1].argmax()
        )
    word = tokenizer.decode([best])
    if tokenizer.encode_ordinary("The sky is" + word)[-1] == best:
        assert lm.loglikelihood([Instance("loglikelihood", {}, ("The sky is", word), 0)])[0][1]
