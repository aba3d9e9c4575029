#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Break nsb in small ways, one after the other, and see that its tests notice.

    tests/mutants.py [-j N] [-kn] [WORD...]    try the mutants, or those that a WORD names
    tests/mutants.py -c                        only look whether the tables are true
    tests/mutants.py -l [WORD...]              list them

The tables are tests/mutants/*.txt, one for each room of the house. In them

    = src/pure/unwind.c
    memory that cannot be read counts as a frame that is safe
    - return UNWIND_UNREADABLE;
    + return UNWIND_SAFE;
    @ u-unwind
    @ t-safepoint: one busy thread

is a mutant of that file: a sentence of what breaks, the line of the source and what it becomes
(several lines, or none), and the tests, at least one of which has to fail. Behind a colon are words
of the titles of the tests that are run, of that file (NSB_TITLE, see tests/lib.sh). They are run for
amd64; t-NAME@i386 is for i386. Lines are compared without the blanks at their ends, and the lines
behind `-` are in the file exactly once: else the table is wrong, and that is an error.

    ! the reason

in place of the tests is for a mutant that no test can see. It is not tried.

A WORD is the name of a table, or of a file, with or without its path and ending; if it is neither,
part of the sentence.
The tree is copied, with what is built of it, to a folder of TMPDIR, one for each of N workers. Each
test is run there once without a mutant, and has to pass. Then each mutant is put in, built, and its
tests run, until one fails. A mutant that none sees, that cannot be built, that leaves the programs as they are, or whose
tests do not pass without it or come to no end with it, is a failure. -k keeps the folders; with -n nobody looks whether
the tests pass without a mutant.

A machine may be unable to run a test: its kernel runs no 32-bit programs, or no breakpoint is ever hit. A mutant that
only such tests could see "cannot be tried here". It is neither seen nor a failure, and is counted by itself.
"""

import fnmatch
import hashlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLES = os.path.join(ROOT, "tests", "mutants")
SCRATCH, KEEP, LOOK_FIRST = None, False, True
PASSES, FAILS, SKIPPED, MISSING = "passes", "fails", "is skipped", "is not there"
NOT_HERE = "cannot be tried here"
UNBUILT, UNCHANGED, UNTOLD = "cannot be built", "leaves the programs as they are", "its tests come to no end"
PROGRAMS = ("nsb", "nsb-gen", "nsb-build")
# What tells make or a test of other programs than those of a worker's tree.
FOREIGN = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "SANITIZE", "ARCH", "CC", "CPPFLAGS", "LDFLAGS", "V")
LIMIT = 900  # seconds for a build, and for a file of tests


class Mutant:
    def __init__(self, table, number, source, title):
        self.table, self.number, self.source, self.title = table, number, source, title
        self.old, self.new, self.tests, self.reason = [], [], [], ""

    def place(self):
        return f"tests/mutants/{self.table}.txt:{self.number}"

    def __str__(self):
        return f"{self.source}: {self.title}"

    def is_named(self, word):
        name = os.path.basename(self.source)
        return any(fnmatch.fnmatch(known, word) for known in (self.table, self.source, name, os.path.splitext(name)[0]))

    def applied(self, text):
        """The source with the mutant in it, or None if its line is not there exactly once."""
        lines = text.split("\n")
        bare = [line.strip() for line in lines]
        count = len(self.old)
        found = [i for i in range(len(lines) - count + 1) if bare[i:i + count] == self.old]
        if len(found) != 1:
            return None
        at = found[0]
        return "\n".join(lines[:at] + self.new + lines[at + count:])


def read_table(path):
    """Yields mutants; raises ValueError for a line that has no meaning."""
    table = os.path.basename(path)[:-len(".txt")]
    source = mutant = None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            mark, rest = line[:1], line[1:].strip()
            if mark == "#":
                continue
            if not line or mark == "=":
                if mutant:
                    yield mutant
                mutant = None
                if line:
                    source = rest
            elif mark in "-+@!":
                if not mutant:
                    raise ValueError(f"tests/mutants/{table}.txt:{number}: no sentence says what this breaks")
                if mark == "-":
                    mutant.old.append(rest)
                elif mark == "+":
                    mutant.new.append(rest)
                elif mark == "@":
                    mutant.tests.append(rest)
                else:
                    mutant.reason += rest
            elif mutant or not source:
                raise ValueError(f"tests/mutants/{table}.txt:{number}: a sentence where none belongs: {line}")
            else:
                mutant = Mutant(table, number, source, line)
    if mutant:
        yield mutant


def is_test(name):
    base = name.split(":")[0].split("@")[0].strip()
    folder = os.path.join(ROOT, "tests")
    return os.path.exists(f"{folder}/{base}.sh") if base.startswith("t-") else os.path.exists(f"{folder}/unit/{base}.c")


def faults(mutants):
    """What is wrong with the tables."""
    seen = set()
    for mutant in mutants:
        where = f"{mutant.place()}: {mutant.title}"
        try:
            with open(os.path.join(ROOT, mutant.source), encoding="utf-8") as file:
                text = file.read()
        except OSError as error:
            yield f"{where}: {mutant.source}: {error.strerror}"
            continue
        changed = mutant.applied(text) if mutant.old else None
        if changed is None:
            yield f"{where}: its line is not in {mutant.source} exactly once"
        elif [line.strip() for line in mutant.new] == mutant.old:
            yield f"{where}: changes nothing"
        elif (mutant.source, changed) in seen:
            yield f"{where}: is there already"
        if bool(mutant.tests) == bool(mutant.reason):
            yield f"{where}: either tests, or the reason why no test can see it"
        for test in mutant.tests:
            if not is_test(test):
                yield f"{where}: there is no test {test}"
        seen.add((mutant.source, changed))


def targets_of(tests):
    """What make is asked for: nsb and its like, unit tests, and what a t-NAME.sh calls of these."""
    targets = set()
    for test in tests:
        name = test.split(":")[0].split("@")[0].strip()
        if not name.startswith("t-"):
            targets.add(f"build/unit/{name}")
            continue
        targets.add("all")
        with open(f"{ROOT}/tests/{name}.sh", encoding="utf-8") as file:
            called = re.findall(r'\$NSB_BUILD"?/unit/([\w-]+)', file.read())
        targets |= {f"build/unit/{unit}" for unit in called if os.path.exists(f"{ROOT}/tests/unit/{unit}.c")}
    return targets


running = set()
is_over = threading.Event()


def end_all(number, _frame):
    """tests/run ends what its tests have started. What a mutant's tests say that are ended so means nothing."""
    is_over.set()
    for pause in (2, 0):
        for process in list(running):
            os.killpg(process.pid, signal.SIGTERM)
        time.sleep(pause)
    if not KEEP:
        shutil.rmtree(SCRATCH, ignore_errors=True)
    os._exit(128 + number)


class Worker:
    """A copy of the tree."""

    def __init__(self, folder):
        self.folder, self.clean = folder, {}
        os.makedirs(folder + "/build")
        kept = subprocess.run(["git", "-C", ROOT, "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z"],
                              capture_output=True, check=True).stdout.decode().split("\0")
        for name in filter(None, kept):
            if os.path.lexists(os.path.join(ROOT, name)):
                os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
                shutil.copy2(os.path.join(ROOT, name), os.path.join(folder, name), follow_symlinks=False)
        for name in (".looked", "obj", "libnsb.a", *PROGRAMS, "unit", "tests", "i386-root"):
            if os.path.exists(f"{ROOT}/build/{name}"):
                subprocess.run(["cp", "-a", f"{ROOT}/build/{name}", f"{folder}/build/"], check=True)

    def run(self, command, **environment):
        """Its exit status, or None if it takes too long, and what it said."""
        if is_over.is_set():
            return None, ""
        own = {name: value for name, value in os.environ.items()
               if name in ("NSB_SLOW", "NSB_TEST_MARK") or not (name in FOREIGN or name.startswith("NSB"))}
        with subprocess.Popen(command, cwd=self.folder, env={**own, **environment}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as process:
            running.add(process)
            try:
                said = process.communicate(timeout=LIMIT)[0]
                return process.returncode, said.decode(errors="replace")
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGTERM)
                return None, process.communicate()[0].decode(errors="replace")
            finally:
                running.discard(process)

    def build(self, targets):
        # A mutant may leave something unused: no warnings.
        return self.run(["make", "--no-print-directory", "ARCH=amd64", "CFLAGS=-Os -g -w", *sorted(targets)])

    def programs(self, target):
        names = [f"build/{name}" for name in PROGRAMS] if target == "all" else [target]
        return [name for name in names if os.path.exists(f"{self.folder}/{name}")]

    def code(self, program):
        """A digest of what it does: neither its debug info nor the number that is made of that."""
        bare = self.folder + "/build/bare"
        subprocess.run(["objcopy", "-g", "-R", ".note.gnu.build-id", f"{self.folder}/{program}", bare], check=True)
        with open(bare, "rb") as file:
            return hashlib.sha256(file.read()).digest()

    def put_back(self, tests):
        """The programs of these tests as they are without a mutant. Returns what is wrong, or nothing."""
        for target in targets_of(tests):
            kept = f"{self.folder}/build/clean/{target}"
            if target not in self.clean:
                status, said = self.build([target])
                if status != 0:
                    return said
                self.clean[target] = {program: self.code(program) for program in self.programs(target)}
                os.makedirs(kept)
                subprocess.run(["cp", "-a", *self.clean[target], kept], cwd=self.folder, check=True)
            # They are older than the library that the last mutant was in, so that make links them again.
            for program in self.clean[target]:
                subprocess.run(["cp", "-a", f"{kept}/{os.path.basename(program)}", program], cwd=self.folder, check=True)
        return ""

    def is_unchanged(self, tests):
        return all(self.code(program) == code for target in targets_of(tests) for program, code in self.clean[target].items())

    def test(self, test):
        """PASSES, FAILS, SKIPPED, or MISSING if it has no such title; and what was said."""
        name, _, title = (word.strip() for word in test.partition(":"))
        base, _, abi = name.partition("@")
        status, said = self.run(["tests/run", "-v", base], NSB_TITLE=title, NSB_ABIS=abi or "amd64")
        if re.search(r"^\S+: not ok\b", said, re.M) or status is None:
            return FAILS, said
        good = re.findall(r"^\S+: ok\b(.*)", said, re.M)
        skipped = [line.partition("# SKIP")[2].strip() for line in good if "# SKIP" in line]
        if status != 0 or not good:
            return MISSING, said
        return (SKIPPED, skipped[0]) if len(skipped) == len(good) else (PASSES, said)

    def try_mutant(self, mutant):
        """None if a test sees it, and which; else what is wrong, and what was said."""
        path = os.path.join(self.folder, mutant.source)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        said = self.put_back(mutant.tests)
        if said:
            return UNBUILT, said
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(mutant.applied(text))
            status, said = self.build(targets_of(mutant.tests))
            if status != 0:
                return UNBUILT, said
            if self.is_unchanged(mutant.tests):
                return UNCHANGED, said
            why, unknown = "", None
            for test in mutant.tests:
                result, said = self.test(test)
                if result == FAILS:
                    return None, test
                if result == SKIPPED:
                    why = said
                elif result == MISSING:
                    unknown = said or "nothing was said"
            if unknown:
                return UNTOLD, unknown
            return (NOT_HERE, why) if why else ("survives", "")
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)


def in_parallel(workers, jobs, work):
    """work(worker, job) for all jobs; those that are next to each other mostly have one source."""
    waiting = queue.Queue()
    for job in jobs:
        waiting.put(job)

    def loop(worker):
        while not is_over.is_set():
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            work(worker, job)

    threads = [threading.Thread(target=loop, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(1)


def choose(mutants, words):
    if not words:
        return mutants
    chosen = set()
    for word in words:
        named = {mutant for mutant in mutants if mutant.is_named(word)}
        chosen |= named or {mutant for mutant in mutants if word in mutant.title}
    return [mutant for mutant in mutants if mutant in chosen]


def indented(said):
    return "".join(f"# {line}\n" for line in said.splitlines()[-25:])


def try_all(mutants, jobs):
    began = time.monotonic()
    counted = {"seen": 0, "survives": 0, UNBUILT: 0, UNCHANGED: 0, UNTOLD: 0, "its tests do not pass without it": 0, NOT_HERE: 0}
    looked = {}

    def without(worker, test):
        """Whether the test can be run, and passes, without a mutant."""
        if test not in looked:
            said = worker.put_back([test])
            looked[test] = (FAILS, said) if said else worker.test(test)
            if looked[test][0] not in (PASSES, SKIPPED) and not is_over.is_set():
                print(f"not ok - without a mutant: {test}\n{indented(looked[test][1])}", end="", flush=True)
        return looked[test]

    def with_it(worker, mutant):
        at = time.monotonic()
        before = [without(worker, test) for test in mutant.tests] if LOOK_FIRST else []
        if any(state not in (PASSES, SKIPPED) for state, _ in before):
            result, said = "its tests do not pass without it", ""
        elif before and all(state == SKIPPED for state, _ in before):
            result, said = NOT_HERE, before[0][1]
        else:
            result, said = worker.try_mutant(mutant)
        if is_over.is_set():
            return
        counted[result or "seen"] += 1
        took = f"{time.monotonic() - at:.0f} s"
        if result == NOT_HERE:
            print(f"ok - {mutant}: {result} # SKIP {said}", flush=True)
        elif result:
            print(f"not ok - {mutant}: {result} ({mutant.place()}), {took}\n{indented(said)}", end="", flush=True)
        else:
            print(f"ok - {mutant}: seen by {said}, {took}", flush=True)

    try:
        workers = [Worker(f"{SCRATCH}/{number}") for number in range(jobs)]
        in_parallel(workers, [mutant for mutant in mutants if mutant.tests], with_it)
    finally:
        if KEEP:
            print(f"kept: {SCRATCH}")
        else:
            shutil.rmtree(SCRATCH, ignore_errors=True)
    reasons = sum(not mutant.tests for mutant in mutants)
    print(f"{len(mutants)} mutants: " + ", ".join(f"{count} {word}" for word, count in counted.items()) +
          f", {reasons} with a reason why no test can see them; {time.monotonic() - began:.0f} s")
    return counted["seen"] + counted[NOT_HERE] + reasons == len(mutants)


def main():
    global SCRATCH, KEEP, LOOK_FIRST
    words = sys.argv[1:]
    jobs, options = 1, set()
    while words and words[0].startswith("-"):
        option = words.pop(0)
        if option == "-j" and words:
            jobs = int(words.pop(0))
        elif option in ("-c", "-k", "-l", "-n"):
            options.add(option)
        else:
            sys.exit(f"mutants.py: no such option: {option}")
    mutants = []
    try:
        for name in sorted(os.listdir(TABLES)):
            if name.endswith(".txt"):
                mutants += read_table(os.path.join(TABLES, name))
    except ValueError as error:
        sys.exit(str(error))
    wrong = list(faults(mutants))
    for line in wrong:
        print(line)
    chosen = choose(mutants, words)
    if "-l" in options:
        for mutant in chosen:
            print(f"{mutant.place()}: {mutant}")
    if wrong or options & {"-c", "-l"}:
        print(f"{len(chosen)} mutants, {len(wrong)} mistakes in their tables")
        sys.exit(bool(wrong))
    if not chosen:
        sys.exit("mutants.py: no mutant is named so")
    KEEP, LOOK_FIRST = "-k" in options, "-n" not in options
    SCRATCH = tempfile.mkdtemp(prefix="nsb-mutants-")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end_all)
    sys.exit(not try_all(chosen, jobs))


if __name__ == "__main__":
    main()
