"""Commands that are refused in the middle of an exchange: for a moment, or from then on."""

import asyncio
import collections
import os
import random
import re
import socket
import tempfile

from faultlib.basis import PATIENCE, Child, Failure, Server, fail
from faultlib.relay import Commands, Relay

N_LINES = 2500


class Setting:
    """Of the server, which makes it refuse writes."""

    def __init__(self, tell, name, word):
        self.tell, self.name, self.word = tell, name, word

    def begin(self):
        self.tell.ask('CONFIG', 'SET', self.name, 1)

    def end(self):
        self.tell.ask('CONFIG', 'SET', self.name, 0)


class Demotion:
    """The server becomes the replica of a master that does not exist, and a master again."""

    word = b'READONLY'

    def __init__(self, tell):
        self.tell = tell

    def begin(self):
        self.tell.ask('REPLICAOF', '127.0.0.1', 1)

    def end(self):
        self.tell.ask('REPLICAOF', 'NO', 'ONE')


class Script:
    """Of another client, which keeps the server busy until it is killed."""

    word = b'BUSY'

    def __init__(self, tell, path):
        self.tell, self.other, self.running = tell, Server(path), False
        tell.ask('CONFIG', 'SET', 'lua-time-limit', 1)

    def begin(self):
        self.other.send('EVAL', 'while true do end', 0)
        self.running = True
        while not self.busy():
            pass

    def busy(self):
        try:
            return self.tell.ask('GET', 'nothing') == b'busy'
        except Failure as why:
            return 'BUSY' in str(why)

    def end(self):
        if not self.running:
            return
        self.running = False
        self.tell.ask('SCRIPT', 'KILL')
        try:
            self.other.reply()
        except Failure:
            pass  # that it was killed


class Withdrawal:
    """Of the right to use a command, which is not given back."""

    word = b'NOPERM'

    def __init__(self, tell, name):
        self.tell, self.name = tell, name
        tell.ask('ACL', 'SETUSER', 'sender', 'reset', 'on', 'nopass', '~*', '-@all', *'+watch +get +set +del +pexpire +xadd '
                 '+multi +exec +discard'.split())

    def begin(self):
        self.tell.ask('ACL', 'SETUSER', 'sender', '-' + self.name)

    def end(self):
        pass


class Refusing(Relay):
    """Has it refused from the `after`th command behind the `nth` one named `word`, for so many commands; cuts the
    connection so many after it began, or not; what was on its way arrives nevertheless."""

    def __init__(self, path, server, refusal):
        super().__init__(path, server, lambda: None)
        self.refusal = refusal
        self.word, self.nth = random.choice(((b'MULTI', 1), (b'MULTI', 2), (b'MULTI', 2), (b'MULTI', 3), (b'MULTI', 3),
                                             (b'SET', 2), (b'SET', 3), (b'EXEC', 2), (b'EXEC', 3), (b'WATCH', 1)))
        self.after, self.lasts = random.randrange(16), random.randrange(1, 30)
        self.cut = random.choice((None, random.randrange(6)))
        self.timer, self.refused = None, False
        self.since = self.seen = 0  # commands since it was to begin, and those of that name

    def __str__(self):
        return '%d commands behind the %d. %s, for %d commands, cut after %s' % (
            self.after, self.nth, self.word.decode(), self.lasts, self.cut)

    async def way(self, name, source, sink, fate):
        if name == 'down':
            return await self.answers(source, sink)
        try:
            async for command in Commands(source):
                self.seen += b'\r\n%s\r\n' % self.word in command[:16]
                self.since += self.seen >= self.nth
                at = self.since - 1 - self.after
                if at == 0:
                    self.refusal.begin()
                    self.timer = asyncio.get_running_loop().call_later(0.2, self.refusal.end)
                if at == self.lasts:
                    self.refusal.end()
                if at == self.cut:
                    source.shutdown(socket.SHUT_RDWR)
                await asyncio.get_running_loop().sock_sendall(sink, command)
                if -2 < at < self.lasts + 2:
                    await asyncio.sleep(0.001)  # so that the server takes one at a time
        except OSError:
            pass
        return None


    async def answers(self, source, sink):
        try:
            while data := await asyncio.get_running_loop().sock_recv(source, 65536):
                self.refused = self.refused or re.search(rb'^-(%s)' % self.refusal.word, data, re.MULTILINE) is not None
                await asyncio.get_running_loop().sock_sendall(sink, data)
        except OSError:
            pass
        return None


