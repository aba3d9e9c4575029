#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""house.py [ROOT]: the rules of the folders of src/, tools/gen/ and tools/build/ (HACKING.md, "Rules").

It prints a line for each place where a rule is broken, and then fails.
"""

import os
import re
import sys

INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)
TYPE = re.compile(r"^(?:static |const )*((?:struct|enum|union) \w+) \{", re.M)
INCLUDES_LINE = re.compile(r"^Includes: (.*)$", re.M)
COMMENT = re.compile(r"/\*.*?\*/", re.S)
STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
CALL = re.compile(r"\b([a-z_]\w*)\(")

TRACING = {"ptrace", "wait", "waitid", "waitpid", "wait3", "wait4"}
# What asks the kernel about a process, or does something to it.
OF_PROCESSES = TRACING | {
    "execve", "execvp", "fork", "kcmp", "kill", "pidfd_open", "pidfd_send_signal", "posix_spawn",
    "prctl", "process_vm_readv", "process_vm_writev", "syscall", "tgkill", "vfork"}
# What only the rooms of architectures may know: constants of ELF and the kernel, registers, and opcodes, which are
# recognized where a byte of code, or a field of an instruction, is compared with a number or a name for one.
OF_ARCHITECTURES = re.compile(
    r"\b(?:EM_[0-9A-Z_]+|ELFCLASS(?:32|64)|R_(?:X86_64|386|AARCH64|ARM|RISCV)_\w+|NT_(?:X86|ARM|386)_\w+|GPR_(?!BITS\b)\w+)\b"
    r"|(?:(?:->|\.)(?:opcode|map)|\b(?:code|insn|now|was)\[[^\]]*\])\)? *(?:& *0x[0-9a-f]+\)? *)?(?:[!=<>]=|<|>) *"
    r"(?:0x[0-9a-f]{2}\b|[A-Z][A-Z_0-9]*\b|[0-9]+\b)")
ARCHITECTURES = ("src/arch/", "src/parasite/", "tools/gen/arch/")
# What is left of that elsewhere, by lines: nothing.
LEFT_OF_ARCHITECTURES = {}
OF_FILES = {"fopen", "open", "openat", "opendir", "readlink", "stat"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def blank(match):
    """As many lines as there were, so that line numbers stay."""
    return "\n" * match.group().count("\n")


def line_of(text, match):
    return text.count("\n", 0, match.start()) + 1


class House:
    """The C files below src/, tools/gen/ and tools/build/, and what is wrong with them."""

    def __init__(self, root):
        self.root, self.wrong, self.files = root, [], {}
        for top in ("src", "tools/gen", "tools/build", "include"):
            for folder, _, names in os.walk(os.path.join(root, top)):
                for name in names:
                    if name.endswith((".c", ".h", ".S")):
                        path = os.path.relpath(os.path.join(folder, name), root)
                        self.files[path] = read(os.path.join(root, path))
        self.headers = {}
        for path in sorted(self.files):
            name = os.path.basename(path)
            if not name.endswith(".h"):
                continue
            if name in self.headers:
                self.say(path, 1, f"{self.headers[name]} is another header of this name")
            self.headers[name] = path

    def say(self, path, line, what):
        self.wrong.append(f"{path}:{line}: {what}")

    def includes(self):
        """FILE, LINE, the FOLDER it includes a header of.  A main.c includes what it likes."""
        for path, text in sorted(self.files.items()):
            if os.path.basename(path) == "main.c":
                continue
            for match in INCLUDE.finditer(text):
                header = self.headers.get(os.path.basename(match[1]))
                if header and os.path.dirname(header) != os.path.dirname(path):
                    yield path, line_of(text, match), os.path.dirname(header)

    def check_folders(self):
        """Each folder tells what belongs in it, and of which others it includes headers."""
        allowed, used = {}, {}
        for folder in sorted({os.path.dirname(path) for path in self.files}):
            if folder.startswith("include"):
                continue
            readme = os.path.join(folder, "README")
            if not os.path.exists(os.path.join(self.root, readme)):
                self.say(readme, 1, "is missing: it has to say what belongs in this folder")
                continue
            text = read(os.path.join(self.root, readme))
            if not text.startswith(f"{folder}: "):
                self.say(readme, 1, f"has to begin with '{folder}: '")
            line = INCLUDES_LINE.search(text)
            if line is None:
                self.say(readme, 1, "has no line 'Includes: FOLDER, FOLDER' or 'Includes: nothing'")
                continue
            allowed[folder] = set() if line[1] == "nothing" else set(line[1].split(", "))
            used[folder] = set()
        for path, line, folder in self.includes():
            own = os.path.dirname(path)
            if own in allowed and folder not in allowed[own]:
                self.say(path, line, f"includes a header of {folder}, which {own}/README does not list")
            used.get(own, set()).add(folder)
        for folder in sorted(allowed):
            for other in sorted(allowed[folder] - used[folder]):
                self.say(os.path.join(folder, "README"), 1, f"lists {other}, which no file here includes")
        self.check_downward(allowed)

    def check_downward(self, allowed):
        """Includes lead downward: take away, again and again, the folders that include none that is left."""
        left = dict(allowed)
        while True:
            lowest = [folder for folder in left if not left.keys() & left[folder]]
            if not lowest:
                break
            for folder in lowest:
                del left[folder]
        for folder in sorted(left):
            self.say(os.path.join(folder, "README"), 1,
                     "is in a circle, or above one: includes lead downward")

    def check_types(self):
        """One name means one type."""
        known = {}
        for path, text in sorted(self.files.items()):
            for match in TYPE.finditer(text):
                where = f"{path}:{line_of(text, match)}"
                if match[1] in known:
                    self.say(path, line_of(text, match), f"{match[1]} is also in {known[match[1]]}")
                known[match[1]] = where

    def check_calls(self):
        """Who calls the kernel for a process: ptrace.c alone traces (and nsb-build's trial.c), and pure/ knows no process."""
        for path, text in sorted(self.files.items()):
            pure = path.startswith("src/pure/")
            code = COMMENT.sub(blank, text)
            if pure and "/proc" in code:
                self.say(path, code.count("\n", 0, code.index("/proc")) + 1, "pure, and names /proc")
            code = STRING.sub('""', code)
            for match in CALL.finditer(code):
                name, line = match[1], line_of(code, match)
                if path.startswith("tools/build/"):
                    # It runs commands, and holds the process that a patch is tried on.
                    if name == "ptrace" and path != "tools/build/trial.c":
                        self.say(path, line, "calls ptrace(), which only tools/build/trial.c does here")
                elif name in TRACING and path != "src/process/ptrace.c":
                    self.say(path, line, f"calls {name}(), which only src/process/ptrace.c does")
                elif pure and name in OF_PROCESSES:
                    self.say(path, line, f"pure, and calls {name}()")
                elif pure and name in OF_FILES and path != "src/pure/patchfile.c":
                    self.say(path, line, f"pure, and calls {name}()")


    def check_seam(self):
        """Who knows what an instruction set has."""
        for path, text in sorted(self.files.items()):
            if path.startswith(ARCHITECTURES + ("include/", "tools/build/")):
                continue
            code = STRING.sub('""', COMMENT.sub(blank, text))
            lines = sorted({line_of(code, match) for match in OF_ARCHITECTURES.finditer(code)})
            left = LEFT_OF_ARCHITECTURES.get(path, 0)
            if len(lines) > left:
                self.say(path, lines[left], f"knows an instruction set: {len(lines)} lines, {left} are allowed; it belongs"
                         " into the tables of src/arch.h or tools/gen/arch/gen_arch.h")
            elif len(lines) < left:
                self.say(path, 1, f"has {len(lines)} such lines, and house.py allows {left}")


def main():
    house = House(sys.argv[1] if len(sys.argv) > 1 else ".")
    house.check_folders()
    house.check_types()
    house.check_calls()
    house.check_seam()
    for line in house.wrong:
        print(line)
    return 1 if house.wrong or not house.files else 0


sys.exit(main())
