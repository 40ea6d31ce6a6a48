"""Programs compiled three times as soon, for tests that look at what a program does and not at its last bits.

Nearly all of the suite's time is XLA's. LLVM's dear passes are left out, and so are the emitters of fusions, which build each
loop in MLIR first: the older ones write the same loops straight in LLVM.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jax._src import compiler  # there is no public way to hand options to every program, Keras's as well

OPTIONS: dict[str, Any] = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
    "xla_cpu_use_fusion_emitters": False,
}
"""For one program: ``jax.jit(f, compiler_options=OPTIONS)``."""


@contextmanager
def compiled() -> Iterator[None]:
    """Every program within."""
    plain = compiler.get_compile_options

    def quick(*given: Any, env_options_overrides: dict[str, Any] | None = None, **more: Any) -> Any:
        return plain(*given, env_options_overrides=OPTIONS | (env_options_overrides or {}), **more)

    compiler.get_compile_options = quick
    try:
        yield
    finally:
        compiler.get_compile_options = plain
