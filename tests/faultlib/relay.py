"""Relays between a program and its server, which do to a connection what networks and servers do."""

import asyncio
import os
import random
import socket
import time


class Relay:
    """Takes connections on a unix socket and hands them to the server's, as long as `fate` lets it.

    fate() is asked once for each connection: None, or [direction, bytes, kind]: when so many bytes have passed that
    way, the connection dies; or ['answer', words, kind]: when they have passed up, one behind the other, and the server
    answers. Kinds: 'cut', both ends are closed; 'late', the client's end is closed and what it had sent reaches the
    server afterwards; 'silent', nothing passes any more, until the client gives up.
    """

    def __init__(self, path, server, fate):
        self.path, self.server, self.fate = path, server, fate
        self.cuts = 0
        self.tasks = set()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.setblocking(False)
        self.listener.bind(path)
        self.listener.listen(64)
        self.accepting = asyncio.create_task(self.accept())

    async def accept(self):
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self.listener)
            client.setblocking(False)
            task = asyncio.create_task(self.connection(client))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def close(self):
        self.accepting.cancel()
        self.listener.close()
        while self.tasks:  # late bytes are still on their way
            await asyncio.wait(self.tasks)
        os.unlink(self.path)

    async def connection(self, client):
        loop = asyncio.get_running_loop()
        server = socket.socket(socket.AF_UNIX)
        server.setblocking(False)
        try:
            await loop.sock_connect(server, self.server)
        except OSError:
            server.close()
            client.close()
            return
        fate = self.fate()
        ways = [asyncio.create_task(self.way('up', client, server, fate)),
                asyncio.create_task(self.way('down', server, client, fate))]
        done, pending = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in pending:
            way.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        held = next((way.result() for way in done if way.result() is not None), None)
        if held is None:  # it ended by itself
            server.close()
            client.close()
            return
        self.cuts += 1
        if fate[2] == 'silent':
            await quiet(client, 60)
        elif fate[2] == 'late':
            held += await drain(client, 0.02)
            client.close()
            await asyncio.sleep(random.random() * 0.3)
            try:
                await loop.sock_sendall(server, held)
                await drain(server, 0.2)
            except OSError:
                pass
        client.close()
        server.close()

    async def way(self, name, source, sink, fate):
        """Returns what was held back when the fate came, None at the end of the connection."""
        loop = asyncio.get_running_loop()
        left = fate[1] if fate and fate[0] == name else None
        words = fate[1] if fate and fate[0] == 'answer' else []
        while True:
            try:
                data = await loop.sock_recv(source, 65536)
                if not data:
                    return None
                if name == 'down' and fate and fate[0] == 'answer' and not words:
                    return b''
                if left is not None and len(data) >= left:
                    await loop.sock_sendall(sink, data[:left])
                    return data[left:] if name == 'up' else b''
                await loop.sock_sendall(sink, data)
            except OSError:
                return None
            if name == 'up':
                pass_words(words, data)
            if left is not None:
                left -= len(data)


def pass_words(words, data):
    """Remove those words that the data has, one after the other."""
    at = 0
    while words and (at := data.find(words[0], at)) >= 0:
        at += len(words.pop(0))


async def drain(sock, seconds):
    """What arrives until nothing has come for that long."""
    loop, data = asyncio.get_running_loop(), b''
    while True:
        try:
            more = await asyncio.wait_for(loop.sock_recv(sock, 65536), seconds)
        except (asyncio.TimeoutError, OSError):
            return data
        if not more:
            return data
        data += more


async def quiet(sock, seconds):
    """Until the other end has closed it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if sock.recv(65536) == b'':
                return
        except BlockingIOError:
            await asyncio.sleep(0.05)
        except OSError:
            return


class Far(Relay):
    """Each byte takes that many seconds each way, however many are in flight."""

    def __init__(self, path, server, delay):
        super().__init__(path, server, lambda: None)
        self.delay = delay

    async def way(self, name, source, sink, fate):
        loop, coming = asyncio.get_running_loop(), asyncio.Queue()
        handing = asyncio.create_task(self.hand_over(coming, sink))
        try:
            while data := await loop.sock_recv(source, 65536):
                coming.put_nowait((loop.time() + self.delay, data))
        except OSError:
            pass
        finally:
            handing.cancel()
        return None

    async def hand_over(self, coming, sink):
        loop = asyncio.get_running_loop()
        try:
            while True:
                due, data = await coming.get()
                await asyncio.sleep(due - loop.time())
                await loop.sock_sendall(sink, data)
        except OSError:
            pass


def once(*fates):
    """The fates of the first connections; later ones are whole."""
    left = list(fates)
    return lambda: left.pop(0) if left else None


class Commands:
    """The commands that come on a socket, one by one."""

    def __init__(self, client):
        self.client, self.data, self.at = client, b'', 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        while (end := end_of_command(self.data, self.at)) is None:
            more = await asyncio.get_running_loop().sock_recv(self.client, 65536)
            if not more:
                raise StopAsyncIteration
            self.data, self.at = self.held() + more, 0
        command, self.at = self.data[self.at:end], end
        return command

    def held(self):
        """What was received behind the last one."""
        return self.data[self.at:]


def end_of_command(held, at):
    line = held.find(b'\r\n', at)
    if line < 0:
        return None
    words, at = int(held[at + 1:line]), line + 2
    for _ in range(words):
        line = held.find(b'\r\n', at)
        if line < 0 or len(held) < line + 4 + int(held[at + 1:line]):
            return None
        at = line + 4 + int(held[at + 1:line])
    return at
