"""What carries lines from senders to readers: our programs, and others that do the same work.

Each peer has a name, and `turns`: whether a sender can send to many rooms in turn, or only to the room that it was
started with. `sender`, `reader` and `say` return commands. A sender sends each line of its input, as `line` makes it; a
reader prints each line of its rooms; `say` sends one line and exits.
"""

import os
import shutil
import time

from processes import Failure, free_port, wait_until


class Chat:
    name, turns = 'chat-send, chat-tail', True

    def __init__(self, bench):
        self.bench = bench

    def sender(self, _):
        return self.bench.send('-t')

    def line(self, room, text):
        return f'{room}\t\tjhon\t{text}\n'

    def reader(self, rooms):
        return self.bench.tail(*rooms)

    def say(self, room, text):
        return self.bench.send(room, text)

    def wait_for(self, readers, _):
        """Return once these readers get what is sent from now on."""
        wait_until(lambda: self.bench.redis.info('clients')['blocked_clients'] >= readers,
                   f'{self.name}: not all readers listen')

    def empty(self):
        self.bench.empty([self.bench.server])

    def stop(self):
        pass


class ChatTexts(Chat):
    """Lines as they are, for one room."""

    turns = False

    def sender(self, room):
        return self.bench.send(room)

    def line(self, room, text):
        return f'{text}\n'

    def reader(self, rooms):
        return self.bench.tail('-F', '%t\\n', *rooms)


class RedisPy(Chat):
    """A Python process for each sender and reader, with the loop that one writes first."""

    name = 'redis-py, XADD and XREAD'

    def sender(self, _):
        return self.bench.python('rows')

    def reader(self, rooms):
        return self.bench.python('follow', *rooms)

    def say(self, room, text):
        return self.bench.client('xadd', room, '*', 'jhon', text)


class RedisCli(Chat):
    """Nothing is kept: a reader that is not connected misses what is sent."""

    name = 'redis-cli, PUBLISH and SUBSCRIBE'

    def sender(self, _):
        return self.bench.client()

    def line(self, room, text):
        return f'PUBLISH {room} "{text}"\n'

    def reader(self, rooms):
        return self.bench.client('subscribe', *rooms)

    def say(self, room, text):
        return self.bench.client('publish', room, text)

    def wait_for(self, _, subscriptions):
        wait_until(lambda: sum(n for _, n in self.bench.redis.pubsub_numsub(*self.bench.redis.pubsub_channels())) >=
                   subscriptions, f'{self.name}: not all readers listen')


class Mosquitto:
    """With a broker of its own, on its default settings except for the address and the log."""

    turns = False

    def __init__(self, bench, qos):
        self.bench, self.qos, self.name = bench, str(qos), f'mosquitto, QoS {qos}'
        self.log, self.seen = bench.path(f'mosquitto-{qos}.log'), 0
        for _ in range(5):  # another process may take the port before the broker does
            self.port = str(free_port())
            self.broker = self.start()
            if self.answers():
                return
            bench.processes.stop(self.broker)
        raise Failure('mosquitto does not answer')

    @staticmethod
    def there():
        return broker() and all(map(shutil.which, ('mosquitto_pub', 'mosquitto_sub')))

    def start(self):
        conf = self.bench.path(f'mosquitto-{self.qos}.conf')
        with open(conf, 'w', encoding='ascii') as out:
            out.write(f'listener {self.port} 127.0.0.1\nallow_anonymous true\nlog_dest stderr\n'
                      'log_type subscribe\nlog_type information\n')
            if os.getuid() == 0:
                out.write('user root\n')  # by default it needs a user of its own
        with open(self.log, 'wb') as log:
            return self.bench.spawn([broker(), '-c', conf], stdout=log, stderr=log)

    def answers(self):
        """Whether this broker listens; if the port is taken, it exits. What answers there may be another program."""
        for _ in range(600):
            if self.broker.poll() is not None:
                break
            with open(self.log, encoding='utf-8') as log:
                if 'running\n' in log.read():
                    return True
            time.sleep(0.05)
        return False

    def command(self, program, *arguments):
        return [program, '-h', '127.0.0.1', '-p', self.port, '-q', self.qos, *arguments]

    def sender(self, room):
        return self.command('mosquitto_pub', '-t', room, '-l')

    def line(self, room, text):
        return f'{text}\n'

    def reader(self, rooms):
        return self.command('mosquitto_sub', *(word for room in rooms for word in ('-t', room)))

    def say(self, room, text):
        return self.command('mosquitto_pub', '-t', room, '-m', text)

    def wait_for(self, _, subscriptions):
        """Its log has a line for each subscription: when, whose, QoS, topic."""
        self.seen += subscriptions
        wait_until(lambda: self.subscribed() >= self.seen, f'{self.name}: not all readers listen')

    def subscribed(self):
        with open(self.log, encoding='utf-8') as log:
            return sum(len(words := line.split()) == 4 and words[2] == self.qos for line in log)

    def empty(self):
        """The broker keeps nothing that was delivered."""

    def stop(self):
        self.bench.processes.stop(self.broker)


def broker():
    """The path of the broker, which may be installed outside of a user's PATH; or None."""
    return shutil.which('mosquitto', path=f'{os.environ["PATH"]}:/usr/sbin:/usr/local/sbin')


def mosquittos(bench):
    """Both qualities of service that acknowledge each message. The table names what cannot be compared."""
    bench.table.note('nats is not compared: Debian has its server, but not its command')
    if Mosquitto.there():
        return [Mosquitto(bench, qos) for qos in (1, 2)]
    bench.table.note('mosquitto is not compared: it is not installed')
    return []
