"""Becomes the program named on its command line, tied to the one who started it.

Between fork and exec no Python may run safely in a process with threads, so this little program does there what has
to be done: it gives up root for the server that refuses it, and asks the kernel to end the child when its parent dies.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(death_signal: int, parent: int, user: int, group: int, argv: list[str]) -> None:
    """Drop to `user` (-1: stay), take `death_signal` (0: none) when `parent` dies, and become `argv`."""
    if user >= 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    os.umask(0o077)  # orders and mails are nobody else's business
    # After setuid, which clears it. Elsewhere than on Linux the next `up` or `down` clears orphans away.
    if death_signal and sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("leash: the parent is gone already")
    os.execv(argv[0], argv)


if __name__ == "__main__":
    signal_, parent_, user_, group_ = (int(argument) for argument in sys.argv[1:5])
    main(signal_, parent_, user_, group_, sys.argv[5:])
