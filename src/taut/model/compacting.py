"""taut.compact: exact zeros made into a smaller network with the same outputs.

What can go is found by `taut.model.dead`; here it is cut out of the layers, their terms and the optimizer's state.

One file because the parts of a model shrink together or not at all.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax import nnx

from taut import layouts, transforms
from taut._versions import iter_modules
from taut.layers import Input, Layer, Select
from taut.layers.wiring import wiring_of
from taut.model import dead as masks
from taut.model import held, network
from taut.model.dead import Dead, Stage, channels
from taut.model.engine import Forward
from taut.model.programs import compiled
from taut.model.slicing import TermRefused, same_penalty, slice_activity, slice_term

if TYPE_CHECKING:
    from taut.model.sequential import Sequential

__all__ = ["Change", "Compaction", "compact"]

Arrays = dict[str, np.ndarray]
TOLERANCE = 1e-6  # of weights that a projection may still move, relative to the largest


@dataclass(frozen=True)
class Change:
    """What became of one layer's units.

    ``constant`` of those that went were the same for every row and are in the next layer's bias; the others had no way
    to the output.
    """

    name: str
    before: int
    after: int
    constant: int


@dataclass(frozen=True)
class Compaction:
    """What `compact` dropped; print it.

    Attributes:
        changes: one for each layer with weights.
        parameters: numbers in the parameters, before and after.
        inputs: the numbers of the inputs that are kept, counted over a row (as one vector where it has several axes
            and whole channels do not do).
        columns: their names, where ``model.metadata["columns"]`` names the inputs.
        of: how many inputs there were.
        notes: what else deserves a look.
    """

    changes: tuple[Change, ...]
    parameters: tuple[int, int]
    inputs: tuple[int, ...]
    of: int
    columns: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was dropped."""
        return len(self.inputs) < self.of or any(c.after < c.before for c in self.changes)

    def __str__(self) -> str:
        if not self.changed:
            return "\n".join(["nothing to drop: no input and no unit can go", *self.notes])
        lines: list[str] = []
        if len(self.inputs) < self.of:
            names = self.columns or tuple(map(str, self.inputs))
            shown = ", ".join(names[:12]) + (f", … ({len(names) - 12} more)" if len(names) > 12 else "")
            lines.append(f"inputs: {self.of} → {len(self.inputs)}: {shown}")
        for c in self.changes:
            gone = c.before - c.after
            why = f" ({c.constant} constant, {gone - c.constant} without effect)" if gone else ""
            lines.append(f"{c.name}: {c.before} → {c.after} units{why}")
        old, new = self.parameters
        lines.append(f"parameters: {old:,} → {new:,} ({new / old:.1%})")
        return "\n".join([*lines, *self.notes])


def compact(model: Sequential, inputs: str = "keep", training: bool = True) -> Sequential:
    """A smaller model with the same outputs: inputs and units without effect are cut out.

    A unit whose incoming weights are all 0.0 is the same for every row: it goes into the next layer's bias. A unit or an
    input whose outgoing weights are all 0.0 is dropped, and so on until nothing follows any more. Weights, terms,
    optimizer state and averages shrink along, so training can go on where it stands.

    Args:
        model: built; it is not changed.
        inputs: "keep", rows stay as they are and a `taut.layers.Select` takes what is needed of them; or "drop", the
            model takes the kept inputs alone (``compaction.inputs`` says which, also as ``metadata["inputs"]``).
        training: whether terms and the optimizer's state come along. Without them the model is for prediction.

    Returns:
        A Sequential whose ``compaction`` prints what was dropped. Its outputs are those of ``model`` but for the order
        of float32 sums.

    Raises:
        ValueError: a term that cannot follow to fewer weights (blocks, neighbours, the diagonal), by name and path.

    >>> import numpy as np
    >>> import taut
    >>> model = taut.Sequential([taut.layers.Dense(8, "relu", input_shape=(4,)), taut.layers.Dense(1)])
    >>> kernel = np.ones((4, 8)); kernel[2] = 0; kernel[:, 3:] = 0
    >>> model.set_weights([kernel, np.zeros(8), np.ones((8, 1)), np.zeros(1)])
    >>> small = taut.compact(model)
    >>> print(small.compaction)
    inputs: 4 → 3: 0, 1, 3
    dense: 8 → 3 units (5 constant, 0 without effect)
    dense_1: 1 → 1 units
    parameters: 49 → 16 (32.7%)
    """
    if inputs not in ("keep", "drop"):
        raise ValueError(f'compact: inputs={inputs!r}, expected "keep" or "drop".')
    model._need_built()
    stages = _stages(model)
    refusing: set[str] = set()
    while True:
        first = _first(stages)
        selects = stages[first].wiring is not None and stages[first].wiring.way == "select"  # type: ignore[union-attr]
        dead = masks.find(stages, refusing, inputs=inputs == "drop" or not selects)
        try:
            return _Smaller(model, stages, dead, first, inputs == "keep", training, frozenset(refusing)).model
        except _NoShift as refused:  # its bias may not become what it would have to be: those units stay
            refusing.add(refused.layer)