async def run_refused(server, path, room, refusal, lines, user=''):
    """Returns the relay, the exit status and the notices."""
    through = Refusing(path, server, refusal)
    sender = Child('chat-send', '-u', 'unix://%s%s' % (user, path), '-n', 'jhon', room)
    await sender.write(b'\n'.join(lines) + b'\n')
    sender.process.stdin.close()
    status = await asyncio.wait_for(sender.end(), PATIENCE)
    await through.close()
    if through.timer:
        through.timer.cancel()
    refusal.end()
    return through, status, sender.printed(sender.err)


async def refusals(server, seed, times):
    random.seed(int(seed))
    tell, seen = Server(server), collections.Counter()
    lines = [b'%d' % n for n in range(N_LINES)]
    kinds = [Setting(tell, 'maxmemory', b'OOM'), Setting(tell, 'min-replicas-to-write', b'NOREPLICAS'), Demotion(tell),
             Script(tell, server)]
    with tempfile.TemporaryDirectory() as folder:
        for n in range(int(times)):
            room, refusal = 'room-%d' % n, kinds[n % len(kinds)]
            through, status, err = await run_refused(server, os.path.join(folder, room), room, refusal, lines)
            seen[refusal.word] += through.refused
            texts = [text for _, text in tell.room(room)]
            if status != 0 or texts != lines or b'sending without' in err:
                fail('%s, %s: exit status %d, %d of %d lines, %d doubled; %s' %
                     (refusal.word.decode(), through, status, len(set(texts)), len(lines), len(texts) - len(set(texts)),
                      err.decode()))
            tell.ask('DEL', room)
    print('%d times writes were refused for a few commands, %s: 0 lost, doubled or out of order' %
          (int(times), ', '.join('%s seen %d times' % (word.decode(), n) for word, n in seen.items())))


async def withdrawn(server, seed, times):
    """Without the right to send it ends, exit 4. Without one that keeps the promise, it goes on without that, and says
    so; only if a connection was lost, messages are doubled."""
    random.seed(int(seed))
    tell, ends = Server(server), collections.Counter()
    lines = [b'%d' % n for n in range(N_LINES)]
    names = ('watch', 'multi', 'exec', 'discard', 'get', 'set', 'xadd')
    with tempfile.TemporaryDirectory() as folder:
        for n in range(int(times)):
            room, refusal = 'room-%d' % n, Withdrawal(tell, names[n % len(names)])
            through, status, err = await run_refused(server, os.path.join(folder, room), room, refusal, lines, 'sender:pw@')
            texts = [text for _, text in tell.room(room)]
            words = wrong_without(status, err, texts, lines, through)
            if words:
                fail('%s, %s: %s; exit status %d, %d of %d lines, %d doubled; %s' %
                     (refusal.name, through, words, status, len(set(texts)), len(lines), len(texts) - len(set(texts)),
                      err.decode()))
            ends[('went on', '', '', '', 'ended')[status], refusal.name] += b'sending without' in err or status == 4
            tell.ask('DEL', room)
    print('%d times a right was withdrawn, and it %s: 0 lost, 0 doubled or out of order without a word' %
          (int(times), ', '.join('%s without %s %d times' % (end, name, n) for (end, name), n in sorted(ends.items()))))


def wrong_without(status, err, texts, lines, through):
    noticed = err.count(b'sending without receipts, so a lost connection may double messages')
    if noticed > 1 or (status not in (0, 4)):
        return 'not one notice, or error'
    doubled = len(set(texts)) < len(texts)
    if doubled and not (noticed and through.cut is not None):
        return 'doubled'
    once = [int(text) for n, text in enumerate(texts) if text not in texts[:n]] if doubled else list(map(int, texts))
    if once != list(range(len(once))):
        return 'out of order'
    if status == 0:
        return '' if len(once) == len(lines) else 'lost'
    delivered = re.search(rb'; (\d+) messages delivered', err)
    return '' if delivered and int(delivered[1]) <= len(once) else 'said to be delivered'
