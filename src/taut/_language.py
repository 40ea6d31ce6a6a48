"""The little language in which the shell, and scikit-learn parameters, name terms.

    terms    = term { "+" term }  |  term { "&" term }     regularizers add, constraints intersect
               [ "@" mode ]                                gradient, proximal or decoupled
    term     = name  |  name "=" value  |  name "(" [ argument { "," argument } ] ")"
    argument = [ name "=" ] value
    value    = number  |  word  |  "(" [ value { "," value } ] ")"

``l1=0.001`` gives the first number of the term; ``box(low=-1, high=1)`` names them, as its Python
signature does. An error shows the text with a caret under the character at fault.
"""

from __future__ import annotations

import dataclasses
import operator
import re
from dataclasses import dataclass
from functools import reduce
from typing import Any

from taut import identifiers
from taut.errors import nearest

__all__ = ["Parsed", "TermError", "build", "parse"]

Value = float | int | str | bool | None | tuple[Any, ...]
MODES = ("gradient", "proximal", "decoupled")

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?(?![\w.])|[+-]?(inf|nan)\b")
_WORD = re.compile(r"[A-Za-z_]\w*")
_CONSTANTS: dict[str, Value] = {"none": None, "true": True, "false": False}


class TermError(ValueError):
    """A term that cannot be read, with a caret under the place."""

    def __init__(self, text: str, at: int, message: str) -> None:
        self.text, self.at = text, at
        super().__init__(f"{message}\n    {text}\n    {' ' * at}^")


@dataclass(frozen=True)
class Argument:
    name: str | None
    value: Value
    at: int  # where its name starts, or its value if it has none
    value_at: int


@dataclass(frozen=True)
class Term:
    name: str
    arguments: tuple[Argument, ...]
    at: int


@dataclass(frozen=True)
class Parsed:
    """What a text says, before any of it is looked up."""

    text: str
    terms: tuple[Term, ...]
    joined_by: str | None = None  # "+" or "&", with its first place in `join_at`
    join_at: int = 0
    mode: str | None = None
    mode_at: int = 0


def build(kind: str, text: str) -> Any:
    """The term that a text stands for.

    Args:
        kind: "regularizer" or "constraint".
        text: by the grammar above.

    Raises:
        TermError: the text cannot be read, or the term refuses its numbers.

    >>> build("regularizer", "l1=0.001 + l2=0.01")
    Sum(terms=(L1(l1=0.001), L2(l2=0.01)))
    """
    parsed = parse(text)
    sign = "+" if kind == "regularizer" else "&"
    if parsed.joined_by not in (None, sign):
        raise TermError(text, parsed.join_at, f"{kind}s are joined by {sign!r}, not by {parsed.joined_by!r}")
    terms = [_make(kind, text, term) for term in parsed.terms]
    try:
        whole = reduce(operator.add if sign == "+" else operator.and_, terms)
    except (TypeError, ValueError) as error:
        raise TermError(text, parsed.join_at, str(error)) from None
    if parsed.mode is None:
        return whole
    if kind != "regularizer":
        raise TermError(text, parsed.mode_at - 1, "a constraint has no mode: it is a projection after every step")
    return whole.acting(parsed.mode)


