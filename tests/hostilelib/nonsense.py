"""Answers of a server: the right ones, roughly, and wrong ones."""

NAMES = [b'jhon', b'marry', b'', b'\x1b[31mred', b'\xff\xfe', b'\xe2\x80\xae', b'\xc2\x9b2J', b'a\nb', b'\r\n', b'\0',
         b'x' * 5000]
IDS = [b'1-1', b'2-1', b'3-0', b'0-0', b'18446744073709551615-18446744073709551615', b'18446744073709551616-0', b'-',
       b'1', b'1-1+', b'99999999999999999999999999-1', b'-1--1', b'', b'1751390520000-0', b'\x1b]0;x\x07-1']
NUMBERS = [0, 1, 2, -1, 255, 65536, 2**31, 2**63 - 1, -2**63, 16383, 16384]
ERRORS = [b'ERR \x1b[2Jgone\x07', b'LOADING', b'READONLY', b'NOPERM no', b'NOAUTH', b'WRONGPASS', b'WRONGTYPE',
          b'NOGROUP', b'BUSYGROUP', b'EXECABORT', b'MISCONF', b'OOM', b'UNBLOCKED', b'ERR no such key', b'TRYAGAIN',
          b'ERR unknown command', b'NOSCRIPT', b'MOVED', b'MOVED 1', b'MOVED 99999 127.0.0.1:1', b'CLUSTERDOWN',
          b'MOVED 1 127.0.0.1:0', b'ASK 1 /tmp:0', b'', b'\xff\xfe\x00', b'%s%n%s', b'x' * 5000, b'MASTERDOWN',
          b'ERR max number of clients', b'NOREPLICAS']
RAW = [b'\r\n', b'*', b'$', b'*9999999999\r\n', b'*2147483648\r\n', b'*-2\r\n', b'$-2\r\n', b'*1\r\n' * 2000,
       b'$9223372036854775807\r\n', b'$1073741825\r\nx', b'$5\rxxxx', b'$' + b'0' * 70000, b'+' + b'a' * 70000,
       b':' + b'1' * 70000, b'-' + b'e' * 70000, b',1.5\r\n', b'#t\r\n', b'_\r\n', b'(99\r\n', b'=5\r\ntxt:a\r\n',
       b'%1\r\n+a\r\n+b\r\n', b'~1\r\n+a\r\n', b'>1\r\n+a\r\n', b'|1\r\n+a\r\n+b\r\n', b'SSH-2.0-x\r\n', b'\0' * 100,
       b'HTTP/1.1 400 Bad Request\r\n\r\n', b':9223372036854775808\r\n', b':--1\r\n', b':\r\n', b'$0\r\nxx',
       b'+\r\n', b'-\r\n', b'*0\r\n', b'*-1\r\n', b'$-1\r\n']


def encode(value):
    """bytes: a string; str: a status, or with a leading dash an error; None: nil."""
    if value is None:
        return b'$-1\r\n'
    if isinstance(value, int):
        return b':%d\r\n' % value
    if isinstance(value, bytes):
        return b'$%d\r\n%s\r\n' % (len(value), value)
    if isinstance(value, str):
        return ('+' + value + '\r\n' if value[:1] != '-' else value + '\r\n').encode()
    return b'*%d\r\n%s' % (len(value), b''.join(map(encode, value)))


def error(rng):
    return b'-' + rng.choice(ERRORS).replace(b'\n', b' ') + b'\r\n'


def tree(rng, depth=0):
    """Any reply."""
    kind = rng.randrange(6 if depth < 5 else 5)
    if kind == 0:
        return None
    if kind == 1:
        return rng.choice(NUMBERS)
    if kind == 2:
        return rng.choice(NAMES + IDS)
    if kind == 3:
        return rng.choice(['OK', 'QUEUED', '', '1-1'])
    if kind == 4:
        return rng.choice([b'r', b's', b'0', b'length', b'entries-added', b'last-generated-id'])
    return [tree(rng, depth + 1) for _ in range(rng.choice([0, 1, 2, 2, 3, 6]))]


def entries(rng, n=None):
    at = rng.choice([1, 5, 1751390520000, 2**64 - 3])
    found = []
    for _ in range(rng.randrange(4) if n is None else n):
        fields = [rng.choice(NAMES) for _ in range(2 * rng.choice([1, 1, 1, 2, 0]))]
        found.append([b'%d-%d' % (at, rng.randrange(3)), fields])
        at += 1
    return found


def info(rng):
    return [b'length', rng.choice(NUMBERS), b'radix-tree-keys', 1, b'last-generated-id', rng.choice(IDS),
            b'max-deleted-entry-id', b'0-0', b'entries-added', rng.choice(NUMBERS),
            b'recorded-first-entry-id', rng.choice(IDS), b'groups', 0, b'first-entry', None, b'last-entry', None]


