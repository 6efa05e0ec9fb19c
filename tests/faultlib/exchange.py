"""Short exchanges, cut at each of their bytes. What is sent has a shape, which knows what the result must be."""

import asyncio
import os
import random
import re
import tempfile

from faultlib.basis import PATIENCE, Child, Server, command, fail
from faultlib.relay import Relay, once


class Lines:
    """Of one room, which is named after the case."""

    options = ('-n', 'jhon')
    fails = False

    def __init__(self, tell, case, n):
        self.tell, self.operands = tell, (case,)
        self.sent = [(case, b'%d' % i) for i in range(n)]
        self.input = b''.join(text + b'\n' for _, text in self.sent)

    def in_room(self, room):
        return self.tell.room(room)

    def rooms(self):
        return sorted({room for room, _ in self.sent})

    def wrong(self, status, out, err):
        """What is wrong, in words; nothing if all is right."""
        if status != 0 or err or out != self.expected_output():
            return 'exit status %d, %s, printed %r' % (status, err.decode(), out)
        for room in self.rooms():
            texts = [text for _, text in self.in_room(room)]
            if texts != [text for r, text in self.sent if r == room]:
                return '%s holds %r' % (room, texts)
        return ''

    def expected_output(self):
        return b''


class Ids(Lines):
    """Each ID is printed once, and belongs to its line."""

    options = ('-n', 'jhon', '-i')

    def expected_output(self):
        ids = {room: [entry_id for entry_id, _ in self.in_room(room)] for room in self.rooms()}
        return b''.join((ids[room].pop(0) if ids[room] else b'none') + b'\n' for room, _ in self.sent)


class Rows(Lines):
    """Of six rooms, interleaved."""

    options = ('-t',)

    def __init__(self, tell, case, n):
        self.tell, self.operands = tell, ()
        self.sent = [('%s-%d' % (case, i % 6), b'%d' % i) for i in range(n)]
        self.input = b''.join(row(room, text) for room, text in self.sent)


class RowIds(Rows, Ids):
    options = ('-t', '-i')


