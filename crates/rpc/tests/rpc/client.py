"""A client of ekiden-rpc in Python's standard library only, written from docs/rpc.md and from nothing else.

    python3 client.py 127.0.0.1:7005 none
    python3 client.py 127.0.0.1:7005 checksums

It calls the server of library.rs, which is beside this file, in every way that the page has, and ends with status 0 if all is as it should be.
"""

import socket
import struct
import sys
import zlib

REQUEST, REPLY, CHUNK, END, CREDIT, CANCEL, RESET, PING, PONG, DRAIN = range(1, 11)
MORE, DEADLINE, TRACE = 1, 2, 4
DONE, UNKNOWN_METHOD, BAD_ARGUMENTS, BAD_ITEM, BAD_RESULT, LATE = range(6)
REFUSED, EXPIRED, FAILED, CANCELLED = range(1, 5)
CHUNK_COST = 16
CHECKSUM, HELLO_CHECKSUM, CRC_32 = 5, 6, 1


def method(name):
    number = 0xCBF29CE484222325
    for byte in name.encode():
        number = (number ^ byte) * 0x100000001B3 % 2**64
    return number


def pack(value):
    """A value in MessagePack, as far as this client needs it."""
    if value is None:
        return b"\xc0"
    if value is False or value is True:
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        if 0 <= value < 128:
            return bytes([value])
        return b"\xcf" + struct.pack(">Q", value) if value >= 0 else b"\xd3" + struct.pack(">q", value)
    if isinstance(value, str):
        text = value.encode()
        return b"\xdb" + struct.pack(">I", len(text)) + text
    if isinstance(value, (list, tuple)):
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(pack, value))
    if isinstance(value, dict):
        pairs = b"".join(pack(key) + pack(item) for key, item in value.items())
        return b"\xdf" + struct.pack(">I", len(value)) + pairs
    raise TypeError(value)


def unpack(data):
    value, rest = unpack_one(data)
    assert not rest, rest
    return value


def unpack_one(data):
    kind, data = data[0], data[1:]
    if kind < 0x80:
        return kind, data
    if kind < 0x90:
        return unpack_map(data, kind & 15)
    if kind < 0xA0:
        return unpack_list(data, kind & 15)
    if kind < 0xC0:
        return data[: kind & 31].decode(), data[kind & 31 :]
    if kind >= 0xE0:
        return kind - 256, data
    if kind in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[kind], data
    form = {0xCA: "f", 0xCB: "d", 0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q", 0xD0: "b", 0xD1: "h", 0xD2: "i",
            0xD3: "q", 0xD9: "B", 0xDA: "H", 0xDB: "I", 0xDC: "H", 0xDD: "I", 0xDE: "H", 0xDF: "I"}[kind]
    size = struct.calcsize(form)
    (number,), data = struct.unpack(">" + form, data[:size]), data[size:]
    if kind in (0xD9, 0xDA, 0xDB):
        return data[:number].decode(), data[number:]
    if kind in (0xDC, 0xDD):
        return unpack_list(data, number)
    if kind in (0xDE, 0xDF):
        return unpack_map(data, number)
    return number, data


def unpack_list(data, count):
    values = []
    for _ in range(count):
        value, data = unpack_one(data)
        values.append(value)
    return values, data


def unpack_map(data, count):
    pairs = {}
    for _ in range(count):
        key, data = unpack_one(data)
        pairs[key], data = unpack_one(data)
    return pairs, data


