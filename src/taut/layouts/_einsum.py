"""The axes of a kernel that an einsum contracts, from its equation."""

from taut.layouts._rows import Array


def kernel_axes(equation: str) -> str:
    """What each axis of the kernel counts: "in" if it is summed over, "group" if it is in input and output, else "out".

    >>> kernel_axes("abc,cd->abd"), kernel_axes("...ec,ecd->...ed")
    ('in out', 'group in out')
    """
    left, _, output = equation.replace(" ", "").replace("...", "").partition("->")
    inputs, _, kernel = left.partition(",")
    return " ".join(("group" if k in inputs else "out") if k in output else "in" for k in kernel)


def einsum(equation: str) -> dict[str, Array]:
    """The arrays of a layer with one kernel and a bias; axes of size 1 in the bias count as units."""
    return {"kernel": Array("kernel", kernel_axes(equation)), "bias": Array("bias", "out*")}


def general(groups: int, inputs: int, units: int) -> dict[str, Array]:
    """The arrays of a dense layer over several axes: first a matrix for each group, then inputs, then units."""
    words = ["group"] * groups + ["in"] * inputs + ["out"] * units
    return {"kernel": Array("kernel", " ".join(words)), "bias": Array("bias", "out*")}
