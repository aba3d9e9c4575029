#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""assembled.py 32|64 OUT.o [all]: an object file with each vector instruction that as(1) can write.

What there is tells objdump(1): it is shown every opcode of VEX, XOP and EVEX, with some operands, and what it
can name is assembled.  Without `all` each opcode has fewer kinds of operands, and masks are left out.  Prints how many
instructions there are of each encoding.
"""

import collections
import os
import re
import subprocess
import sys
import tempfile

STEP = 24  	  # bytes for one encoding; the rest are nops, so that objdump finds the next one
LINE = re.compile(r"^\s*([0-9a-f]+):\t((?:[0-9a-f]{2} )+)\s*\t(.*)$")
FORMS = [bytes([0xca]), bytes([0x4c, 0x8b, 0x10]), bytes([0x95, 0x10, 0x20, 0x30, 0x00])]


def encodings(wide, is_all):
    """Bytes up to the opcode."""
    highs = (0xe0, 0x60) if wide and is_all else (0xe0,)
    thirds = (0x08, 0x4b, 0xcb) if is_all else (0x08, 0x48)
    for high in highs:
        for second in [vvvv | low | w for vvvv in ((0x78, 0x70) if is_all else (0x78,)) for low in range(8) for w in (0, 0x80)]:
            for opcode in range(256):
                for place in range(1, 4):
                    yield bytes([0xc4, high | place, second, opcode])
                for place in range(8, 11):
                    yield bytes([0x8f, high | place, second, opcode])
                if second & 4:
                    for place in (1, 2, 3, 5, 6):
                        for third in (thirds if high == 0xe0 else (0x48,)):
                            yield bytes([0x62, high | 0x10 | place, second, third, opcode])


def candidates(wide, is_all):
    for count, encoding in enumerate(encodings(wide, is_all)):
        yield encoding + FORMS[count % 3]
        if is_all:
            yield encoding + FORMS[(count + 1) % 3]


def disassemble(blob, wide):
    """What objdump can name, without what it cannot."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(blob)
        file.flush()
        shown = subprocess.run(["objdump", "-D", "-b", "binary", "--insn-width=16", "-m", "i386:x86-64" if wide else "i386",
                                file.name], stdout=subprocess.PIPE, text=True, check=True).stdout
    named = {}
    for line in shown.splitlines():
        match = LINE.match(line)
        if match and int(match[1], 16) % STEP == 0 and "(bad)" not in match[3] and match[2][:2] in ("c4", "8f", "62"):
            text = match[3].split("#")[0].strip()
            # One of each mnemonic with each kind of operands is enough.
            kind = re.sub(r"[0-9]+\b|0x[0-9a-f]+", "N", re.sub(r"%[re]?(ax|bx|cx|dx|si|di|bp|sp)", "%rN", text))
            named.setdefault((match[2][:2], kind), text)
    return named


def assemble(lines, wide, out):
    """As many of the lines as as(1) accepts.  Some that objdump shows as(1) does not read."""
    for _ in range(5):
        source = "".join(f"\t{line}\n" for line in lines)
        done = subprocess.run(["as", "--64" if wide else "--32", "-o", out, "-"], input=source, stderr=subprocess.PIPE,
                              text=True, check=False)
        wrong = {int(number) - 1 for number in re.findall(r"^\{standard input\}:(\d+): Error", done.stderr, re.M)}
        if done.returncode == 0:
            return lines
        lines = [line for number, line in enumerate(lines) if number not in wrong]
    sys.exit("as accepts nothing: " + done.stderr[:500])


def main():
    wide, out = sys.argv[1] == "64", sys.argv[2]
    blob = bytearray()
    for bytes_ in candidates(wide, len(sys.argv) > 3):
        blob += bytes_.ljust(STEP, b"\x90")
    named = disassemble(blob, wide)
    assemble(list(named.values()), wide, out)
    shown = subprocess.run(["objdump", "-d", "--insn-width=16", out], stdout=subprocess.PIPE, text=True, check=True).stdout
    counts = collections.Counter(match[2][:2] for match in map(LINE.match, shown.splitlines()) if match)
    print(f"vex {counts['c4'] + counts['c5']} xop {counts['8f']} evex {counts['62']} of {os.path.getsize(out)} bytes")


main()
