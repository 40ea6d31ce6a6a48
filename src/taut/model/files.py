"""The bytes of a model file: a safetensors file that also holds a description and a digest of its contents.

This module reads, writes and checks such files, and the names that users give them. `taut.model.loading` makes a model of
one. The digest detects damage; it is no signature, so a file may still be forged.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from taut import _files

__all__ = ["ModelFileError", "read", "write"]

KEY = "taut"


class ModelFileError(ValueError):
    """A file is not a taut model, is damaged, or was written by a newer version of taut."""


# Names that promise another program's format.
_KERAS = (".keras", ".h5", ".hdf5")
_FOREIGN = {
    ".onnx": "model.export(path) writes ONNX",
    ".npz": "np.savez(path, **model.params) writes the weights alone",
    ".npy": "np.save(path, model.params[name]) writes one array",
    ".pkl": "pickle.dump(model, file) writes a pickle",
    ".pickle": "pickle.dump(model, file) writes a pickle",
    ".joblib": "joblib.dump(model, path) writes a pickle",
    ".html": "model.report(path) writes a page",
    **dict.fromkeys((".pt", ".pth", ".pb", ".tflite", ".json"), "no function of taut writes that format"),
}
_OURS = (".taut", ".safetensors")


def check_name(path: str | os.PathLike[str], what: str = "model", stacklevel: int = 2) -> None:
    """Say so if the name of a file promises another format than the one that is written to it.

    Keras, too, refuses the names of other formats. A name of Keras's own is a warning: a Keras program that saves and
    loads by it runs on, and the weights that it trained are not lost.

    Args:
        path: the file.
        what: "model" for taut's own format, or "onnx".
        stacklevel: whose line a warning names, counted as `warnings.warn` counts.

    Raises:
        ValueError: the name of another program's format.
    """
    if not isinstance(path, str | os.PathLike):
        return  # what is no path is refused where it is opened
    stem, suffix = os.path.splitext(os.fsdecode(path))
    kind = suffix.lower()
    if what == "onnx":
        if kind in (*_KERAS, *_OURS) or (kind in _FOREIGN and kind != ".onnx"):
            raise ValueError(
                f"cannot export to {stem}{suffix}: export writes ONNX, and {suffix} is the name of another format. Name it "
                f"{stem}.onnx, or call model.save(path) for a taut model file."
            )
    elif kind in _FOREIGN:
        raise ValueError(
            f"cannot save to {stem}{suffix}: save writes a taut model file, and {suffix} is the name of another format. "
            f"Name it {stem}.taut; {_FOREIGN[kind]}."
        )
    elif kind in _KERAS:
        warnings.warn(
            f"{stem}{suffix} is written as a taut model file, which taut.load_model reads, but Keras cannot open it. "
            f"Name it {stem}.taut. To hand the weights to Keras: keras_model.set_weights(model.get_weights()).",
            UserWarning,
            stacklevel=stacklevel,
        )


def write(path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray], body: str) -> None:
    """Replace ``path`` by a file that holds ``tensors`` and ``body``; see `taut._files.put`."""
    import safetensors.numpy

    # One entry of metadata: safetensors writes several in an order of its own, and equal models give equal files.
    metadata = {KEY: f"{_digest(body, tensors)}\n{body}"}
    payload = safetensors.numpy.save({n: np.asarray(a, order="C") for n, a in tensors.items()}, metadata)
    _files.put(path, payload, "model.taut")


def read(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """The tensors and the description in a file that `write` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ModelFileError: the file is truncated or altered, or is not a model file.
    """
    if not path.is_file():
        what = "it is a folder" if path.is_dir() else "there is no such file"
        raise FileNotFoundError(f"cannot load a model from {path}: {what}. Give a file that model.save(path) wrote.")
    import safetensors

    with path.open("rb") as file:  # a file that may not be read says so itself
        start = file.read(4)
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (safetensors.SafetensorError, OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFileError(
            f"{path}: cannot be read as a taut model file ({error}); {_other(start)}. "
            f"A model file is what model.save(path) writes."
        ) from error
    digest, _, body = metadata.get(KEY, "").partition("\n")
    if KEY not in metadata:
        raise ModelFileError(f"{path}: this safetensors file holds no taut model; write one with model.save(path).")
    if digest != _digest(body, tensors):
        raise ModelFileError(f"{path}: its contents do not match its digest; the file was altered or damaged.")
    return tensors, body


def _other(start: bytes) -> str:
    """What a file that is no model file may be, by its first bytes."""
    if start == b"PK\x03\x04":
        return (
            "it looks like a zip archive, as Keras's .keras and numpy's .npz files are. Load a .keras file with Keras"
        )
    if start == b"\x89HDF":
        return "it looks like HDF5, as Keras's .h5 files are. Load it with Keras"
    return "it is truncated, or was never one"


def _digest(body: str, tensors: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(body.encode())
    for name in sorted(tensors):
        array = np.asarray(tensors[name], order="C")
        digest.update(f"\n{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