class _NoShift(Exception):
    def __init__(self, layer: str) -> None:
        self.layer = layer


@compiled()
def _outputs(forward: Forward, params: Any, rest: Any, x: jax.Array) -> dict[str, jax.Array]:
    structure = forward.structure
    seen = network.apply(structure, params, rest, x, training=False, want=structure.names).layers
    return {name: calls[-1] for name, calls in seen.items()}


def _stages(model: Sequential) -> list[Stage]:
    structure, params, rest = model._split()
    assert model.input_shape is not None
    row = np.zeros((1, *model.input_shape), np.int32 if model._takes_integers else np.float32)
    outputs = _outputs(model._forward(structure), params, rest, row)
    stages: list[Stage] = []
    before = row[0]
    for layer, name in zip(model.layers, structure.names, strict=True):
        after = np.asarray(outputs[name])[0]
        shared = sum(other is layer for other in model.layers) > 1  # one set of weights in two places
        wiring = None if shared or (isinstance(layer, nnx.Module) and _has_inner(layer)) else wiring_of(layer)
        arrays = {}
        for array in wiring.axes if wiring else ():
            value = getattr(layer, array, None)
            if isinstance(value, nnx.Variable):
                arrays[array] = np.asarray(value[...])
        shape_in = before.shape if not shared else stages[-1].shape_out if stages else before.shape
        stages.append(Stage(name, layer, wiring, arrays, shape_in, after.shape, before, after))
        before = after
    return stages


def _has_inner(layer: Any) -> bool:
    """Whether modules with weights of their own lie inside, of which a row of the outer kind says nothing."""
    inner = [m for path, m in iter_modules(layer) if path]
    return any(isinstance(v, nnx.Param) for m in inner for v in vars(m).values())


def _first(stages: list[Stage]) -> int:
    """The first layer that does something."""
    return next((i for i, s in enumerate(stages) if not isinstance(s.layer, Input)), len(stages) - 1)


