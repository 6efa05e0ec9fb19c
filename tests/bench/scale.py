"""The part of tests/bench/run that measures what one server carries: readers of a room, senders, messages and rooms."""

import collections
import os
import subprocess
import time

from bench import LENGTH, LINES, READERS, ROOMS, SENDERS
from many import FILL
from processes import check, wait_until
from table import median, megabytes, seconds

# As the runs of a command: several at once, timed together.
Together = collections.namedtuple('Together', 'seconds user')


def scale(bench):
    readers(bench)
    senders(bench)
    contents(bench)


def readers(bench):
    """Many who read one room, each a program of its own: when the last of them has one line, and many."""
    what, messages = f'{READERS:,} readers of a room', 200
    bench.redis.delete('room')
    outs = [bench.path(f'reader-{i}') for i in range(READERS)]
    idle, began = used_memory(bench), time.monotonic()
    tails = []
    for out in outs:
        with open(out, 'wb') as sink:
            tails.append(bench.spawn(bench.tail('-t', 'room'), stdout=sink))
    wait_until(lambda: bench.redis.info('clients')['blocked_clients'] == READERS, 'not all readers listen')
    bench.add(f'{what}, all listening after', time.monotonic() - began, seconds)
    at_server = (used_memory(bench) - idle) / READERS

    bench.make_inputs(messages)
    deliver(bench, what, outs, bench.send('room', 'hi'), None, 1)
    want = deliver(bench, what, outs, bench.send('room'), bench.path('lines'), messages)
    memory = [proportional(tail.pid) for tail in tails]
    for tail in tails:
        bench.processes.stop(tail)
    came = 0
    for out in outs:
        with open(out, encoding='ascii') as file:
            came += sum(a == b for a, b in zip(file, want))
        check(os.path.getsize(out) == sum(map(len, want)), 'a reader printed more than was sent')
        os.unlink(out)
    check(came == READERS * len(want), f'{came} of {READERS * len(want)} lines came')
    bench.add(f'{what}, memory of each, with its part of what is shared', median(memory), kilobytes)
    bench.add(f'{what}, memory of each at the server', at_server, kilobytes)


def deliver(bench, what, outs, command, source, n):
    """Send n messages, and wait until all readers have printed all that is in the room, which it returns as rows."""
    used, began = used_cpu(bench), bench.path('began')
    with open(began, 'wb'):
        pass
    bench.run(command, source)
    want = list(rows(bench))
    size = sum(map(len, want))
    wait_until(lambda: all(os.path.getsize(out) >= size for out in outs), 'not all messages came')
    # By the times of the files, as it takes time to look at all of them.
    took = max(os.stat(out).st_mtime for out in outs) - os.stat(began).st_mtime
    of = '1 message' if n == 1 else f'{n} messages'
    bench.add(f'{what}, the last has {of} after', took, seconds)
    bench.add(f'{what}, server CPU of each line, {of}', (used_cpu(bench) - used) / n / len(outs), microseconds)
    return want


def senders(bench):
    """Many who send to one room at once, beside one that sends as much."""
    each = LINES // SENDERS
    bench.make_inputs(each * SENDERS)
    one = bench.sending(bench.send('room'), bench.path('lines'), each * SENDERS)
    with open(bench.path('lines'), 'rb') as lines, open(bench.path('share'), 'wb') as share:
        share.write(lines.read(each * LENGTH))

    def together():
        bench.redis.delete('room')
        began, used = time.monotonic(), os.times().children_user
        sending = []
        for _ in range(SENDERS):
            with open(bench.path('share'), 'rb') as share:
                sending.append(bench.spawn(bench.send('room'), stdin=share, stdout=subprocess.DEVNULL))
        for sender in sending:
            check(sender.wait() == 0, 'chat-send failed')
        took = time.monotonic() - began
        used = os.times().children_user - used
        for sender in sending:
            bench.processes.stop(sender)
        check(bench.redis.xlen('room') == each * SENDERS,
              f'chat-send: {bench.redis.xlen("room")} of {each * SENDERS} lines are in the room')
        return Together(took, used)

    bench.compare(f'{SENDERS:,} chat-send at once, {each * SENDERS:,} lines in all', 'one chat-send', together, one)


def contents(bench):
    """What the server keeps of a message, and of a room."""
    bench.make_inputs(LINES)
    bench.fill_room()
    bench.add(f'memory of a message of {LENGTH - 1} bytes at the server',
              bench.redis.memory_usage('room', samples=0) / LINES, count)
    bench.empty([bench.server])
    idle = used_memory(bench)
    bench.redis.eval(FILL, 0, ROOMS)
    bench.add('memory of a room of one message at the server', (used_memory(bench) - idle) / ROOMS, count)
    bench.empty([bench.server])


def count(x):
    return f'{x:,.0f} B'


def microseconds(x):
    return f'{x * 1e6:.2f} us'


def kilobytes(x):
    return f'{x / 1e3:.1f} KB' if x < 1e6 else megabytes(x)


def used_memory(bench):
    return bench.redis.info('memory')['used_memory']


def used_cpu(bench):
    """Seconds that the server has computed."""
    cpu = bench.redis.info('cpu')
    return cpu['used_cpu_user'] + cpu['used_cpu_sys']


def rows(bench):
    """The room, as chat-tail -t shows it."""
    for key, fields in bench.redis.xrange('room'):
        for name, text in fields.items():
            yield f'room\t{key.decode()}\t{name.decode()}\t{text.decode()}\n'


def proportional(pid):
    """Bytes of a process: its own, and its part of what it shares with others."""
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith('Pss:'))
