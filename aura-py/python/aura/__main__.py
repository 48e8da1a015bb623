"""The `aura` command: `python -m aura` and `aura`."""

from __future__ import annotations

import os
import shutil
import signal
import sys

from aura import _aura

#: `-m` would take whatever is called `aura` in the current directory.
_AGAIN = "import sys; sys.path = [place for place in sys.path if place]; from aura.__main__ import main; main()"


def main() -> None:
    """The same program as the one that Rust builds."""
    # The command handles Ctrl-C itself; until then it ends the program.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_aura.main(["aura", *sys.argv[1:]], _again()))


def _again() -> list[str]:
    """What starts it again, for runs in the background."""
    script = shutil.which(sys.argv[0]) if os.path.basename(sys.argv[0]) == "aura" else None
    return [sys.executable, "-c", _AGAIN] if script is None else [os.path.abspath(script)]


if __name__ == "__main__":
    main()
