"""The parts of tests/bench/run that measure how fast much is sent and read."""

import os
import random
import socket
import time

from bench import GIANT, LENGTH, LINES, PAIRS, text_of
from processes import Cluster, check
from table import cpu_of, median, megabytes, seconds


def bulk(bench):
    bench.make_inputs(LINES)
    lines, commands = bench.path('lines'), bench.path('commands')
    pipe = bench.sending(bench.client('--pipe'), commands, LINES)
    sending = bench.sending(bench.send('room'), lines, LINES)
    bench.compare('chat-send', 'redis-cli --pipe', sending, pipe)
    bench.compare('chat-send --at-least-once', 'redis-cli --pipe',
                  bench.sending(bench.send('--at-least-once', 'room'), lines, LINES), pipe)
    bench.compare('chat-send', 'a hiredis loop', sending, bench.sending(bench.other('hiredis', 'send'), lines, LINES))
    bench.fill_room()
    tsv = bench.reading(bench.tail_all('-t'), 'tsv')
    bench.compare('chat-tail -t', 'a bare loop', tsv, bench.reading(bench.other('bare', 'room'), 'tsv'))
    bench.compare('chat-tail -t', 'a hiredis loop', tsv, bench.reading(bench.other('hiredis', 'tail'), 'tsv'))
    bench.compare('chat-tail -t', 'redis-cli --csv XRANGE', tsv,
                  bench.reading(bench.client('--csv', 'XRANGE', 'room', '-', '+'), 'csv'))
    bench.compare('chat-tail', 'chat-tail -t', bench.reading(bench.tail_all(), 'plain'), tsv)
    bench.compare('chat-tail -j', 'chat-tail -t', bench.reading(bench.tail_all('-j'), 'json'), tsv)
    few = LINES // 50
    bench.make_inputs(few)
    bench.compare(f'chat-send, {few:,} lines', 'a redis-py loop', bench.sending(bench.send('room'), lines, few),
                  bench.sending(bench.python('send'), lines, few))
    bench.fill_room()
    bench.compare(f'chat-tail -t, {few:,} lines', 'a redis-py loop', bench.reading(bench.tail_all('-t'), 'tsv'),
                  bench.reading(bench.python('tail'), 'tsv'))


def far(bench):
    """Through the relay: sending beside others that do so, reading beside the same from near."""
    n = LINES // 2
    bench.make_inputs(n)
    for milliseconds, options in (50, ()), (50, ('--at-least-once',)), (10, ()):
        with bench.away(milliseconds) as port:
            bench.compare(' '.join(('chat-send', *options)) + f', {milliseconds} ms away', 'redis-cli --pipe',
                          bench.sending(bench.send(*options, 'room', port=port), bench.path('lines'), n),
                          bench.sending(bench.client('--pipe', port=port), bench.path('commands'), n))
    bench.make_inputs(LINES)
    bench.fill_room()
    with bench.away(50) as port:
        reading = [bench.reading(bench.tail_all('-t', port=port), 'tsv') for port in (port, bench.port)]
        away, _ = bench.compare('chat-tail -t, 50 ms away', 'near', *reading, most_ratio=2.5)
        bench.add('memory of chat-tail -t, 50 ms away', median([run.memory for run in away]), megabytes, most=32e6)
        relay_alone(bench, port)
    bench.redis.delete('room')


def relay_alone(bench, port):
    """One string of about the size that a reply with all of that room has: what the relay itself costs."""
    n = LINES * 130
    bench.redis.set('bulk', bytes(n))
    pairs = [(get(port, n), get(bench.port, n)) for _ in range(PAIRS)]
    bench.add_pairs(f'a plain GET of {megabytes(n)}, 50 ms away', 'near', pairs, seconds)
    bench.redis.delete('bulk')


def get(port, n):
    """Seconds until the string `bulk` of n bytes has come."""
    head, buffer = f'${n}\r\n', bytearray(1 << 20)
    left = len(head) + n + 2
    with socket.create_connection(('127.0.0.1', port), timeout=60) as server:
        start = time.monotonic()
        server.sendall(b'GET bulk\r\n')
        while left > 0:
            came = server.recv_into(buffer)
            check(came, 'the connection ended amid a string')
            left -= came
        took = time.monotonic() - start
    check(left == 0, 'more came than a string')
    return took


def rooms(bench):
    """Rows for many rooms in turn, beside as many rows for one room."""
    n = LINES // 5
    for options in (), ('-k',):
        bench.compare(' '.join(('chat-send -t', *options)) + ', 100 rooms', 'one room',
                      bench.sending_rows(options, n, 100), bench.sending_rows(options, n, 1))
    bench.empty([bench.server])
    cluster = Cluster(bench.processes, bench.tmp)
    bench.compare('chat-send -t, 100 rooms in a cluster', 'one room in it',
                  bench.sending_rows((), n, 100, cluster), bench.sending_rows((), n, 1, cluster))
    cluster.stop()


def growth(bench):
    sizes = [(n, LENGTH) for n in (10000, 100000, 1000000, 10000000)]
    sizes += [(1000000, 10), (1000000, 100), (10000, 10000), (100, 1000000)]
    source = bench.path('growth')
    for n, length in sizes:
        with open(source, 'w', encoding='ascii') as out:
            out.writelines(text_of(i, length - 1) + '\n' for i in range(n))
        rounds = 1 if n > 1000000 else PAIRS
        sent = [bench.sending(bench.send('room'), source, n)() for _ in range(rounds)]
        read = [bench.reading(bench.tail_all('-F', '%t\\n'), 'growth')() for _ in range(rounds)]
        for name, runs in (('chat-send', sent), ('chat-tail -F', read)):
            took = median([run.seconds for run in runs])
            bench.table.add(f'{name}, {n:,} lines of {length:,} B', '',
                            f'{took / n * 1e6:.2f} us a line' if length <= 100 else
                            f'{took / n / length * 1e9:.2f} ns a byte', cpu=cpu_of(runs))
        bench.redis.delete('room')
    os.unlink(source)


def json(bench):
    """One large message that is not UTF-8, each byte of which becomes a number, beside one of ASCII."""
    # A small piece of each, repeated: what it looks like is known without much work.
    piece = random.Random(1).randbytes(65536)
    times = 8 * GIANT // len(piece)
    letters = text_of(0, len(piece))
    pairs = {'bytes': (piece * times, b'[' + ','.join([','.join(map(str, piece))] * times).encode() + b']'),
             'ascii': (letters.encode() * times, f'"{letters * times}"'.encode())}
    for room, (text, shown) in pairs.items():
        bench.redis.xadd(room, {'jhon': text}, id='1700000000000-0')
        with open(bench.path(room), 'wb') as out:
            out.write(f'{{"room":"{room}","id":"1700000000000-0","time":"2023-11-14T22:13:20.000Z","name":"jhon",'
                      '"text":'.encode() + shown + b'}\n')
    reading = [bench.reading(bench.tail('-j', '-n', '+1', '-e', room), room) for room in pairs]
    bench.compare(f'chat-tail -j, {8 * GIANT / 2**20:g} MiB not of UTF-8', 'the same of ASCII', *reading,
                  most_ratio=10)
    bench.redis.delete(*pairs)
