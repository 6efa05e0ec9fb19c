"""What the parts of tests/bench/run share: the server, the commands, what is sent, and the comparing in turn."""

import collections
import contextlib
import filecmp
import os
import random
import string
import sys
import time

from processes import ROOT, Relay, Run, Server, check, client, wait_until
from table import Table, cpu_of, limit, median, megabytes, ratio, seconds

PAIRS = int(os.environ.get('PAIRS', 5))
LINES = int(os.environ.get('LINES', 1000000))
STARTS = int(os.environ.get('STARTS', 100))  # processes a round
GIANT = int(os.environ.get('GIANT', 8 * 1024 * 1024))  # bytes of a large message
ROOMS = int(os.environ.get('ROOMS', 20000))
LIVE = int(os.environ.get('LIVE', 200))  # lines sent one at a time, whose way is measured
DAY = float(os.environ.get('DAY', 60))  # seconds of a day
CROWD = int(os.environ.get('CROWD', 250))  # who sends and reads on that day
READERS = int(os.environ.get('READERS', 500))  # of one room
SENDERS = int(os.environ.get('SENDERS', 50))  # that send all LINES together
LENGTH = 63  # of a line, with its newline
WORDS = ''.join(random.Random(1).choices(string.ascii_letters + string.digits + '   ', k=4096))
MEMORY = {'figure': lambda run: run.memory, 'show': megabytes}  # to compare that instead of time


