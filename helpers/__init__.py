"""Shared code of the instruction fine-tuning course. Lessons import its modules one by one.

Reading order: errors, files, progress, arithmetic, fetch, formatting, tokenizer, data, masking, tokens,
collate, packing, model, weights, generate, distributed, train, judge. That is the core; below it each
module or package stands for itself. Imports point upwards in this list only.
"""

__version__ = "0.1.0"
