"""The bytes of a model file: a safetensors file with a description and a digest, read warily and written atomically.

Nothing here knows what a model is. A digest finds damage; what a reader does with the description is its own affair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from taut import _files

__all__ = ["ModelFileError", "read", "write"]

KEY = "taut"


class ModelFileError(ValueError):
    """A file that is no taut model, is damaged, or comes from a newer version."""


def write(path: Path, tensors: Mapping[str, np.ndarray], body: str) -> None:
    """Replace ``path`` by a file that holds ``tensors`` and ``body``; see `taut._files.put`."""
    import safetensors.numpy

    # One entry of metadata: safetensors writes several in an order of its own, and equal models give equal files.
    metadata = {KEY: f"{_digest(body, tensors)}\n{body}"}
    _files.put(path, safetensors.numpy.save({n: np.asarray(a, order="C") for n, a in tensors.items()}, metadata))


def read(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """The tensors and the description of a file that `write` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: it is truncated, altered, or no model file.
    """
    if not path.is_file():
        what = "it is a folder" if path.is_dir() else "there is no such file"
        raise FileNotFoundError(f"cannot load a model from {path}: {what}. Give a file that model.save(path) wrote.")
    path.open("rb").close()  # a file that may not be read says so itself
    import safetensors

    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (safetensors.SafetensorError, OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFileError(
            f"{path}: cannot be read as a taut model file ({error}); it is truncated, or was never one. "
            f"A model file is what model.save(path) writes."
        ) from error
    digest, _, body = metadata.get(KEY, "").partition("\n")
    if KEY not in metadata:
        raise ModelFileError(
            f"{path}: is a safetensors file, but holds no taut model; write one with model.save(path)."
        )
    if digest != _digest(body, tensors):
        raise ModelFileError(f"{path}: its contents do not match its digest; the file was altered or damaged.")
    return tensors, body


def _digest(body: str, tensors: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(body.encode())
    for name in sorted(tensors):
        array = np.asarray(tensors[name], order="C")
        digest.update(f"\n{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
