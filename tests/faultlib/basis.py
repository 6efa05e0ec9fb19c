"""What all scenarios use: the server, asked directly, and our programs as child processes."""

import asyncio
import os
import socket
import subprocess
import tempfile

PATIENCE = 400  # seconds that a scenario may take


class Failure(Exception):
    pass


def fail(words):
    raise Failure(words)


def command(*words):
    """The command as it is sent to the server."""
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(w), w) for w in words)


class Server:
    """The server itself, asked directly."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(path)
        self.file = self.sock.makefile('rb')

    def ask(self, *words):
        self.send(*words)
        return self.reply()

    def send(self, *words):
        self.sock.sendall(command(*words))

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b'-':
            fail('the server says: ' + rest.decode())
        if kind == b'$':
            return None if rest == b'-1' else self.file.read(int(rest) + 2)[:-2]
        if kind == b'*':
            return [self.reply() for _ in range(int(rest))]
        return int(rest) if kind == b':' else rest

    def room(self, name):
        """All of it: a list of (ID, text)."""
        return [(entry_id, fields[1]) for entry_id, fields in self.entries(name)]

    def entries(self, name):
        """All of it: a list of (ID, fields)."""
        entries, last = [], b'-'
        while True:
            some = self.ask('XRANGE', name, last, '+', 'COUNT', 10000)
            entries += [(entry_id, fields) for entry_id, fields in some]
            if len(some) < 10000:
                return entries
            last = b'(' + some[-1][0]


class Child:
    """A program of ours. What it prints goes into files, and it is polled for its end: that works the same on any
    kernel and with any version of asyncio."""

    def __init__(self, *command):
        self.out, self.err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self.out, stderr=self.err, bufsize=0)

    async def write(self, data):
        """In a thread, for it may block as long as the program does not read."""

        def write_all(left=data):
            try:
                while left:
                    left = left[self.process.stdin.write(left):]
            except BrokenPipeError:
                pass  # its exit status says why

        await asyncio.get_running_loop().run_in_executor(None, write_all)

    async def end(self):
        """Its exit status, once it has ended."""
        while self.process.poll() is None:
            await asyncio.sleep(0.01)
        return self.process.returncode

    def printed(self, file):
        """All of it, without moving the place where the program writes."""
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
