"""The part of tests/bench/run that measures a day of many people and machines in some rooms, DAY seconds long."""

import collections
import heapq
import os
import random
import selectors
import subprocess
import time

from bench import CROWD, DAY, LENGTH, WORDS
from latency import high_of
from peers import Chat, RedisCli, RedisPy, mosquittos
from processes import check
from table import median, ratio, seconds

NAMES = [f'room-{i}' for i in range(20)]

# ways: of each line to each reader, in seconds. busy: how much of a processor the measuring itself took.
Result = collections.namedtuple('Result', 'ways due lost doubled busy')


def day(bench):
    """A fifth of the crowd sends, the others read. All peers have the same day, one after the other, once."""
    senders, readers = CROWD // 5, CROWD - CROWD // 5
    chat = result_of(bench, Chat(bench), senders, readers)
    check(not chat.lost + chat.doubled,
          f'chat-tail: of {chat.due} lines {chat.lost} are lost, {chat.doubled} are doubled')
    what = f'a day, {senders} send to {readers}: '
    for peer in (*mosquittos(bench), RedisCli(bench), RedisPy(bench)):
        other = result_of(bench, peer, senders, readers)
        for name, figure in ('median', median), ('99 of 100', high_of), ('the worst', max):
            ours, theirs = figure(chat.ways), figure(other.ways)
            bench.table.add(f'{what}a line, {name}', peer.name, seconds(ours), seconds(theirs), ratio(ours / theirs))
        bench.table.add(f'{what}lines lost, doubled', peer.name,
                        *(f'{run.lost:,}, {run.doubled:,} of {run.due:,}' for run in (chat, other)))
        bench.table.add(f'{what}busy with measuring', peer.name, f'{chat.busy:.0%}', f'{other.busy:.0%}')


def result_of(bench, peer, senders, readers):
    run = Day(bench, peer, senders, readers)
    run.warm_up()
    run.work()
    run.end()
    result = run.result()
    run.stop()
    return result


class Reader:
    """One that reads some rooms: what came of them, and what it may not have printed in full."""

    def __init__(self, process, rooms):
        self.process, self.rooms = process, rooms
        self.part, self.came, self.ends = b'', collections.Counter(), set()


