"""Run a program and write what it used to file descriptor 3: exit code, CPU, wall, peak in KB.

A process begins with the peak of memory of the one that started it (Linux, execve), so the bench
itself, which is large, would be what it measures. This starts in 9 MB and loads nothing.
"""

import os
import sys
import time

if __name__ == "__main__":
    start = time.perf_counter()
    # Descriptor 3 was made for this program alone: those it starts must not hold it open.
    os.set_inheritable(3, False)
    child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - start
    code = os.waitstatus_to_exitcode(status)
    os.write(3, f"{code} {usage.ru_utime + usage.ru_stime} {wall} {usage.ru_maxrss}".encode())
