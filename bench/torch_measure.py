"""measure.c in Python: the same number of runs, the same statistics."""
import statistics
import time


def measure(body, least=3, seconds=0.3, most=1000):
    """Runs, median, minimum and least processor time in seconds, after one run that is not measured."""
    body()
    taken, cpu = [], []
    start = now = time.perf_counter()
    while len(taken) < most and (len(taken) < least or now - start < seconds):
        before, cpu_before = time.perf_counter(), time.process_time()
        body()
        now = time.perf_counter()
        taken.append(now - before)
        cpu.append(time.process_time() - cpu_before)
    return len(taken), statistics.median(taken), min(taken), min(cpu)
