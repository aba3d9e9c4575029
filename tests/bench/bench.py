#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make bench: what a patch costs the process, measured by the process itself.

Prints tables in markdown, with the goals beside the figures; the same goes to report.md of
the output folder, the rows behind it to *.csv.  docs/bench.md tells what is measured and how.
Standard library only.
"""

import argparse
import csv
import json
import mmap
import os
import platform
import re
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ABIS = {"amd64": "-m64", "i386": "-m32"}
FUNCTIONS = 1000        # that the meter has to be replaced
UNIT_FUNCTIONS = 2500   # per unit of the target with much debug info
PATIENCE = 60           # seconds, for anything that a process is to do
LONGEST_NOISE_S = 0.1   # a window without a tool is as long as nsb's last one, but no longer
METER = struct.Struct("=IIIIQQ")   # struct meter of meter.h

RUNNER_GOAL_US = 100
SINGLE_GOAL_US = 250
HELD_GOAL_US = 15
UNWIND_GOAL_US = 10
GEN_GOAL_S = 2
GEN_GOAL_SIZES = 3
WITNESS_GOAL_S = 1
CROWD_MEMORY_GOAL_MIB = 64
CROWD_DEADLINE_S = 3.1      # of crowd.sh's --timeout 2: nsb's own 0.3 s, 0.5 s to undo, 0.3 s to end when killed
CROWD_AT_ONCE = 8           # hostile ones that take all of their time at once
BUILD_GOAL = 2.2
NEXT_GOAL_S = 1
WATCH_GOAL_US = 20
WATCH_GOAL_MIB = 8
SYNC_GOAL_S = 4             # 4000 processes
SERVER_THREADS = 4
SERVER_LOAD = 0.7           # of its capacity
SERVER_GOAL = 1.05          # of p99.9 beside patches, compared with that without


# ---- building ----

def run(*command):
    """Its standard output; a command that fails ends us."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def compile_c(to, *words):
    run("gcc", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-pthread", "-o", to,
        *words)
    return to


def function(number, added, attribute=""):
    return (f"{attribute}int function_{number}(int n);\n"
            f"{attribute}int function_{number}(int n)\n"
            f"{{\n\tsink = n;\n\treturn n + {added};\n}}\n")


def runs(program):
    """Can the kernel run it?  Some run no 32-bit programs."""
    try:
        return subprocess.run([program], check=False).returncode == 0
    except OSError:
        return False


class Programs:
    """What is measured and what measures, built in a folder."""

    def __init__(self, options):
        self.folder = os.path.join(options.out, "work")
        self.options = options
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.gauge = compile_c(self.path("gauge"), "-static", f"{HERE}/gauge.c")
        self.stopper = compile_c(self.path("stopper"), "-static", f"{HERE}/stopper.c")
        functions = write(self.path("functions.c"), "volatile int sink;\n" + "".join(
            function(i, i, "__attribute__((noipa)) ") for i in range(FUNCTIONS)))
        for abi, flag in list(ABIS.items()):
            if not runs(compile_c(self.path(f"nothing-{abi}"), flag, f"{HERE}/../helpers/nothing.c")):
                tell(f"This kernel runs no {abi} programs: nothing is measured of them.\n")
                del ABIS[abi]
                continue
            compile_c(self.path(f"meter-{abi}"), flag, f"{HERE}/meter.c", functions)
            self.make_libraries(abi, flag)

    def path(self, name):
        return os.path.join(self.folder, name)

    def libraries(self, abi):
        return self.path(f"libraries-{abi}")

    def make_libraries(self, abi, flag):
        """One library, copied: to the dynamic linker they are different files."""
        source = write(self.path("library.c"), "".join(
            f"int library_{i}(int n);\nint library_{i}(int n)\n{{\n\treturn n + {i};\n}}\n"
            for i in range(50)))
        os.mkdir(self.libraries(abi))
        one = compile_c(self.path(f"library-{abi}.so"), flag, "-fPIC", "-shared", source)
        for i in range(max(self.options.libraries)):
            shutil.copy(one, f"{self.libraries(abi)}/lib{i}.so")

    def patch(self, abi, functions=1, size=0):
        """A patch of so many functions, and a table of so many bytes.

        It asks for a symbol that no library has, so that all are searched.
        """
        to = self.path(f"patch-{abi}-{functions}-{size}.so")
        if os.path.exists(to):
            return to
        text = ("extern volatile int sink;\n"
                "extern int bench_nowhere(int n) __attribute__((weak));\n"
                "int function_0(int n);\n"
                "int function_0(int n)\n{\n"
                "\tsink = bench_nowhere != 0 ? bench_nowhere(n) : n;\n\treturn n + 1000;\n}\n")
        text += "".join(function(i, i + 1000000) for i in range(1, functions))
        if size > 0:
            text += ('__asm__(".section .rodata\\n'
                     f'table: .fill {size}, 1, 0x5a\\n.previous\\n");\n')
        source = write(to[:-3] + ".c", text)
        compile_c(to, ABIS[abi], "-fPIC", "-shared", "-Wl,--build-id=sha1", source)
        run(self.options.nsb_gen, "generate", "--mode", "manual", self.path(f"meter-{abi}"), to)
        return to


# ---- one process ----

class Meter:
    """The running target."""

    def __init__(self, programs, abi, threads, frames=8, nap_us=0, libraries=0):
        self.programs = programs
        self.file = programs.path("meter.shared")
        with open(self.file, "w+b") as file:
            file.truncate(METER.size)
            self.shared = mmap.mmap(file.fileno(), METER.size)
        self.process = subprocess.Popen(
            [programs.path(f"meter-{abi}"), self.file, str(threads), str(frames), str(nap_us),
             str(libraries), programs.libraries(abi)])
        self.pid = self.process.pid
        self.await_ready(threads)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.shared.close()

    def await_ready(self, threads):
        """All sleepers asleep."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            if METER.unpack(self.shared[:])[0] == 1 and self.asleep() >= threads:
                return
            time.sleep(0.01)
        sys.exit("bench: the meter does not come to its start")

    def asleep(self):
        count = 0
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{tid}/stat", encoding="ascii") as file:
                count += file.read().rpartition(")")[2].split()[0] == "S"
        return count

    def gauge(self, *command):
        return gauge(self.programs, self.file, *command)

    def memory(self):
        """KiB that are resident, KiB of them that are in no file, number of mappings."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            sizes = dict(line.split()[:2] for line in list(file)[1:])
        with open(f"/proc/{self.pid}/maps", encoding="ascii") as file:
            return int(sizes["Rss:"]), int(sizes["Anonymous:"]), sum(1 for _ in file)


