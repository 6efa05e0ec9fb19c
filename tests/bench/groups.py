"""The part of tests/bench/run that measures readers that share a room."""

import os

from bench import LINES, LIVE
from latency import live_lines
from processes import check

SHARE = '-t', '-e', '-g', 'w'
# chat-tail with its input from a named pipe, to which a worker writes what it has done.
WORKING = 'pipe=$1; shift; "$@" <"$pipe" | stdbuf -oL cut -f 2 >"$pipe"'
PENDING = """redis.call('XGROUP', 'CREATE', 'room:1', 'w', 0, 'MKSTREAM')
for i = 1, ARGV[1] do redis.call('XADD', 'room:1', '*', 'jhon', 'old') end
redis.call('XREADGROUP', 'GROUP', 'w', 'other', 'STREAMS', 'room:1', '>')"""


def groups(bench):
    """All of a room, each message acknowledged, beside a consumer that reads and acknowledges 100 at a time; then live
    lines beside what is pending for another reader."""
    n = LINES // 10
    bench.make_inputs(n)
    bench.fill_room()
    theirs = sharing(bench, bench.reading(bench.python('group'), 'tsv'), n)
    bench.compare(f'chat-tail -g, {n:,} lines', 'a redis-py consumer',
                  sharing(bench, bench.reading(bench.tail(*SHARE, 'room'), 'tsv'), n), theirs, most_ratio=0.3)
    bench.compare('chat-tail -g --ack --prefetch 100 and cut', 'a redis-py consumer',
                  sharing(bench, working(bench, '--prefetch', '100'), n), theirs, most_ratio=0.6)
    bench.empty([bench.server])
    pending = 3 * LINES // 10
    bench.redis.eval(PENDING, 0, pending)
    live_lines(bench, f'a live line, {pending:,} pending for another', ('-g', 'w', 'room:1'), 1, LIVE)
    bench.empty([bench.server])


def sharing(bench, read, n):
    """A function that does so in a group that has had none of the n entries; each must be acknowledged by then."""
    def run():
        bench.redis.xgroup_destroy('room', 'w')
        bench.redis.xgroup_create('room', 'w', '0')
        result = read()
        group, = bench.redis.xinfo_groups('room')
        acknowledged = group['entries-read'] - group['pending']
        check(acknowledged == n, f'{acknowledged} of {n} entries are acknowledged')
        return result
    return run


def working(bench, *options):
    pipe = bench.path('done')
    os.mkfifo(pipe)
    command = bench.tail(*SHARE, '--ack', *options, 'room')
    return lambda: bench.run(['bash', '-o', 'pipefail', '-c', WORKING, 'bash', pipe, *command])
