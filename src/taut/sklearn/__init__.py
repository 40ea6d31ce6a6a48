"""scikit-learn estimators on taut's networks.

>>> from sklearn.datasets import load_iris
>>> from taut.sklearn import TautClassifier
>>> x, y = load_iris(return_X_y=True)
>>> net = TautClassifier(hidden=(8,), kernel_regularizer="l1=0.001", learning_rate=0.02, epochs=100, tol=None)
>>> bool(net.set_params(random_state=0).fit(x, y).score(x, y) > 0.9)
True
"""

from taut import _extras

for _library in ("sklearn", *_extras.ENGINE):
    _extras.check(_library, "taut.sklearn", extra="tables")

from taut.sklearn._cv import TautClassifierCV, TautRegressorCV  # noqa: E402 (after the checks)
from taut.sklearn._estimators import TautClassifier, TautRegressor  # noqa: E402

__all__ = ["TautClassifier", "TautClassifierCV", "TautRegressor", "TautRegressorCV"]
