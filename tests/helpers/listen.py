#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""listen.py SOCKET: make a socket for datagrams, and print each that comes, after a line "listens"."""

import socket
import sys

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print("listens", flush=True)
while True:
    print(listener.recv(4096).decode(), flush=True)
