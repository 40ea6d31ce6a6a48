"""Sequential: a stack of layers that is compiled, fitted, evaluated and saved as in Keras.

Longer than most files because it is the main class for users; most of its work is done in other modules.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from taut import (
    _cores,
    _keras_words,
    _reports,
    errors,
    losses,
    metrics,
    optimizers,
    transforms,
    utils,
)
from taut.layers import Layer
from taut.layers._calls import refuse_symbols
from taut.layers._terms import is_term_argument
from taut.model import data as adapt
from taut.model import engine, entries, held, network, settling
from taut.model.engine import Carry, Data, Forward, Numbers, Program
from taut.model.forks import refuse_fork
from taut.model.history import History, Totals
from taut.model.programs import Programs, holds_user_code
from taut.model.progress import Progress, show
from taut.model.training import Job, Trainer, train
from taut.plans import Plan, bind
from taut.plans.rules import resolve

if TYPE_CHECKING:
    from taut.model.compacting import Compaction
    from taut.model.sparse import SparseModel

__all__ = ["Sequential"]

Shape = tuple[int, ...]
EVALUATION_ROWS = 4096  # rows of one compiled evaluation


class Sequential:
    """A stack of layers, each applied to the output of the one before it.

    Args:
        layers: taut layers, or Flax NNX modules that are called with one array.
        name: the name shown in the summary.

    Attributes:
        layers: the layers.
        plan: which term acts on which weights, over which axes, in which mode; print it.
        params: parameters by path, as JAX arrays: ``{"dense/kernel": ..., "dense/bias": ...}``.
        seed: the random seed of the initial weights.
        metadata: a dict of plain JSON data for your own use, saved with the model.
        compaction: what `taut.compact` removed, if it created this model.

    >>> import numpy as np
    >>> import taut
    >>> model = taut.Sequential([taut.layers.Dense(1, kernel_constraint="non_neg", input_shape=(3,))])
    >>> bool((model.params["dense/kernel"] >= 0).all())
    True
    """

    @_keras_words.checked
    def __init__(
        self, layers: Sequence[Any] | None = None, name: str = "sequential", *, _seed: int | None = None
    ) -> None:
        _cores.offer_cores()  # before the first array: JAX asks once
        self.name = name
        self.layers: list[Any] = []
        self.metadata: dict[str, Any] = {}
        self.seed = utils.draw_seed() if _seed is None else _seed  # given by a file: reading one draws nothing
        self.history: History | None = None
        self.input_shape: Shape | None = None
        self.output_shape: Shape | None = None
        self.optimizer: optimizers.Optimizer | None = None
        self.loss: losses.Loss | None = None
        self.metrics: list[Any] = []
        self.terms = "exact"
        self._attached: dict[str, dict[str, Any]] = {}
        self._state: tuple[Any, transforms.StepState] | None = None  # with the layout it was made for
        self._bound: tuple[Any, Plan] | None = None
        self._looked: tuple[list[Any], Plan] | None = None  # what `plan` was made of, and the plan
        self._programs = Programs()
        self._generator = np.random.default_rng(self.seed)
        self.compaction: Compaction | None = None
        if isinstance(layers, str | nnx.Module):
            raise TypeError(
                f"Sequential: layers={type(layers).__name__}, expected a list: Sequential([Dense(10), ...])."
            )
        self._extend(list(layers or ()))

    def __setattr__(self, name: str, value: Any) -> None:
        if is_term_argument(name):
            raise AttributeError(
                f"a Sequential has no {name}, so it would have no effect. Set the term on a layer, "
                f"model.layers[0].{name} = ..., or on all that match: "
                f"model.attach({{'*/{name.rpartition('_')[0]}': term}})."
            )
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"<Sequential {self.name!r}: {', '.join(type(layer).__name__ for layer in self.layers)}>"

    if not TYPE_CHECKING:  # a type checker should see what is there

        def __getattr__(self, name: str) -> Any:
            if hasattr(type(self), name):  # a property that failed: its own error, not that it is missing
                return object.__getattribute__(self, name)
            raise _keras_words.in_model(self, name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Sequential:
        from taut.model.copying import deep

        return deep(self, memo)

    def __reduce__(self) -> tuple[Any, ...]:
        from taut.model.copying import reduced

        return reduced(self)

    # --- building ----------------------------------------------------------------------------------------------------

    def add(self, layer: Any) -> None:
        """Add ``layer`` at the end; it is built at once if the shape of its input is known."""
        self._extend([layer])

    def _extend(self, layers: list[Any]) -> None:
        """Add ``layers`` at the end and build them together, since building needs the whole model."""
        for layer in layers:
            if isinstance(layer, Sequential):
                raise TypeError(
                    f"layer {layer!r} is a model, and a Sequential contains layers. Add its layers: "
                    f"Sequential([*inner.layers, ...]), or wrap them as nnx.Sequential(*inner.layers)."
                )
            if not isinstance(layer, nnx.Module):
                raise TypeError(
                    f"layer {layer!r}: expected a taut layer (taut.layers.Dense, ...) or a Flax NNX module."
                )
        before = self.input_shape, self.output_shape
        self.layers += layers
        try:
            if self.input_shape is None and self.layers:
                self.input_shape = getattr(self.layers[0], "input_shape", None)
            if self.input_shape is not None:
                self.build(self.input_shape)
        except Exception:
            del self.layers[len(self.layers) - len(layers) :]
            self.input_shape, self.output_shape = before
            raise

    @property
    def built(self) -> bool:
        return self.output_shape is not None

    def build(self, input_shape: Any) -> None:
        """Create the parameters for rows of ``input_shape`` (without the batch axis), inside their constraints."""
        self._build(tuple(input_shape), self._draw)

    def _draw(self, path: str, shape: Shape, initializer: Callable[..., np.ndarray] | None) -> np.ndarray:
        if initializer is None:  # a layer's own random stream
            return self._generator.integers(2**31)  # type: ignore[return-value]
        return np.asarray(initializer(shape, self._generator), np.float32)

    def _build(self, input_shape: Shape, source: Callable[..., np.ndarray]) -> None:
        self._need_layers()
        self.output_shape = network.build(self.layers, self._names, input_shape, source)
        self.input_shape = input_shape
        self._adopt()
        structure, params, _ = self._split()
        feasible = self._feasible(structure, params)
        network.write(self.layers, structure, feasible)

    def _adopt(self) -> None:
        """Get told about terms that are set on a layer later."""
        for layer in held.within(self.layers, self._names).values():
            layer.terms.models.add(self)

    @property
    def _names(self) -> tuple[str, ...]:
        return network.name_layers(self.layers)

    def _split(self) -> tuple[network.Structure, network.Params, Any]:
        return network.split(self.layers, self._names, self._programs.structures)

    def _forward(self, structure: network.Structure) -> Forward:
        return Forward(structure, weakref.ref(self._programs))

    def _need_layers(self) -> None:
        if not self.layers:
            raise ValueError("this Sequential has no layers. Add layers, for example Sequential([layers.Dense(10)]).")

    def _need_built(self) -> None:
        if not self.built:
            raise ValueError(
                "this model has no weights yet, because the shape of its input is unknown. Give the first layer "
                "input_shape=(n,), or call fit or build first."
            )

    # --- terms -------------------------------------------------------------------------------------------------------

    def attach(self, rules: Mapping[Any, Any]) -> None:
        """Put regularizers and constraints on a finished (or pretrained, or foreign) model.

        Args:
            rules: ``{where: terms}``. *Where* is a name such as "dense/kernel", or a pattern: ``*`` stands for one level of
                a name and ``**`` for any number, and it leaves biases, normalisation and embeddings alone unless it
                names them ("**/bias"); ``taut.role("kernel")``; ``(Dense, "kernel")``; or a function of a
                ``taut.plans.rules.Target`` that gives True or False. "dense/activity" is the output of the layer "dense",
                and "dense/unit" kernel and bias together, each unit's weights as one vector. *Terms* are a regularizer, a
                constraint, a list of both, or None to take terms away. Later rules refine earlier ones.

        Raises:
            ValueError: a rule that reaches nothing (the message lists the nearest names), or terms that cannot act where
                they were put. The model keeps the terms that it had.
            TypeError: something that is not a term, or does not say where.

        >>> import taut
        >>> model = taut.Sequential([taut.layers.Dense(2, input_shape=(3,))])
        >>> model.attach({"*/kernel": [taut.regularizers.L1(0.1), taut.constraints.NonNeg()]})
        >>> model.plan["dense/kernel"].mode
        'proximal'
        """
        self._need_built()
        structure, params, _ = self._split()
        chosen: dict[str, dict[str, Any]] = {path: dict(old) for path, old in self._attached.items()}
        for path, terms in resolve(rules, entries.targets(self.layers, structure, params)).items():
            chosen[path] = {**chosen.get(path, {}), **terms}
        before = self._attached
        self._attached = chosen
        try:
            self._bind(structure, params, self.terms)
        except Exception:
            self._attached = before
            raise
        if holds_user_code(list(rules.values())):
            self._programs = Programs()
        network.write(self.layers, structure, self._feasible(structure, params))

    @property
    def plan(self) -> Plan:
        """Which term acts on which parameter, over which axes, in which mode."""
        self._need_built()
        seen = entries.look(self.layers)
        look = None if seen is None else [self.terms, *_flat(self._attached), *seen]
        known = self._looked
        if look is not None and known is not None and entries.same_look(look, known[0]):
            return known[1]
        structure, params, _ = self._split()
        plan = self._bind(structure, params, self.terms)
        self._looked = None if look is None else (look, plan)
        return plan

    def _bind(
        self,
        structure: network.Structure,
        params: network.Params,
        rule: str,
        attached: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Plan:
        """The plan with the model's attached terms, or with other terms, which do not change the model."""
        own = attached is None
        attached = self._attached if attached is None else attached
        acting = entries.entries(self.layers, structure, params, attached)
        activities = []
        outputs = held.activity_layers(self.layers, structure.names)
        for name, layer in outputs.items():
            term = getattr(layer, "activity_regularizer", None)
            term = attached.get(f"{name}/activity", {}).get("regularizer", term)
            if term is not None:
                activities.append((name, term))
        reached = {e.path for e in acting} | {f"{name}/activity" for name in outputs}
        for path, terms in attached.items():
            if path not in reached and any(term is not None for term in terms.values()):
                raise ValueError(
                    f"terms were attached to {path!r}, which this model no longer has: a layer was renamed or "
                    "removed. Restore the old name, or attach terms before you change layers. The model has "
                    f"{', '.join(sorted(reached))}."
                )
        asked = (acting, activities, rule)
        bound = self._bound  # read once: another thread may replace it
        if bound is not None and bound[0] == asked:
            return bound[1]
        plan = bind(acting, activities, rule=rule)  # traces every term once
        if own:
            self._bound = asked, plan
        return plan

    def _changed(self, layer: Any, argument: str, act: bool) -> None:
        """Update plan and weights after a layer got a new term, or was frozen or unfrozen.

        Without ``act`` it only checks whether that is possible.

        Raises:
            ValueError: the term cannot act on its parameter; nothing is changed then.
        """
        if not self.built:
            return
        found = held.within(self.layers, self._names)
        path = next((path for path, inner in found.items() if inner is layer), None)
        if path is None:  # it was taken out of the model
            layer.terms.models.discard(self)
            return
        parameter, _, kind = argument.rpartition("_")
        before = self._attached
        place = f"{path}/{parameter}"
        if kind in before.get(place, {}):  # the latest term counts
            left = {k: v for k, v in before[place].items() if k != kind}
            self._attached = {p: terms for p, terms in before.items() if p != place} | ({place: left} if left else {})
        try:
            structure, params, _ = self._split()
            self._bind(structure, params, self.terms)
            if not act:
                self._attached = before
            elif kind != "regularizer":
                network.write(self.layers, structure, self._feasible(structure, params))
        except Exception:
            self._attached = before
            raise

    def _rest(self) -> None:
        """Project the weights as loading does: a user may have changed weights, or frozen modules, directly."""
        structure, params, _ = self._split()
        if self._bind(structure, params, self.terms).constrained:
            network.write(self.layers, structure, self._feasible(structure, params, resting=True))

    def _feasible(
        self, structure: network.Structure, params: Mapping[str, Any], resting: bool = False
    ) -> dict[str, jax.Array]:
        """The nearest parameters inside their constraints; by numpy, since XLA would first compile each operation.

        ``resting``: the weights have been projected before. A constraint that moves weights each time it is applied
        (MinMaxNorm(rate=0.5), a function that shrinks) then does nothing, so that saving does not change a model.
        """
        plan = self._bind(structure, dict(params), "keras")
        given = {path: np.asarray(w) for path, w in params.items()}
        projected = plan.project(given)
        if resting and any(not np.array_equal(projected[path], w) for path, w in given.items()):
            again = plan.project({path: np.asarray(w) for path, w in projected.items()})
            for path, w in given.items():
                first, second = np.abs(projected[path] - w).max(initial=0.0), np.abs(again[path] - projected[path])
                if second.max(initial=0.0) > max(0.01 * first, 1e-4 * float(np.abs(w).max(initial=0.0))):
                    projected[path] = w
        return jax.device_put(projected)

    # --- compile -----------------------------------------------------------------------------------------------------

    @_keras_words.checked
    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Sequence[Any] | None = None, terms: str = "exact"
    ) -> None:
        """Set the optimizer, the loss and the metrics.

        Values that a function of your own reads besides its arguments (a global, an attribute) are read once, when the
        function is first used after `compile`, as in Keras. Compile again to update them.

        Args:
            optimizer: a name ("sgd", "adam", "adamw", "rmsprop", "adagrad"), an optimizer, or an optax transformation.
            loss: a name ("mse", "mae", "categorical_crossentropy", "sparse_categorical_crossentropy",
                "binary_crossentropy"), a loss, or a function of (y_true, y_pred) in JAX.
            metrics: names such as "accuracy", losses, or functions of (y_true, y_pred) in JAX.
            terms: "exact" (proximal steps for non-smooth penalties and projections for constraints, both in the
                optimizer's scaling) or "keras" (every regularizer by gradient, every projection Euclidean, the same
                updates as in Keras).

        Raises:
            ValueError: an unknown name, or proximal steps with an optimizer whose step size is not known.
        """
        if isinstance(metrics, str) or (metrics is not None and not isinstance(metrics, list | tuple)):
            raise TypeError(f"metrics={metrics!r}: expected a list, such as ['accuracy'].")
        if terms not in ("exact", "keras"):
            raise ValueError(f'terms={terms!r}: expected "exact" or "keras".')
        new_optimizer, new_loss = optimizers.get(optimizer), losses.get(loss)
        before = (self.optimizer, self.loss, self.metrics, self.terms, self._state)
        self.optimizer, self.loss, self.metrics, self.terms = new_optimizer, new_loss, list(metrics or ()), terms
        self._state = None
        self._programs = Programs()  # what is the user's code is traced again
        try:
            self._metrics()
            if self.built:
                self._check_metric(self.plan)
        except Exception:
            self.optimizer, self.loss, self.metrics, self.terms, self._state = before
            raise

    def _check_metric(self, plan: Plan) -> None:
        assert self.optimizer is not None
        if plan.scaled_paths and not self.optimizer.has_size:
            entry = next(e for e in plan.acting if e.trainable and e.scaled)
            term = entry.regularizer if entry.mode == "proximal" else entry.constraint
            raise ValueError(
                f"{entry.path}: {term} needs the optimizer's effective step size, which is not known for "
                f"{type(self.optimizer).__name__}. Give taut.optimizers.Optax(tx, step_size=...), use one of sgd, adam, "
                f'adamw, rmsprop, adagrad, or compile(..., terms="keras").'
            )

    def _need_compiled(self) -> losses.Loss:
        refuse_fork()  # before any data are put on a device
        if self.loss is None or self.optimizer is None:
            raise ValueError('this model has no loss yet: call model.compile(optimizer="adam", loss="mse") first.')
        return self.loss

    def _metrics(self) -> tuple[metrics.Metric, ...]:
        return metrics.get_all(self.metrics)

    def _program(
        self,
        structure: network.Structure,
        plan: Plan,
        optimizer: optimizers.Optimizer,
        loss: losses.Loss,
        programs: Programs,
    ) -> tuple[Program, Numbers]:
        """The compiled program, and the numbers that it takes as arguments; the caller keeps ``programs``."""
        last = self.layers[-1]
        fused = (
            loss.fused_with is not None
            and not loss.from_logits
            and network.gives_logits(last)
            and network.activation_name(last) == loss.fused_with
        )
        watched = tuple(a.layer for a in plan.activities)
        acts, plan_form = jax.tree.flatten(plan)
        rates, optimizer_form = jax.tree.flatten(optimizer)
        numbers = Numbers([np.asarray(n, np.float32) for n in acts], rates)
        own = weakref.ref(programs)
        return Program(structure, loss, self._metrics(), watched, fused, plan_form, optimizer_form, own), numbers

    # --- fit, evaluate, predict ----------------------------------------------------------------------------------------

    @_keras_words.checked
    def fit(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | str | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        settle: int = 0,
    ) -> History:
        """Train on rows ``x`` with labels ``y``.

        Args:
            x: (rows, ...) numbers: numpy, JAX, PyTorch, lists, pandas or polars.
            y: one label per row, in the form that the loss expects.
            batch_size: rows per step, 32 by default. The last batch of an epoch may be smaller and is also used. A
                batch size above the number of rows means all rows, as in Keras.
            epochs: passes over the data.
            verbose: 0 silent, 1 a progress bar, 2 one line per epoch; "auto" is a bar on a terminal and lines
                otherwise.
            validation_split: the fraction of rows, taken from the end, that is held out for validation.
            validation_data: (x, y) or (x, y, sample_weight), evaluated after each epoch.
            shuffle: whether the rows are shuffled before each epoch.
            class_weight: {class number: weight}, or "balanced" (rows / (classes × rows of the class)).
            sample_weight: one weight ≥ 0 a row.
            initial_epoch: the number of the first epoch, to continue training.
            settle: number of full-batch proximal gradient steps at the end. With noisy minibatches no method identifies
                exactly which weights are zero; a few dozen of these steps do.

        Returns:
            A History with ``loss``, ``data_loss``, ``penalty``, the metrics, and their ``val_`` twins.

        Raises:
            ValueError: shapes or labels that do not fit, NaN or infinity in the data, an empty table. The model is not
                changed then.
            NonFiniteError: a loss or a weight stopped being finite; the model keeps its last finite weights.
        """
        loss = self._need_compiled()
        epochs, initial_epoch, settle = (
            errors.integer(name, value, 0)
            for name, value in (("epochs", epochs), ("initial_epoch", initial_epoch), ("settle", settle))
        )
        size = 32 if batch_size is None else errors.integer("batch_size", batch_size, 1)
        rows, targets, weight = self._data(x, y, sample_weight)
        if class_weight is not None:
            weight = self._weighted(Data(rows, targets, weight), class_weight).weight
        progress = Progress(verbose, epochs)
        validation = None
        if validation_data is not None:
            validation = self._data(*_unpack(validation_data), prefix="validation_data ", row_shape=rows.shape[1:])
        elif validation_split:
            kept = adapt.split_off(validation_split, len(rows))
            # Keras does not apply class weights to held-out rows, but does apply sample weights.
            held = None if sample_weight is None else adapt.row_weights(sample_weight, len(rows))[kept:]  # type: ignore[index]
            validation = Data(rows[kept:], targets[kept:], held)
            rows, targets, weight = rows[:kept], targets[:kept], None if weight is None else weight[:kept]
        elif isinstance(validation_split, bool) or not isinstance(validation_split, int | float):
            adapt.split_off(validation_split, len(rows))
        if not self.built:  # only now that everything is checked: an error leaves the model as it was
            self.build(rows.shape[1:])
        loss, data, validation = self._placed(Data(rows, targets, weight), validation)
        assert data is not None

        job = self._job(loss, data, min(size, len(data.x)))
        seed = utils.draw_seed()
        history = History(seed=seed, params={"epochs": epochs, "steps": job.steps, "batch_size": job.batch})
        trainer = Trainer(job, seed, shuffle)

        def validate(epoch: int) -> dict[str, float]:
            assert validation is not None
            weights = {**job.frozen, **_ready(trainer)}
            return self._measure(job.program, job.numbers, weights, trainer.carry.rest, validation, size).values("val_")

        progress.start((epochs - initial_epoch) * job.steps)
        try:
            train(trainer, history, range(initial_epoch, epochs), progress, validate if validation else None)
            if settle:
                carry = trainer.carry
                new, history.settled = settling.settle(
                    job.program, job.numbers, _ready(trainer), job.frozen, carry.rest, data, settle
                )
                state = carry.state._replace(average=new) if job.optimizer.use_ema else carry.state
                trainer.carry = carry._replace(params=new, state=state)
        finally:  # also after Ctrl-C or a value that is not finite: the last good weights stay
            network.write(self.layers, job.program.structure, _ready(trainer), trainer.carry.rest)
            self._state = job.layout, trainer.carry.state
            self.history = history
        return history

    def prepare(
        self,
        x: Any,
        y: Any,
        batch_size: int | None = 32,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | str | None = None,
        validation_data: Any = None,
    ) -> Job:
        """A training run before its first step: checked data, arguments of the program, a new optimizer state.

        For programs that train many copies of this model at once (taut.paths). The model is built if necessary and
        otherwise not changed. A ``batch_size`` of None means all rows.
        """
        self._need_compiled()
        checked = self._data(x, y, sample_weight)
        held = None
        if validation_data is not None:
            held = self._data(*_unpack(validation_data), prefix="validation_data ", row_shape=checked.x.shape[1:])
        if class_weight is not None:
            checked = self._weighted(checked, class_weight)
        size = len(checked.x) if batch_size is None else errors.integer("batch_size", batch_size, 1)
        if not self.built:
            self.build(checked.x.shape[1:])
        loss, data, held = self._placed(checked, held)
        job = self._job(loss, data, min(size, len(data.x)), fresh=True)
        return dataclasses.replace(job, validation=held)

    def _weighted(self, data: Data, class_weight: Mapping[int, float] | str) -> Data:
        """``data``, with the weight of each row multiplied by the weight of its class."""
        sparse = isinstance(self.loss, losses.SparseCategoricalCrossentropy)
        by_class = adapt.class_weights(class_weight, data.y, self._output(data.x)[-1] if sparse else None)
        return data._replace(weight=by_class if data.weight is None else data.weight * by_class)

    def _job(self, loss: losses.Loss, data: Data, batch: int, fresh: bool = False) -> Job:
        """The arguments of the compiled program, from the model's current weights and optimizer state."""
        assert self.optimizer is not None
        structure, params, rest = self._split()
        plan = self._bind(structure, params, self.terms)
        self._check_metric(plan)
        trainable = {e.path for e in plan.entries if e.trainable}
        frozen = {p: w for p, w in params.items() if p not in trainable}
        params = {p: w for p, w in params.items() if p in trainable}
        optimizer = self.optimizer.prepared()
        programs = Programs() if fresh else self._programs
        program, numbers = self._program(structure, plan, optimizer, loss, programs)
        layout = transforms.layout(optimizer, params)
        rare = network.with_rare_entries(self.layers, structure, params, data.x, batch) if plan.scaled_paths else ()
        if fresh or self._state is None or self._state[0] != layout:
            state = transforms.init(optimizer, plan, params, rare)
        else:
            state = transforms.resume(optimizer, plan, self._state[1], params, rare)
        carry = Carry(params, rest, state)
        return Job(program, numbers, plan, optimizer, frozen, data, batch, carry, layout, programs)

    @property
    def _first(self) -> int:
        """The index of the first layer that is not an Input."""
        return next((i for i, layer in enumerate(self.layers) if type(layer).__name__ != "Input"), 0)

    @property
    def _takes_integers(self) -> bool:
        return bool(self.layers) and not isinstance(self.layers[self._first], Layer)

    def _rows(self, x: Any, what: str = "x", row_shape: Shape | None = None) -> np.ndarray:
        self._need_layers()
        first = self.layers[self._first]
        return adapt.inputs(
            x,
            self.input_shape if row_shape is None else row_shape,
            what=what,
            integers=self._takes_integers,
            table=first.num_embeddings if isinstance(first, nnx.Embed) else None,
            layer=self._names[self._first],
        )

    def _output(self, rows: np.ndarray) -> Shape:
        """The shape of one row of output, also for a model that is not built yet."""
        return self.output_shape or network.output_shape(self.layers, self._names, rows.shape[1:])

    def _data(
        self, x: Any, y: Any, sample_weight: Any = None, prefix: str = "", row_shape: Shape | None = None
    ) -> Data:
        loss = self._need_compiled()
        rows = self._rows(x, f"{prefix}x", row_shape)
        targets = adapt.labels(y, loss, self._output(rows), len(rows), what=f"{prefix}y")
        weight = adapt.row_weights(sample_weight, len(rows), what=f"{prefix}sample_weight")
        return Data(rows, targets, weight)

    def _placed(self, data: Data, other: Data | None = None) -> tuple[losses.Loss, Data, Data | None]:
        """The data on the device, with the smallest form of the labels that loss and metrics accept."""
        loss = self._need_compiled()
        if all(m.any_labels for m in self._metrics()):
            low, low_other = loss.lowered(data.y), None if other is None else loss.lowered(other.y)
            if low is not None and (other is None or low_other is not None):
                loss, data = low[0], data._replace(y=low[1])
                other = None if other is None or low_other is None else other._replace(y=low_other[1])
        # device_put, not jnp.asarray, which compiles a program for each shape (20 ms) to hold a constant.
        return loss, jax.device_put(data), jax.device_put(other)

    def _measure(self, program: Program, numbers: Numbers, params: Any, rest: Any, data: Data, batch: int) -> Totals:
        # The size of a slice only matters for activity penalties, where it is the user's batch size.
        size = min(batch if program.watched else EVALUATION_ROWS, len(data.x))
        totals = Totals(tuple(m.name for m in program.metrics))
        for start in range(0, len(data.x), size):
            n = min(size, len(data.x) - start)
            totals.add(np.asarray(engine.measure(program, n, numbers, params, rest, data, start)) * n, n)
        return totals

    @_keras_words.checked
    def evaluate(
        self,
        x: Any,
        y: Any,
        batch_size: int = 32,
        verbose: Any = "auto",
        sample_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """Loss (including all penalties, as in Keras) and metrics on rows ``x`` with labels ``y``.

        Returns:
            The loss, or a list [loss, metric, ...] if there are metrics. With ``return_dict``, a dict that also
            contains ``data_loss`` and ``penalty``.
        """
        self._need_compiled()
        self._need_built()
        loss, data, _ = self._placed(self._data(x, y, sample_weight))
        structure, params, rest = self._split()
        plan = self._bind(structure, params, self.terms)
        assert self.optimizer is not None
        program, numbers = self._program(structure, plan, self.optimizer.prepared(), loss, self._programs)
        size = errors.integer("batch_size", batch_size, 1)
        values = self._measure(program, numbers, params, rest, data, size).values()
        if verbose not in (0, "auto"):
            print(show(values))
        if return_dict:
            return values
        scores = [values["loss"], *(values[m.name] for m in program.metrics)]
        return scores if len(scores) > 1 else scores[0]

    @_keras_words.checked
    def predict(self, x: Any, batch_size: int = EVALUATION_ROWS, verbose: Any = 0) -> np.ndarray:
        """The model's output for each row of ``x``: a numpy array of shape (rows, ...)."""
        self._need_built()
        rows = self._rows(x)
        structure, params, rest = self._split()
        forward = self._forward(structure)
        size = errors.integer("batch_size", batch_size, 1)
        parts = []
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            # Rounded up to a power of two, so that a few programs are enough for any number of rows.
            padded = np.zeros((1 << (len(part) - 1).bit_length(), *part.shape[1:]), part.dtype)
            padded[: len(part)] = part
            parts.append(np.asarray(engine.predict(forward, params, rest, jax.device_put(padded)))[: len(part)])
        return np.concatenate(parts)

    def __call__(self, x: Any) -> jax.Array:
        """The output for a batch ``x`` as a JAX array, in inference mode.

        It is not compiled if a layer runs a user's own code, which then runs with its current values, as in Keras.
        """
        refuse_symbols("a Sequential", x)
        self._need_built()
        refuse_fork()
        structure, params, rest = self._split()
        x = jnp.asarray(x)
        if x.shape[1:] != self.input_shape:
            raise ValueError(
                f"layer {self._names[0]!r} takes rows of shape {self.input_shape}, but got an array of shape {x.shape}; "
                f"expected (rows, {', '.join(map(str, self.input_shape or ()))})."
            )
        if structure.holds_user_code:
            return network.apply(structure, params, rest, x, training=False).out
        return engine.predict(self._forward(structure), params, rest, x)

    # --- weights -----------------------------------------------------------------------------------------------------

    @property
    def params(self) -> dict[str, jax.Array]:
        """Parameters by path."""
        self._need_built()
        return self._split()[1]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the parameters, layer by layer, a kernel before its bias."""
        return [np.array(w) for w in self.params.values()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the weights, in the order of ``get_weights``, and project them onto their constraints.

        Raises:
            ValueError: a wrong number of arrays, a wrong shape (the message names the parameter), or a value that is
                not finite.
                The model keeps the weights it had.
        """
        self._need_built()
        structure, params, _ = self._split()
        if not isinstance(weights, list | tuple) or len(weights) != len(params):
            count = len(weights) if isinstance(weights, list | tuple) else type(weights).__name__
            raise ValueError(f"set_weights: got {count}, expected a list of {len(params)} arrays: {', '.join(params)}.")
        new = {}
        for (path, old), given in zip(params.items(), weights, strict=True):
            array = np.asarray(given, np.float32)
            if array.shape != old.shape:
                raise ValueError(f"set_weights: {path} got shape {array.shape}, expected {old.shape}.")
            if not np.isfinite(array).all():
                raise ValueError(f"set_weights: {path} holds NaN or infinity; expected finite numbers.")
            new[path] = array.astype(old.dtype)
        network.write(self.layers, structure, self._feasible(structure, new))

    def count_params(self) -> int:
        """The total number of weights."""
        return sum(w.size for w in self.params.values())

    @_keras_words.checked
    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print the layers, their output shapes and parameter counts, and the audit of terms."""
        from taut.model.summary import summary

        print_fn(summary(self))

    # --- files -------------------------------------------------------------------------------------------------------

    @_keras_words.checked
    def save(self, path: Any) -> None:
        """Write the model to one safetensors file, atomically: weights, architecture, terms, optimizer, history.

        Args:
            path: the file, such as "model.taut". A name in ``.keras`` or ``.h5`` gives a warning, since Keras cannot open
                the file; a name of another format, such as ``.onnx``, is refused.

        Raises:
            TypeError, ValueError: something that a file cannot store (a user's own function, NaN weights, metadata that
                is not plain JSON), or a name of another format. Nothing is written.
            OSError: the file cannot be written; an existing file is not changed.
        """
        from taut.model.saving import save

        save(self, path)

    def export(self, path: Any) -> None:
        """Write the model to an ONNX file, for use in other programs: "x" (rows, ...) → "y" (rows, ...), float32.

        ``metadata`` (column names, classes) is included. For a smaller file export ``taut.compact(model)``.

        Raises:
            ModuleNotFoundError: onnx is not installed.
            ValueError: a layer or an activation that cannot be exported; the message names it.
        """
        from taut.model.onnx import export

        export(self, path)

    def to_sparse(self) -> SparseModel:
        """The model for prediction on the CPU, with SciPy's sparse matrices where they are faster."""
        from taut.model.sparse import SparseModel

        return SparseModel(self)

    def report(
        self,
        path: Any,
        *,
        x: Any = None,
        feature_names: Sequence[str] | None = None,
        image: tuple[int, int] | None = None,
        title: str | None = None,
    ) -> None:
        """Write a report about the effect of the terms to one HTML file, which needs no network and no other file.

        It shows terms, active constraints, the contribution of each input, weights, kernels as images, and training
        curves.

        Args:
            path: the file, such as "report.html".
            x: rows of data; the contributions of the inputs are then measured at the first layer, in its units.
            feature_names: one name per input.
            image: (height, width), if the inputs are pixels of an image.
            title: the heading.

        Raises:
            ModuleNotFoundError: plotly is not installed.
            ValueError: names, rows or an image size that do not fit the inputs.
        """
        self._need_built()
        _reports.writer("model")(self, path, x=x, feature_names=feature_names, image=image, title=title)


def _ready(trainer: Trainer) -> dict[str, jax.Array]:
    """The weights to use: the projected averages, if the optimizer keeps averages."""
    carry, job = trainer.carry, trainer.job
    if not job.optimizer.use_ema:
        return carry.params
    return transforms.averaged(job.plan, carry.state.average, carry.params)


def _flat(attached: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    return [x for path, terms in attached.items() for x in (path, *terms, *terms.values())]


def _unpack(validation_data: Any) -> tuple[Any, ...]:
    if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
        raise ValueError("validation_data: expected (x, y) or (x, y, sample_weight).")
    return tuple(validation_data)
