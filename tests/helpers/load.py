#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""load.py memcached|redis PORT CLIENTS: keep a server on 127.0.0.1 busy.

Each client has one connection, on which it stores, reads and checks values
without a pause.  "ready" is printed when all are at it.  Then lines from standard
input are answered with one line each:

    load            wait until every client has made more rounds: "fine", or the
                    first error that a client met
    ask WORDS...    WORDS as a command over one more connection, always the same:
                    what the server answers, its lines joined by blanks

load.py port prints a port that is free.
"""
import socket
import sys
import threading
import time

PATIENCE = 60
ROUNDS = 30
SIZES = (0, 1, 10, 100, 1000, 4000, 20000)


class Broken(Exception):
    """The server did not answer as it must."""


class Connection:
    def __init__(self, port):
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
                break
            except ConnectionRefusedError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise Broken("the connection ended")
        return line[:-2]

    def value(self, size):
        data = self.file.read(size + 2)
        if len(data) != size + 2 or data[-2:] != b"\r\n":
            raise Broken("a value was cut")
        return data[:-2]

    def expect(self, what):
        line = self.line()
        if line != what:
            raise Broken(f"{line!r}, not {what!r}")


class Memcached(Connection):
    def round(self, key, value):
        size = len(value)
        self.send(b"set %s 7 0 %d\r\n%s\r\n" % (key, size, value))
        self.expect(b"STORED")
        self.send(b"get %s\r\n" % key)
        self.expect(b"VALUE %s 7 %d" % (key, size))
        if self.value(size) != value:
            raise Broken(f"a wrong value of {key!r}")
        self.expect(b"END")
        # Several at once: one read, many commands.
        self.send(b"touch %s 0\r\nget %s.none\r\ndelete %s.none\r\n" % (key, key, key))
        self.expect(b"TOUCHED")
        self.expect(b"END")
        self.expect(b"NOT_FOUND")

    def ask(self, words):
        self.send(" ".join(words).encode() + b"\r\n")
        lines = [self.line()]
        while lines[0].startswith(b"STAT ") and lines[-1] != b"END":
            lines.append(self.line())
        return b" ".join(lines).decode()


class Redis(Connection):
    def command(self, *words):
        self.send(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def reply(self):
        line = self.line()
        kind, rest = line[:1], line[1:]
        if kind == b"$":
            return self.value(int(rest)) if int(rest) >= 0 else b"(nil)"
        if kind == b"*":
            return b" ".join(self.reply() for _ in range(int(rest)))
        return rest

    def must(self, want, *words):
        self.command(*words)
        reply = self.reply()
        if reply != want:
            raise Broken(f"{words[0]!r} gave {reply[:60]!r}, not {want[:60]!r}")

    def round(self, key, value):
        self.must(b"OK", b"SET", key, value)
        self.must(value, b"GET", key)
        self.must(value, b"PING", value)
        self.must(value, b"ECHO", value)
        self.must(b"(nil)", b"GET", key + b".none")
        self.must(b"1", b"DEL", key)

    def ask(self, words):
        self.command(*(w.encode() for w in words))
        return self.reply().decode()


class Client(threading.Thread):
    def __init__(self, connection, number):
        super().__init__(daemon=True)
        self.connection = connection
        self.number = number
        self.rounds = 0
        self.error = None

    def run(self):
        try:
            while True:
                # Each key has one size, and each round another value.
                which = self.rounds % len(SIZES)
                key = b"key-%d-%d" % (self.number, which)
                self.connection.round(key, (b"%08d." % self.rounds * 2300)[: SIZES[which]])
                self.rounds += 1
        except (Broken, OSError, ValueError) as error:
            self.error = f"client {self.number}, round {self.rounds}: {error}"


def more_rounds(clients):
    began = [client.rounds for client in clients]
    end = time.monotonic() + PATIENCE
    while True:
        for client in clients:
            if client.error:
                return client.error
        if all(client.rounds >= was + ROUNDS for client, was in zip(clients, began)):
            return "fine"
        if time.monotonic() > end:
            return "the clients wait for the server"
        time.sleep(0.01)


def main():
    if sys.argv[1:] == ["port"]:
        with socket.create_server(("127.0.0.1", 0)) as server:
            print(server.getsockname()[1])
        return
    kind = {"memcached": Memcached, "redis": Redis}[sys.argv[1]]
    port = int(sys.argv[2])
    asker = kind(port)
    clients = [Client(kind(port), number) for number in range(int(sys.argv[3]))]
    for client in clients:
        client.start()
    state = more_rounds(clients)
    print("ready" if state == "fine" else state, flush=True)
    for line in sys.stdin:
        words = line.split()
        if words == ["load"]:
            answer = more_rounds(clients)
        else:
            try:
                answer = asker.ask(words[1:])
            except (Broken, OSError, ValueError) as error:
                answer = f"error: {error}"
        print(answer, flush=True)


main()
