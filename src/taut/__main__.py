"""``python -m taut`` and the command ``taut``: one sentence instead of a traceback where a library is missing."""

import sys

from taut._extras import LIBRARIES

__all__ = ["main"]


def main() -> None:
    try:
        from taut.cli import main as command
    except ModuleNotFoundError as error:
        if error.name not in LIBRARIES:
            raise
        sys.exit(f"Error: {error}")
    command()


if __name__ == "__main__":
    main()
