"""The parts of tests/bench/run that measure how soon something is done: a start, a line's way."""

import os
import random
import select
import signal
import socket
import statistics
import subprocess
import sys
import time

from bench import LIVE, PAIRS, ROOMS, STARTS
from processes import ROOT, check
from table import median, ratio, seconds

ONES = 500  # single lines a round


def start(bench):
    commands = bench.send('room', 'hi'), bench.client('xadd', 'room', '*', 'jhon', 'hi')
    rounds = []
    bench.redis.delete('room')
    for _ in range(PAIRS):
        took = [], []
        for i in range(2 * STARTS):
            began = time.monotonic()
            subprocess.run(commands[i % 2], stdout=subprocess.DEVNULL, check=True)
            took[i % 2].append(time.monotonic() - began)
        rounds.append((median(took[0]), median(took[1])))
    check(bench.redis.xlen('room') == 2 * STARTS * PAIRS, 'a single message is missing')
    bench.add_pairs('chat-send room hi', 'redis-cli xadd', rounds, seconds)


def latency(bench):
    way(bench, 'a line from stdin to stdout')
    feeder = bench.spawn([sys.executable, f'{ROOT}/tests/bench/feed', '10000'], stdout=subprocess.PIPE)
    other = bench.spawn(bench.send('-n', 'other', 'room'), stdin=feeder.stdout)
    feeder.stdout.close()
    before, began = bench.redis.xlen('room'), time.monotonic()
    way(bench, 'the same, 10,000 lines/s beside it', '-x', 'other')
    rate = (bench.redis.xlen('room') - before) / (time.monotonic() - began)
    check(rate > 9000, f'only {rate:.0f} lines a second came beside it')
    feeder.terminate()
    feeder.wait()
    check(other.wait() == 0, 'chat-send failed')


def way(bench, what, *options):
    """From one program's input to the other's output, beside the server's answer to PING."""
    ping = connect(bench)
    tail = bench.listening(bench.tail('-r', *options, 'room'), stdout=subprocess.PIPE)
    send = bench.spawn(bench.send('room'), stdin=subprocess.PIPE)
    rounds, every = [], []
    os.write(send.stdin.fileno(), b'warm\n')
    read_line(tail.stdout)
    for _ in range(PAIRS):
        pings, lines = [], []
        for i in range(ONES):
            line = f'{i}\n'.encode()
            a = time.monotonic()
            ping.sendall(b'PING\r\n')
            check(ping.recv(100) == b'+PONG\r\n', 'PING was not answered')
            b = time.monotonic()
            os.write(send.stdin.fileno(), line)
            came = read_line(tail.stdout)
            c = time.monotonic()
            check(came == b'[jhon]: ' + line, f'{line} came as {came}')
            pings.append(b - a)
            lines.append(c - b)
        rounds.append((median(lines), median(pings)))
        every += zip(lines, pings)
    bench.add_pairs(f'{what}, median', 'PING', rounds, seconds)
    high = [high_of(column) for column in zip(*every)]
    bench.table.add(f'{what}, 99 of 100', 'PING', *map(seconds, high), ratio(high[0] / high[1]))
    send.stdin.close()
    check(send.wait() == 0, 'chat-send failed')
    tail.terminate()
    tail.wait()
    ping.close()


def connect(bench):
    """A connection to the server on which nothing waits for more to send."""
    server = socket.create_connection(('127.0.0.1', bench.port), timeout=10)
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server


def high_of(values):
    """What 99 of 100 do not exceed."""
    return statistics.quantiles(values, n=100, method='inclusive')[98]


def read_line(pipe):
    """What comes next, if it comes within 10 seconds."""
    check(select.select([pipe], [], [], 10)[0], 'a line did not come')
    return os.read(pipe.fileno(), 100)


def live(bench):
    """A line's way from XADD to chat-tail's output, while there is much else that it has to look after."""
    fill(bench, ROOMS)
    live_lines(bench, f'a live line, {ROOMS:,} rooms', ('-m', '*'), ROOMS, LIVE)
    bench.empty([bench.server])
    fill(bench, 10)
    keys = 50 * ROOMS
    bench.redis.eval("for i = 1, ARGV[1] do redis.call('SET', 'key:' .. i, i) end", 0, keys)
    # For about 14 seconds: each search for rooms takes place within them, and other housekeeping.
    live_lines(bench, f'a live line, {keys:,} other keys', ('-m', 'room:*'), 10, 2 * LIVE)
    bench.empty([bench.server])


def fill(bench, rooms):
    bench.redis.eval("for i = 1, ARGV[1] do redis.call('XADD', 'room:' .. i, '*', 'jhon', 'old') end", 0, rooms)


def live_lines(bench, what, options, rooms, n):
    tail = bench.listening(bench.tail('-t', *options), stdout=subprocess.PIPE)
    Live(bench, tail, rooms).measure(20)  # it is steady once it has printed some
    took = Live(bench, tail, rooms).measure(n)
    bench.add(f'{what}, median', median(took), seconds)
    bench.add(f'{what}, 99 of 100', high_of(took), seconds, most=0.1)
    os.killpg(tail.pid, signal.SIGTERM)
    rest, _ = tail.communicate(timeout=60)
    check(not rest, f'chat-tail printed more than was sent: {rest[:100]}')


class Live:
    """Lines that go to random rooms at random moments, whether those before have come or not."""

    def __init__(self, bench, tail, rooms):
        self.server, self.tail, self.rooms = connect(bench), tail, rooms
        self.sent, self.on_the_way, self.took, self.part = 0, {}, [], ''

    def measure(self, n):
        """How long each of n lines was on its way."""
        due = time.monotonic()
        while len(self.took) < n:
            left = due - time.monotonic() if self.sent < n else 60
            if left <= 0:
                self.send()
                due += random.uniform(0.010, 0.060)
            elif select.select([self.tail.stdout], [], [], left)[0]:
                self.receive()
            else:
                check(self.sent < n, f'{n - len(self.took)} of {n} lines did not come')
        self.server.close()
        return self.took

    def send(self):
        room = f'room:{random.randint(1, self.rooms)}'
        self.on_the_way[room, 'jhon', str(self.sent)] = time.monotonic()
        self.server.sendall(f'XADD {room} * jhon {self.sent}\r\n'.encode())
        self.sent += 1

    def receive(self):
        came = os.read(self.tail.stdout.fileno(), 65536)
        check(came, 'chat-tail ended')
        *lines, self.part = (self.part + came.decode()).split('\n')
        for line in lines:
            room, *message = line.split('\t')
            began = self.on_the_way.pop((room, *message[1:]), None)
            check(began, f'chat-tail printed what was not sent, or twice: {line}')
            self.took.append(time.monotonic() - began)
