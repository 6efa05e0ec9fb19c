"""Jobs of two rooms, shared by readers whose workers fail, while workers, readers and the server are killed."""

import asyncio
import collections
import os
import random
import subprocess
import sys
import tempfile
import time

from faultlib.basis import PATIENCE, Failure, Server, fail
from faultlib.traffic import Victim

ROOMS = ('one', 'two')
CLAIM = '2s'


class Pair:
    """A reader, a worker behind it, and a pipe each way. The reader ends by itself once all is done."""

    def __init__(self, server, folder, options):
        self.folder = folder
        self.reading = ('chat-tail', '-s', server, '--retry', '60', '-t', '-e', '-g', 'workers', '--ack', '--claim', CLAIM,
                        *options, *ROOMS)
        self.working = (sys.executable, '-S', os.path.join(os.path.dirname(__file__), 'worker.py'),
                        os.path.join(folder, 'log'), os.path.join(folder, 'marks'))
        self.err = tempfile.TemporaryFile()
        self.start()

    def start(self):
        self.killed = False
        (rows, reader_out), (reader_in, answers) = os.pipe(), os.pipe()
        self.reader = subprocess.Popen(self.reading, stdin=reader_in, stdout=reader_out, stderr=self.err)
        self.worker = subprocess.Popen(self.working, stdin=rows, stdout=answers)
        for end in (rows, reader_out, reader_in, answers):
            os.close(end)

    def kill(self):
        self.killed = True
        random.choice((self.reader, self.worker)).kill()

    def goes_on(self):
        """Whether one of the two runs; what a kill ended is started again when neither does. A reader whose worker died
        ends as it likes."""
        if self.reader.poll() is None or self.worker.poll() is None:
            return True
        if not self.killed and (self.reader.returncode, self.worker.returncode) != (0, 0):
            self.err.seek(0)
            fail('exit statuses %s, %s: %s' % (self.reader.returncode, self.worker.returncode, self.err.read().decode()))
        if self.killed:
            self.start()
        return self.killed

    def end(self):
        for process in (self.reader, self.worker):
            process.kill()
            process.wait()


def kind_of(number, tries):
    """One in ten fails the first time; where there is a room for them, one in a hundred always."""
    return 'bad' if tries and number % 100 == 7 else 'flaky' if number % 10 == 3 else 'good'


class Jobs:
    """The jobs' fate, as the server and the workers tell it. A job is known by its room and ID, as in the workers' log."""

    def __init__(self, tell, folder, number, tries):
        self.log = os.path.join(folder, 'log')
        os.mkdir(os.path.join(folder, 'marks'))
        with open(self.log, 'wb'):
            pass
        self.kinds = {}
        for n in range(number):
            room, entry = ROOMS[n % 2], '%d-1' % (n + 1)
            self.kinds['%s %s' % (room, entry)] = kind_of(n, tries)
            tell.send('XADD', room, entry, 'jhon', kind_of(n, tries))
        for _ in range(number):
            tell.reply()
        for room in ROOMS:
            tell.ask('XGROUP', 'CREATE', room, 'workers', '0')

    def done(self):
        with open(self.log, encoding='ascii') as log:
            return log.read().splitlines()

    def acknowledged(self, tell):
        """At one moment: the jobs given out that are no longer pending; how many are pending; and what is in `dead`."""
        tell.ask('MULTI')
        for room in ROOMS:
            tell.ask('XINFO', 'GROUPS', room)
            tell.ask('XPENDING', room, 'workers', '-', '+', len(self.kinds))
        tell.ask('XRANGE', 'dead', '-', '+')
        *replies, dead = tell.ask('EXEC')
        acknowledged, pending = set(), 0
        for room, (group,), left in zip(ROOMS, replies[::2], replies[1::2]):
            last = dict(zip(group[::2], group[1::2]))[b'last-delivered-id']
            given = {job for job in self.kinds if job.startswith(room) and number_of(job) <= int(last.split(b'-')[0])}
            acknowledged |= given - {'%s %s' % (room, entry[0].decode()) for entry in left}
            pending += len(left)
        return acknowledged, pending, [fields for _, fields in dead]

    def too_early(self, tell):
        """How many are acknowledged and neither done nor in `dead`. The log is read afterwards."""
        acknowledged, _, dead = self.acknowledged(tell)
        return len(acknowledged - set(self.done()) - {job_of(fields) for fields in dead})

    def judge(self, tell, early):
        acknowledged, pending, dead = self.acknowledged(tell)
        done, buried = collections.Counter(self.done()), collections.Counter(map(job_of, dead))
        good = {job for job, kind in self.kinds.items() if kind != 'bad'}
        wrong = {'lost': len(good - done.keys()), 'acknowledged before they were done': early,
                 'not acknowledged': len(self.kinds.keys() - acknowledged), 'pending': pending,
                 'done though they can not be': len(done.keys() - good),
                 'of the dead missing': len(self.kinds.keys() - good - buried.keys()),
                 'dead without reason': len(buried.keys() - (self.kinds.keys() - good)),
                 'dead twice': sum(buried.values()) - len(buried),
                 'dead and changed': sum(fields[:-2] != [b'jhon', b'bad'] for fields in dead)}
        print('%d jobs: %s; %d done more than once, %d dead' % (
            len(self.kinds), ', '.join('%d %s' % (n, what) for what, n in wrong.items()),
            sum(n > 1 for n in done.values()), len(buried)))
        if any(wrong.values()):
            fail('see above')