def gauge(programs, file, *command):
    """What the command printed in JSON, and what gauge printed, in one dict."""
    result = {}
    for line in run(programs.gauge, file, *command).splitlines():
        if line.startswith("{"):
            result.update(json.loads(line))
    return result


# ---- rounds ----

class Table:
    """Rows, all with the same columns, and their CSV file."""

    def __init__(self, options, name):
        self.path = os.path.join(options.out, name + ".csv")
        self.rows = []

    def add(self, **row):
        self.rows.append(row)

    def save(self):
        with open(self.path, "w", newline="", encoding="ascii") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)

    def values(self, column, **wanted):
        return [row[column] for row in self.rows
                if all(row[key] == value for key, value in wanted.items())]


ACTIONS = {"patch": 1001, "revert": 1}  # and what function_0(1) returns then


class Rounds:
    """Cycles of windows in one process: alternately without a tool, the floor, nsb."""

    def __init__(self, options, programs, table, cell):
        self.options = options
        self.programs = programs
        self.table = table
        self.cell = cell

    def nsb(self, meter, action, patch):
        result = meter.gauge(self.options.nsb, action, "-p", str(meter.pid), "-f", patch, "--json")
        if result["status"] != 0 or result.get("action") is None:
            sys.exit(f"bench: nsb {action}: {result}")
        if result["answer"] != ACTIONS[action]:
            sys.exit(f"bench: after nsb {action} the function returns {result['answer']}")
        return result

    def keep(self, cycle, what, result, before=(0, 0, 0), after=(0, 0, 0)):
        self.table.add(**self.cell, cycle=cycle, what=what, gap_ns=result["gap_ns"],
                       runner_ns=result.get("runner_ns", 0), held_ns=result.get("held_ns", 0),
                       frames=result.get("frames", 0), elapsed_ns=result["elapsed_ns"],
                       peak_kib=result["peak_kib"], rss_kib=after[0] - before[0],
                       anonymous_kib=after[1] - before[1], mappings=after[2] - before[2])

    def make(self, meter, patch):
        as_long = "0.01"
        for cycle in range(self.options.cycles):
            start = meter.memory()
            for action in ACTIONS:
                self.keep(cycle, "noise", meter.gauge("sleep", as_long))
                self.keep(cycle, "floor", meter.gauge(self.programs.stopper, str(meter.pid)))
                result = self.nsb(meter, action, patch)
                self.keep(cycle, action, result, start, meter.memory())
                as_long = f"{min(result['elapsed_ns'] / 1e9, LONGEST_NOISE_S):.6f}"


SMALLEST = 16 << 10     # a patch of one function


def measure(options, programs, table, threads, frames=8, nap_us=0, libraries=0, functions=1,
            size=0, **cell):
    progress(f"{cell['abi']}: {threads} sleepers, {frames} frames, {libraries} libraries; a patch "
             f"of {functions} functions and {size} bytes")
    patch = programs.patch(cell["abi"], functions, size)
    cell.update(threads=threads, depth=frames, nap_us=nap_us, libraries=libraries,
                functions=functions, patch_bytes=os.path.getsize(patch))
    with Meter(programs, cell["abi"], threads, frames, nap_us, libraries) as meter:
        Rounds(options, programs, table, cell).make(meter, patch)


# ---- figures ----

def quartiles(values):
    if len(values) < 2:
        return values[0], values[0], values[0]
    return tuple(statistics.quantiles(values, n=4, method="inclusive"))


def micro(values):
    """median (quartile-quartile) of nanoseconds, in microseconds"""
    low, middle, high = (value / 1000 for value in quartiles(values))
    return f"{middle:.0f} ({low:.0f}-{high:.0f})"


def median(values, unit=1):
    return statistics.median(values) / unit


def ratio(values, floors):
    """Of neighbours in time."""
    low, middle, high = quartiles([a / b for a, b in zip(values, floors)])
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


REPORT = []


def tell(line=""):
    REPORT.append(line + "\n")
    print(line, flush=True)


def tell_table(title, head, rows):
    tell(f"\n### {title}\n")
    tell("| " + " | ".join(head) + " |")
    tell("|" + "|".join(" ---: " for _ in head) + "|")
    for row in rows:
        tell("| " + " | ".join(str(cell) for cell in row) + " |")


def cells(table, *columns):
    """The different values that the columns have, in the order of the table."""
    return list(dict.fromkeys(tuple(row[column] for column in columns) for row in table.rows))


