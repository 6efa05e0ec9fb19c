"""What tests/bench/run starts: processes that are stopped however the run ends, servers, a cluster, and relays."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import redis

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Failure(Exception):
    pass


def check(true, words):
    if not true:
        raise Failure(words)


def wait_until(true, words):
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    raise Failure(words)


class Processes:
    """Every process of this run. Each leads a process group, so that what it starts is stopped with it."""

    def __init__(self):
        self.all, self.busy, self.signal = [], False, 0
        for number in signal.SIGHUP, signal.SIGINT, signal.SIGTERM:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.on_signal)

    def on_signal(self, number, _):
        """Exit, but not while a process starts that is not in the list yet."""
        self.signal = number
        if not self.busy:
            sys.exit(128 + number)

    def start(self, command, **options):
        self.busy = True
        try:
            child = subprocess.Popen(command, start_new_session=True, **options)
            self.all.append(child)
        finally:
            self.busy = False
        if self.signal:
            sys.exit(128 + self.signal)
        return child

    def stop(self, child):
        """None of them has anything to save."""
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self.all.remove(child)

    def stop_all(self):
        self.busy = True
        for child in reversed(self.all[:]):
            self.stop(child)


class Run:
    """A finished process: seconds, those of them that it computed itself, and its peak of memory in bytes."""

    def __init__(self, processes, command, source=None, sink=None):
        with tempfile.NamedTemporaryFile('r') as figures, open(source or os.devnull, 'rb') as stdin, \
                open(sink or os.devnull, 'wb') as stdout:
            start = time.monotonic()
            child = processes.start(['time', '-q', '-o', figures.name, '-f', '%U %M', *command], stdin=stdin,
                                    stdout=stdout)
            code = child.wait()
            self.seconds = time.monotonic() - start
            processes.stop(child)
            check(code == 0, f'{command[0]} exited with {code}')
            user, kilobytes = figures.read().split()
        self.user, self.memory = float(user), int(kilobytes) * 1024


def client():
    return shutil.which('redis-cli') or 'valkey-cli'


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Server:
    """A server on a free port of 127.0.0.1, which keeps nothing on disk."""

    def __init__(self, processes, tmp, cluster=False):
        # Another process may take the port before the server does.
        for _ in range(5):
            self.port = free_port()
            options = ('--cluster-enabled', 'yes', '--cluster-port', str(free_port())) if cluster else ()
            self.process = processes.start(
                [f'{ROOT}/tests/server', '--bind', '127.0.0.1', '--port', str(self.port), '--save', '', '--appendonly',
                 'no', *options], cwd=tempfile.mkdtemp(dir=tmp), stdout=subprocess.DEVNULL)
            self.redis = redis.Redis(port=self.port)
            if self.answers():
                return
            processes.stop(self.process)
        raise Failure('the server does not answer')

    def answers(self):
        """Whether it is this server that answers: what others have in theirs must not be touched."""
        for _ in range(200):
            with contextlib.suppress(redis.ConnectionError):
                return self.redis.info('server')['process_id'] == self.process.pid
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        return False

    def version(self):
        info = self.redis.info('server')
        return f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])}"


class Cluster:
    """Three masters, which share the slots."""

    def __init__(self, processes, tmp):
        self.processes = processes
        self.nodes = [Server(processes, tmp, cluster=True) for _ in range(3)]
        create = processes.start([client(), '--cluster', 'create', *(f'127.0.0.1:{node.port}' for node in self.nodes),
                                  '--cluster-yes'], stdout=subprocess.PIPE, text=True)
        said, _ = create.communicate()
        processes.stop(create)
        check(create.returncode == 0, f'no cluster could be made: {said}')
        wait_until(lambda: all(self.ready(node) for node in self.nodes), 'the cluster does not get ready')

    @staticmethod
    def ready(node):
        said = subprocess.run([client(), '-p', str(node.port), 'cluster', 'info'], stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        return {'cluster_state:ok', 'cluster_known_nodes:3', 'cluster_slots_assigned:16384'} <= set(said.splitlines())

    def stop(self):
        for node in self.nodes:
            self.processes.stop(node.process)


class Relay:
    """Another port of the server at `there`, which delays bytes by this many milliseconds each way; see relay.c."""

    def __init__(self, processes, program, there, milliseconds):
        self.processes = processes
        self.process = processes.start([program, str(there), str(milliseconds)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline() or 0)
        check(self.port, 'the relay did not start')

    def stop(self):
        self.processes.stop(self.process)
        self.process.stdin.close()
        self.process.stdout.close()