def group(rng):
    return [b'name', rng.choice(NAMES), b'consumers', 1, b'pending', rng.choice(NUMBERS),
            b'last-delivered-id', rng.choice(IDS), b'entries-read', rng.choice(NUMBERS),
            b'lag', rng.choice([None, *NUMBERS])]


def slots(server):
    rng = server.rng
    hosts = [b'127.0.0.1', b'', None, server.trap_path.encode(), b'x' * 300, b'\x1b[31m', b'a b']
    ports = [server.port] * 4 + [0, 0, -1, 65536, 2**40, None]
    if rng.random() < server.honesty:
        return [[0, 16383, [b'127.0.0.1', server.port, b'id', []]]]

    def some():
        nodes = [[rng.choice(hosts), rng.choice(ports), b'id'] for _ in range(3)]
        return [rng.choice(NUMBERS), rng.choice(NUMBERS), *nodes]
    return [some() for _ in range(rng.randrange(5))]


def hello(server):
    mode = b'cluster' if server.cluster else b'standalone'
    return [b'server', b'redis', b'version', b'7.0.0', b'proto', 2, b'id', 3, b'mode', mode,
            b'role', b'master' if server.rng.random() < .9 else b'replica', b'modules', []]


def reads(rng, words):
    upper = [word.upper() for word in words]
    if rng.random() < .3:
        return None
    rest = words[upper.index(b'STREAMS') + 1:]
    return [[room, entries(rng)] for room in rest[:len(rest) // 2]] or None


def one(server, words):
    rng, name = server.rng, words[0].upper()
    second = words[1].upper() if len(words) > 1 else b''
    if name == b'SENTINEL':
        lies = [None, [b'', b'0'], [1, 2], [server.trap_path.encode(), b'0']]
        return rng.choice([[b'127.0.0.1', b'%d' % server.port]] * 8 + lies)
    if name in (b'XREAD', b'XREADGROUP'):
        return reads(rng, words)
    if name in (b'XRANGE', b'XREVRANGE'):
        return entries(rng)
    if name == b'XINFO':
        return info(rng) if second == b'STREAM' else [group(rng) for _ in range(rng.randrange(3))]
    if name == b'CLUSTER':
        return slots(server)
    if name == b'XADD':
        return b'%d-%d' % (rng.randrange(10**13), rng.randrange(3))
    if name == b'SCAN':
        found = [rng.choice(NAMES + [b'r', b's']) for _ in range(rng.randrange(4))]
        return [rng.choice([b'0', b'0', b'17', b'x' * 100]), found]
    answers = {b'HELLO': hello(server), b'TIME': [b'1751390520', b'5'], b'WAIT': rng.randrange(3), b'DEL': 1,
               b'PEXPIRE': 1, b'XACK': 1, b'XTRIM': 0, b'XLEN': 3, b'TYPE': 'stream',
               b'GET': rng.choice([None, b'0 0', b'1 1 5-5 -']), b'EVAL': rng.choice([b'1-1', 'OK', 1, None]),
               b'XAUTOCLAIM': [b'0-0', entries(rng), []], b'XPENDING': [0, None, None, None]}
    return answers.get(name, 'OK')


def right(server, c, words):
    """What Redis might answer; to a command that would block, mostly nothing."""
    name = words[0].upper()
    if b'BLOCK' in [word.upper() for word in words[:8]] and server.rng.random() < .5:
        return b''
    if name == b'MULTI':
        c.queued = []
    elif name == b'EXEC' and c.queued is not None:
        results, c.queued = [one(server, command) for command in c.queued], None
        return encode(results)
    elif c.queued is not None:
        c.queued.append(words)
        return encode('QUEUED')
    return encode(one(server, words))


def mutate(rng, answer):
    data = bytearray(answer or b'$-1\r\n')
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(4)
        if kind == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at:at] = rng.choice(RAW)[:20]
        elif kind == 2:
            del data[at:at + rng.randint(1, 8)]
        else:
            data[at:at] = data[at:at + rng.randint(1, 30)]
    return bytes(data)


def redirect(server):
    trap = server.trap_path.encode()
    to = server.rng.choice([b'127.0.0.1:%d' % server.port, b':%d' % server.port, trap + b':0', b'127.0.0.1:1'])
    return b'-%s %d %s\r\n' % (server.rng.choice([b'MOVED', b'ASK']), server.rng.choice([0, 1, 16383, 16384]), to)


def unasked(rng):
    return rng.choice([rng.choice(RAW), encode(tree(rng)), error(rng)])


def wrong(server, answer):
    rng = server.rng
    kind = rng.randrange(9)
    if kind == 0:
        return rng.choice(RAW)
    if kind == 1:
        return error(rng)
    if kind == 2:
        return redirect(server)
    if kind == 3:
        return b''
    if kind == 4:
        return answer + unasked(rng)
    if kind == 5:
        return answer + answer
    if kind in (6, 7):
        return mutate(rng, answer)
    return encode(tree(rng))
