"""Where the command `biaojie` begins: Ctrl-C while its modules are still being loaded ends it without a trace."""

from __future__ import annotations

import signal


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is running yet that would have to be stopped
    from node.cli import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    return run()


if __name__ == "__main__":
    raise SystemExit(main())