def text_of(i, n):
    """The i-th line, of n bytes: its number, and something that does not repeat soon."""
    at = i * 61 % 3000
    return (f'{i:09d}' + WORDS[at:at + n] + WORDS * (n // len(WORDS)))[:n]


def id_of(i):
    """The ID of the i-th message, where IDs are given."""
    return f'{1700000000000 + i // 700}-{i % 700}'


def time_of(i):
    """When that message was sent, to the second, as ISO 8601 without the offset."""
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(1700000000 + i // 700000))


class Bench:
    def __init__(self, processes, build, tmp):
        self.processes, self.build, self.tmp = processes, build, tmp
        self.table = Table()
        self.inputs = None
        self.server = Server(processes, tmp)
        self.redis, self.port = self.server.redis, self.server.port

    # The commands. They use the server's own port unless they are given another.

    def spawn(self, *arguments, **options):
        return self.processes.start(*arguments, **options)

    def run(self, *arguments):
        return Run(self.processes, *arguments)

    def send(self, *options, port=None):
        return [f'{self.build}/chat-send', '-p', str(port or self.port), '-n', 'jhon', *options]

    def tail(self, *options, port=None):
        return [f'{self.build}/chat-tail', '-p', str(port or self.port), *options]

    def tail_all(self, *options, port=None):
        """What reads a room from its first message to its last."""
        return self.tail(*options, '-n', '+1', '-e', 'room', port=port)

    def client(self, *arguments, port=None):
        return [client(), '-p', str(port or self.port), *arguments]

    def other(self, program, *arguments):
        return [f'{self.build}/tests/bench/{program}', str(self.port), *arguments]

    def python(self, *arguments):
        return [sys.executable, f'{ROOT}/tests/bench/redis-loop', str(self.port), *arguments]

    @contextlib.contextmanager
    def away(self, milliseconds):
        """A port that leads to the server, with a round trip of this time."""
        relay = Relay(self.processes, f'{self.build}/tests/bench/relay', self.port, milliseconds // 2)
        yield relay.port
        relay.stop()

    def path(self, name):
        return os.path.join(self.tmp, name)

    # What is sent, and what a room that holds it must look like.

    def make_inputs(self, n):
        """Lines; the same as commands for redis-cli --pipe; and the room with given IDs, as each format shows it."""
        if self.inputs == n:
            return
        self.inputs = n
        files = {name: open(self.path(name), 'w', encoding='ascii', newline='') for name in
                 ('lines', 'commands', 'room', 'tsv', 'plain', 'json', 'csv')}
        for i in range(n):
            text, key = text_of(i, LENGTH - 1), id_of(i)
            word = f'$4\r\njhon\r\n${len(text)}\r\n{text}\r\n'
            files['lines'].write(f'{text}\n')
            files['commands'].write(f'*5\r\n$4\r\nXADD\r\n$4\r\nroom\r\n$1\r\n*\r\n{word}')
            files['room'].write(f'*5\r\n$4\r\nXADD\r\n$4\r\nroom\r\n${len(key)}\r\n{key}\r\n{word}')
            files['tsv'].write(f'room\t{key}\tjhon\t{text}\n')
            files['csv'].write(f'{"," if i else ""}"{key}","jhon","{text}"')
            files['plain'].write(f'[jhon]: {text}\n')
            files['json'].write(f'{{"room":"room","id":"{key}","time":"{time_of(i)}.{i // 700 % 1000:03d}Z",'
                                f'"name":"jhon","text":"{text}"}}\n')
        files['csv'].write('\n')
        for file in files.values():
            file.close()

    def fill_room(self):
        self.redis.delete('room')
        self.run(self.client('--pipe'), self.path('room'))
        check(self.redis.xlen('room') == self.inputs, 'the room could not be filled')

    def sending(self, command, source, n):
        """A function that sends `n` lines to an empty room."""
        def run():
            self.redis.delete('room')
            result = self.run(command, source)
            check(self.redis.xlen('room') == n, f'{command[0]}: {self.redis.xlen("room")} of {n} lines are in the room')
            return result
        return run

    def make_rows(self, n, rooms):
        """A file of `n` rows for that many rooms in turn; and how many of them each room gets."""
        path = self.path(f'{n} rows, {rooms} rooms')
        if not os.path.exists(path):
            with open(path, 'w', encoding='ascii') as out:
                out.writelines(f'room-{i % rooms}\t{id_of(i)}\tjhon\t{text_of(i, LENGTH - 1)}\n' for i in range(n))
        return path, collections.Counter(f'room-{i % rooms}' for i in range(n))

    def sending_rows(self, options, n, rooms, cluster=None):
        """A function that sends such rows to empty rooms, of the cluster if one is given."""
        source, expected = self.make_rows(n, rooms)
        servers = cluster.nodes if cluster else [self.server]
        command = self.send('-t', *options, port=servers[0].port)

        def run():
            self.empty(servers)
            result = self.run(command, source)
            came = collections.Counter()
            for server in servers:
                for room in server.redis.keys('room-*'):
                    came[room.decode()] += server.redis.xlen(room)
            wrong = sum(came[room] != expected[room] for room in came.keys() | expected.keys())
            check(not wrong, f'{command[0]}: {sum(came.values())} of {n} rows are in the rooms; {wrong} of '
                             f'{len(expected)} rooms have too few or too many')
            return result
        return run

    @staticmethod
    def empty(servers):
        for server in servers:
            server.redis.flushall()

    def reading(self, command, expected):
        """A function that reads the room, which must look like the file `expected`."""
        def run():
            result = self.run(command, None, self.path('out'))
            check(filecmp.cmp(self.path('out'), self.path(expected), shallow=False),
                  f'{command[0]} did not print what {expected} holds')
            return result
        return run

    def listening(self, command, readers=1, **options):
        """Start a reader; it returns once that many wait for news."""
        tail = self.spawn(command, **options)
        wait_until(lambda: self.redis.info('clients')['blocked_clients'] >= readers, 'chat-tail does not listen')
        return tail

    # The figures. A limit that is given is shown beside them: `most` for our own, `most_ratio` for the ratio.

    def compare(self, what, beside, ours, theirs, figure=lambda run: run.seconds, show=seconds, **limits):
        """One after the other, in turn. Returns both lists of runs."""
        pairs = self.in_turn(ours, theirs)
        mine, others = zip(*pairs)
        self.add_pairs(what, beside, [(figure(a), figure(b)) for a, b in pairs], show, cpu_of(mine), **limits)
        return mine, others

    @staticmethod
    def in_turn(ours, theirs):
        """Pairs of runs; each begins where the one before ended."""
        pairs = []
        for i in range(PAIRS):
            second = theirs() if i % 2 else None
            first = ours()
            pairs.append((first, second or theirs()))
        return pairs

    def add_pairs(self, what, beside, pairs, show, cpu='', most=None, most_ratio=None):
        a, b = (median([pair[i] for pair in pairs]) for i in (0, 1))
        ratios = [x / y for x, y in pairs]
        limits = limit(a, most, show), limit(a / b, most_ratio, ratio)
        self.table.add(what, beside, show(a), show(b), ratio(a / b), f'{min(ratios):.2f}-{max(ratios):.2f}', cpu,
                       ', '.join(filter(None, limits)))

    def add(self, what, figure, show, most=None, cpu=''):
        """A figure of our own, with nothing beside it."""
        self.table.add(what, '', show(figure), cpu=cpu, limit=limit(figure, most, show))
