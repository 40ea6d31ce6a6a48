"""Oracle: Keras's own tests of regularizers and constraints, read from the installed Keras, run on taut's terms.

Two of them ask for the words of an error, which are taut's own here. What they send through Keras's registry goes through
taut's codec.
"""

import importlib.util
from pathlib import Path

import keras
import pytest

from taut import constraints, identifiers, regularizers

WORDS = {"test_orthogonal_regularizer_mode_validation", "test_orthogonal_regularizer_input_rank_validation"}


def cases():
    for kind, ours in (("regularizers", regularizers), ("constraints", constraints)):
        spec = importlib.util.find_spec(f"keras.src.{kind}.{kind}_test")
        if spec is None or spec.origin is None:  # a Keras that was packed without its tests
            continue
        source = Path(spec.origin).read_text()
        swapped = source.replace(f"from keras.src import {kind}\n", "")
        assert swapped != source
        names = {kind: ours, "__name__": spec.name}
        exec(compile(swapped, spec.origin, "exec"), names)
        (cls,) = (v for k, v in names.items() if k.lower() == f"{kind}test")
        for name in sorted(n for n in dir(cls) if n.startswith("test_") and n != "test_session"):
            yield pytest.param(cls, name, ours, id=f"{kind}-{name}")


def through_taut(self, term):
    again = identifiers.deserialize(term.kind, identifiers.serialize(term))
    assert (
        again == term
        and again.get_config() == term.get_config() == type(term).from_config(term.get_config()).get_config()
    )


CASES = list(cases())


def test_keras_has_its_tests() -> None:
    assert len(CASES) > 30 or keras.__version__ != "3.15.1"


@pytest.mark.parametrize(("cls", "name", "ours"), CASES)
def test_keras_s_own_test(cls, name, ours, monkeypatch) -> None:
    monkeypatch.setattr(cls, "run_class_serialization_test", through_taut)
    case = cls(name)
    case.setUp()
    try:
        if name in WORDS:
            with pytest.raises(AssertionError):
                getattr(case, name)()
        else:
            getattr(case, name)()
    finally:
        case.tearDown()
