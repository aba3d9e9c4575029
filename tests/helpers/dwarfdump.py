#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""dwarfdump.py FILE: what tests/unit/view.c prints of FILE, by llvm-dwarfdump."""

import re
import subprocess
import sys

ENTRY = re.compile(r"0x([0-9a-f]+):( +)(?:DW_TAG_(\w+)|(NULL))")
ATTRIBUTE = re.compile(r" +DW_AT_(\w+)\t\((.*)")
RANGE = re.compile(r" +\[0x([0-9a-f]+), 0x([0-9a-f]+)\)")
UNIT = re.compile(r"0x[0-9a-f]+: \w+ Unit: ")
ADDRESS = re.compile(r"^\(?DW_OP_addr 0x([0-9a-f]+)(?:, DW_OP_plus_uconst 0x([0-9a-f]+))?\)?$")
INDEXED = re.compile(r"^DW_OP_(?:GNU_addr_index|addrx) 0x([0-9a-f]+)"
                     r"(?:, DW_OP_plus_uconst 0x([0-9a-f]+))?$")
TLS = re.compile(r"^DW_OP_const[48]u 0x([0-9a-f]+), DW_OP_(?:GNU_push|form)_tls_address$")
TLS_INDEXED = re.compile(r"^DW_OP_(?:GNU_const_index|constx) 0x([0-9a-f]+), "
                         r"DW_OP_(?:GNU_push|form)_tls_address$")


class Entry:
    """A debugging information entry of those that are looked at."""

    def __init__(self, tag, unit, scope):
        self.tag, self.unit, self.scope = tag, unit, scope
        self.attributes, self.ranges = {}, []

    def text(self, name):
        value = self.attributes.get(name)
        return value.strip('"') if value else None

    def number(self, name):
        value = self.attributes.get(name)
        return int(value, 0) if value else 0


def dump(path, what):
    process = subprocess.Popen(["llvm-dwarfdump", what, path], stdout=subprocess.PIPE, text=True,
                               encoding="utf-8", errors="surrogateescape")
    yield from process.stdout
    if process.wait():
        sys.exit(f"llvm-dwarfdump {what} {path}: exit status {process.returncode}")


def read_entries(path):
    """Offset -> entry, of functions, inlined instances, variables and units."""
    entries, unit, entry, attribute = {}, None, None, None
    scopes = []
    for line in dump(path, "--debug-info"):
        match = ENTRY.match(line)
        if match:
            depth, tag = len(match[2]) // 2, match[3]
            del scopes[depth:]
            scope = scopes[-1] if scopes else None
            entry = None
            if tag in ("subprogram", "inlined_subroutine", "variable", "compile_unit",
                       "partial_unit", "skeleton_unit"):
                entry = Entry(tag, unit, scope)
                entries[int(match[1], 16)] = entry
                if tag.endswith("_unit"):
                    unit = entry
            scopes += [scope] * (depth - len(scopes))
            scopes.append(entry if tag in ("subprogram", "inlined_subroutine") else scope)
            continue
        if entry is None:
            continue
        match = ATTRIBUTE.match(line)
        if match:
            attribute, value = match[1], match[2]
            entry.attributes[attribute] = value[:-1] if value.endswith(")") else value
            continue
        match = RANGE.match(line)
        if match and attribute == "ranges":
            entry.ranges.append((int(match[1], 16), int(match[2], 16)))
    return entries


def read_addresses(path):
    """Offset -> address, of .debug_addr."""
    addresses, at, size = {}, None, 8
    for line in dump(path, "--debug-addr"):
        match = re.search(r"format = (DWARF\d\d), version = .*addr_size = 0x(..)", line)
        if match:
            at, size = (16 if match[1] == "DWARF64" else 8) + (at or 0), int(match[2], 16)
        match = re.match(r"0x([0-9a-f]+)$", line)
        if match:
            addresses[at] = int(match[1], 16)
            at += size
    return addresses


def origins(entries, entry):
    """The entry and those that it is an instance or definition of."""
    while entry:
        yield entry
        link = entry.attributes.get("abstract_origin") or entry.attributes.get("specification")
        entry = entries.get(int(link.split()[0], 16)) if link else None


def first(entries, entry, ask):
    return next((value for value in map(ask, origins(entries, entry)) if value), None)


def name_of(entries, entry):
    return first(entries, entry, lambda e: e.text("name")) or "-"


def code_of(entry):
    ranges = entry.ranges
    if not ranges and "low_pc" in entry.attributes and "high_pc" in entry.attributes:
        ranges = [(entry.number("low_pc"), entry.number("high_pc"))]
    # Code that the linker dropped is at 0 or 1, or at the end of all.
    return [(lo, hi) for lo, hi in ranges if 1 < lo < hi]


def function_of(entry):
    """The function around, and whether this is part of an inlined instance."""
    inlined, at = False, entry
    while at and at.tag != "subprogram":
        inlined |= at.tag == "inlined_subroutine"
        at = at.scope
    return at, inlined


def declared_in(entry):
    """The file; where the unit's folder is relative, llvm-dwarfdump 14 puts it there twice."""
    path, folder = entry.text("decl_file"), entry.unit and entry.unit.text("comp_dir")
    if not path or not folder or folder.startswith("/"):
        return path
    twice = f"{folder}/{folder}/"
    return f"{folder}/{path[len(twice):]}" if path.startswith(twice) else path


def print_function(entries, entry):
    ranges, name = code_of(entry), name_of(entries, entry)
    if not ranges:
        return
    print("function", name, *(f"{lo:x} {hi:x}" for lo, hi in ranges))
    print("declared", name, f"{ranges[0][0]:x}",
          first(entries, entry, lambda e: e.number("decl_line")) or 0,
          first(entries, entry, declared_in) or "-")


def print_inlined(entries, entry):
    function, _ = function_of(entry.scope)
    origin = entry.attributes.get("abstract_origin")
    if not function or not code_of(function) or not origin:
        return
    origin = entries.get(int(origin.split()[0], 16))
    print("inlined", name_of(entries, origin), f"{code_of(function)[0][0]:x}",
          entry.number("call_line"))


def print_variable(entries, addresses, entry):
    location = entry.attributes.get("location", "")
    base = int(entry.unit.attributes.get("addr_base", entry.unit.attributes.get("GNU_addr_base", "0")), 0)
    wide = 0 if entry.unit.address_size == 4 else 1
    function, inlined = function_of(entry.scope)
    if inlined:
        return
    kind = "variable"
    match = ADDRESS.match(location)
    if match:
        addr = int(match[1], 16)
    else:
        match = INDEXED.match(location)
        if not match:
            match, kind = TLS_INDEXED.match(location), "thread-local"
        if match:
            addr = addresses.get(base + int(match[1], 16) * (8 if wide else 4))
        else:
            match = TLS.match(location)
            if not match:
                return
            addr = int(match[1], 16)
    if match.re in (ADDRESS, INDEXED) and match[2]:
        addr += int(match[2], 16)
    print(kind, name_of(entries, entry), f"{addr:x}",
          name_of(entries, function) if function else "-")


def main():
    path = sys.argv[1]
    entries = read_entries(path)
    addresses = read_addresses(path)
    with open(path, "rb") as file:
        wide = file.read(5)[4] == 2
    for entry in entries.values():
        if entry.tag.endswith("_unit"):
            entry.address_size = 8 if wide else 4
    for entry in entries.values():
        if entry.tag == "subprogram":
            print_function(entries, entry)
        elif entry.tag == "inlined_subroutine":
            print_inlined(entries, entry)
        elif entry.tag == "variable":
            print_variable(entries, addresses, entry)


main()