class Entries(Rows):
    """Rows of entries of one to three fields, with their IDs: the rooms must become identical."""

    options = ('-t', '-k')

    def __init__(self, tell, case, n):
        self.tell, self.operands = tell, ()
        self.sent = [('%s-%d' % (case, i % 2), (b'%d-%d' % (1 + i // 3, i), self.fields(i))) for i in range(n)]
        self.input = b''.join(
            b'%s\t%s%s\t%s\t%s\n' % (room.encode(), entry_id, b'+' if at + 2 < len(fields) else b'', *fields[at:at + 2])
            for room, (entry_id, fields) in self.sent for at in range(0, len(fields), 2))

    def fields(self, i):
        return [b'%s%d' % (kind, n // 2) for n in range(i % 3 + 1) for kind in (b'name', b'text')]

    def in_room(self, room):
        return [(None, entry) for entry in self.tell.entries(room)]


class Spoiled(Lines):
    """The room takes no entries: what was not delivered is reported, and nothing more is reported as delivered."""

    options = ('-n', 'jhon', '-T')
    fails, status = True, 4

    def __init__(self, tell, case, n):
        super().__init__(tell, case, n)
        self.spoil(self.rooms()[0])

    def spoil(self, room):
        self.spoilt, self.line = room, 1 + [r for r, _ in self.sent].index(room)

    def wrong(self, status, out, err):
        named = re.search(rb'line (\d+) was not(, or only its reply was lost)?\n$', err)
        if status != self.status or not named or err.count(b'\n') != 1:
            return 'exit status %d, %s' % (status, err.decode())
        if int(named[1]) > self.line or (int(named[1]) < self.line and not named[2]):
            return 'not line %d: %s' % (self.line, err.decode())
        printed = out.splitlines(True)
        if len(printed) != len(set(printed)) or b'%d messages delivered' % len(printed) not in err:
            return 'printed %r, and said %s' % (out, err.decode())
        for room in self.rooms():
            told = [text for r, text in self.sent if r == room and self.line_of(r, text) in printed]
            held = [] if room == self.spoilt else [text for _, text in self.in_room(room)]
            sent = [text for r, text in self.sent if r == room]
            if held[:len(told)] != told or held != sent[:len(held)]:
                return '%s holds %r, of which is said to be delivered: %r' % (room, held, told)
        return ''

    def line_of(self, room, text):
        return text + b'\n'


class String(Spoiled):
    def spoil(self, room):
        super().spoil(room)
        self.tell.ask('SET', room, 'a string')


class Exhausted(Spoiled):
    def spoil(self, room):
        super().spoil(room)
        self.tell.ask('XADD', room, '18446744073709551615-18446744073709551615', 'last', 'one')


class SpoiledRows:
    """One of six rooms, the fourth."""

    options = ('-t', '-T')

    def __init__(self, tell, case, n):
        Rows.__init__(self, tell, case, n)
        self.spoil(self.rooms()[3])

    def line_of(self, room, text):
        return row(room, text)


class SpoiledEntries(SpoiledRows):
    """The same, with -k."""

    options = ('-t', '-k', '-T')

    def __init__(self, tell, case, n):
        super().__init__(tell, case, n)
        self.input = b''.join(self.line_of(room, text) for room, text in self.sent)

    def line_of(self, room, text):
        return row(room, text, b'1-' + text)


class StringRows(SpoiledRows, String):
    pass


class ExhaustedRows(SpoiledRows, Exhausted):
    pass


class StringEntries(SpoiledEntries, String):
    pass


class ExhaustedEntries(SpoiledEntries, Exhausted):
    status = 1  # as for any ID that is too old


SHAPES = {'lines': Lines, 'ids': Ids, 'rows': Rows, 'row-ids': RowIds, 'entries': Entries, 'string': String,
          'exhausted': Exhausted, 'string-rows': StringRows, 'exhausted-rows': ExhaustedRows,
          'string-entries': StringEntries, 'exhausted-entries': ExhaustedEntries}


def row(room, text, entry_id=b'-'):
    return b'%s\t%s\tjhon\t%s\n' % (room.encode(), entry_id, text)


class Counting(Relay):
    """Counts the bytes that pass each way, and how many of them pass before the first entry."""

    def __init__(self, path, server):
        super().__init__(path, server, lambda: None)
        self.bytes, self.before = {'up': 0, 'down': 0}, None

    async def way(self, name, source, sink, fate):
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(source, 65536):
                if b'XADD' in data and name == 'up':
                    self.before = {**self.bytes, 'up': self.bytes['up'] + data.index(b'XADD')}
                self.bytes[name] += len(data)
                await loop.sock_sendall(sink, data)
        except OSError:
            pass


async def run_sender(shape, through, *options):
    """Returns its exit status, and what it printed."""
    sender = Child('chat-send', '--retry', '60', *shape.options, *options, '-s', through.path, *shape.operands)
    await sender.write(shape.input)
    sender.process.stdin.close()
    status = await asyncio.wait_for(sender.end(), PATIENCE)
    await through.close()
    return status, sender.printed(sender.out), sender.printed(sender.err)


async def length_of_exchange(server, tell, folder, kind_of_shape, n, options):
    """How many bytes pass each way when nothing is cut."""
    counting = Counting(os.path.join(folder, 'count'), server)
    await run_sender(kind_of_shape(tell, 'up-0000', n), counting, *options)
    tell.ask('FLUSHALL')
    return counting


def fates_of(way, n, kind):
    """`again`: the next connection is cut too, at some byte of what it asks and is answered."""
    if kind != 'again':
        return [[way, n, kind]]
    return [[way, n, 'cut'], random.choice((['up', random.randrange(150, 500), 'late'],
                                            ['down', random.randrange(150, 300), 'cut']))]


async def each_byte(server, shape='lines', n_entries=2, step=1, kind='cut', *options):
    random.seed(1)
    tell, wrong, cuts, uncut = Server(server), [], [0], []
    n_entries, step = int(n_entries), int(step)
    with tempfile.TemporaryDirectory() as folder:
        counting = await length_of_exchange(server, tell, folder, SHAPES[shape], n_entries, options)
        counts, slack = counting.bytes, 0 if n_entries < 10 else 32  # the IDs of many are not always as long
        # What comes before the first entry is the same for all shapes, and is cut for the first of them.
        start = {way: 0 if shape == 'lines' else max(0, counting.before[way] - 32) for way in counts}
        positions = [(way, n) for way in counts for n in range(start[way] + 1, counts[way] + 1 - slack, step)]
        total = len(positions)

        async def work():
            while positions:
                way, n = positions.pop()
                case = '%s-%04d' % (way, n)
                sent = SHAPES[shape](tell, case, n_entries)
                through = Relay(os.path.join(folder, case), server, once(*fates_of(way, n, kind)))
                status, out, err = await run_sender(sent, through, '-q', *options)
                cuts[0] += through.cuts
                if through.cuts < 1:
                    uncut.append(case)
                words = sent.wrong(status, out, err)
                if words:
                    wrong.append('%s: %s' % (case, words))

        await asyncio.gather(*(work() for _ in range(12)))
    print('%d cuts, of %d bytes up and %d down: %d lost, doubled or out of order' %
          (cuts[0], counts['up'], counts['down'], len(wrong)))
    if wrong:
        fail('for one: ' + wrong[0])
    if cuts[0] < (total if slack == 0 else total / 2):
        fail('cut %d times of %d, not at %s' % (cuts[0], total, ' '.join(uncut)))
    if '-k' not in SHAPES[shape].options:
        check_receipts(tell, counts, kind != 'again' and not SHAPES[shape].fails, shape == 'lines')


def check_receipts(tell, counts, strictly, opened):
    """What is left after cuts expires. Strictly: it is openings that were not answered (and if they were cut, there must
    be some), and what the cut itself kept from being deleted."""
    left = tell.ask('KEYS', '*:chat-send:*')
    openings = 0
    for key in left:
        name, user, chance = key.rsplit(b':', 2)
        says = tell.ask('GET', key)
        if not name.endswith(b'}:chat-send') or user != b'default' or len(chance) != 32:
            fail('a receipt has the name %s' % key.decode())
        if not 0 < tell.ask('PTTL', key) <= 3600 * 1000:
            fail('does not expire: ' + key.decode())
        openings += says == b'0 0'
        if says != b'0 0' and strictly and not was_at_the_end(name[1:].decode(), key, counts):
            fail('%s is left, and says %s' % (key.decode(), says.decode()))
    if openings == 0 and opened:
        fail('no opening is left, though connections died')
    print('%d receipts are left, %d of them openings, and expire' % (len(left), openings))


def was_at_the_end(case, key, counts):
    """Whether the cut came when all was delivered: in the last guard's answer, or what deletes the receipt."""
    way, at = case.split('-')[:2]
    last = len(command('DEL', key)) if way == 'up' else 64
    return int(at[:4]) > counts[way] - last
