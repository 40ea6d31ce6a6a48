"""How far an optimizer moves a weight: the step size that a proximal step has to use.

It is the update's response to a *constant* gradient of 1, entry by entry, as a function of the optimizer's own state.
With any other step size training converges to a point next to the optimum: with the learning rate alone and a momentum
of 0.9 the full-batch objective ended 0.5 above it, with these step sizes 1e-11.

Arrays may come from numpy, JAX or PyTorch; numbers may be arrays or tracers. There are two forms of Adam: ε is added to
the root of the uncorrected moment (Keras, TensorFlow) or of the corrected one (PyTorch, optax, algorithm 1 of the
paper).
"""

from __future__ import annotations

from taut.functional._dtype import Array, Number, namespace

__all__ = ["adagrad", "adam", "adam_corrected", "rmsprop", "sgd"]


def sgd(rate: Number, momentum: Number | None = None) -> Number:
    """lr/(1 − momentum): the sum of all moves caused by one gradient, also with Nesterov's momentum.

    >>> sgd(0.5, momentum=0.5)
    1.0
    """
    return rate if momentum is None else rate / (1 - momentum)


def adam(rate: Number, taken: Number, moment: Array, beta_2: Number, epsilon: Number) -> Array:
    """lr·√(1−β₂ᵗ)/(√v + ε), Keras's form.

    Args:
        rate: learning rate.
        taken: the number of steps, including this one.
        moment: v, the moving average of squared gradients after this step.
        beta_2: the decay rate of v.
        epsilon: ε.

    >>> import numpy as np
    >>> adam(0.1, 1, np.asarray([1e-3]), 0.999, 1e-7).round(4)  # v after one gradient of 1
    array([0.1])
    """
    xp = namespace(rate, taken, moment)
    return rate * (1 - beta_2**taken) ** 0.5 / (xp.sqrt(moment) + epsilon)


def adam_corrected(rate: Number, taken: Number, moment: Array, beta_2: Number, epsilon: Number) -> Array:
    """lr/(√(v/(1−β₂ᵗ)) + ε), the form of PyTorch and optax; arguments as for :func:`adam`.

    >>> import numpy as np
    >>> adam_corrected(0.1, 1, np.asarray([1e-3]), 0.999, 1e-8).round(4)
    array([0.1])
    """
    xp = namespace(rate, taken, moment)
    return rate / (xp.sqrt(moment / (1 - beta_2**taken)) + epsilon)


def rmsprop(rate: Number, moment: Array, epsilon: Number, momentum: Number | None = None) -> Array:
    """lr/√(v + ε), over 1 − momentum; ``moment`` is v after this step.

    >>> import numpy as np
    >>> rmsprop(0.1, np.asarray([0.25]), 0.0)
    array([0.2])
    """
    return sgd(rate, momentum) / namespace(rate, moment).sqrt(moment + epsilon)


def adagrad(rate: Number, total: Array, epsilon: Number) -> Array:
    """lr/√(a + ε); ``total`` is a, the sum of squared gradients after this step.

    >>> import numpy as np
    >>> adagrad(0.1, np.asarray([4.0]), 0.0)
    array([0.05])
    """
    return rate / namespace(rate, total).sqrt(total + epsilon)
