"""How long a call takes from Python: the loop of bench/call.c, with NumPy arrays.

    call.py MODULE FUNCTION SECONDS

Calls a function of two 4xf32 over and over and prints the time of one call in nanoseconds, on the
clock and of the processor. PYTHONPATH names the folder of the package.
"""
import json
import sys
import time

import numpy as np

import eerie


def loop(function, arguments, count: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
    for _ in range(count):
        function(*arguments)
    return (time.perf_counter_ns() - wall) / count, (time.thread_time_ns() - cpu) / count


def main() -> None:
    module, name, seconds = sys.argv[1:4]
    function = eerie.load(module).find(name)
    arguments = [np.ones(4, np.float32)] * 2
    real, _ = loop(function, arguments, 2000)  # warms up, and tells how many make up the time
    real, cpu = loop(function, arguments, max(1, int(float(seconds) * 1e9 / real)))
    print(json.dumps({"real_ns": real, "cpu_ns": cpu}))


if __name__ == "__main__":
    main()
