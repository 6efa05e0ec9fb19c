"""Four senders of one name, and a reader, through relays that fail at random."""

import asyncio
import collections
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

from faultlib.basis import PATIENCE, Child, Server, fail
from faultlib.relay import Relay


def texts_of(number):
    """Lines of a sender. Each fifth is the same for all of them."""
    n = 0
    while True:
        n += 1
        yield b'the same' if n % 5 == 0 else b'%d %d' % (number, n)


class OneRoom:
    """Lines, whose IDs are printed: each message is known by its ID."""

    options = ('-T', '-i', '-n', 'jhon', 'same')
    rooms = ('same',)

    def __init__(self, number):
        self.texts = texts_of(number)

    def line(self):
        return next(self.texts)

    @staticmethod
    def judge(printed, rooms):
        """What is lost, doubled or out of order, from what each sender printed and the (ID, text) of each room."""
        room = rooms['same']
        place, texts = {entry_id: n for n, (entry_id, _) in enumerate(room)}, dict(room)
        senders = [[tuple(line.split(b'\t')) for line in lines] for lines in printed]
        ids = [entry_id for sender in senders for entry_id, _ in sender]
        return collections.Counter({
            'lost': sum(texts.get(entry_id) != text for sender in senders for entry_id, text in sender),
            'doubled': len(room) - len(ids),
            'out of order': sum(place.get(a[0], 0) >= place.get(b[0], 0) for s in senders for a, b in zip(s, s[1:])),
            'IDs printed twice': len(ids) - len(set(ids))})


class SixRooms:
    """Rows of six rooms, interleaved. Each sender's texts are in the order of the rows in each room; those that are not
    its own alone are counted."""

    options = ('-T', '-t')
    rooms = tuple('room-%d' % n for n in range(6))

    def __init__(self, number):
        self.texts = texts_of(number)

    def line(self):
        return b'%s\t-\tjhon\t%s' % (random.choice(self.rooms).encode(), next(self.texts))

    @staticmethod
    def judge(printed, rooms):
        wrong = collections.Counter({'lost': 0, 'doubled': 0, 'out of order': 0})
        for room, entries in rooms.items():
            held = [text for _, text in entries]
            sent = [[row.split(b'\t')[3] for row in rows if row.split(b'\t')[0] == room.encode()] for rows in printed]
            here, there = collections.Counter(held), collections.Counter(text for texts in sent for text in texts)
            wrong['lost'] += sum((there - here).values())
            wrong['doubled'] += sum((here - there).values())
            place = {text: n for n, text in enumerate(held)}
            for texts in sent:
                own = [place[text] for text in texts if text in place and text != b'the same']
                wrong['out of order'] += sum(a >= b for a, b in zip(own, own[1:]))
        return wrong


SHAPES = {'one': OneRoom, 'six': SixRooms}


class Traffic:
    """Continues as long as goes_on() is true; each of the five programs has a relay of its own."""

    def __init__(self, server, shape, fate, goes_on):
        self.server, self.shape, self.fate, self.goes_on = server, SHAPES[shape], fate, goes_on
        self.relays = []

    def cuts(self):
        return sum(r.cuts for r in self.relays)

    async def feed(self, source, sender, lines):
        while self.goes_on():
            some = [source.line() for _ in range(random.choice((1, 1, 1, 1, 1, 1, 20, 20, 200, 2000)))]
            lines += some
            await sender.write(b'\n'.join(some) + b'\n')
            await asyncio.sleep(random.choice((0, 0.01, 0.05)))
        sender.process.stdin.close()

    async def send(self, number, folder):
        """Returns the lines that were printed: all that were sent."""
        through = Relay(os.path.join(folder, str(number)), self.server, self.fate)
        self.relays.append(through)
        sender = Child('chat-send', '-q', '--retry', '60', '-s', through.path, *self.shape.options)
        lines = []
        await self.feed(self.shape(number), sender, lines)
        status = await sender.end()
        await through.close()
        if status != 0 or sender.printed(sender.err):
            fail('sender %d: exit status %s, %s' % (number, status, sender.printed(sender.err).decode()))
        printed = sender.printed(sender.out).splitlines()
        if [line.split(b'\t', 1)[1] if '-i' in self.shape.options else line for line in printed] != lines:
            fail('sender %d printed something else than it was given' % number)
        return printed

    async def read(self, folder, number_of_entries):
        """Returns (room, ID, text) of all that was read, once the rooms are known to hold so many."""
        through = Relay(os.path.join(folder, 'reader'), self.server, self.fate)
        self.relays.append(through)
        reader = Child('chat-tail', '-q', '--retry', '60', '-t', '-n', '+1', '-s', through.path, *self.shape.rooms)
        total = await number_of_entries
        end = time.monotonic() + 30
        while reader.printed(reader.out).count(b'\n') < total and time.monotonic() < end:
            await asyncio.sleep(0.2)
        await asyncio.sleep(0.2)  # for what may come twice
        reader.process.terminate()
        await reader.end()
        await through.close()
        return [tuple(line.split(b'\t')) for line in reader.printed(reader.out).splitlines()]

    async def run(self):
        """Counts what went wrong, and prints it."""
        total = asyncio.get_running_loop().create_future()
        with tempfile.TemporaryDirectory() as folder:
            reading = asyncio.create_task(self.read(folder, total))
            printed = await asyncio.gather(*(self.send(n, folder) for n in range(4)))
            await asyncio.sleep(0.5)  # for late bytes
            tell = Server(self.server)
            rooms = {name: tell.room(name) for name in self.shape.rooms}
            total.set_result(sum(map(len, rooms.values())))
            read = await reading
        wrong = self.shape.judge(printed, rooms)
        held = [(name.encode(), *entry) for name, entries in rooms.items() for entry in entries]
        read = [(name, entry_id, text) for name, entry_id, _, text in read]
        unread, reread = len(set(held) - set(read)), len(read) - len(set(read))
        print('%d cuts, %d messages of 4 senders: %s; a reader: %d lost, %d doubled' %
              (self.cuts(), sum(map(len, printed)), ', '.join('%d %s' % (n, what) for what, n in wrong.items()),
               unread, reread), flush=True)
        if any(wrong.values()) or sorted(read, key=lambda row: row[0]) != held:
            fail('see above')


