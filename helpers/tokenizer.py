"""GPT-2's byte-pair encoding, offline: text ↔ ids.

The tokenizer is tiktoken's; only the ranks come from this package instead of the network, after
their sha256 has been checked. The vocabulary is OpenAI's (see assets/gpt2-bpe/NOTICE.md).
"""

from __future__ import annotations

import base64
import functools
import hashlib
from pathlib import Path

import tiktoken
from tiktoken_ext.openai_public import r50k_pat_str

from helpers.errors import WeightsError
from helpers.formatting import Segment

RANKS = Path(__file__).parent / "assets" / "gpt2-bpe" / "gpt2.tiktoken"
RANKS_SHA256 = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"
END_OF_TEXT = 50256  # <|endoftext|>: ends every response; GPT-2 pads with it too


@functools.cache
def load_tokenizer(ranks: Path = RANKS) -> tiktoken.Encoding:
    """The GPT-2 tokenizer: the same ids as `tiktoken.get_encoding("gpt2")`, without a download.

    Raises WeightsError when the file of ranks is missing or not the published one.
    """
    try:
        data = ranks.read_bytes()
    except OSError as error:
        raise WeightsError(f"{ranks}: {error.strerror}. Reinstall the course package.") from error
    found = hashlib.sha256(data).hexdigest()
    if found != RANKS_SHA256:
        raise WeightsError(
            f"{ranks}: sha256 is {found[:12]}…, expected {RANKS_SHA256[:12]}…: "
            "the file is damaged. Reinstall the course package."
        )
    pairs = (line.split() for line in data.splitlines())
    return tiktoken.Encoding(
        name="gpt2",
        explicit_n_vocab=END_OF_TEXT + 1,
        pat_str=r50k_pat_str,
        mergeable_ranks={base64.b64decode(token): int(rank) for token, rank in pairs},
        special_tokens={"<|endoftext|>": END_OF_TEXT},
    )


def encode_segments(segments: list[Segment], tokenizer) -> tuple[list[int], list[str]]:
    """Token ids of the joined segments, and for each token the name of the segment it lies in.

    The text is encoded as one piece, as generation will see it, and tokens are then assigned by
    byte offsets; a token that straddles a border belongs to "template". `<|endoftext|>` typed by a
    user is ordinary text here (`encode_ordinary`).
    """
    ids = tokenizer.encode_ordinary("".join(text for _, text in segments))
    owner = [name for name, text in segments for _ in text.encode("utf-8")]
    names, start = [], 0
    for token in ids:
        end = start + len(tokenizer.decode_single_token_bytes(token))
        inside = set(owner[start:end])
        names.append(inside.pop() if len(inside) == 1 else "template")
        start = end
    return ids, names
