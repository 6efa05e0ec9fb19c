"""The part of tests/bench/run that measures how much memory the programs take."""

from bench import GIANT, LINES, MEMORY
from table import megabytes


def memory(bench):
    lines, commands, half, rows = bench.path('lines'), bench.path('commands'), LINES // 2, LINES // 5
    bench.make_inputs(half)
    with bench.away(50) as port:
        bench.compare('memory of chat-send, 50 ms away', 'redis-cli --pipe',
                      bench.sending(bench.send('room', port=port), lines, half),
                      bench.sending(bench.client('--pipe', port=port), commands, half), **MEMORY)
    bench.compare('memory of chat-send -t, 1,000 rooms', 'one room', bench.sending_rows((), rows, 1000),
                  bench.sending_rows((), rows, 1), **MEMORY)
    bench.empty([bench.server])
    bench.make_inputs(LINES)
    bench.compare('memory of chat-send', 'redis-cli --pipe', bench.sending(bench.send('room'), lines, LINES),
                  bench.sending(bench.client('--pipe'), commands, LINES), **MEMORY)
    bench.fill_room()
    bench.compare('memory of chat-tail -t', 'redis-cli --csv XRANGE', bench.reading(bench.tail_all('-t'), 'tsv'),
                  bench.reading(bench.client('--csv', 'XRANGE', 'room', '-', '+'), 'csv'), **MEMORY)
    with open(bench.path('tsv'), 'rb') as tsv, open(bench.path('last'), 'wb') as last:
        last.writelines(tsv.readlines()[-10:])
    bench.compare(f'memory of chat-tail -t -n {LINES}', 'chat-tail -t -n 10',
                  bench.reading(bench.tail('-t', '-n', str(LINES), '-e', 'room'), 'tsv'),
                  bench.reading(bench.tail('-t', '-n', '10', '-e', 'room'), 'last'), **MEMORY)
    giants(bench)
    bench.redis.delete('room')


def giants(bench):
    twenty = bench.path('twenty')
    with open(twenty, 'w', encoding='ascii') as out:
        out.writelines(chr(97 + i) * GIANT + '\n' for i in range(20))
    run = bench.sending(bench.send('room'), twenty, 20)()
    bench.add(f'memory of chat-send, 20 messages of {GIANT / 2**20:g} MiB', run.memory, megabytes)
    run = bench.reading(bench.tail_all('-F', '%t\\n'), 'twenty')()
    bench.add('memory of chat-tail, the same', run.memory, megabytes)
