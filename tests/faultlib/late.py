"""The bytes of a connection that died reach the server late, at each moment of the next connection."""

import asyncio
import collections
import os
import tempfile

from faultlib.basis import Server, fail
from faultlib.exchange import Entries, Lines, Rows, row, run_sender
from faultlib.relay import Commands, Relay, drain

LONG = 600000  # bytes of an entry, so that each is a batch of its own, or two of them are


class LongLines(Lines):
    def __init__(self, tell, case):
        super().__init__(tell, case, 3)
        self.sent = [(room, text * LONG) for room, text in self.sent]
        self.input = b''.join(text + b'\n' for _, text in self.sent)


class LongRows(Rows):
    def __init__(self, tell, case):
        super().__init__(tell, case, 7)
        self.sent = [(room, text * (LONG // 2)) for room, text in self.sent]
        self.input = b''.join(row(room, text) for room, text in self.sent)


class LongEntries(Entries):
    def __init__(self, tell, case):
        super().__init__(tell, case, 5)

    def fields(self, i):
        return [word * (LONG // 10) for word in super().fields(i)]


SHAPES = {'lines': LongLines, 'rows': LongRows, 'entries': LongEntries}


class ByCommand(Relay):
    """Passes commands one by one, each after on_command(), which returns whether the connection lives on. If not, and
    it called hold(), this command and what comes behind it are held."""

    def __init__(self, path, server):
        super().__init__(path, server, lambda: None)
        self.connections, self.late, self.held, self.answers = 0, None, b'', b''

    async def way(self, name, source, sink, fate):
        if name == 'down':
            return await super().way(name, source, sink, None)
        self.connections += 1
        number, passed, commands = self.connections, 0, Commands(source)
        try:
            async for sent in commands:
                passed += 1
                if not await self.on_command(number, passed, sent, sink):
                    if self.late:
                        self.held = sent + commands.held() + await drain(source, 0.01)
                    return None
                await asyncio.get_running_loop().sock_sendall(sink, sent)
        except OSError:
            pass
        return None

    async def on_command(self, number, passed, sent, sink):
        return True

    def hold(self, sink):
        """Both ends will be closed, except this copy."""
        self.late = sink.dup()
        self.late.setblocking(False)

    async def release(self):
        """Now it does."""
        late, self.late = self.late, None
        if late is None:
            return
        await asyncio.get_running_loop().sock_sendall(late, self.held)
        self.answers = await drain(late, 0.02)
        late.close()

    async def close(self):
        await self.release()
        await super().close()


def is_exec(sent):
    return sent == b'*1\r\n$4\r\nEXEC\r\n'


class Late(ByCommand):
    """Holds the first connection back from its `first`th command on, and releases it before the `second`th command of the
    next connection, or at the end."""

    def __init__(self, path, server, first, second):
        super().__init__(path, server)
        self.first, self.second = first, second
        self.passed, self.execs = 0, []
        self.queued = self.committed = False  # the next connection has sent an entry again, and EXEC
        self.found = 'no transaction'

    async def on_command(self, number, passed, sent, sink):
        self.passed = passed
        self.execs += [passed] if is_exec(sent) else []
        if number == 1 and passed == self.first:
            self.hold(sink)
            return False
        if number == 2:
            if passed == self.second:
                await self.release()
            self.queued = self.queued or b'XADD' in sent[:32]
            self.committed = self.committed or (self.queued and is_exec(sent))
        return True

    async def release(self):
        if self.late is None:
            return
        await super().release()
        if self.held.startswith(b'*1\r\n$4\r\nEXEC'):
            ran = self.answers.startswith(b'*') and not self.answers.startswith(b'*-1')
            self.found = '%s its retry, and %s' % ('after' if self.committed else 'before', 'ran' if ran else 'failed')


async def late(server, shape='lines'):
    tell, counts, wrong = Server(server), collections.Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        counting = Late(os.path.join(folder, 'count'), server, None, None)
        await run_sender(SHAPES[shape](tell, 'count'), counting)
        cases = [(first, second) for first in range(2, counting.passed + 1)
                 for second in range(2, 18, 1 if first in counting.execs else 4)]

        async def work():
            while cases:
                first, second = cases.pop()
                case = '%02d-%02d' % (first, second)
                sent = SHAPES[shape](tell, case)
                through = Late(os.path.join(folder, case), server, first, second)
                words = sent.wrong(*await run_sender(sent, through, '-q'))
                counts[through.found] += 1
                if words:
                    wrong.append('%s, %s: %s' % (case, through.found, words[:300]))
                tell.ask('DEL', *sent.rooms())

        await asyncio.gather(*(work() for _ in range(6)))
    print('late copies: %s; %d lost, doubled or out of order' %
          (', '.join('%d %s' % (n, found) for found, n in sorted(counts.items())), len(wrong)))
    if wrong:
        fail('for one: ' + wrong[0])


class Evicting(ByCommand):
    """Closes the `nth` connection when the batch is in, before that is answered, and has the receipt evicted. If it is the
    second one, the opening of the first reaches the server then."""

    def __init__(self, path, server, nth, tell, room, entries):
        super().__init__(path, server)
        self.nth, self.tell, self.room, self.entries = nth, tell, room, entries
        self.queued = self.stopped = False

    async def way(self, name, source, sink, fate):
        if name == 'up':
            return await super().way(name, source, sink, fate)
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(source, 65536):
                if self.stopped:
                    await asyncio.Event().wait()  # until it is cancelled
                await loop.sock_sendall(sink, data)
        except OSError:
            pass
        return None

    async def on_command(self, number, passed, sent, sink):
        if number < self.nth and passed == 2:
            self.hold(sink)
            return False
        self.queued = self.queued or (number == self.nth and b'XADD' in sent)
        if number != self.nth or not self.queued or not is_exec(sent):
            return True
        self.stopped = True
        await asyncio.get_running_loop().sock_sendall(sink, sent)
        while self.tell.ask('XLEN', self.room) < self.entries:
            await asyncio.sleep(0.005)
        self.tell.ask('DEL', *self.tell.ask('KEYS', '*:chat-send:*'))
        await self.release()
        self.stopped = False
        return False


async def run_evicting(server, nth):
    tell = Server(server)
    with tempfile.TemporaryDirectory() as folder:
        sent = Lines(tell, 'room', 3)
        through = Evicting(os.path.join(folder, 'relay'), server, nth, tell, 'room', 3)
        status, _, err = await run_sender(sent, through, '-q')
    texts = [text for _, text in tell.room('room')]
    left = [tell.ask('GET', key) for key in tell.ask('KEYS', '*:chat-send:*')]
    print('%d connections, exit status %d, %d lines of 3 in, left: %s\n%s' %
          (through.connections, status, len(texts), b', '.join(left).decode(), err.decode().rstrip()))
    if status != 1 or texts != [b'0', b'1', b'2'] or through.connections != nth + 1:
        fail('see above')
    return through, left


async def evicted(server):
    await run_evicting(server, 1)


async def opening(server):
    through, left = await run_evicting(server, 2)
    if b'NX' not in through.held or b'0 0' not in left:
        fail('the opening did not come late')