class Day:
    """One thread that writes to all senders and reads from all readers.

    A line is `@room sender number nanoseconds` and some words. The first of each sender is `@room sender warm`, and a
    last one in each room is `@room end`.
    """

    def __init__(self, bench, peer, senders, readers):
        self.bench, self.peer = bench, peer
        self.selector, self.ways, self.warm, self.busy = selectors.DefaultSelector(), [], set(), 0
        self.sent = collections.Counter()  # lines, by room
        self.readers = [self.reader(i) for i in range(readers)]
        peer.wait_for(readers, sum(len(reader.rooms) for reader in self.readers))
        self.senders = [bench.spawn(peer.sender(NAMES[i % len(NAMES)]), stdin=subprocess.PIPE,
                                    stdout=subprocess.DEVNULL) for i in range(senders)]

    def reader(self, i):
        """The i-th reader follows one to four rooms; each room gets about as many readers."""
        rooms = [NAMES[(i + 7 * k) % len(NAMES)] for k in range(1 + i % 4)]
        reader = Reader(self.bench.spawn(self.peer.reader(rooms), stdout=subprocess.PIPE), rooms)
        self.selector.register(reader.process.stdout, selectors.EVENT_READ, reader)
        return reader

    def warm_up(self):
        """Until a line of each sender has come to a reader: then it is connected."""
        for i, sender in enumerate(self.senders):
            room = NAMES[i % len(NAMES)]
            os.write(sender.stdin.fileno(), self.peer.line(room, f'@{room} {i} warm').encode())
        until = time.monotonic() + 60
        while len(self.warm) < len(self.senders):
            check(time.monotonic() < until, f'{self.peer.name}: the first line of a sender did not come')
            self.receive(0.1)

    def work(self):
        """Each sender writes a line whenever its next is due, until the day is over."""
        paces = [pace(random.Random(i)) for i in range(len(self.senders))]
        began, used, numbers = time.monotonic(), time.process_time(), [0] * len(paces)
        due = [(began + next(paces[i]), i) for i in range(len(paces))]
        heapq.heapify(due)
        while due[0][0] < began + DAY:
            when, i = due[0]
            self.receive(when - time.monotonic())
            if when <= time.monotonic():
                self.send(i, numbers[i])
                numbers[i] += 1
                heapq.heapreplace(due, (when + next(paces[i]), i))
        self.busy = (time.process_time() - used) / (time.monotonic() - began)

    def send(self, i, number):
        room = NAMES[(i + number * self.peer.turns) % len(NAMES)]
        self.sent[room] += 1
        text = f'@{room} {i} {number} {time.monotonic_ns()} '
        os.write(self.senders[i].stdin.fileno(), self.peer.line(room, text + WORDS[:LENGTH - len(text)]).encode())

    def receive(self, timeout):
        for key, _ in self.selector.select(max(0, timeout)):
            reader = key.data
            came = os.read(key.fd, 65536)
            now = time.monotonic_ns()
            check(came, f'{self.peer.name}: a reader ended')
            *lines, reader.part = (reader.part + came).split(b'\n')
            for line in lines:
                _, mark, text = line.partition(b'@')
                if mark:
                    self.take(reader, text.split(b' ', 4), now)

    def take(self, reader, words, now):
        room = words[0].decode()
        check(room in reader.rooms, f'{self.peer.name}: a line came to another room')
        if words[1] == b'end':
            reader.ends.add(room)
            return
        if words[2] == b'warm':
            self.warm.add(words[1])
            return
        check(room not in reader.ends, f'{self.peer.name}: a line came after the end')
        key = room, words[1], words[2]
        reader.came[key] += 1
        if reader.came[key] == 1:
            self.ways.append((now - int(words[3])) / 1e9)

    def end(self):
        """Let all senders exit, and wait until each reader has come to the end of its rooms. A peer may lose the end as
        well, so it is sent again."""
        for sender in self.senders:
            sender.stdin.close()
        while any(sender.poll() is None for sender in self.senders):
            self.receive(0.01)
        for sender in self.senders:
            check(sender.returncode == 0, f'{self.peer.name}: a sender exited with {sender.returncode}')
        for _ in range(60):
            waiting = {room for reader in self.readers for room in reader.rooms if room not in reader.ends}
            if not waiting:
                return
            self.say_end(waiting)
        check(False, f'{self.peer.name}: the end did not come to all readers')

    def say_end(self, rooms):
        ends = [self.bench.spawn(self.peer.say(room, f'@{room} end'), stdout=subprocess.DEVNULL) for room in rooms]
        until = time.monotonic() + 1
        while any(end.poll() is None for end in ends) or time.monotonic() < until:
            self.receive(0.01)
            if all(len(reader.ends) == len(reader.rooms) for reader in self.readers):
                break
        for end in ends:
            check(end.wait() == 0, f'{self.peer.name}: the end could not be sent')
            self.bench.processes.stop(end)

    def result(self):
        due = sum(self.sent[room] for reader in self.readers for room in reader.rooms)
        came = sum(len(reader.came) for reader in self.readers)
        again = sum(sum(reader.came.values()) for reader in self.readers) - came
        check(len(self.ways) > 1, f'{self.peer.name}: the day was too short')
        return Result(self.ways, due, due - came, again, self.busy)

    def stop(self):
        for process in self.senders + [reader.process for reader in self.readers]:
            self.bench.processes.stop(process)
        for reader in self.readers:
            reader.process.stdout.close()
        self.selector.close()
        self.peer.empty()
        self.peer.stop()


def pace(chance):
    """Seconds before each line: of somebody who types some, then of a program that prints many, and so on."""
    typing = chance.random() < 0.5
    while True:
        for _ in range(chance.randint(3, 8) if typing else chance.randint(10, 50)):
            yield chance.uniform(1, 4) if typing else 0.02
        typing = not typing
