"""The witness itself: it accepts what is right, and names what is not."""

import os
import struct
import tempfile
import unittest
import zlib

from segments import CHUNK, MAGIC, PREFIX, RECORD, crc32c
from witness import Witness

WORKER = 0xABC
ITEMS = 8


def header(number, first_handle, shard=0):
    fields = struct.pack("<HQQ", shard, number, first_handle)
    body = PREFIX.pack(MAGIC, 1, PREFIX.size + len(fields) + 4) + fields
    return body + struct.pack("<I", crc32c(body))


def chunk(sequence, fill=b"x"):
    head = CHUNK.pack(1, 1, 0, ITEMS, ITEMS, 0, WORKER, sequence, (sequence - 1) * ITEMS, 1)
    return head + fill * 40


def record(handle, body):
    rest = struct.pack("<IIQ", len(body), 1, handle) + body
    return struct.pack("<I", crc32c(rest)) + rest


def ack(sequence, body):
    return f"{WORKER:016x} 0 {sequence} {(sequence - 1) * ITEMS} {ITEMS} {zlib.crc32(body):08x}\n"


class WitnessTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        at = self.folder.name
        for name in ("acks", "archive", "run/replay/shard-0", "run/checkpoints"):
            os.makedirs(os.path.join(at, name))
        self.witness = Witness(os.path.join(at, "run"), os.path.join(at, "acks"),
                               os.path.join(at, "archive"), 64, ITEMS)

    def tearDown(self):
        self.witness.archive.close()
        self.folder.cleanup()

    def write(self, number, data):
        path = os.path.join(self.folder.name, f"run/replay/shard-0/{number:010}.seg")
        with open(path, "ab") as file:
            file.write(data)
        return path

    def acknowledge(self, *sequences, fill=b"x"):
        with open(os.path.join(self.folder.name, "acks", "w.acks"), "a", encoding="utf-8") as file:
            for sequence in sequences:
                file.write(ack(sequence, chunk(sequence, fill)))

    def found(self):
        self.witness.check()
        kinds = {text.split()[0] for text in self.witness.violations}
        self.witness.violations.clear()
        return kinds

    def fill(self, number, first, last):
        data = header(number, (first - 1) * ITEMS)
        for sequence in range(first, last + 1):
            data += record((sequence - 1) * ITEMS, chunk(sequence))
        return self.write(number, data)

    def checkpoint(self, manifest, sum_of):
        """Of a manifest as it stands in the file; `sum_of` is what its checksum is made of."""
        path = os.path.join(self.folder.name, "run/checkpoints/7")
        os.makedirs(path)
        with open(os.path.join(path, "MANIFEST.json"), "w", encoding="utf-8") as file:
            file.write(manifest[:-1] + f', "crc32c": {crc32c(sum_of.encode())}}}')
        return self.witness.checkpoints()

    def test_numbers_of_a_manifest_count_as_they_are_written(self):
        # A longer way to write 1.259497274: what reads and writes it again may choose the shorter.
        whole, broken = self.checkpoint('{"time": 1.2594972740000001, "files": []}',
                                        '{"time":1.2594972740000001,"files":[]}')
        self.assertEqual((whole, broken), ([7], []))

    def test_a_manifest_that_does_not_fit_its_checksum_is_seen(self):
        whole, broken = self.checkpoint('{"time": 2.5, "files": []}', '{"time":2.6,"files":[]}')
        self.assertEqual((whole, broken), ([], [7]))

    def test_a_sound_log_is_accepted(self):
        self.fill(1, 1, 4)
        self.fill(2, 5, 6)
        self.acknowledge(1, 2, 3, 4, 5, 6)
        self.assertEqual(self.found(), set())
        self.assertEqual(self.witness.inserted(), 6 * ITEMS)

    def test_a_torn_tail_is_accepted_once_and_only_at_the_end(self):
        self.fill(1, 1, 2)
        self.write(1, record(2 * ITEMS, chunk(3))[:50])
        self.assertEqual(self.found(), set())
        self.fill(2, 3, 3)
        self.assertEqual(self.found(), {"DAMAGE"})

    def test_an_acknowledged_chunk_that_is_not_there_is_lost(self):
        self.fill(1, 1, 2)
        self.acknowledge(1, 2, 3)
        self.assertEqual(self.found(), {"LOST"})

    def test_other_bytes_than_were_sent_are_seen(self):
        self.fill(1, 1, 2)
        self.acknowledge(1, 2, fill=b"y")
        self.assertEqual(self.found(), {"BYTES"})

    def test_a_chunk_that_is_stored_twice_is_seen(self):
        self.fill(1, 1, 2)
        self.write(1, record(2 * ITEMS, chunk(2)))
        self.assertEqual(self.found(), {"TWICE"})

    def test_a_gap_between_handles_is_seen(self):
        self.fill(1, 1, 2)
        self.write(1, record(3 * ITEMS, chunk(4)))
        self.assertEqual(self.found(), {"GAP"})

    def test_what_is_retired_too_early_is_lost(self):
        path = self.fill(1, 1, 4)
        self.fill(2, 5, 8)
        self.acknowledge(*range(1, 9))
        self.assertEqual(self.found(), set())
        os.unlink(path)
        self.assertEqual(self.found(), {"LOST"})

    def test_what_is_retired_in_its_time_is_not_missed(self):
        path = self.fill(1, 1, 4)
        self.fill(2, 5, 8)
        self.assertEqual(self.found(), set())
        self.fill(3, 9, 12)
        self.witness.archive.look()
        os.unlink(path)
        self.acknowledge(*range(1, 13))
        self.assertEqual(self.found(), set())

    def test_a_damaged_file_is_seen(self):
        self.fill(1, 1, 2)
        self.write(1, b"")
        open(os.path.join(self.folder.name, "run/replay/shard-0/0000000001.seg.damaged"), "w",
             encoding="utf-8").close()
        self.assertEqual(self.found(), {"DAMAGE"})

    def deal_out(self, kept, begin=0):
        """Another folder under the same name, with two shards that take turns."""
        replay = os.path.join(self.folder.name, "run/replay")
        old = os.path.join(self.folder.name, "run/replay.old")
        os.rename(replay, old)
        for shard in range(2):
            os.makedirs(os.path.join(replay, f"shard-{shard}"))
            mine = [sequence for sequence in kept if sequence % 2 == shard]
            first = begin + 10 * shard
            data = header(1, first, shard)
            for position, sequence in enumerate(mine):
                data += record(first + position * ITEMS, chunk(sequence))
            with open(os.path.join(replay, f"shard-{shard}/0000000001.seg"), "wb") as file:
                file.write(data)
        return old

    def test_a_store_that_is_dealt_out_whole_is_accepted(self):
        self.fill(1, 1, 8)
        self.acknowledge(*range(1, 9))
        self.assertEqual(self.found(), set())
        self.deal_out(range(1, 9))
        self.assertEqual(self.found(), set())
        self.assertEqual(self.found(), set())

    def test_a_store_that_was_not_full_when_it_was_dealt_out_begins_later_than_a_full_one(self):
        # A full store of that capacity would begin at 5 096 less 2 048.
        self.witness.capacity = 4096
        self.fill(1, 1, 8)
        self.acknowledge(*range(1, 9))
        self.assertEqual(self.found(), set())
        self.deal_out(range(1, 9), begin=5000)
        self.assertEqual(self.found(), set())
        os.remove(os.path.join(self.folder.name, "run/replay/shard-0/0000000001.seg"))
        self.assertEqual(self.found(), {"LOST"})

    def test_a_chunk_that_is_lost_when_the_store_is_dealt_out_is_seen(self):
        self.witness.capacity = 256
        self.fill(1, 1, 8)
        self.acknowledge(*range(1, 9))
        self.assertEqual(self.found(), set())
        self.deal_out([1, 2, 3, 4, 5, 6, 8])
        self.assertEqual(self.found(), {"LOST"})

    def test_a_chunk_that_is_dealt_out_twice_is_seen(self):
        self.fill(1, 1, 4)
        self.assertEqual(self.found(), set())
        self.deal_out([1, 2, 3, 3, 4])
        self.assertEqual(self.found(), {"TWICE"})


if __name__ == "__main__":
    unittest.main()
