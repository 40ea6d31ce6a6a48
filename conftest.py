"""How programs are compiled under test: quickly, but for the laws, which hold numbers to their last bits."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests import quick

AS_USERS_COMPILE = ("tests/laws/", "tests/oracles/test_terms_")


@pytest.fixture(autouse=True, scope="module")  # before the module's own fixtures, which train most
def compilation(request: pytest.FixtureRequest) -> Iterator[None]:
    with nullcontext() if request.node.nodeid.startswith(AS_USERS_COMPILE) else quick.compiled():
        yield
