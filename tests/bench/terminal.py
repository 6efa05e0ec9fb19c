"""The part of tests/bench/run that measures chat-tail on a terminal, where somebody has typed half a line."""

import collections
import fcntl
import os
import re
import resource
import select
import struct
import subprocess
import termios
import time

from bench import LINES
from processes import check
from table import median, seconds

RATE = 10000  # lines a second
TYPED = b'half of a line', b' and the other half\n'

# seconds: processor time of chat-tail. behind: from writing the last line to chat-send until the terminal showed it.
# rate: lines a second that were written.
Shown = collections.namedtuple('Shown', 'seconds behind rate')


def terminal(bench):
    """Lines arrive at RATE and are shown above a line that is being typed. Beside it, the same without --above."""
    n = LINES // 20
    pairs = bench.in_turn(lambda: show(bench, n, 'always'), lambda: show(bench, n, 'never'))
    what = f'chat-tail --above, {n:,} lines on a terminal'
    bench.add_pairs(f'{what}, processor', 'without it', [(a.seconds, b.seconds) for a, b in pairs], seconds)
    bench.add_pairs(f'{what}, the last is late by', 'without it', [(a.behind, b.behind) for a, b in pairs], seconds,
                    most=0.1)
    bench.table.add(f'{what}, came in a second', 'without it',
                    *(f'{median([run.rate for run in runs]):,.0f}' for runs in zip(*pairs)))


def show(bench, n, above):
    bench.redis.delete('room')
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
    # With its input from elsewhere, it is not the program that reads what is typed.
    tail = bench.listening(bench.tail(f'--above={above}', '-c', str(n), 'room'), stdin=subprocess.DEVNULL, stdout=slave,
                           stderr=slave, env={**os.environ, 'TERM': 'xterm'})
    os.write(master, TYPED[0])
    with bench.spawn(bench.send('room'), stdin=subprocess.PIPE) as send:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        screen = Screen(master, n)
        behind, rate = screen.fill(send.stdin, tail)
        used = processor(resource.getrusage(resource.RUSAGE_CHILDREN)) - processor(used)
    bench.processes.stop(send)
    check(send.returncode == 0, 'chat-send failed')
    bench.processes.stop(tail)
    screen.check_all(tail)
    os.write(master, TYPED[1])
    check(os.read(slave, 100) == b''.join(TYPED), 'what was typed is not what the terminal has')
    os.close(master)
    os.close(slave)
    return Shown(used, behind, rate)


def processor(used):
    return used.ru_utime + used.ru_stime


class Screen:
    """What is written to a terminal, whose other end is `master`."""

    def __init__(self, master, n):
        self.master, self.n, self.came = master, n, bytearray()

    def fill(self, sink, tail):
        """Write RATE lines a second to chat-send until chat-tail has shown them all and exits. Returns how late the last
        line was, and how many were written a second."""
        began, sent, wrote, shown, ended = time.monotonic(), 0, 0, None, False
        while self.read(0.001) or not ended:
            if shown is None and b'line %09d' % (self.n - 1) in self.came[-5000:]:
                shown = time.monotonic()
            due = min(self.n, int((time.monotonic() - began) * RATE))
            if due > sent:
                wrote = time.monotonic()
                os.write(sink.fileno(), b''.join(b'line %09d\n' % i for i in range(sent, due)))
                sent = due
            check(sent < self.n or time.monotonic() < wrote + 60, 'chat-tail did not show all lines within a minute')
            ended = tail.poll() is not None
        check(shown, f'chat-tail exited with {tail.returncode}: {bytes(self.came[-200:])}')
        return shown - wrote, self.n / (wrote - began)

    def read(self, timeout):
        """Whether something came within that time."""
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        self.came += os.read(self.master, 65536)
        return True

    def check_all(self, tail):
        check(tail.returncode == 0, f'chat-tail exited with {tail.returncode}')
        plain = re.sub(rb'\x1b\[[\d;]*m', b'', self.came)  # without its colours
        shown = [int(number) for number in re.findall(rb'\[jhon\]: line (\d{9})', plain)]
        check(shown == list(range(self.n)), f'{len(shown)} of {self.n} lines are on the terminal, or in another order')
