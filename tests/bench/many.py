"""The part of tests/bench/run that measures what many rooms cost."""

import collections
import os

import redis

from bench import PAIRS, ROOMS
from processes import check
from table import median, seconds

FILL = """for i = 1, ARGV[1] do
    redis.call('XADD', string.format('room-%05d', i), '1700000000000-' .. i, 'jhon', 'message ' .. i)
end"""
# What redis-cli takes to list them: the names, which SCAN may give twice, and then how many answers about them came.
SCAN_AND_INFO = '"$1" -p "$2" -n "$3" --scan </dev/null | LC_ALL=C sort -u && exec "$1" -p "$2" -n "$3" --pipe'
ALL = '-t', '-e', '-n', '+1', '-m', '*'


class Rooms:
    """A database of the server that holds this many rooms, each with one message."""

    def __init__(self, bench, db, n):
        self.bench, self.db, self.n = bench, db, n
        redis.Redis(port=bench.port, db=db).eval(FILL, 0, n)
        self.numbers = range(1, n + 1)

    def tail(self, *options):
        return self.bench.tail('--db', str(self.db), *options)

    def running(self, command, rows, source=None):
        """A function that runs a command, which must print these rows, in any order."""
        expected = collections.Counter(rows)

        def run():
            result = self.bench.run(command, source, self.bench.path('out'))
            with open(self.bench.path('out'), encoding='ascii', newline='\n') as file:
                came = collections.Counter(file)
            missing, more = (sum(counter.values()) for counter in (expected - came, came - expected))
            check(not missing + more, f'{command[0]}: of {len(rows)} rows {missing} are missing, {more} are too many')
            return result
        return run

    def listing(self):
        rows = [f'room-{i:05d}\t1\t2023-11-14T22:13:20+00:00\n' for i in self.numbers]
        return self.running(self.tail('-l'), rows)

    def listing_beside(self):
        """What redis-cli takes to find the rooms, and to ask for each what -l shows of it."""
        source = self.bench.path('info')
        with open(source, 'w', encoding='ascii', newline='') as out:
            out.writelines(f'*3\r\n$5\r\nXINFO\r\n$6\r\nSTREAM\r\n$10\r\nroom-{i:05d}\r\n' for i in self.numbers)
        program, *options = self.bench.client()
        rows = [f'room-{i:05d}\n' for i in self.numbers]
        said = ['All data transferred. Waiting for the last reply...\n', 'Last reply received from server.\n',
                f'errors: 0, replies: {self.n}\n']
        return self.running(['sh', '-c', SCAN_AND_INFO, 'sh', program, options[1], str(self.db)], rows + said, source)

    def reading(self, *options):
        rows = [f'room-{i:05d}\t1700000000000-{i}\tjhon\tmessage {i}\n' for i in self.numbers]
        return self.running(self.tail(*ALL, *options), rows)

    def reading_with_cursor(self):
        """The same with a new cursor file, which must hold where each room ends."""
        cursor = self.bench.path('cursor')
        read = self.reading('-C', cursor)
        expected = sorted(f'room-{i:05d}\t1700000000000-{i}' for i in self.numbers)

        def run():
            if os.path.exists(cursor):
                os.unlink(cursor)
            result = read()
            with open(cursor, encoding='ascii') as file:
                came = sorted('\t'.join(line.rstrip('\n').split('\t')[:2]) for line in file)
            check(came == expected, 'the cursor file does not hold where each room ends')
            return result
        return run


def many(bench):
    """Listing and reading all of many rooms, beside half as many and beside others."""
    some, half, twice = Rooms(bench, 1, ROOMS), Rooms(bench, 2, ROOMS // 2), Rooms(bench, 3, 2 * ROOMS)
    one = Rooms(bench, 4, 1)
    bench.compare(f'chat-tail -l, {ROOMS:,} rooms', 'redis-cli SCAN, XINFO', some.listing(), some.listing_beside(),
                  most=0.5, most_ratio=2.0)
    what = "chat-tail -e -n +1 -m '*'"
    _, runs = bench.compare(f'{what}, {twice.n:,} rooms', f'{ROOMS:,} rooms', twice.reading(), some.reading(),
                            most_ratio=2.2)
    bench.add(f'{what}, {ROOMS:,} rooms', median([run.seconds for run in runs]), seconds, most=1.5)
    bench.compare(f'{what} -C, {half.n:,} rooms', 'without -C', half.reading_with_cursor(), half.reading(),
                  most_ratio=1.5)
    runs = [(some.reading()().memory, one.reading()().memory) for _ in range(PAIRS)]
    a_room = (median([a for a, _ in runs]) - median([b for _, b in runs])) / (ROOMS - 1)
    bench.add(f'memory of a room, of {ROOMS:,}', a_room, lambda x: f'{x:,.0f} B', most=1024)
    bench.empty([bench.server])