def progress(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


GOALS = []


def goal(what, limit, unit, value, noise=""):
    GOALS.append((what, f"{limit} {unit}", f"{value:.{0 if value >= 100 else 2}f} {unit}", noise,
                  "yes" if value <= limit else "**no**"))


# ---- what a running thread sees ----

def bench_pause(options, programs):
    table = Table(options, "pause")
    for abi in ABIS:
        for frames in options.depths:
            for threads in options.threads:
                measure(options, programs, table, threads, frames, abi=abi)
    table.save()
    rows, times = [], []
    for abi, frames, threads in cells(table, "abi", "depth", "threads"):
        def of(what, column="gap_ns", **cell):
            return table.values(column, abi=abi, depth=frames, threads=threads, what=what, **cell)
        floors = of("floor")
        rows.append((abi, frames, threads, micro(of("noise")), micro(floors), micro(of("patch")),
                     micro(of("revert")), ratio(of("patch"), floors[::2]),
                     ratio(of("revert"), floors[1::2]),
                     f"{median(of('patch', 'runner_ns'), 1000):.0f}"))
        times.append((abi, frames, threads, f"{median(of('floor', 'elapsed_ns'), 1e6):.1f}",
                      f"{median(of('patch', 'elapsed_ns'), 1e6):.1f}",
                      f"{median(of('revert', 'elapsed_ns'), 1e6):.1f}",
                      f"{max(of('patch', 'peak_kib')) / 1024:.1f}",
                      f"{median(of('patch', 'frames')) / (threads + 1):.1f}"))
        if threads == 0:
            where = f"in a single-threaded {abi} process"
            limit = SINGLE_GOAL_US
        else:
            where = f"beside {threads} sleepers, {abi}"
            limit = RUNNER_GOAL_US
        if frames == 8:
            for what in ("patch", "revert"):
                goal(f"a running thread stands {where}: {what}", limit, "µs",
                     median(of(what), 1000), f"{median(of('noise'), 1000):.0f} µs")
    tell_table("How long a running thread stands, in µs",
                ("ABI", "frames", "sleepers", "no tool", "floor", "patch", "revert",
                 "patch : floor", "revert : floor", "as nsb tells"), rows)
    tell_table("The whole run of nsb",
                ("ABI", "frames", "sleepers", "floor, ms", "patch, ms", "revert, ms",
                 "peak memory, MiB", "frames seen per thread"), times)
    plot(options, table)


def plot(options, table):
    if shutil.which("gnuplot") is None or len(cells(table, "threads")) < 2:
        return
    data = []
    for abi in ABIS:
        for what in ("noise", "floor", "patch"):
            lines = [f'"{abi}, {what}"\n']
            for (threads,) in cells(table, "threads"):
                gaps = table.values("gap_ns", abi=abi, depth=8, threads=threads, what=what)
                lines.append(f"{threads + 1} {median(gaps, 1000)}\n")
            data.append("".join(lines))
    write(os.path.join(options.out, "pause.dat"), "\n\n".join(data))
    run("gnuplot", "-e", "set terminal png size 900,600; set logscale xy; set key top left; "
        f"set output '{options.out}/pause.png'; set xlabel 'threads'; "
        "set ylabel 'the longest a running thread stands, µs (median)'; "
        f"plot for [i=0:{len(data) - 1}] '{options.out}/pause.dat' index i with linespoints "
        "title columnheader(1)")
    progress(f"{options.out}/pause.png")


# ---- what a sleeping thread sees ----

def bench_held(options, programs):
    table = Table(options, "held")
    for abi in ABIS:
        for frames in options.depths:
            for threads in options.threads:
                if threads > 0 if frames == 8 else threads == 1000:
                    measure(options, programs, table, threads, frames, nap_us=100, abi=abi)
    table.save()
    rows, unwound = [], []
    for abi, frames, threads in cells(table, "abi", "depth", "threads"):
        def of(what, column="gap_ns"):
            return table.values(column, abi=abi, depth=frames, threads=threads, what=what)
        every = threads + 1
        held = median(of("patch"), 1000) / every
        told = median(of("patch", "held_ns"), 1000) / every
        floor = median(of("floor", "held_ns"), 1000) / every
        rows.append((abi, frames, threads, micro(of("noise")), micro(of("floor")),
                     micro(of("patch")), micro(of("revert")), f"{held:.1f}", f"{told:.1f}",
                     f"{floor:.1f}", f"{told - floor:.1f}"))
        if frames == 8 and threads >= 100:
            goal(f"a sleeping thread is held, per thread, {threads} of them, {abi}", HELD_GOAL_US,
                 "µs", held, f"{median(of('noise'), 1000) / every:.1f} µs")
            unwound.append((abi, threads, told - floor))
    for abi, threads, value in unwound:
        goal(f"unwinding, per thread (at most), {threads} of them, {abi}", UNWIND_GOAL_US, "µs",
             value)
    tell_table("How long a sleeping thread is held, in µs",
                ("ABI", "frames", "sleepers", "no tool", "floor", "patch", "revert",
                 "patch, per thread", "as nsb tells, per thread", "floor, per thread",
                 "unwinding and checking, per thread"), rows)


# ---- how the cost grows ----

def bench_growth(options, programs):
    table = Table(options, "growth")
    for abi in ABIS:
        for functions in options.functions:
            measure(options, programs, table, 10, functions=functions, abi=abi,
                    grows="functions")
        for libraries in options.libraries:
            measure(options, programs, table, 10, libraries=libraries, abi=abi, grows="libraries")
        for size in options.sizes:
            measure(options, programs, table, 10, size=size - SMALLEST, abi=abi, grows="size")
    table.save()
    rows = []
    for cell in cells(table, "abi", "grows", "functions", "libraries", "patch_bytes"):
        wanted = dict(zip(("abi", "grows", "functions", "libraries", "patch_bytes"), cell))

        def of(what, column="gap_ns"):
            return table.values(column, what=what, **wanted)
        rows.append((*(wanted[key] for key in ("abi", "functions", "libraries")),
                     wanted["patch_bytes"] // 1024, micro(of("floor")), micro(of("patch")),
                     micro(of("revert")), f"{median(of('patch', 'elapsed_ns'), 1e6):.1f}",
                     f"{median(of('revert', 'elapsed_ns'), 1e6):.1f}",
                     f"{max(of('patch', 'peak_kib')) / 1024:.1f}",
                     f"{of('patch', 'rss_kib')[0]:.0f}",
                     *(f"{median(of(what, column)):.0f}" for what in ACTIONS
                       for column in ("anonymous_kib", "mappings"))))
    tell_table("How the cost grows with functions, libraries and the size of the patch "
                "(10 sleepers)",
                ("ABI", "functions", "libraries", "patch file, KiB", "floor, µs", "patch, µs",
                 "revert, µs", "whole patch, ms", "whole revert, ms", "peak memory, MiB",
                 "resident +KiB, first patch", "anonymous +KiB, patched", "mappings +",
                 "anonymous +KiB, reverted", "mappings +"), rows)


# ---- nsb-gen ----

def unit_source():
    """A source file whose debug info is much larger than its code; names begin with u000_."""
    text = ["extern volatile int u000_sink;\nvolatile int u000_sink;\n"]
    for i in range(UNIT_FUNCTIONS):
        members = "".join(f"\tint u000_member_{i}_{k};\n" for k in range(12))
        text.append(f"struct u000_struct_{i} {{\n{members}}};\n"
                    f"static struct u000_struct_{i} u000_variable_{i};\n"
                    f"int u000_function_{i}(int first, struct u000_struct_{i} *second);\n"
                    f"int u000_function_{i}(int first, struct u000_struct_{i} *second)\n{{\n"
                    f"\tint local = first + second->u000_member_{i}_3;\n"
                    f"\tu000_sink = local + u000_variable_{i}.u000_member_{i}_1++;\n"
                    "\treturn local;\n}\n")
    return "".join(text)


def debug_bytes(path):
    return sum(int(line.split()[2], 16) for line in
               run("objdump", "-h", "-w", path).replace("\n ", "\n").splitlines()
               if ".debug_" in line)


def make_large_target(programs, units):
    """A program with much debug info."""
    objects = make_units(programs, units, unit_source(), "-O1", "-g", "-fno-ipa-ra")
    main = write(programs.path("large-main.c"), "int main(void)\n{\n\treturn 0;\n}\n")
    target = programs.path("large")
    run("gcc", "-g", "-Wl,--build-id=sha1", "-o", target, main, *objects)
    for path in objects:
        os.unlink(path)
    return target


def make_units(programs, units, source, *flags):
    """Objects: one unit is compiled, the others are that one with other names of the same length."""
    unit = programs.path("u000.o")
    run("gcc", *flags, "-c", "-o", unit, write(programs.path("u000.c"), source))
    with open(unit, "rb") as file:
        image = file.read()
    objects = []
    for i in range(units):
        objects.append(programs.path(f"u{i:03}.o"))
        with open(objects[-1], "wb") as file:
            file.write(image.replace(b"u000", f"u{i:03}".encode("ascii")))
    return objects


def make_large_patch(programs, unit):
    name = f"u{unit:03}"
    members = "".join(f"\tint {name}_member_7_{k};\n" for k in range(12))
    source = write(programs.path("large-patch.c"), (
        '#include <nsb/vzp.h>\n'
        f"struct {name}_struct_7 {{\n{members}}};\nextern volatile int {name}_sink;\n"
        f"VZP_STATIC_VAR_REF(struct {name}_struct_7, {name}_variable_7);\n"
        f"int {name}_function_7(int first, struct {name}_struct_7 *second);\n"
        f"int {name}_function_7(int first, struct {name}_struct_7 *second)\n{{\n"
        f"\t{name}_sink = {name}_variable_7.{name}_member_7_1;\n"
        f"\treturn first - second->{name}_member_7_3;\n}}\n"))
    return compile_c(programs.path("large-patch.so"), "-fPIC", "-shared", f"-I{ROOT}/include",
                     "-Wl,--build-id=sha1", source)


def bench_gen(options, programs):
    progress("a target with much debug info")
    target = make_large_target(programs, options.units)
    patch = make_large_patch(programs, options.units // 2)
    size = os.path.getsize(target)
    symbol = f"u{options.units // 2:03}_function_7"
    tools = {
        "nsb-gen": (options.nsb_gen, "generate", "--mode", "manual", target, patch, "-o",
                    programs.path("large-made.so")),
        "gdb": ("gdb", "-nx", "-batch", "-iex", "set auto-load no", "-ex",
                f"info scope {symbol}", target),
        "readelf": ("sh", "-c", f"exec readelf --debug-dump=info {target} >/dev/null"),
    }
    table = Table(options, "gen")
    for cycle in range(options.gen_cycles):
        for tool, command in tools.items():
            if shutil.which(command[0]) is None or (tool == "readelf" and cycle > 0):
                continue
            progress(f"{tool} reads {size >> 20} MiB")
            result = gauge(programs, "-", *command)
            if result["status"] != 0:
                sys.exit(f"bench: {tool}: status {result['status']}")
            table.add(tool=tool, cycle=cycle, file_bytes=size, debug_bytes=debug_bytes(target),
                      elapsed_ns=result["elapsed_ns"], peak_kib=result["peak_kib"])
    table.save()
    own = table.values("elapsed_ns", tool="nsb-gen")
    rows = []
    for (tool,) in cells(table, "tool"):
        times = table.values("elapsed_ns", tool=tool)
        peak = max(table.values("peak_kib", tool=tool))
        low, middle, high = (value / 1e9 for value in quartiles(times))
        rows.append((tool, f"{middle:.2f} ({low:.2f}-{high:.2f})",
                     f"{median(times) / median(own):.1f}", f"{peak / 1024:.0f}",
                     f"{peak * 1024 / size:.2f}"))
    tell_table(f"Reading a target of {size >> 20} MiB, {debug_bytes(target) >> 20} MiB of them "
                f"debug info in {options.units} units",
                ("tool", "time, s", ": nsb-gen", "peak memory, MiB", ": file"), rows)
    goal(f"nsb-gen, {size >> 20} MiB", GEN_GOAL_S, "s", median(own, 1e9))
    goal(f"nsb-gen, memory, {size >> 20} MiB", GEN_GOAL_SIZES, "times the file",
         max(table.values("peak_kib", tool="nsb-gen")) * 1024 / size)


# ---- the witness ----

def code_source(functions, changed):
    """A source file of much code; names begin with u000_.  One of its functions changes, and grows."""
    text = ["#include <stdio.h>\n#include <string.h>\nint u000_shared[100];\n"]
    for i in range(functions):
        extra = "\tputs(\"changed\");\n" if changed and i == 7 else ""
        text.append(
            f"int u000_function_{i}(int a, const char *s);\n"
            f"int u000_function_{i}(int a, const char *s)\n{{\n{extra}\tfor (int i = 0; i < a; i++) {{\n"
            f"\t\tu000_shared[(i + {i}) % 100] += (int)strlen(s) * {i % 91};\n"
            f"\t\tif (u000_shared[i % 100] > {i})\n\t\t\tprintf(\"u000 {i} %d %s\\n\", i, s);\n\t}}\n"
            f"\tswitch (a) {{\n\tcase 1: return u000_shared[3];\n\tcase 2: return {i};\n\tcase 3: return a * {i};\n"
            f"\tcase 4: return puts(s);\n\tcase 5: return -a;\n\t}}\n"
            f"\treturn {f'u000_function_{i - 1}(a - 1, s)' if i else '0'} + u000_shared[{i % 100}];\n}}\n")
    return "".join(text)


def make_build(programs, name, units, functions, changed):
    """Two builds differ in the first unit only, so that all behind it lies elsewhere."""
    objects = make_units(programs, units, code_source(functions, False), "-O2", "-g1")
    if changed:
        run("gcc", "-O2", "-g1", "-c", "-o", objects[0], write(programs.path("u000.c"), code_source(functions, True)))
    main = write(programs.path("large-main.c"), "int main(void)\n{\n\treturn 0;\n}\n")
    build = programs.path(name)
    run("gcc", "-O2", "-Wl,--build-id=sha1", "-o", build, main, *objects)
    for path in objects:
        os.unlink(path)
    return build


def code_bytes(path):
    return int(run("size", "-A", path).partition("\n.text")[2].split()[0])


def bench_witness(options, programs):
    progress("two builds of a program")
    old, new = (make_build(programs, name, options.code_units, options.code_functions, name == "new")
                for name in ("old", "new"))
    size = code_bytes(old)
    tools = {
        "nsb-gen": (options.nsb_gen, "compare", old, new),
        "objdump": ("sh", "-c", f"objdump -d {old} >/dev/null && exec objdump -d {new} >/dev/null"),
    }
    table = Table(options, "witness")
    for cycle in range(options.gen_cycles):
        for tool, command in tools.items():
            if tool == "objdump" and cycle > 0:
                continue
            progress(f"{tool} reads twice {size >> 20} MiB of code")
            result = gauge(programs, "-", *command)
            if result["status"] != 0:
                sys.exit(f"bench: {tool}: status {result['status']}")
            table.add(tool=tool, cycle=cycle, code_bytes=size, elapsed_ns=result["elapsed_ns"],
                      peak_kib=result["peak_kib"])
    table.save()
    own = table.values("elapsed_ns", tool="nsb-gen")
    rows = []
    for (tool,) in cells(table, "tool"):
        times = table.values("elapsed_ns", tool=tool)
        low, middle, high = (value / 1e9 for value in quartiles(times))
        rows.append((tool, f"{middle:.2f} ({low:.2f}-{high:.2f})", f"{median(times) / median(own):.1f}",
                     f"{max(table.values('peak_kib', tool=tool)) / 1024:.0f}"))
    tell_table(f"Comparing two builds with {size / (1 << 20):.1f} MiB of code each",
               ("tool", "time, s", ": nsb-gen", "peak memory, MiB"), rows)
    goal(f"nsb-gen compare, {size / (1 << 20):.1f} MiB of code", WITNESS_GOAL_S, "s", median(own, 1e9))


# ---- nsb-build ----

BUILD_FLAGS = ("-O2", "-g")


def make_source(programs, units, functions):
    """A source tree with a Makefile; each unit has functions of its own name.  The diffs change one function each."""
    folder = programs.path("source")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    diffs = []
    for number in range(units):
        old, new = (code_source(functions, changed).replace("u000", f"u{number:03}") for changed in (False, True))
        write(f"{folder}/u{number:03}.c", old)
        if number < 2:
            write(programs.path("new.c"), new)
            text = subprocess.run(("diff", "-u", f"--label=a/u{number:03}.c", f"--label=b/u{number:03}.c",
                                   f"{folder}/u{number:03}.c", programs.path("new.c")),
                                  stdout=subprocess.PIPE, text=True, check=False).stdout
            diffs.append(write(programs.path(f"{number}.diff"), text))
    names = [f"u{number:03}_function_{functions - 1}" for number in range(units)]
    write(f"{folder}/main.c", "".join(f"int {name}(int a, const char *s);\n" for name in names) +
          "int main(int argc, char **argv)\n{\n\tint sum = 0;\n" +
          "".join(f"\tsum += {name}(argc, argv[0]);\n" for name in names) + "\treturn sum;\n}\n")
    objects = " ".join(["main.o"] + [f"u{number:03}.o" for number in range(units)])
    write(f"{folder}/Makefile", f"CFLAGS = {' '.join(BUILD_FLAGS)}\nprogram: {objects}\n"
          f"\t$(CC) $(CFLAGS) -Wl,--build-id=sha1 -o $@ {objects}\n")
    return folder, diffs


def bench_build(options, programs):
    progress("a program that is built")
    folder, diffs = make_source(programs, options.build_units, options.build_functions)
    make = ("make", "-j", str(os.cpu_count()))
    program, cache, out = (programs.path(name) for name in ("program", "cache", "patches"))
    os.environ["XDG_CACHE_HOME"] = cache
    table = Table(options, "build")
    for cycle in range(options.build_cycles):
        shutil.rmtree(cache, ignore_errors=True)
        for path in (cache, out):
            os.makedirs(path, exist_ok=True)
        for name in os.listdir(folder):
            if name.endswith(".o"):
                os.unlink(f"{folder}/{name}")
        patch = (options.nsb_build, "-q", "-o", out, "--target", program, "--source", folder)
        for what, command in (
                ("plain build", (*make, "-C", folder)),
                # For the build, and for the patch as it was and as it is.
                ("the touched unit, three times", ("sh", "-c", "for i in 1 2 3; do " + " ".join(
                    ("gcc", *BUILD_FLAGS, "-c", "-o", programs.path("u001.o"), f"{folder}/u001.c")) + "; done")),
                ("nsb-build, first fix", (*patch, diffs[0], "--", *make)),
                ("nsb-build, next fix", (*patch, diffs[1], "--", *make)),
                ("nsb-build, next fix, no cache", (*patch, "--no-cache", diffs[1], "--", *make))):
            progress(what)
            result = gauge(programs, "-", *command)
            if result["status"] != 0:
                sys.exit(f"bench: {what}: status {result['status']}")
            table.add(what=what, cycle=cycle, units=options.build_units, elapsed_ns=result["elapsed_ns"],
                      peak_kib=result["peak_kib"])
            if what == "plain build":
                shutil.copy(f"{folder}/program", program)
    table.save()
    plain = table.values("elapsed_ns", what="plain build")
    unit = table.values("elapsed_ns", what="the touched unit, three times")
    rows = []
    for (what,) in cells(table, "what"):
        times = table.values("elapsed_ns", what=what)
        low, middle, high = (value / 1e9 for value in quartiles(times))
        rows.append((what, f"{middle:.2f} ({low:.2f}-{high:.2f})", ratio(times, plain),
                     f"{max(table.values('peak_kib', what=what)) / 1024:.0f}"))
    rows.append(("two whole builds", f"{2 * median(plain, 1e9):.2f}", "2", ""))
    tell_table(f"A patch from a diff: a program of {options.build_units} units", ("what", "time, s", ": plain build",
               "largest process, MiB"), rows)
    goal("nsb-build, first fix", BUILD_GOAL, "plain builds",
         median([a / b for a, b in zip(table.values("elapsed_ns", what="nsb-build, first fix"), plain)]))
    goal("nsb-build, next fix, without three compilations of what it touches", NEXT_GOAL_S, "s",
         median([(a - b) / 1e9 for a, b in zip(table.values("elapsed_ns", what="nsb-build, next fix"), unit)]))


# ---- among hostile processes ----

def bench_hostile(options, programs):
    """crowd.sh tells what its lines mean."""
    if os.geteuid() != 0:
        tell("\nNothing is measured among hostile processes: it takes root to be attacked by others.\n")
        return
    figures = os.path.abspath(programs.path("crowd"))
    environment = dict(os.environ, NSB=os.path.abspath(options.nsb),
                       NSB_GEN=os.path.abspath(options.nsb_gen))
    table = Table(options, "hostile")
    for cycle in range(options.crowds):
        progress(f"patch --all of {options.honest} processes, alone and among hostile ones")
        if os.path.exists(figures):
            os.unlink(figures)
        done = subprocess.run((f"{HERE}/crowd.sh", figures, str(options.honest)), env=environment,
                              stdout=subprocess.PIPE, text=True, check=False)
        if "not ok" in done.stdout or done.returncode != 0 or not os.path.exists(figures):
            sys.exit(f"bench: crowd.sh: {done.stdout}")
        with open(figures, encoding="ascii") as file:
            for line in file:
                what, *numbers = line.split()
                hostile, elapsed, peak, patched, slow = map(int, numbers)
                table.add(what=what, cycle=cycle, honest=options.honest, hostile=hostile,
                          elapsed_ns=elapsed * 1000, peak_kib=peak, patched=patched, slow=slow)
    table.save()
    alone = median(table.values("elapsed_ns", what="alone"), 1e9)
    rows = []
    for what, hostile in cells(table, "what", "hostile"):
        def of(column, wanted=what):
            return table.values(column, what=wanted)
        seconds = median(of("elapsed_ns"), 1e9)
        rows.append((what, hostile, f"{min(of('patched'))} of {options.honest}", f"{seconds:.2f}",
                     f"{seconds / alone:.2f}", max(of("slow")), f"{max(of('peak_kib')) / 1024:.1f}"))
        if what == "resting":
            limit = 1.2 * alone + CROWD_DEADLINE_S * -(-max(of("slow")) // CROWD_AT_ONCE)
        elif what == "among":
            beside = median(table.values("elapsed_ns", what="beside"), 1e9)
            limit = 1.2 * beside + CROWD_DEADLINE_S * -(-max(of("slow")) // CROWD_AT_ONCE)
        else:
            continue
        goal(f"patch --all among {hostile} hostile ones ({what})", round(limit, 1), "s", seconds)
        goal(f"memory of nsb then ({what})", CROWD_MEMORY_GOAL_MIB, "MiB",
             max(of("peak_kib")) / 1024)
        goal(f"honest processes left unpatched then ({what})", 0, "processes",
             options.honest - min(of("patched")))
    tell_table(f"patch --all of {options.honest} honest processes",
                ("hostile ones", "number", "patched", "time, s", ": alone", "took all of their time",
                 "memory of nsb, MiB"), rows)


# ---- programs that are started under nsb watch ----

BEGUN_SOURCE = """
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
__attribute__((noipa)) int value(void);
__attribute__((noipa)) int value(void) { return 1; }
int main(int argc, char **argv)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	printf("%d %lld\\n", value(), ts.tv_sec * 1000000000ll + ts.tv_nsec);
	fflush(stdout);
	while (argc > 1 && strcmp(argv[1], "stay") == 0)
		pause();
	return 0;
}
"""


def watchers(watch):
    """nsb watch and its child that answers the kernel."""
    with open(f"/proc/{watch.pid}/task/{watch.pid}/children", encoding="ascii") as file:
        return [watch.pid] + [int(pid) for pid in file.read().split()[:1]]


def status_kib(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(field))


def run_time_ns(pid):
    """How long it has run, by the scheduler."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0])


def begin_ns(program):
    """From before fork(2) to main(), and what it says."""
    before = time.monotonic_ns()
    value, at = map(int, run(program).split())
    return value, at - before


def start_watch(options, patch):
    watch = subprocess.Popen((options.nsb, "watch", "-v", "2", "--insecure-file", "--no-syslog", "-f", patch),
                             stdout=subprocess.PIPE, stderr=open(options.out + "/watch.log", "w+", encoding="utf-8"), text=True)
    if not watch.stdout.readline().startswith("watching"):
        sys.exit("bench: nsb watch does not begin")
    return watch


def crowd_of(program, count):
    """So many processes, which have begun."""
    with subprocess.Popen(("sh", "-c", f'i=0; while [ $i -lt {count} ]; do "$0" stay & i=$((i + 1)); done; exec sleep 600', program),
                          stdout=subprocess.PIPE, text=True, start_new_session=True) as crowd:
        for _ in range(count):
            crowd.stdout.readline()
        yield crowd
        os.killpg(crowd.pid, 9)


def bench_watch(options, programs):
    if os.geteuid() != 0:
        tell("\nNothing is measured of nsb watch: it takes root to hold others.\n")
        return
    progress("programs that are started under nsb watch")
    source = write(programs.path("begun.c"), BEGUN_SOURCE)
    # No other process of the host is of this build.
    program = compile_c(programs.path("begun"), f"-Wl,--build-id=0x{os.urandom(16).hex()}", source)
    write(programs.path("later.c"), "int value(void);\nint value(void) { return 2; }\n")
    patch = compile_c(programs.path("later.so"), "-fPIC", "-shared", "-Wl,--build-id=sha1", programs.path("later.c"))
    run(options.nsb_gen, "generate", "--mode", "manual", program, patch)
    storm = compile_c(programs.path("storm"), "-static", f"{HERE}/../helpers/storm.c")
    nothing = compile_c(programs.path("nothing"), "-static", f"{HERE}/../helpers/nothing.c")
    table, storms = Table(options, "watch"), Table(options, "storm")
    memory = 0
    for cycle in range(options.cycles):
        for watched in (0, 1):
            watch = start_watch(options, patch) if watched else None
            pids = watchers(watch) if watched else []
            for _ in range(options.begun):
                value, elapsed = begin_ns(program)
                if value != 1 + watched:
                    sys.exit(f"bench: a program began with the value {value}")
                table.add(watched=watched, cycle=cycle, elapsed_ns=elapsed)
            each, answer = float(run(storm, str(options.storm), nothing)), 0
            if watched:
                memory = max(memory, sum(status_kib(pid, "VmHWM") for pid in pids))
                ran = run_time_ns(pids[1])
                watch.terminate()
                watch.wait()
                with open(options.out + "/watch.log", encoding="utf-8") as log:
                    answer = ran / int(re.search(r"(\d+) files answered for", log.read()).group(1))
            storms.add(watched=watched, cycle=cycle, each_ns=each * 1000, answer_ns=answer)
    table.save()
    storms.save()
    rows = []
    for watched, what in enumerate(("alone", "under nsb watch")):
        times = sorted(table.values("elapsed_ns", watched=watched))
        each = storms.values("each_ns", watched=watched)
        rows.append((what, f"{median(times, 1e6):.2f}", f"{times[len(times) * 99 // 100] / 1e6:.2f}",
                     micro(each), micro(storms.values("answer_ns", watched=watched)) if watched else ""))
    tell_table("Programs that are started", ("", "to main(), ms: p50", "p99", "a program without a patch, µs",
               "nsb works for each file, µs"), rows)
    goal("nsb watch works for each file that is executed", WATCH_GOAL_US, "µs",
         median(storms.values("answer_ns", watched=1), 1000))
    goal("memory of nsb watch", WATCH_GOAL_MIB, "MiB", memory / 1024)
    store = programs.path("store")
    run(options.nsb, "install", "--insecure-file", "--no-syslog", "--store", store, patch)
    progress(f"sync of {options.synced} processes")
    for _ in crowd_of(program, options.synced):
        first = gauge(programs, "-", options.nsb, "sync", "-q", "--insecure-file", "--no-syslog", "--store", store)
        again = gauge(programs, "-", options.nsb, "sync", "-q", "--insecure-file", "--no-syslog", "--store", store)
        if first["status"] != 0 or again["status"] != 0:
            sys.exit(f"bench: nsb sync: {first} {again}")
    tell_table(f"nsb sync of {options.synced} processes", ("", "s", "largest process, MiB"),
               [(what, f"{result['elapsed_ns'] / 1e9:.2f}", f"{result['peak_kib'] / 1024:.1f}")
                for what, result in (("all are patched", first), ("all have it already", again))])
    goal(f"nsb sync of {options.synced} processes", SYNC_GOAL_S, "s", first["elapsed_ns"] / 1e9)


# ---- a server at work ----

class Server:
    """memcached, and its clients."""

    def __init__(self, programs, folder):
        self.clients = compile_c(programs.path("requests"), f"{HERE}/requests.c")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        self.process = subprocess.Popen(
            [f"{folder}/memcached", "-l", "127.0.0.1", "-p", self.port, "-U", "0", "-t", str(SERVER_THREADS),
             *(("-u", "root") if os.geteuid() == 0 else ())])
        self.pid = str(self.process.pid)
        self.await_ready()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def await_ready(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", int(self.port)), 1):
                    return
            except OSError:
                time.sleep(0.01)
        sys.exit("bench: memcached does not come to its start")

    def window(self, rate, seconds, *commands):
        """What the clients saw; meanwhile a command runs each half second, the first one after a quarter."""
        clients = subprocess.Popen([self.clients, self.port, str(rate), str(seconds)], stdout=subprocess.PIPE,
                                   text=True)
        began = time.monotonic()
        for number in range(int(seconds * 2) if commands else 0):
            time.sleep(max(0, began + 0.25 + number / 2 - time.monotonic()))
            run(*commands[number % len(commands)])
        text, _ = clients.communicate(timeout=seconds + PATIENCE)
        if clients.returncode != 0:
            sys.exit("bench: the clients gave up")
        return json.loads(text)


def bench_server(options, programs):
    folder = os.path.abspath(programs.path("server"))
    os.makedirs(folder)
    environment = dict(os.environ, NSB=os.path.abspath(options.nsb), NSB_GEN=os.path.abspath(options.nsb_gen))
    done = subprocess.run((f"{HERE}/server.sh", folder), env=environment, stdout=subprocess.PIPE, text=True,
                          check=False)
    if not os.path.exists(f"{folder}/version.so"):
        tell(f"\nNothing is measured of a server: {done.stdout.strip()}\n")
        return
    table = Table(options, "server")
    with Server(programs, folder) as server:
        nsb = [(options.nsb, action, "-q", "--insecure-file", "-p", server.pid, "-f", f"{folder}/version.so")
               for action in ACTIONS]
        capacity = max(figures["answered"] / (figures["elapsed_ns"] / 1e9) for figures in
                       (server.window(0, options.window_s) for _ in range(3)))
        rate = round(capacity * SERVER_LOAD)
        for cycle in range(options.windows):
            progress(f"a server at {rate} requests a second, window {cycle + 1} of {options.windows}")
            for what, commands in (("no tool", ()), ("floor", ((programs.stopper, server.pid),)), ("nsb", nsb)):
                table.add(what=what, cycle=cycle, rate=rate, **server.window(rate, options.window_s, *commands))
    table.save()
    rows = []
    for (what,) in cells(table, "what"):
        def of(column):
            return table.values(column, what=what)
        throughput = [answered / elapsed for answered, elapsed in zip(of("answered"), of("elapsed_ns"))]
        plain = [answered / elapsed for answered, elapsed in zip(table.values("answered", what="no tool"),
                                                                table.values("elapsed_ns", what="no tool"))]
        rows.append((what, ratio(throughput, plain), *(
            f"{micro(of(column))}, {ratio(of(column), table.values(column, what='no tool'))}"
            for column in ("p50_ns", "p99_ns", "p999_ns", "max_ns")), sum(of("failed"))))
    tell_table(f"memcached, {SERVER_THREADS} threads, {rate} requests a second ({SERVER_LOAD:.0%} of its capacity), a "
               "patch or a revert each half second: times of answers in microseconds, and as ratios",
               ("beside", "throughput", "p50", "p99", "p99.9", "longest", "failed"), rows)
    slower = [a / b for a, b in zip(table.values("p999_ns", what="nsb"), table.values("p999_ns", what="no tool"))]
    floor = [a / b for a, b in zip(table.values("p999_ns", what="floor"), table.values("p999_ns", what="no tool"))]
    goal("p99.9 of a server beside patches, : no tool", SERVER_GOAL, "", median(slower),
         f"{median(floor):.2f} (floor)")
    goal("requests that failed", 0, "", sum(table.values("failed", what="nsb")))


# ---- all of it ----

SECTIONS = {"pause": bench_pause, "held": bench_held, "growth": bench_growth, "gen": bench_gen,
            "witness": bench_witness, "build": bench_build, "hostile": bench_hostile,
            "watch": bench_watch, "server": bench_server}

# How much is measured: all of it, for a look, for tests/t-bench.sh.
EXTENTS = {
    "full": dict(cycles=15, depths=(8, 60), threads=(0, 10, 100, 1000, 4000),
                 functions=(1, 10, 100, 1000), libraries=(10, 100, 300),
                 sizes=tuple(1024 << i for i in (4, 6, 8, 10, 12)), units=76,
                 code_units=20, code_functions=1500, gen_cycles=7,
                 build_units=24, build_functions=150, build_cycles=3,
                 honest=500, crowds=3, begun=40, storm=2000, synced=4000, windows=20, window_s=4),
    "quick": dict(cycles=3, depths=(8,), threads=(0, 10, 1000), functions=(1, 1000),
                  libraries=(10, 300), sizes=(16 << 10, 4 << 20), units=12,
                  code_units=4, code_functions=1500, gen_cycles=2,
                  build_units=8, build_functions=60, build_cycles=1,
                  honest=100, crowds=1, begun=20, storm=500, synced=400, windows=3, window_s=2),
    "slice": dict(cycles=1, depths=(8,), threads=(10,), functions=(10,), libraries=(10,),
                  sizes=(64 << 10,), units=2, code_units=1, code_functions=100, gen_cycles=1,
                  build_units=2, build_functions=20, build_cycles=1,
                  honest=20, crowds=1, begun=2, storm=50, synced=5, windows=1, window_s=1),
}


def machine():
    compiler = run("gcc", "--version").splitlines()[0]
    with open("/proc/cpuinfo", encoding="ascii") as file:
        model = next((line.partition(":")[2].strip() for line in file
                      if line.startswith("model name")), platform.machine())
    with open("/proc/sys/kernel/osrelease", encoding="ascii") as file:
        kernel = file.read().strip().partition("-")[0]
    with open("/proc/loadavg", encoding="ascii") as file:
        load = file.read().split()[0]
    return (f"{os.cpu_count()} x {model}, Linux {kernel}, {compiler}; "
            f"{time.strftime('%Y-%m-%d')}, load before: {load}")


def read_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extent", choices=EXTENTS, default="full")
    parser.add_argument("--out", default=os.path.join(ROOT, "build/bench"), help="folder")
    parser.add_argument("--nsb", default=os.environ.get("NSB", f"{ROOT}/build/nsb"))
    parser.add_argument("--nsb-gen", default=os.environ.get("NSB_GEN", f"{ROOT}/build/nsb-gen"))
    parser.add_argument("--nsb-build", default=os.environ.get("NSB_TOOL"),
                        help="beside nsb-gen, if it is not given")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=" ".join(SECTIONS))
    options = parser.parse_args()
    options.nsb_build = options.nsb_build or os.path.join(os.path.dirname(options.nsb_gen), "nsb-build")
    for section in options.sections:
        if section not in SECTIONS:
            parser.error(f"no section {section}")
    for key, value in EXTENTS[options.extent].items():
        setattr(options, key, value)
    os.makedirs(options.out, exist_ok=True)
    return options


def main():
    options = read_options()
    began = time.monotonic()
    tell(machine())
    programs = Programs(options)
    for name, section in SECTIONS.items():
        if not options.sections or name in options.sections:
            section(options, programs)
    tell_table("Goals (medians)", ("figure", "goal", "measured", "no tool", "met"), GOALS)
    tell(f"\nMedian (quartiles); {options.cycles} cycles each, {options.gen_cycles} of nsb-gen.")
    shutil.rmtree(programs.folder)
    with open(os.path.join(options.out, "report.md"), "w", encoding="utf-8") as file:
        file.writelines(REPORT)
    progress(f"done in {time.monotonic() - began:.0f} s; {options.out} has report.md and *.csv")


if __name__ == "__main__":
    main()