class Connection:
    def __init__(self, addr, settings={}):
        host, port = addr.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        pairs = b"".join(struct.pack("<HI", *setting) for setting in settings.items())
        if CHECKSUM in settings:
            before = b"ekiden" + struct.pack("<HH", 1, len(pairs) + 6) + pairs
            hello = before + struct.pack("<HI", HELLO_CHECKSUM, zlib.crc32(before))
        else:
            hello = b"ekiden" + struct.pack("<HH", 1, len(pairs)) + pairs
        self.socket.sendall(hello)
        preface = self.read(10)
        magic, self.version, length = struct.unpack("<6sHH", preface)
        assert magic == b"ekiden", magic
        said = self.read(length)
        theirs = dict(struct.iter_unpack("<HI", said))
        if CHECKSUM in theirs:
            # It is the last setting.
            assert theirs[HELLO_CHECKSUM] == zlib.crc32(preface + said[:-6])
        self.has_checksums = settings.get(CHECKSUM, 0) == theirs.get(CHECKSUM, 0) == CRC_32
        self.frame_bytes_max = theirs.get(1, 65536)
        self.window = min(theirs.get(3, 65536), settings.get(3, 65536))
        self.next_id = 0

    def read(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            assert piece, "the server closed the connection"
            data += piece
        return data

    def send(self, kind, number, payload=b""):
        length = 5 + len(payload) + (4 if self.has_checksums else 0)
        assert length <= self.frame_bytes_max
        frame = struct.pack("<IBI", length, kind, number) + payload
        if self.has_checksums:
            frame += struct.pack("<I", zlib.crc32(frame))
        self.socket.sendall(frame)

    def receive(self):
        header = self.read(9)
        length, kind, number = struct.unpack("<IBI", header)
        payload = self.read(length - 5)
        if self.has_checksums:
            payload, checksum = payload[:-4], payload[-4:]
            assert checksum == struct.pack("<I", zlib.crc32(header + payload)), (header, payload, checksum)
        return kind, number, payload

    def open(self, name, arguments, more=False, deadline=None, trace=None):
        """Begins a call, and says which."""
        self.next_id += 1
        flags = (MORE if more else 0) | (DEADLINE if deadline is not None else 0) | (TRACE if trace else 0)
        head = struct.pack("<BQ", flags, method(name))
        if deadline is not None:
            head += struct.pack("<I", deadline)
        if trace:
            head += bytes.fromhex(trace.replace("-", "")[2:])
        self.send(REQUEST, self.next_id, head + pack(arguments))
        return self.next_id

    def reply(self, call):
        """The reply of a call: whether more follows, the status, the result."""
        kind, number, payload = self.receive()
        assert (kind, number) == (REPLY, call), (kind, number, payload)
        return payload[0] & MORE, payload[1], payload[2:]

    def call(self, *arguments, **options):
        more, status, result = self.reply(self.open(*arguments, **options))
        assert (more, status) == (0, DONE), (more, status, result)
        return unpack(result)

    def items(self, call):
        """The items of a reply, with credit for each when it is taken."""
        while True:
            kind, number, payload = self.receive()
            assert number == call
            if kind == END:
                return
            assert kind == CHUNK, (kind, payload)
            yield unpack(payload)
            self.send(CREDIT, call, struct.pack("<I", len(payload) + CHUNK_COST))


def unary(server):
    assert server.call("Library.find", ["Emma"]) == {"Ok": {"title": "Emma", "pages": 474, "isbn": None}}
    assert server.call("Library.find", ["Ulysses"]) == {"Err": {"title": "Ulysses"}}
    assert server.call("Library.find", ["Emma", "and an argument that it does not know"])["Ok"]["title"] == "Emma"
    assert server.call("Library.count", []) == 3


def replies_come_in_any_order(server):
    slow, quick = server.open("Library.wait", [True]), server.open("Library.count", [])
    assert server.reply(quick) == (0, DONE, pack(3))
    server.send(CANCEL, slow)
    assert server.receive() == (RESET, slow, bytes([CANCELLED]))


def from_server(server):
    # More than the window, so that it takes credit to get to the end.
    call = server.open("Library.numbers", [20000])
    more, status, result = server.reply(call)
    assert (more, status, unpack(result)) == (MORE, DONE, None)
    assert list(server.items(call)) == list(range(20000))


def from_server_without_credit(addr, settings):
    server = Connection(addr, settings | {3: 100})
    call = server.open("Library.numbers", [20000])
    assert server.reply(call)[:2] == (MORE, DONE)
    # Of 17 bytes each: the sixth goes below zero.
    numbers = [server.receive() for _ in range(6)]
    assert all(kind == CHUNK for kind, _, _ in numbers), numbers
    server.send(PING, 0, b"in order")
    assert server.receive() == (PONG, 0, b"in order"), "there was no credit for more"
    server.send(CANCEL, call)
    assert server.receive() == (RESET, call, bytes([CANCELLED]))


def to_server(server):
    call, credit = server.open("Library.import", [], more=True), server.window
    books = [{"title": "Walden " * 100, "pages": pages} for pages in range(1000)]
    for book in books:
        while credit <= 0:
            kind, number, payload = server.receive()
            assert (kind, number) == (CREDIT, call), (kind, number, payload)
            credit += struct.unpack("<I", payload)[0]
        item = pack(book)
        server.send(CHUNK, call, item)
        credit -= len(item) + CHUNK_COST
    server.send(END, call)
    while True:
        kind, number, payload = server.receive()
        if kind == REPLY:
            break
        assert (kind, number) == (CREDIT, call), (kind, number, payload)
    assert (payload[:2], unpack(payload[2:])) == (bytes([0, DONE]), {"books": 1000, "pages": sum(range(1000))})


def both_ways(server):
    call = server.open("Library.upper", [], more=True)
    assert server.reply(call) == (MORE, DONE, pack(None))
    for word in ["one", "two"]:
        server.send(CHUNK, call, pack(word))
        items = []
        while not items:
            kind, number, payload = server.receive()
            assert number == call and kind in (CHUNK, CREDIT)
            items += [unpack(payload)] if kind == CHUNK else []
        assert items == [word.upper()]
        server.send(CREDIT, call, struct.pack("<I", len(payload) + CHUNK_COST))
    server.send(END, call)
    kind, number, _ = server.receive()
    while kind == CREDIT:
        kind, number, _ = server.receive()
    assert (kind, number) == (END, call)


def an_item_that_is_none(server):
    call = server.open("Library.import", [], more=True)
    server.send(CHUNK, call, pack(7))
    more, status, text = server.reply(call)
    assert (more, status) == (0, BAD_ITEM) and text, (more, status, text)


def deadlines(server):
    call = server.open("Library.wait", [True], deadline=20)
    assert server.receive() == (RESET, call, bytes([EXPIRED]))
    assert server.reply(server.open("Library.wait", [True], deadline=0))[:2] == (0, LATE)
    assert 0 < server.call("Library.left", [], deadline=60_000) <= 60_000


def a_trace(server):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert server.call("Library.trace", [], trace=trace) == trace
    assert server.call("Library.trace", []) is None


def what_is_not_there(server):
    for name, arguments, expected in [
        ("Library.burn", [], UNKNOWN_METHOD),
        ("Library.find", [7], BAD_ARGUMENTS),
        ("Library.find", [], BAD_ARGUMENTS),
    ]:
        more, status, text = server.reply(server.open(name, arguments))
        assert (more, status) == (0, expected), (more, status, text)
    call = server.open("Library.panics", [])
    assert server.receive() == (RESET, call, bytes([FAILED]))
    assert server.call("Library.count", []) == 3


def another_version(addr, settings):
    host, port = addr.rsplit(":", 1)
    stranger = socket.create_connection((host, int(port)), timeout=30)
    stranger.sendall(b"ekiden" + struct.pack("<HH", 9, 0))
    answer = b""
    while piece := stranger.recv(1024):
        answer += piece
    assert struct.unpack("<6sH", answer[:8]) == (b"ekiden", 1)


def what_was_changed(addr, settings):
    server = Connection(addr, settings)
    if not server.has_checksums:
        return
    frame = struct.pack("<IBI", 9, PING, 0)
    server.socket.sendall(frame + struct.pack("<I", zlib.crc32(frame) ^ 1))
    assert server.socket.recv(1024) == b"", "it ends the connection"


def main(addr, checksums):
    settings = {CHECKSUM: CRC_32} if checksums == "checksums" else {}
    server = Connection(addr, settings)
    assert (server.version, server.has_checksums) == (1, checksums == "checksums")
    for test in [unary, replies_come_in_any_order, from_server, to_server, both_ways, an_item_that_is_none,
                 deadlines, a_trace, what_is_not_there]:
        test(server)
        print("as it should be:", test.__name__)
    for test in [from_server_without_credit, another_version, what_was_changed]:
        test(addr, settings)
        print("as it should be:", test.__name__)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
