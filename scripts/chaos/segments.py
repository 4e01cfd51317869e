"""Reads the segments of a shard's log (docs/formats.md; grammar: replay/log/segment_format.cc) and
an experience chunk's head. Written from the grammar alone: it shares no code with the program that
it checks."""

import struct
import zlib

MAGIC = 0x47534853
PREFIX = struct.Struct("<IHI")
RECORD = struct.Struct("<IIIQ")
CHUNK = struct.Struct("<HBBIIIQQQQ")
KIND_CHUNK = 1
KIND_PRIORITIES = 2


class Damage(Exception):
    """Bytes that are not what the grammar says."""


def _crc32c_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc32c_table()


def crc32c(data):
    table = _TABLE
    state = 0xFFFFFFFF
    for byte in data:
        state = table[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state ^ 0xFFFFFFFF


class Chunk:
    """One chunk record: where it stands, who made it, what it holds."""

    __slots__ = ("handle", "items", "incarnation", "sequence", "first_item", "crc32")

    def __init__(self, handle, body):
        if len(body) < CHUNK.size:
            raise Damage(f"a chunk of {len(body)} bytes")
        (version, _, _, self.items, _, _, self.incarnation, self.sequence, self.first_item,
         _) = CHUNK.unpack_from(body)
        if version != 1 or self.items == 0:
            raise Damage(f"a chunk of version {version} with {self.items} items")
        self.handle = handle
        self.crc32 = zlib.crc32(body)


class Segment:
    """A segment file, read further at every call of read(); what was read once is not read again."""

    def __init__(self, path):
        self.path = path
        self.shard = self.number = self.first_handle = None
        self.position = 0  # end of the last whole record
        self.rest = 0  # bytes behind it
        self.why = ""  # what is wrong with those

    def read(self):
        """The chunks that have come since the last call."""
        with open(self.path, "rb") as file:
            file.seek(self.position)
            data = file.read()
        at = 0
        self.why = ""
        if self.shard is None:
            at = self._header(data)
        chunks = []
        while at is not None and at < len(data):
            end = self._record(data, at)
            if end is None:
                break
            kind, handle = struct.unpack_from("<IQ", data, at + 8)
            if kind == KIND_CHUNK:
                chunks.append(Chunk(handle, data[at + RECORD.size:end]))
            elif kind != KIND_PRIORITIES:
                raise Damage(f"{self.path}: a record of kind {kind}")
            at = end
        self.position += at or 0
        self.rest = len(data) - (at or 0)
        return chunks

    def _header(self, data):
        if len(data) < PREFIX.size:
            self.why = "no whole header"
            return None
        magic, version, length = PREFIX.unpack_from(data)
        if magic != MAGIC or version != 1:
            raise Damage(f"{self.path}: not a segment of format 1")
        if length > len(data):
            self.why = "no whole header"
            return None
        if crc32c(data[:length - 4]) != struct.unpack_from("<I", data, length - 4)[0]:
            raise Damage(f"{self.path}: the header's checksum does not fit")
        self.shard, self.number, self.first_handle = struct.unpack_from("<HQQ", data, PREFIX.size)
        return length

    def _record(self, data, at):
        if len(data) - at < RECORD.size:
            self.why = "part of a record's head"
            return None
        crc, length, _, _ = RECORD.unpack_from(data, at)
        end = at + RECORD.size + length
        if end > len(data):
            self.why = "part of a record"
            return None
        if crc32c(data[at + 4:end]) != crc:
            self.why = "a record's checksum does not fit"
            return None
        return end
