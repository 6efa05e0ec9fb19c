"""worker.py LOG MARKS: does jobs, which are the rows of `chat-tail -t`, and answers each; for jobs.py.

A job's text says what becomes of it: `good`, `flaky`, which fails the first time that a worker has it, or `bad`, which
fails each time. What is done is in LOG before it is answered.
"""

import os
import sys
import time

log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)


def fails(room, entry, kind):
    if kind != 'flaky':
        return kind == 'bad'
    try:
        os.close(os.open(os.path.join(sys.argv[2], room + entry), os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


try:
    for row in sys.stdin:
        time.sleep(0.002)  # or on a fast machine all is done before the last one is killed
        room, entry, _, kind = row.rstrip('\n').split('\t')
        if fails(room, entry, kind):
            row = '%s\t-%s\n' % (room, entry)
        else:
            os.write(log, ('%s %s\n' % (room, entry)).encode())
            if entry.endswith('2-1'):  # the row as it is will do, and so will less
                row = '%s\t%s\n' % (room, entry)
        sys.stdout.write(row)
        sys.stdout.flush()
except BrokenPipeError:
    os._exit(0)  # the reader was killed
