"""Runs the emulator for as long as its parent lives.

Standard input is a pipe that the parent never writes to: its end means that the parent is gone,
however it ended. What the emulator started lives in the same process group and goes with it.
"""

import os
import signal
import sys
import threading
import time

GRACE_SECONDS = 5


def follow_parent() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(os.getpgrp(), signal.SIGKILL)


threading.Thread(target=follow_parent, daemon=True).start()

from ministack.app import main  # noqa: E402  (the import takes a second; the parent may go in it)

sys.argv = ["ministack"]
main()
