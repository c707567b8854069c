"""Plain data between the marker and a submission's process: JSON in frames, tensors included.

Never pickle: unpickling what a submission wrote would run its code in the marker. What is no plain
data (a model, a set, an open file) arrives as `Opaque`, which equals nothing.
"""

from __future__ import annotations

import base64
import json
import struct
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

MAX_DEPTH = 40  # lists in lists; deeper ones would end in a RecursionError when they are compared
MAX_FRAME = 16_000_000  # bytes; more than any right answer needs
MAX_BITS = 10_000  # of a whole number: Python refuses to read much longer ones as text
DTYPES = {
    *("bool", "uint8", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64", "bfloat16"),
}
HEADER = struct.Struct(">I")


class WireError(Exception):
    """What came is not what `encode` makes."""


@dataclass(frozen=True)
class Opaque:
    """Stands for something that cannot be sent."""

    kind: str  # the name of its type

    def __repr__(self) -> str:
        return f"an object of type {self.kind}"


def encode(value: Any, depth: int = 0) -> Any:
    """The value as JSON values; tuples, dictionaries, arrays and tensors become tagged objects."""
    if depth > MAX_DEPTH:
        return _opaque(value)
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        return _encode_tensor(value)
    if hasattr(value, "__array__"):
        return _encode_array(np.asarray(value), "array")
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() <= MAX_BITS else _opaque(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            return _opaque(value)
        return {"!": "dict", "of": {str(k): encode(v, depth + 1) for k, v in value.items()}}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        items = [encode(v, depth + 1) for v in value]
        return {"!": "tuple", "of": items} if isinstance(value, tuple) else items
    return _opaque(value)


def _opaque(value: Any) -> dict:
    return {"!": "object", "of": type(value).__name__}


def _encode_tensor(tensor: Any) -> dict:
    name = str(tensor.dtype).removeprefix("torch.")
    tensor = tensor.detach().cpu()
    tensor = tensor.float() if name in ("bfloat16", "float16") else tensor  # numpy has no bfloat16
    return _encode_array(tensor.numpy(), "tensor", name)


def _encode_array(array: np.ndarray, kind: str, name: str = "") -> dict:
    name = name or array.dtype.name
    if name not in DTYPES:
        return {"!": "object", "of": f"{kind} of {name}"}
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
    return {"!": kind, "dtype": name, "shape": list(array.shape), "data": data}


def decode(value: Any) -> Any:
    """What `encode` was given. Raises WireError for anything that `encode` does not make."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, of = value.get("!"), value.get("of")
    if kind == "tuple" and isinstance(of, list):
        return tuple(decode(item) for item in of)
    if kind == "dict" and isinstance(of, dict):
        return {key: decode(item) for key, item in of.items()}
    if kind == "object" and isinstance(of, str):
        return Opaque(of[:80])
    if kind in ("array", "tensor"):
        return _decode_numbers(value)
    raise WireError("no plain data came back")


def _decode_numbers(value: dict) -> Any:
    name, shape, data = (value.get(key) for key in ("dtype", "shape", "data"))
    fits = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    texts = isinstance(name, str) and isinstance(data, str)
    if not texts or not fits or name not in DTYPES:
        raise WireError("a tensor came back that is none")
    halves = value["!"] == "tensor" and name in ("bfloat16", "float16")
    kind = np.dtype("float32" if halves or name == "bfloat16" else name)
    try:
        flat = np.frombuffer(bytearray(base64.b64decode(data, validate=True)), dtype=kind)
        array = flat.reshape(shape)
    except ValueError as error:  # no base64, or not so many numbers as the shape says
        raise WireError("a tensor came back that is none") from error
    if value["!"] == "array":
        return array
    import torch  # here: most of what is sent needs no torch

    return torch.from_numpy(array).to(getattr(torch, name))


def write_frame(stream: BinaryIO, message: Any) -> None:
    """Send a message of JSON values."""
    data = json.dumps(message).encode("utf-8", "surrogatepass")
    if len(data) > MAX_FRAME:
        raise WireError(f"{len(data):,} bytes, more than any right answer needs")
    stream.write(HEADER.pack(len(data)) + data)
    stream.flush()


def read_frame(stream: BinaryIO) -> Any:
    """The next message, or None at the end. Raises WireError for anything that is no message."""
    head = stream.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    (length,) = HEADER.unpack(head)
    if length > MAX_FRAME:
        raise WireError(f"{length:,} bytes, more than any right answer needs")
    data = stream.read(length)
    if len(data) < length:
        return None
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WireError("no message of the course came back") from error
    if not isinstance(message, dict) or _depth(message) > 3 * MAX_DEPTH:
        raise WireError("no message of the course came back")
    return message


def _depth(value: Any) -> int:
    """How deep lists and objects lie in each other, counted without recursion."""
    depth, level = 0, [value]
    while level := [x for x in level if isinstance(x, (list, dict))]:
        depth += 1
        if depth > sys.getrecursionlimit():
            break
        level = [y for x in level for y in (x.values() if isinstance(x, dict) else x)]
    return depth
