"""What every command needs; imported before click is, so that one line says how to get all of it."""

from taut import _extras

for _library in ("click", *_extras.ENGINE):
    _extras.check(_library, "The command taut", extra="tables")
