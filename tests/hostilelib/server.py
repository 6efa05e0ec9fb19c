"""A server that answers as Redis would, now and then; the other answers are nonsense of each kind."""
import os
import selectors
import socket
import struct

from hostilelib import nonsense


class Connection:
    def __init__(self, sock):
        self.sock, self.input, self.output = sock, b'', b''
        self.queued = None  # commands of a transaction
        self.slow = self.mute = self.ends = False


class Server:
    def __init__(self, rng, home):
        self.rng, self.talk = rng, []
        self.honesty = rng.choice([.3, .8, .95, .99])  # of an answer
        self.cluster, self.sentinel = rng.random() < .2, rng.random() < .15
        self.poll = selectors.DefaultSelector()
        path = os.path.join(home, 'sock')
        if self.sentinel or self.cluster or rng.random() < .2:
            self.listener = socket.create_server(('127.0.0.1', 0))
            self.port = self.listener.getsockname()[1]
            where = f'127.0.0.1:{self.port}'
            self.uri = f'redis+sentinel://{where}/chat' if self.sentinel else f'redis://{where}'
        else:
            self.port = 0
            self.listener = unix_listener(path)
            self.uri = 'unix://' + path
        self.trap_path = os.path.join(home, 'trap')
        self.trap = unix_listener(self.trap_path)
        self.trap.setblocking(False)
        self.listener.setblocking(False)
        self.poll.register(self.listener, selectors.EVENT_READ)
        self.connections = 0

    def close(self):
        for key in list(self.poll.get_map().values()):
            key.fileobj.close()
        self.trap.close()
        self.poll.close()

    def trapped(self):
        try:
            self.trap.accept()[0].close()
            return True
        except BlockingIOError:
            return False

    def serve(self, seconds):
        """Does what is to be done within that time. Returns whether there was anything."""
        busy = False
        for key, events in self.poll.select(seconds):
            busy = True
            if key.data is None:
                self.accept()
            elif events & selectors.EVENT_WRITE:
                self.write(key.data)
            else:
                self.read(key.data)
        return busy

    def accept(self):
        try:
            sock, _ = self.listener.accept()
        except OSError:
            return
        self.connections += 1
        c = Connection(sock)
        sock.setblocking(False)
        c.slow = self.rng.random() < .1
        self.poll.register(sock, selectors.EVENT_READ, c)
        if self.rng.random() > max(self.honesty, .9):
            self.say(c, nonsense.unasked(self.rng))

    def drop(self, c):
        self.poll.unregister(c.sock)
        if self.rng.random() < .3:  # a reset
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        c.sock.close()

    def say(self, c, answer):
        self.talk.append(f'> {answer[:300]!r}')
        c.output += answer
        self.poll.modify(c.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, c)

    def write(self, c):
        n = self.rng.randint(1, 9) if c.slow and len(c.output) < 5000 else len(c.output)
        try:
            c.output = c.output[c.sock.send(c.output[:n]):]
        except OSError:
            c.output, c.ends = b'', True
        if not c.output and c.ends:
            self.drop(c)
        elif not c.output:
            self.poll.modify(c.sock, selectors.EVENT_READ, c)

    def read(self, c):
        try:
            data = c.sock.recv(1 << 20)
        except OSError:
            data = b''
        if not data:
            self.drop(c)
            return
        if c.mute or c.ends:
            return
        c.input += data
        commands, c.input = parse(c.input)
        answers = [(words, self.answer(c, words)) for words in commands]
        if len(answers) > 1 and self.rng.random() > max(self.honesty, .9):
            self.rng.shuffle(answers)
        for words, answer in answers:
            self.talk.append(f'< {b" ".join(words)[:300]!r}')
            if answer is None:
                c.ends = True
                break
            if not c.mute and answer:
                self.say(c, answer)
        if c.ends and not c.output:
            self.drop(c)

    def answer(self, c, words):
        """None: it hangs up."""
        if self.connections > 40:
            return None
        right = nonsense.right(self, c, words)
        if self.rng.random() < self.honesty:
            return right
        kind = self.rng.randrange(20)
        if kind == 0:
            return None
        if kind == 1:
            c.ends = True
            return right[:self.rng.randint(0, len(right))]
        if kind == 2:
            c.mute = True
        return nonsense.wrong(self, right)


def unix_listener(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(50)
    return listener


def parse(data):
    """The commands that are whole, as lists of words, and the rest. Ours are well formed, or this raises."""
    commands, at = [], 0
    while at < len(data):
        end = data.find(b'\r\n', at)
        if end < 0:
            break
        assert data[at:at + 1] == b'*', data[at:at + 50]
        words, here = [], end + 2
        for _ in range(int(data[at + 1:end])):
            end = data.find(b'\r\n', here)
            if end < 0:
                return commands, data[at:]
            assert data[here:here + 1] == b'$', data[here:here + 50]
            n = int(data[here + 1:end])
            words.append(data[end + 2:end + 2 + n])
            here = end + 2 + n + 2
            if here > len(data):
                return commands, data[at:]
        commands.append(words)
        at = here
    return commands, data[at:]
