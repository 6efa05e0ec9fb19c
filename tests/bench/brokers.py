"""The part of tests/bench/run that compares with a message broker: many lines from a file, to one reader."""

import collections
import os
import resource
import select
import subprocess
import time

from bench import LINES
from peers import ChatTexts, mosquittos
from processes import check
from table import cpu_of, median, seconds

END = b'@end\n'  # no other line has an @

# seconds: until the last line came. user: processor time that the programs themselves used.
Delivery = collections.namedtuple('Delivery', 'seconds user lost doubled')


def brokers(bench):
    """chat-send | chat-tail, beside a broker's own programs. An MQTT client can number 65,535 messages in flight: with
    the default LINES, the first size is below that and the second above it."""
    peers = mosquittos(bench)
    for n in LINES // 20, LINES // 10:
        bench.make_inputs(n)
        for peer in peers:
            compare(bench, peer, n)
    for peer in peers:
        peer.stop()


def compare(bench, peer, n):
    """If the peer loses or doubles a line, its time is shown without a ratio: it did not do the same work."""
    chat = ChatTexts(bench)
    mine, others = zip(*bench.in_turn(lambda: complete(chat, deliver(bench, chat)), lambda: deliver(bench, peer)))
    what, lost, doubled = f'chat-send | chat-tail, {n:,} lines', worst(others, 'lost'), worst(others, 'doubled')
    times = [[run.seconds for run in runs] for runs in (mine, others)]
    if lost or doubled:
        bench.table.add(what, peer.name, *(seconds(median(column)) for column in times), cpu=cpu_of(mine))
    else:
        bench.add_pairs(what, peer.name, list(zip(*times)), seconds, cpu_of(mine))
    bench.table.add(f'lost, doubled of {n:,} lines at worst', peer.name, '0, 0', f'{lost:,}, {doubled:,}')


def worst(runs, what):
    return max(getattr(run, what) for run in runs)


def complete(peer, run):
    check(not run.lost + run.doubled, f'{peer.name}: {run.lost} lines are lost, {run.doubled} are doubled')
    return run


def deliver(bench, peer):
    """One run: the file of lines through a sender and a reader that listens."""
    reader = bench.spawn(peer.reader(['room']), stdout=subprocess.PIPE)
    peer.wait_for(1, 1)
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, time.monotonic()
    with open(bench.path('lines'), 'rb') as lines:
        sender = bench.spawn(peer.sender('room'), stdin=lines, stdout=subprocess.DEVNULL)
    came, last = receive(bench, peer, sender, reader)
    check(sender.wait() == 0, f'{peer.name}: the sender exited with {sender.returncode}')
    bench.processes.stop(sender)
    bench.processes.stop(reader)
    reader.stdout.close()
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - used
    peer.empty()
    with open(bench.path('lines'), 'rb') as lines:
        return Delivery(last - began, used, *difference(peer, lines, came))


def receive(bench, peer, sender, reader):
    """What the reader prints before the end, which is sent once the sender has exited, and when the last of it came. A
    broker may lose the end as well, so it is sent again until it comes."""
    came, last, ends, due = bytearray(), time.monotonic(), [], 0
    while not came.endswith(END):
        if sender.poll() is not None and time.monotonic() > due:
            check(len(ends) < 100, f'{peer.name}: the end does not come')
            ends.append(bench.spawn(peer.say('room', END.decode().rstrip()), stdout=subprocess.DEVNULL))
            due = time.monotonic() + 0.5
        if select.select([reader.stdout], [], [], 0.1)[0]:
            chunk = os.read(reader.stdout.fileno(), 1 << 20)
            check(chunk, f'{peer.name}: the reader ended')
            came += chunk
            if chunk.replace(END, b''):
                last = time.monotonic()
    for end in ends:
        check(end.wait() == 0, f'{peer.name}: the end could not be sent')
        bench.processes.stop(end)
    return bytes(came), last


def difference(peer, lines, came):
    """How many of the lines did not come, and how many came again. What was not sent is no result."""
    sent, got = collections.Counter(lines), collections.Counter(came.splitlines(keepends=True))
    del got[END]
    check(not got.keys() - sent.keys(), f'{peer.name}: what came was not sent')
    return sum((sent - got).values()), sum((got - sent).values())