def number_of(job):
    return int(job.split(' ')[1].split('-')[0])


def job_of(fields):
    """Which job that entry of `dead` was before."""
    if fields[-2] != b'chat-tail:dead':
        fail('the last field of a dead job is %r' % fields[-2])
    return fields[-1].decode().replace('\t', ' ')


async def loaded(victim):
    """The server, once it has loaded its append-only file."""
    tell = Server(victim.path)
    while True:
        try:
            tell.ask('PING')
            return tell
        except Failure:
            await asyncio.sleep(0.02)


async def torment(victim, jobs, pairs, kills, outages):
    """Until all have ended. A kill is due when so many jobs are done, not when so much time has passed. Returns how many
    jobs were acknowledged too early."""
    due = [len(jobs.kinds) * 0.9 * n / (kills + outages) for n in range(kills + outages)]
    falls = {due[len(due) * n // (outages + 1)] for n in range(1, outages + 1)}
    tell, early, end = Server(victim.path), 0, time.monotonic() + 0.8 * PATIENCE
    while [pair for pair in pairs if pair.goes_on()]:  # each is asked
        if time.monotonic() > end:
            fail('it does not end: %d of %d are done' % (len(set(jobs.done())), len(jobs.kinds)))
        if due and len(jobs.done()) >= due[0]:
            early += jobs.too_early(tell)
            if due.pop(0) in falls:
                await victim.kill()
                tell = await loaded(victim)
            else:
                random.choice(pairs).kill()
        await asyncio.sleep(0.02)
    if due:
        fail('%d kills were left' % len(due))
    return early + jobs.too_early(tell)


async def jobs(seed, number, kills, outages, tries=0):
    """So many jobs, four readers, each with a worker; so many of those are killed, and the server so often."""
    random.seed(int(seed))
    with tempfile.TemporaryDirectory(dir='/tmp') as folder:
        victim, pairs = Victim(folder), []
        try:
            tell = await victim.begin()
            all_jobs = Jobs(tell, folder, int(number), int(tries))
            options = ('--tries', tries, '--dead', 'dead') if tries else ()
            for n in range(4):  # a death is counted against each job that was given
                pairs.append(Pair(victim.path, folder, ('--prefetch', '1' if tries or n < 2 else '10', *options)))
            early = await torment(victim, all_jobs, pairs, int(kills), int(outages))
            print('seed %s: %s kills, the server %s times; ' % (seed, kills, outages), end='')
            all_jobs.judge(Server(victim.path), early)
        finally:
            for pair in pairs:
                pair.end()
            victim.process.kill()
            victim.process.wait()
