"""The course's own data: fact tables, plain prose for pretraining, and instruction records.

- ``facts``: hand-typed tables of words and facts, nothing else.
- ``material``: subjects, verbs and objects from which sentences are made.
- ``prose``: an endless stream of plain paragraphs about the tables (pretraining).
- ``families`` and ``handwritten``: instruction records about the same tables (fine-tuning).
- ``build``: the committed rows, and any number of further ones; ``datasheet``: the page about them.

Nothing here reads the network or needs more than the standard library.
"""
