"""A server's rooms, sent row by row to another one, while either program is killed."""

import array
import asyncio
import fcntl
import os
import random
import subprocess
import termios
import time

from faultlib.basis import PATIENCE, Server, fail

ROOMS = 100
ENDINGS = (b'\n', b'\t', b'\0', b'\r', b'\\', b'\\n', b' ', b'[', b'*', b'{a}', '\u00e9\u2028\U0001f600'.encode(), b'\xc3(',
           b'\xff\xfe', b'\x1b[2J', b'+', b':chat-send:', b'"\'', b'-', b'a' * 300)


def any_bytes(most):
    return random.choices((
        bytes(random.choices(b'abc +-0\t\n\r\\\0\x7f\x80\xff[]', k=random.randrange(most))), os.urandom(random.randrange(most)),
        b''), (6, 3, 1))[0]


def fill(server, seed):
    """Rooms with names of any bytes, and entries of one to nine fields of any bytes."""
    random.seed(int(seed))
    tell = Server(server)
    for n in range(ROOMS):
        room = (b'\xef\xbb\xbf' if n % 10 == 0 else b'') + b'%d' % n + ENDINGS[n % len(ENDINGS)] + any_bytes(12)
        if n % 7 == 1:
            room = room[::-1]
        ms = 0
        for _ in range(random.choice((1, 2, 30, 100))):
            ms += random.randrange(1, 1000)
            fields = [any_bytes(40) for _ in range(2 * random.randrange(1, 10))]
            if random.random() < 0.003:
                fields[-1] = os.urandom(random.randrange(100000))
            tell.ask('XADD', room, '%d-%d' % (ms, random.randrange(3)), *fields)
    return {room: tell.entries(room) for room in tell.ask('KEYS', '*')}


def pipeline(source, target):
    reader = subprocess.Popen(('chat-tail', '-s', source, '-t', '-n', '+1', '-e', '-m', '*'), stdout=subprocess.PIPE)
    sender = subprocess.Popen(('chat-send', '-s', target, '-t', '-k'), stdin=reader.stdout, stderr=subprocess.PIPE)
    reader.stdout.close()
    return reader, sender


def compare(tell, rooms, whole):
    """Checks that the rooms begin as they should, and are whole if they must be. Returns how many entries there are."""
    held = {room: tell.entries(room) for room in tell.ask('KEYS', '*')}
    for room, entries in held.items():
        if entries != rooms.get(room, [])[:len(entries)] or not entries:
            fail('the room %r is not as it was' % room)
    if whole and held != rooms:
        fail('%d entries of %d' % (sum(map(len, held.values())), sum(map(len, rooms.values()))))
    return sum(map(len, held.values()))


async def restore(source, target, seed, kills):
    """Kills one side `kills` times while both run, and lets them finish in the end."""
    rooms, tell, done, rates = fill(source, seed), Server(target), 0, []
    total = sum(map(len, rooms.values()))
    begun = time.monotonic()
    run_whole(source, target, tell, rooms)
    took = time.monotonic() - begun
    tell.ask('FLUSHALL')
    deadline = time.monotonic() + 0.8 * PATIENCE
    while done < int(kills) and time.monotonic() < deadline:
        if done % 2 == 0:
            tell.ask('FLUSHALL')  # so that not all of them begin with much that is there
        reader, sender = pipeline(source, target)
        await asyncio.sleep(random.uniform(0.1, 0.9) * took)
        victim = random.choice((reader, sender))
        victim.kill()
        statuses, err = (reader.wait(), sender.wait()), sender.stderr.read()
        while tell.ask('CLIENT', 'LIST').count(b'\n') > 1:
            await asyncio.sleep(0.005)  # what was sent may still be on its way
        done += -9 in statuses
        if statuses[1] not in (-9, 0, 1) or (statuses[1] == 1 and b'line ' not in err):
            fail('exit statuses %s, %s' % (statuses, err.decode()))
        rates.append(100 * compare(tell, rooms, False) // total)
    if done < int(kills):
        fail('killed only %d times' % done)
    run_whole(source, target, tell, rooms)
    print('%d rooms, %d entries: identical; and killed %d times, with %s %% there each time: identical' %
          (len(rooms), total, done, ' '.join(map(str, rates))))


def run_whole(source, target, tell, rooms):
    reader, sender = pipeline(source, target)
    statuses, err = (reader.wait(), sender.wait()), sender.stderr.read()
    if statuses != (0, 0) or err:
        fail('exit statuses %s, %s' % (statuses, err.decode()))
    compare(tell, rooms, True)


async def drip(source, target, seed):
    """Rows through a slow pipe: the program has read each half of a row before the other half comes."""
    rooms, tell, n = fill(source, seed), Server(target), 0
    rows = subprocess.run(('chat-tail', '-s', source, '-t', '-n', '+1', '-e', '-m', '*'), stdout=subprocess.PIPE, check=True)
    sender = subprocess.Popen(('chat-send', '-s', target, '-t', '-k'), stdin=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    lines = rows.stdout.splitlines(True)
    several = [at for at, line in enumerate(lines) if line.split(b'\t')[1].endswith(b'+')]
    slowly = set(random.sample(several, 300))
    for at, line in enumerate(lines):
        half = random.randrange(len(line)) if at in slowly else 0
        for part in (line[:half], line[half:]) if half else (line,):
            while part:
                part = part[sender.stdin.write(part):]
            if at in slowly:
                await until_read(sender.stdin)
                await asyncio.sleep(0.15 if n < 10 else 0)  # which is no sign that the entry ends here
                n += 1
    sender.stdin.close()
    status, err = sender.wait(), sender.stderr.read()
    if status != 0 or err:
        fail('exit status %d, %s' % (status, err.decode()))
    compare(tell, rooms, True)
    print('%d rows, stopped %d times in the middle of an entry: identical' % (len(lines), n))


async def until_read(pipe):
    left = array.array('i', [1])
    while left[0] > 0:
        fcntl.ioctl(pipe, termios.FIONREAD, left)
        await asyncio.sleep(0.001)