class _Smaller:
    """The parts of one smaller model, made one after the other."""

    def __init__(
        self, old: Sequential, stages: list[Stage], dead: Dead, first: int, keep: bool, training: bool, refusing: Any
    ) -> None:
        self.old, self.stages, self.dead, self.first, self.training = old, stages, dead, first, training
        self.keep_inputs = keep
        self.indices: dict[str, tuple[np.ndarray, ...]] = {}  # by path, what stays along each axis
        self.shifts: Arrays = {}  # by path, what is added
        self.notes = [f"{name}: its bias cannot take up constant units, so they stay" for name in sorted(refusing)]
        from taut.model.sequential import Sequential

        _, self.params, _ = old._split()
        self.model = model = Sequential(name=old.name)
        model.layers = self._layers()
        model.seed, model.terms = old.seed, old.terms
        self.attached = self._attached() if training else {}
        self._build()
        model.metadata = self._metadata()
        model.history = copy.deepcopy(old.history)
        self._compile()
        model.compaction = self._record()

    # --- layers ---------------------------------------------------------------------------------------------------------

    def _layers(self) -> list[Any]:
        out: list[Any] = []
        made: dict[int, Any] = {}  # a shared layer is made once
        select = self._select()
        for k, stage in enumerate(self.stages):
            if k == self.first and select is not None:
                out.append(select)
            if id(stage.layer) not in made:
                made[id(stage.layer)] = self._layer(k, stage)
            out.append(made[id(stage.layer)])
        self.made = [(stage.layer, made[id(stage.layer)]) for stage in self.stages]
        return out

    def _select(self) -> Select | None:
        cut = self.dead.cut[self.first]
        if not self.keep_inputs or not cut.any():
            return None
        # The data's shape stays with whoever declared it: an Input before this, or else this layer.
        declared = None if self.first else cut.shape
        whole = channels(cut)
        if (whole == cut).all():
            return Select(np.flatnonzero(~whole), input_shape=declared)
        return Select(np.flatnonzero(~cut), axis=None, input_shape=declared)

    def _kept(self, k: int) -> np.ndarray:
        """The features (along the last axis) that stay on edge ``k``."""
        return np.flatnonzero(~channels(self.dead.cut[k]))

    def _input_shape(self) -> tuple[int, ...]:
        """The shape of a row of the smaller model."""
        cut = self.dead.cut[0]
        if self.keep_inputs or not cut.any():
            return cut.shape
        whole = channels(cut)
        rectangular = (whole == cut).all()
        return (*cut.shape[:-1], int((~whole).sum())) if rectangular else (int((~cut).sum()),)

    def _layer(self, k: int, stage: Stage) -> Any:
        inside, outside, layer = self._kept(k), self._kept(k + 1), stage.layer
        features = {"in": (inside, stage.shape_in[-1]), "out": (outside, stage.shape_out[-1])}
        arrays: Arrays = {}
        for name, array in stage.arrays.items():
            assert stage.wiring is not None
            kept = tuple(
                _along(label, size, features) for label, size in zip(stage.wiring.axes[name], array.shape, strict=True)
            )
            arrays[name] = array[np.ix_(*kept)]
            self.indices[f"{stage.name}/{name}"] = kept
        given = masks.contribution(stage, self.dead.cut[k], self.dead.constant[k])
        if given is not None:
            assert stage.wiring is not None and stage.wiring.shift is not None
            path = f"{stage.name}/{stage.wiring.shift}"
            self.shifts[path] = given[self.indices[path][-1]]
        if (
            not isinstance(layer, Layer) or len(held.within([layer], (stage.name,))) > 1
        ):  # what a layer holds stays whole
            twin = nnx.clone(layer)
            held.own_terms([twin])
            for name, array in arrays.items():
                shift = self.shifts.get(f"{stage.name}/{name}", 0)
                setattr(twin, name, nnx.Param(jax.device_put((array + shift).astype(array.dtype))))
            for size, feature in (stage.wiring.sizes if stage.wiring else {}).items():
                setattr(twin, size, len(features[feature][0]))
            return twin
        changes: dict[str, Any] = {
            n: len(features[f][0]) for n, f in (stage.wiring.sizes if stage.wiring else {}).items()
        }
        if isinstance(layer, Input):
            changes["shape"] = changes["input_shape"] = self._input_shape()
        elif layer.input_shape is not None:
            goes_first = k == 0 and not (self.keep_inputs and self.dead.cut[0].any())
            changes["input_shape"] = self._input_shape() if goes_first else None
        if isinstance(layer, Select):
            changes["indices"] = self._selection(k, stage)
        changes |= self._terms(stage, outside)
        twin = type(layer)(**_arguments(layer) | changes)
        return twin

    def _selection(self, k: int, stage: Stage) -> list[int]:
        """The indices of a selection, counted among the inputs that are left."""
        flat = stage.layer.axis is None
        before, behind = self.dead.cut[k], self.dead.cut[k + 1]
        gone = before.reshape(-1) if flat else channels(before)
        number = np.cumsum(~gone) - 1
        stays = ~(behind if flat else channels(behind))
        return [int(number[i]) for i, kept in zip(stage.layer.indices, stays, strict=True) if kept]

    # --- terms ----------------------------------------------------------------------------------------------------------

    def _terms(self, stage: Stage, outside: np.ndarray) -> dict[str, Any]:
        """The terms among a layer's arguments, sliced, or None for each."""
        out: dict[str, Any] = {}
        for name in stage.layer._arguments():
            parameter, _, kind = name.rpartition("_")
            if kind not in ("regularizer", "constraint"):
                continue
            path = f"{stage.name}/{parameter}"
            hidden = kind in self.old._attached.get(path, {})  # another, or none, was attached in its place
            term = None if hidden or not self.training else getattr(stage.layer, name, None)
            out[name] = self._slice(path, term, outside)
        return out

    def _slice(self, path: str, term: Any, outside: np.ndarray | None = None) -> Any:
        if term is None:
            return None
        name, _, parameter = path.rpartition("/")
        if parameter == "activity":
            stage = next(s for s in self.stages if s.name == name)
            kept = outside if outside is not None else self._kept(self.stages.index(stage) + 1)
            return slice_activity(term, path, stage.shape_out[-1], kept)
        if parameter == "unit":
            parts = [p for p in self.indices if p.rpartition("/")[0] == name]
            if not parts:
                return term
            kernel = self.indices[f"{name}/kernel"]
            rows = self.params[f"{name}/kernel"].shape[0]
            own, shape = kernel[0], (rows, self.params[f"{name}/kernel"].shape[-1])
            if f"{name}/bias" in self.params:
                own, shape = np.append(own, rows), (rows + 1, shape[1])
            return slice_term(term, path, shape, (own, kernel[-1]), (0,))
        if path not in self.indices:
            return term
        stage = next(s for s in self.stages if s.name == name)
        shape = tuple(self.params[path].shape)
        layout = layouts.of(stage.layer, {parameter: shape}).get(parameter)
        axes = layout.fan_in if layout else None
        sliced = slice_term(term, path, shape, self.indices[path], axes)
        same_penalty(term, sliced, path, np.asarray(self.params[path], np.float64), self.indices[path], axes)
        return sliced

    def _attached(self) -> dict[str, dict[str, Any]]:
        return {
            path: {kind: self._slice(path, term) for kind, term in terms.items()}
            for path, terms in self.old._attached.items()
        }

    # --- weights --------------------------------------------------------------------------------------------------------

    def _cut(self, path: str, array: Any, shift: bool = False) -> np.ndarray:
        out = np.asarray(array)
        if path in self.indices:
            out = out[np.ix_(*self.indices[path])]
        return (out + self.shifts[path]).astype(out.dtype) if shift and path in self.shifts else out

    def _build(self) -> None:
        values = {path: self._cut(path, w, shift=True) for path, w in self.params.items()}
        model = self.model
        model._build(self._input_shape(), lambda path, *_: values.get(path, np.zeros((), np.int64)))
        model._attached = self.attached
        structure, params, _ = model._split()
        assert set(params) == set(values)
        feasible = model._feasible(structure, {path: values[path] for path in params})
        for path, w in feasible.items():
            scale = max(1.0, float(np.abs(values[path]).max(initial=0.0)))
            if np.abs(np.asarray(w) - values[path]).max(initial=0.0) > TOLERANCE * scale:
                if path in self.shifts:
                    raise _NoShift(path.rpartition("/")[0])
                raise TermRefused(
                    f"compact: {path}: {model.plan[path].constraint or 'a constraint on the unit'} does not hold for the "
                    f"weights that are left, and projecting them would change the outputs. Take it away first, "
                    f"model.attach({{{path!r}: None}}), or leave all terms behind with compact(model, training=False)."
                )
        network.write(model.layers, structure, feasible)
        for before, after in self.made:  # random streams, batch statistics
            state = nnx.state(before, nnx.Not(nnx.Param))
            if state and isinstance(after, Layer):
                nnx.update(after, jax.tree.map(lambda leaf: leaf, state))

    # --- training -------------------------------------------------------------------------------------------------------

    def _compile(self) -> None:
        old, model = self.old, self.model
        if old.loss is None or old.optimizer is None:
            return
        model.compile(old.optimizer, old.loss, old.metrics, old.terms)
        if old._state is None or not self.training:
            return
        optimizer, state = old.optimizer.prepared(), old._state[1]
        trained = [e.path for e in old.plan.entries if e.trainable]
        before = {path: self.params[path] for path in trained}
        after = {path: model.params[path] for path in trained}
        if old._state[0] != transforms.layout(optimizer, before):
            return  # it was for other parameters, and the next fit would have begun anew
        packed = dict(sorted(before.items()))  # a compiled step packs by sorted path, as JAX hands dicts on

        def shrink(node: Any) -> Any:
            if not isinstance(node, Mapping) or set(node) not in ({transforms.PACKED}, set(trained)):
                return node
            by_path = transforms._unpack(optimizer, node, packed)
            cut = {path: jax.device_put(self._cut(path, by_path[path])) for path in packed}
            return transforms._pack(optimizer, cut)  # few enough numbers are packed now, or still

        slots = jax.tree.map(shrink, state.slots, is_leaf=lambda n: isinstance(n, Mapping))
        new = state._replace(
            slots=slots,
            metric={p: jax.device_put(self._cut(p, v)) for p, v in state.metric.items()},
            average={p: jax.device_put(self._cut(p, v, shift=True)) for p, v in state.average.items()},
            gradients={p: jax.device_put(self._cut(p, v)) for p, v in state.gradients.items()},
        )
        expected = transforms.init(optimizer, model.plan, after, tuple(state.metric))
        if jax.tree.structure(new) != jax.tree.structure(expected) or any(
            np.shape(a) != np.shape(b) for a, b in zip(jax.tree.leaves(new), jax.tree.leaves(expected), strict=True)
        ):
            self.notes.append(f"{type(optimizer).__name__}: its state cannot be cut, so training starts it anew")
            return
        model._state = transforms.layout(optimizer, after), new

    # --- what is said ---------------------------------------------------------------------------------------------------

    def _inputs(self) -> np.ndarray:
        """The inputs that are kept: channels of a row, or its entries where whole channels do not do."""
        cut = self.dead.cut[self.first]
        whole = channels(cut)
        return np.flatnonzero(~whole) if (whole == cut).all() else np.flatnonzero(~cut)

    def _columns(self) -> tuple[str, ...] | None:
        names = self.old.metadata.get("columns")
        shape = self.old.input_shape or ()
        if not isinstance(names, list | tuple) or len(shape) != 1 or len(names) != shape[0]:
            return None
        return tuple(str(names[i]) for i in self._inputs())

    def _metadata(self) -> dict[str, Any]:
        metadata = copy.deepcopy(self.old.metadata)
        if not self.keep_inputs and self.dead.cut[0].any():
            earlier = metadata.get("inputs")
            kept = [int(i) for i in self._inputs()]
            metadata["inputs"] = [earlier[i] for i in kept] if earlier else kept
            if (columns := self._columns()) is not None:
                metadata["columns"] = list(columns)
            if metadata.pop("table", None) is not None:
                self.notes.append("metadata['table'] was left behind: it describes all inputs")
        return metadata

    def _record(self) -> Compaction:
        changes: list[Change] = []
        for k, stage in enumerate(self.stages):
            if stage.wiring is not None and stage.wiring.way == "mix":
                gone = channels(self.dead.cut[k + 1])
                constant = gone & channels(self.dead.constant[k + 1])
                changes.append(Change(stage.name, len(gone), int((~gone).sum()), int(constant.sum())))
                if gone.any() and getattr(stage.layer, "activity_regularizer", None) is not None and self.training:
                    self.notes.append(
                        f"{stage.name}: its activity penalty no longer counts the {int(gone.sum())} units"
                    )
        cut = self.dead.cut[self.first]
        kept = self._inputs()
        of = cut.shape[-1] if (channels(cut) == cut).all() else cut.size
        before, after = (sum(w.size for w in m.params.values()) for m in (self.old, self.model))
        return Compaction(
            tuple(changes), (before, after), tuple(map(int, kept)), of, self._columns(), tuple(self.notes)
        )


def _along(label: str | None, size: int, features: Mapping[str, tuple[np.ndarray, int]]) -> np.ndarray:
    """What stays along one axis of an array."""
    if label is None:
        return np.arange(size)
    kept, count = features[label.partition("*")[0]]
    return np.concatenate([kept + count * i for i in range(size // count)])


def _arguments(layer: Layer) -> dict[str, Any]:
    """The constructor's arguments of a layer, as they are."""
    return {name: getattr(layer, name) for name in type(layer)._arguments()}