def _make(kind: str, text: str, term: Term) -> Any:
    try:
        cls: Any = identifiers._find(kind, term.name)
    except ValueError as error:
        other = "constraint" if kind == "regularizer" else "regularizer"
        try:
            identifiers._find(other, term.name)
        except ValueError:
            raise TermError(text, term.at, str(error)) from None
        raise TermError(text, term.at, f"{term.name!r} is a {other}; expected a {kind}") from None
    names = [field.name for field in dataclasses.fields(cls)]
    given: dict[str, Value] = {}
    for position, argument in enumerate(term.arguments):
        name = argument.name
        if name is None:
            if position >= len(names):
                raise TermError(text, argument.at, f"{cls.__name__} takes {_arguments(names)}")
            name = names[position]
        elif name not in names:
            close = nearest(name, names, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            message = f"{cls.__name__} has no {name!r}{hint}; it takes {_arguments(names)}"
            raise TermError(text, argument.at, message)
        if name in given:
            raise TermError(text, argument.at, f"{name!r} is given twice")
        given[name] = argument.value
    needed = [f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING]
    lacking = [name for name in needed if name not in given]
    if lacking:
        example = ", ".join(f"{name}=..." for name in names)
        message = f"{cls.__name__} needs {_arguments(lacking)}: {term.name}({example})"
        raise TermError(text, term.at, message)
    try:
        return cls(**given) if given else identifiers.get(kind, term.name)
    except (TypeError, ValueError) as error:
        at = term.arguments[0].value_at if len(term.arguments) == 1 else term.at
        raise TermError(text, at, str(error)) from None


def _arguments(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "no arguments"


def parse(text: str) -> Parsed:
    """Read a text by the grammar above.

    >>> [term.name for term in parse("l1=0.001 + l2=0.01").terms]
    ['l1', 'l2']
    >>> parse("l1=").terms
    Traceback (most recent call last):
        ...
    taut._language.TermError: expected a value after '=', found the end
        l1=
           ^
    """
    return _Reader(text).terms()


class _Reader:
    """A position in a text, and the grammar as one method a rule."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def terms(self) -> Parsed:
        terms = [self.term()]
        joined_by, join_at = None, 0
        while (sign := self.peek()) in ("+", "&"):
            if joined_by is None:
                joined_by, join_at = sign, self.at
            elif sign != joined_by:
                raise self.error(
                    f"'+' and '&' cannot be mixed: one text is a sum or an intersection, this began with {joined_by!r}"
                )
            self.at += 1
            terms.append(self.term())
        mode, mode_at = None, 0
        if self.peek() == "@":
            self.at += 1
            self.peek()
            mode_at = self.at
            mode = self.word("a mode after '@': " + ", ".join(MODES))
            if mode not in MODES:
                raise TermError(self.text, mode_at, f"there is no mode {mode!r}: expected {', '.join(MODES)}")
        if self.peek() is not None:
            if re.search(r"\d,$", self.text[: self.at + 1]) and self.text[self.at + 1 : self.at + 2].isdigit():
                raise self.error("a number is written with a point, as in 0.1; found ','")
            after = "'+', '&', '@' or the end" if mode is None else "the end"
            raise self.error(f"expected {after}, found {self.found()}")
        return Parsed(self.text, tuple(terms), joined_by, join_at, mode, mode_at)

    def term(self) -> Term:
        self.peek()
        at = self.at
        name = self.word("the name of a term, such as l1 or max_norm")
        if self.peek() == "=":
            self.at += 1
            self.peek()
            value_at = self.at
            return Term(name, (Argument(None, self.value("a value after '='"), value_at, value_at),), at)
        if self.peek() == "(":
            return Term(name, self.arguments(), at)
        return Term(name, (), at)

    def arguments(self) -> tuple[Argument, ...]:
        opening = self.at
        self.at += 1
        arguments: list[Argument] = []
        while self.peek() != ")":
            start = self.at
            match = re.compile(r"([A-Za-z_]\w*)\s*=").match(self.text, start)
            if match:
                self.at = match.end()
            self.peek()
            value_at = self.at
            wanted = "a value after '='" if match else "an argument, such as 0.01 or l1=0.01"
            arguments.append(Argument(match[1] if match else None, self.value(wanted), start, value_at))
            if self.peek() == ",":
                self.at += 1
            elif self.peek() is None:
                raise TermError(self.text, opening, "this '(' is never closed")
            elif self.peek() != ")":
                raise self.error(f"expected ',' or ')', found {self.found()}")
        self.at += 1
        return tuple(arguments)

    def value(self, wanted: str) -> Value:
        here = self.peek()
        if here == "(":
            opening = self.at
            self.at += 1
            items: list[Value] = []
            while self.peek() != ")":
                items.append(self.value("a value"))
                if self.peek() == ",":
                    self.at += 1
                elif self.peek() is None:
                    raise TermError(self.text, opening, "this '(' is never closed")
                elif self.peek() != ")":
                    raise self.error(f"expected ',' or ')', found {self.found()}")
            self.at += 1
            return tuple(items)
        if match := _NUMBER.match(self.text, self.at):
            self.at = match.end()
            digits = match[0]
            return int(digits) if re.fullmatch(r"[+-]?\d+", digits) else float(digits)
        if match := _WORD.match(self.text, self.at):
            self.at = match.end()
            return _CONSTANTS.get(match[0].lower(), match[0])
        raise self.error(f"expected {wanted}, found {self.found()}")

    def word(self, wanted: str) -> str:
        self.peek()
        match = _WORD.match(self.text, self.at)
        if match is None:
            raise self.error(f"expected {wanted}, found {self.found()}")
        self.at = match.end()
        return match[0]

    def peek(self) -> str | None:
        """The next character that is not a space, or None at the end."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.text[self.at] if self.at < len(self.text) else None

    def found(self) -> str:
        rest = re.match(r"[^\s+&@(),=]+|.", self.text[self.at :])
        return repr(rest[0]) if rest else "the end"

    def error(self, message: str) -> TermError:
        return TermError(self.text, self.at, message)
