"""Shared code of the instruction fine-tuning course. Lessons import its modules one by one.

Reading order: errors, files, progress, formatting, tokenizer, data, masking, collate, model,
weights, generate, train, judge, settings, environment, chat, plots, widgets. Imports point
upwards in this list only.
"""

__version__ = "0.1.0"
