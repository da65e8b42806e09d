"""Where the command `biaojie` begins: Ctrl-C while its modules are still being loaded ends it without a trace."""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is running yet that would have to be stopped
    from node.cli import options_of, run

    try:
        options = options_of(sys.argv[1:])  # loads what the command needs
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status = run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


if __name__ == "__main__":
    raise SystemExit(main())
