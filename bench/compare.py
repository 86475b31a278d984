#!/usr/bin/env python3
"""`make bench`: our programs and PyTorch's in turn, each with the same threads, and tables of the ratios (above 1: we are faster).

PyTorch runs as well as it can: OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE unset, OMP_WAIT_POLICY=active, OMP_PROC_BIND=true.
"""
import argparse
import json
import math
import os
import platform
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def environment(threads, **more):
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "CT_ALGORITHM")}
    return env | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "active", "OMP_PROC_BIND": "true"} | more


def run(command, env):
    """The JSON objects that a command prints, and how long it took from start to end."""
    start = time.perf_counter()
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()], time.perf_counter() - start


def table(title, head, rows):
    print(f"\n### {title}\n\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    sys.stdout.flush()


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    flags = next((line.split() for line in open("/proc/cpuinfo") if line.startswith("flags")), [])
    level = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "neither AVX2 nor AVX-512"
    version = subprocess.run([o.python, "-c", "import torch; print(torch.__version__)"], stdout=subprocess.PIPE, text=True).stdout.strip()
    load = os.getloadavg()[0]
    print(f"{model}, {os.cpu_count()} cores, {level}; {o.peak:.0f} GF/s of fused multiply-adds a "
          f"core, measured; PyTorch {version}; {platform.system()} {platform.release()}; load {load:.1f} when this began; "
          f"{o.rounds} rounds in turn.")


def middle(results, key="median_ms"):
    return statistics.median(r[key] for r in results)


def least(results, key="min_ms"):
    return min(r[key] for r in results)


def peak(threads):
    """GF/s of fused multiply-adds in registers, of all threads together."""
    r = run([o.build + "/bench-conv", "--threads", str(threads), "--filter", "dcgan32.3", "--map", "conv", "--seconds", "0", "--json"],
            environment(threads))[0][0]
    return r["gflops"] / r["peak_share"]


def cores(threads):
    """How many cores the threads have: on a shared host two virtual ones may be halves of one."""
    return peak(threads) / o.peak


# ---- the training step ----


def steps(name, threads, shape, torch_flags=(), env=None, longer=1):
    """A row; small steps are counted `longer` times as often, or a process is measured while it begins."""
    count = ["--steps", str((2 if o.quick else 5) * longer), "--warm-up", str((1 if o.quick else 2) * longer)]
    env = environment(threads, **(env or {}))
    ours, theirs = [], []
    for attempt in range(4 * o.rounds):
        before = cores(threads)
        mine = run([o.build + "/dcgan", "bench", "--json", "--threads", str(threads), *shape, *count], env)[0]
        between = cores(threads)
        other = run([o.python, HERE + "/torch_dcgan.py", *shape, *count, *torch_flags], env)[0]
        if min(before, between, cores(threads)) >= 0.9 * threads or attempt >= 3 * o.rounds + len(ours):
            ours, theirs = ours + mine, theirs + other
        else:
            o.lacking += 1
        if len(ours) == o.rounds:
            break
    mine, other = middle(ours), middle(theirs)
    rss = least(ours, "peak_rss_mib"), least(theirs, "peak_rss_mib")
    return mine, (name, threads, f"{mine:.0f} ({least(ours):.0f})", f"{other:.0f} ({least(theirs):.0f})", f"**{other / mine:.2f}**",
                  f"{least(theirs) / least(ours):.2f}", f"{least(theirs, 'min_cpu_ms') / least(ours, 'min_cpu_ms'):.2f}", f"{1e3 * ours[0]['batch'] / mine:.0f}", f"{rss[0]:.0f}", f"{rss[1]:.0f}",
                  f"{rss[0] / rss[1]:.2f}", f"{max(r['allocations_per_step'] for r in ours):g}")


def bench_steps():
    large, small = ["--size", "64", "--channels", "3"], ["--size", "32", "--channels", "1"]
    avx2 = {"CT_ISA": "x86-64-v3", "ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    most = o.threads[-1]
    runs = [("DCGAN-64", threads, large) for threads in o.threads] + [
        ("DCGAN-64, PyTorch without D's weight gradients in G's step", most, large, ["--frozen"]),
        ("DCGAN-64, AVX2 only", most, large, [], avx2),
        ("DCGAN-32", most, small, [], None, 4)]
    rows, mine = [], {}
    for name, threads, *rest in (run for run in runs if o.filter in run[0]):
        median, row = steps(name, threads, *rest)
        mine.setdefault((name, threads), median)
        rows.append(row)
    table("The training step (batch 64, float32): median of runs' medians, and the minimum, in ms",
          ("step", "threads", "Cotangent", "PyTorch", "ratio", "of minima", "of CPU time", "images/s", "peak RSS, MiB", "PyTorch's", "ratio",
           "allocations"), rows)
    if o.lacking:
        print(f"\n{o.lacking} rounds were repeated, in which so many threads did not have as many cores (by the peak, before or after).")
    for more in o.threads[1:]:
        if ("DCGAN-64", more) in mine:
            print(f"\n{o.threads[0]} → {more} threads, our DCGAN-64 step: {mine['DCGAN-64', o.threads[0]] / mine['DCGAN-64', more]:.2f}×.")
    begin = [run([o.build + "/dcgan", "bench", "--json", *small, "--steps", "1", "--warm-up", "0"], environment(o.threads[-1]))
             for _ in range(o.rounds)]
    torch_begin = [run([o.python, HERE + "/torch_dcgan.py", *small, "--steps", "1", "--warm-up", "0"], environment(o.threads[-1]))
                   for _ in range(o.rounds)]
    print(f"Start of the program to the end of its first step, size 32, {o.threads[-1]} threads: {min(t for _, t in begin):.2f} s; "
          f"PyTorch: {min(t for _, t in torch_begin):.2f} s.")


# ---- layers ----

PAIRS = (("conv", "conv"), ("conv_transpose", "conv_transpose"), ("conv_transpose", "conv_input"), ("conv_weight", "conv_weight"),
         ("conv_weight", "conv_transpose_weight"))


def bench_layers(threads):
    seconds = "0" if o.quick else "0.3"
    env = environment(threads)
    lines = subprocess.run([o.build + "/bench-conv", "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    lines = [line for line in lines if o.filter in line.split(",")[0]]
    torch = subprocess.Popen([o.python, HERE + "/torch_conv.py", "--seconds", seconds], env=env, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True, bufsize=1)
    clock = "cpu_ms" if threads == 1 else "min_ms"
    rows, ratios, slow = [], {theirs: [] for _, theirs in PAIRS}, []
    for line in lines:
        ours, theirs = {}, {}
        for _ in range(o.rounds):
            torch.send_signal(signal.SIGSTOP)  # its threads would spin beside ours
            for r in run([o.build + "/bench-conv", "--layer", line, "--threads", str(threads), "--seconds", seconds, "--json"], env)[0]:
                ours.setdefault(r["map"], []).append(r)
            torch.send_signal(signal.SIGCONT)
            torch.stdin.write(line + "\n")
            for r in json.loads(torch.stdout.readline()):
                theirs.setdefault(r["map"], []).append(r)
        name, row = line.split(",")[0], []
        for key in ("conv", "conv_transpose", "conv_weight"):
            row.append(f"{middle(ours[key]):.2f} ({middle(ours[key], 'gflops'):.0f})")
        for mine, other in PAIRS:
            # What other programs on the machine take is not the algorithm's.
            ratio = least(theirs[other], clock) / least(ours[mine], clock)
            ratios[other].append(ratio)
            row.append(f"{ratio:.2f}")
            if ratio < 0.9:
                slow.append(f"{name} {other} {ratio:.2f}")
        rows.append((name, *row))
    torch.stdin.close()
    torch.wait()
    means = {key: math.exp(statistics.mean(map(math.log, values))) for key, values in ratios.items()}
    rows.append(("geometric mean", "", "", "", *(f"**{mean:.2f}**" for mean in means.values())))
    table(f"Layers, {threads} thread{'s' * (threads > 1)}: our median in ms (effective GF/s), and PyTorch's least "
          f"{'processor time' if threads == 1 else 'time'} over ours",
          ("layer", "conv", "conv_transpose", "conv_weight", "÷ conv", "÷ conv_transpose", "÷ input gradient", "÷ weight gradient",
           "÷ transposed conv's weight gradient"), rows)
    three = [r for key in ("conv", "conv_transpose", "conv_weight") for r in ratios[key]]
    print(f"\nGeometric mean over the three maps of all layers: **{math.exp(statistics.mean(map(math.log, three))):.2f}**. "
          f"Slower than 0.9 of PyTorch: {', '.join(slow) or 'none'}.")


# ---- small ops ----


def bench_scalar():
    env, ours, theirs = environment(1), [], []
    seconds = ["--seconds", "0.1" if o.quick else "1"]
    for _ in range(o.rounds):
        ours += run([o.build + "/bench-scalar", *seconds], env)[0]
        theirs += run([o.python, HERE + "/torch_scalar.py", *seconds], env)[0]
    rows = [(f"{ours[0]['nodes']:,} scalar nodes", f"{middle(ours, 'median_ns'):.0f} ({least(ours, 'min_ns'):.0f})",
             f"{middle(theirs, 'median_ns'):.0f} ({least(theirs, 'min_ns'):.0f})",
             f"**{middle(theirs, 'median_ns') / middle(ours, 'median_ns'):.1f}**",
             f"{least(theirs, 'min_ns') / least(ours, 'min_ns'):.1f}", f"{least(theirs, 'cpu_ns') / least(ours, 'cpu_ns'):.1f}")]
    table("Small ops: forward and backward, ns a node, median (minimum), 1 thread", ("graph", "Cotangent", "PyTorch", "ratio", "of minima",
          "of CPU time"), rows)


# ---- ops that are no convolution ----


def bench_ops(threads):
    env, ours, theirs = environment(threads), {}, {}
    choice = ["--seconds", "0" if o.quick else "0.1", "--filter", o.filter]
    for _ in range(o.rounds):
        for command, results in ([o.build + "/bench-ops", "--threads", str(threads)], ours), ([o.python, HERE + "/torch_ops.py"], theirs):
            for r in run(command + choice, env)[0]:
                results.setdefault(r["op"], []).append(r)
    rows = []
    for name in ours:
        keys = [key for key in ("forward_ms", "both_ms") if key in ours[name][0]]
        times = [f"{least(side[name], key):.2f}" for key in keys for side in (ours, theirs)]
        ratios = [f"{least(theirs[name], key) / least(ours[name], key):.2f}" for key in keys]
        rows.append((name, *times, *[""] * (4 - len(times)), *ratios, *[""] * (2 - len(ratios))))
    table(f"Other ops, {threads} thread{'s' * (threads > 1)}: least time in ms, and PyTorch's over ours",
          ("op", "forward", "PyTorch's", "and backward", "PyTorch's", "ratio forward", "ratio both"), rows)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--build", default="build", help="folder of our programs")
parser.add_argument("--python", default=sys.executable, help="an interpreter that has PyTorch")
parser.add_argument("--threads", default="", help="such as 1,2 (1 and all cores)")
parser.add_argument("--rounds", type=int, default=0, help="each program runs so often (3; quick: 1)")
parser.add_argument("--filter", default="", help="only steps, layers and ops whose name contains it")
parser.add_argument("--only", default="steps,layers,ops,scalar", help="which tables")
parser.add_argument("--quick", action="store_true", help="shorter runs, rougher numbers")
o = parser.parse_args()
o.threads = [int(t) for t in o.threads.split(",")] if o.threads else sorted({1, os.cpu_count()})
o.rounds = o.rounds or (1 if o.quick else 3)

o.lacking, o.peak = 0, max(peak(1) for _ in range(3))
machine()
if "steps" in o.only:
    bench_steps()
if "layers" in o.only:
    for count in o.threads:
        bench_layers(count)
if "ops" in o.only:
    for count in o.threads:
        bench_ops(count)
if "scalar" in o.only:
    bench_scalar()