async def random_faults(server, seed, cuts, silent, shape='one'):
    cuts, silences = int(cuts), [int(silent)]
    random.seed(int(seed))
    print('seed %s: ' % seed, end='')

    def fate():
        if traffic.cuts() >= cuts:
            return None
        kind = random.choice(('cut', 'late', 'late'))
        if silences[0] > 0 and random.random() < 0.05:
            kind = 'silent'
            silences[0] -= 1
        if random.random() < 0.5:  # an answer has few bytes, the login's some 150
            return ['down', int(random.uniform(100, 600)), kind]
        return ['up', int(2 ** random.uniform(5, 18)), kind]

    traffic = Traffic(server, shape, fate, lambda: traffic.cuts() < cuts or silences[0] > 0)
    await asyncio.wait_for(traffic.run(), PATIENCE)
    if traffic.cuts() < cuts:
        fail('too few cuts')


class Victim:
    """A server of our own, on its append-only file, to be tormented."""

    def __init__(self, folder):
        self.folder, self.path = folder, os.path.join(folder, 'sock')
        self.events = 0

    async def begin(self):
        self.process = subprocess.Popen(
            (os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), 'server'), '--port', '0', '--unixsocket', self.path, '--dir', self.folder, '--save', '',
             '--appendonly', 'yes', '--appendfsync', 'always'), stdout=subprocess.DEVNULL)
        for _ in range(500):
            try:
                return Server(self.path)
            except OSError:
                await asyncio.sleep(0.02)
        fail('the server does not start')

    async def torment(self):
        """One thing after another, until cancelled."""
        while True:
            await asyncio.sleep(random.uniform(0.5, 4))
            self.events += 1
            await random.choice((self.kill, self.stop, self.fill, self.cut))()

    async def kill(self):
        self.process.kill()
        self.process.wait()
        await asyncio.sleep(random.uniform(0, 2))
        await self.begin()

    async def stop(self):
        self.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(random.choice((0.2, 1, 12)))
        finally:
            self.process.send_signal(signal.SIGCONT)

    async def fill(self):
        self.configure('maxmemory', 1)
        try:
            await asyncio.sleep(random.uniform(0.1, 3))
        finally:
            self.configure('maxmemory', 0)

    async def cut(self):
        self.ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')

    def configure(self, *words):
        self.ask('CONFIG', 'SET', *words)

    def ask(self, *words):
        server = Server(self.path)
        server.sock.settimeout(20)
        server.ask(*words)


async def soak(seed, seconds):
    """Rounds of half a minute, each on a new server, with a seed of its own that is printed and replays it."""
    seed, end, rounds, cuts = int(seed), time.monotonic() + float(seconds), 0, 0
    while rounds == 0 or time.monotonic() < end:
        random.seed(seed)
        shape = ('one', 'six')[seed % 2]
        print('seed %d, %s: ' % (seed, shape), end='', flush=True)
        with tempfile.TemporaryDirectory(dir='/tmp') as folder:
            victim = Victim(folder)
            await victim.begin()
            until = min(time.monotonic() + 30, max(end, time.monotonic() + 5))

            def fate():
                if time.monotonic() > until or random.random() < 0.05:
                    return None
                kind = 'silent' if random.random() < 0.02 else random.choice(('cut', 'late', 'late'))
                return random.choice((['down', int(random.uniform(100, 1000)), kind],
                                      ['up', int(2 ** random.uniform(5, 18)), kind]))

            tormenting = asyncio.create_task(victim.torment())
            traffic = Traffic(victim.path, shape, fate, lambda: time.monotonic() < until)

            async def relent():
                await asyncio.sleep(until - time.monotonic())
                tormenting.cancel()
                await asyncio.gather(tormenting, return_exceptions=True)
                if victim.process.poll() is not None:
                    await victim.begin()

            try:
                relenting = asyncio.create_task(relent())
                await traffic.run()
                await relenting
                print('    and %d times the server was killed, stopped, full, or dropped all clients' % victim.events)
            finally:
                victim.process.kill()
                victim.process.wait()
        rounds, cuts, seed = rounds + 1, cuts + traffic.cuts(), seed + 1
    print('%d rounds, %d cuts: nothing lost, nothing twice' % (rounds, cuts))
