"""What a job promised and what its disk holds, compared from outside.

The ledger (actors/ack_ledger.h) is what workers were told is stored; the archive is every segment
that ever lived, kept by a hard link made while it did."""

import glob
import json
import os
import re
import threading

from segments import Damage, Segment, crc32c

POLL_S = 0.05
SLACK = 64  # items: chunks are evicted whole, shares are rounded


class Generation:
    """A store in one layout: dealt out to another number of shards it is another folder, of the
    same name."""

    def __init__(self, replay):
        self.folder = os.open(replay, os.O_RDONLY | os.O_DIRECTORY)  # so that its inode stays its own
        self.inode = os.fstat(self.folder).st_ino
        self.segments = {}  # shard -> [Segment], oldest first
        self.newest = {}  # shard -> index of the segment that may still grow
        self.starts = {}  # shard -> handle of the first item that it ever had in this layout
        self.heads = {}  # shard -> handle of the next item
        self.items = {}  # (incarnation, first item) -> (shard, Chunk)

    def shards(self):
        return sum(name.startswith("shard-") for name in os.listdir(self.folder))


class Archive:
    """Links every new segment of a replay folder into a folder of its own, in a thread."""

    def __init__(self, replay, folder):
        self.replay, self.folder = replay, folder
        self.generations = []  # oldest first
        self._known = set()  # inodes, which our links keep from being used again
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._stop.wait(POLL_S):
            self.look()

    def look(self):
        with self._lock:
            try:
                inode = os.stat(self.replay).st_ino
                if inode not in [generation.inode for generation in self.generations]:
                    self.generations.append(Generation(self.replay))
            except FileNotFoundError:
                pass  # between two renames
            for generation in self.generations:
                self._take_all(generation)

    def _take_all(self, generation):
        for name in sorted(os.listdir(generation.folder)):
            if not name.startswith("shard-"):
                continue
            try:
                shard = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=generation.folder)
            except FileNotFoundError:
                continue
            for file in sorted(os.listdir(shard)):
                if file.endswith(".seg"):
                    self._take(generation, int(name[len("shard-"):]), shard, file)
            os.close(shard)

    def _take(self, generation, shard, folder, file):
        try:
            inode = os.stat(file, dir_fd=folder).st_ino
            if inode in self._known:
                return
            kept = os.path.join(self.folder, f"{shard}-{len(self._known):06}-{file}")
            os.link(file, kept, src_dir_fd=folder)
            if os.stat(kept).st_ino != inode:  # it was replaced between the two calls
                os.unlink(kept)
                return
        except FileNotFoundError:
            return  # retired meanwhile
        self._known.add(inode)
        generation.segments.setdefault(shard, []).append(Segment(kept))

    def close(self):
        self._stop.set()
        self._thread.join()
        for generation in self.generations:
            os.close(generation.folder)


class Ledger:
    """Lines that workers have written about acknowledgements, each given out once."""

    def __init__(self, folder):
        self.folder = folder
        self._offsets = {}

    def new_lines(self):
        for path in sorted(glob.glob(os.path.join(self.folder, "*.acks"))):
            with open(path, "rb") as file:
                file.seek(self._offsets.get(path, 0))
                data = file.read()
            whole = data[:data.rfind(b"\n") + 1]
            self._offsets[path] = self._offsets.get(path, 0) + len(whole)
            for line in whole.decode().splitlines():
                incarnation, shard, sequence, first, items, crc = line.split()
                yield ((int(incarnation, 16), int(shard), int(sequence)),
                       (int(first), int(items), int(crc, 16)))


class Witness:
    """Everything about one run directory. Violations are collected, not raised."""

    def __init__(self, run_dir, ledger_dir, archive_dir, capacity, chunk_steps):
        self.run_dir = run_dir
        self.archive = Archive(os.path.join(run_dir, "replay"), archive_dir)
        self.ledger = Ledger(ledger_dir)
        self.capacity, self.chunk_steps = capacity, chunk_steps
        self.chunks = {}  # (incarnation, shard, sequence) -> Chunk
        self.closed = 0  # generations that nothing is added to any more
        self.dealt = {}  # (incarnation, first item) -> Chunk, of the generations before
        self.acks = 0
        self.missing = {}  # acknowledged, not seen in the log yet
        self.torn = 0
        self.damaged = set()  # files that the harness itself has damaged
        self.violations = []

    def fail(self, text):
        self.violations.append(text)

    # ---- the log ---------------------------------------------------------------------------

    def _read_shard(self, generation, shard, segments):
        for index in range(generation.newest.get(shard, 0), len(segments)):
            segment = segments[index]
            begun = segment.shard is not None
            try:
                chunks = segment.read()
            except Damage as damage:
                self.fail(f"DAMAGE {damage}")
                continue
            if segment.shard is None:
                continue  # it died with its header unwritten
            if segment.shard != shard:
                self.fail(f"DAMAGE {segment.path}: says that it is of shard {segment.shard}")
            # A store that was dealt out begins where it likes; its shards' items add up.
            start = segment.first_handle if self.dealt else 0
            generation.starts.setdefault(shard, start)
            head = generation.heads.setdefault(shard, start)
            if not begun and segment.first_handle != head:
                self.fail(f"GAP shard {shard}: segment {segment.number} begins with item "
                          f"{segment.first_handle}, {head} was to follow")
            for chunk in chunks:
                self._take(generation, shard, chunk)
            last = index + 1 == len(segments)
            if segment.rest and last:
                self.torn += 1
            elif segment.rest:
                self.fail(f"DAMAGE {segment.path}: {segment.rest} bytes behind its records "
                          f"({segment.why}), and a newer segment was begun")
        if segments:
            generation.newest[shard] = len(segments) - 1

    def _take(self, generation, shard, chunk):
        head = generation.heads[shard]
        if chunk.handle != head:
            self.fail(f"GAP shard {shard}: a chunk with item {chunk.handle}, {head} was to follow")
        generation.heads[shard] = chunk.handle + chunk.items
        name = f"worker {chunk.incarnation:016x}"
        place = (chunk.incarnation, chunk.first_item)
        other = generation.items.setdefault(place, (shard, chunk))[1]
        if other is not chunk:
            self.fail(f"TWICE {name} item {place[1]}: at {other.handle} and at {chunk.handle}")
        before = self.dealt.get(place)
        if before:  # its shard and handle are new, the rest is not
            if (before.items, before.sequence, before.crc32) != (chunk.items, chunk.sequence,
                                                                 chunk.crc32):
                self.fail(f"BYTES {name} item {place[1]}: changed when the store was dealt out")
            return
        key = (chunk.incarnation, shard, chunk.sequence)
        if key in self.chunks:
            self.fail(f"TWICE {name} shard {shard} chunk {key[2]}: at item "
                      f"{self.chunks[key].handle} and at {chunk.handle}")
        self.chunks[key] = chunk

    def _read_generation(self, generation):
        for shard, segments in sorted(generation.segments.items()):
            self._read_shard(generation, shard, segments)

    def _read_generations(self):
        generations = self.archive.generations
        for old, new in zip(generations[self.closed:], generations[self.closed + 1:]):
            self._read_generation(old)
            self.dealt.update({place: chunk for place, (_, chunk) in old.items.items()})
            self._read_generation(new)
            self._check_dealt(old, new)
            self.closed += 1
        for generation in generations[self.closed:]:
            self._read_generation(generation)

    def _check_dealt(self, old, new):
        """What the old layout's shards still held is in the new one's."""
        share = self.capacity // max(1, len(old.heads))  # the folder may be gone by now
        for place, (shard, chunk) in old.items.items():
            held = chunk.handle >= old.heads[shard] - share + SLACK
            if held and place not in new.items:
                self.fail(f"LOST worker {place[0]:016x} item {place[1]}: not there any more since "
                          f"the store was dealt out")

    def _read_ledger(self):
        for key, ack in self.ledger.new_lines():
            self.acks += 1
            if key in self.missing:
                self.fail(f"LEDGER worker {key[0]:016x} shard {key[1]} chunk {key[2]}: twice")
            self.missing[key] = ack

    def _compare(self):
        for key, (first, items, crc) in list(self.missing.items()):
            chunk = self.chunks.get(key)
            if chunk is None:
                continue
            del self.missing[key]
            if (chunk.first_item, chunk.items, chunk.crc32) != (first, items, crc):
                self.fail(f"BYTES worker {key[0]:016x} shard {key[1]} chunk {key[2]}: the log has "
                          f"other bytes than the worker sent")

    def _live(self, shard):
        """First handles of the segments that the folder holds now."""
        firsts = []
        for path in sorted(glob.glob(os.path.join(self.run_dir, "replay", f"shard-{shard}",
                                                  "*.seg"))):
            segment = Segment(path)
            try:
                segment.read()
            except Damage as damage:
                self.fail(f"DAMAGE {damage}")
            if segment.first_handle is not None:
                firsts.append(segment.first_handle)
        return firsts

    def _check_retention(self, generation, shard, shards):
        share = self.capacity // shards
        head, firsts = generation.heads.get(shard, 0), self._live(shard)
        if not firsts:
            if head:
                self.fail(f"LOST shard {shard}: {head} items were stored, no segment is there")
            return
        # What a shard that was dead had not stored is missing from what was dealt out.
        need = max(generation.starts.get(shard, 0), head - share + (SLACK if self.dealt else self.chunk_steps))
        if firsts[0] > need:
            self.fail(f"LOST shard {shard}: the log begins with item {firsts[0]}, the store may "
                      f"hold all from {need} on (head {head})")
        slack = share + max(1024, share // 16) + 64 * self.chunk_steps
        if len(firsts) > 1 and head - firsts[1] > slack:
            self.fail(f"DISK shard {shard}: {head - firsts[0]} items are kept, the store holds "
                      f"{share}")

    def check(self):
        """The job is down: every acknowledgement must be true now."""
        self.archive.look()
        self._read_generations()
        for path in glob.glob(os.path.join(self.run_dir, "replay", "shard-*", "*.damaged*")):
            if path not in self.damaged:
                self.damaged.add(path)
                self.fail(f"DAMAGE {path}: a kill alone never damages a segment")
        self._read_ledger()
        self._compare()
        for key in self.missing:
            self.fail(f"LOST worker {key[0]:016x} shard {key[1]} chunk {key[2]}: acknowledged, and "
                      f"not in the log")
        self.missing.clear()
        if os.path.isdir(os.path.join(self.run_dir, "replay")):
            generation = self.archive.generations[-1]
            shards = generation.shards()
            for shard in range(shards):
                self._check_retention(generation, shard, shards)

    def inserted(self):
        """Items in the log, as of the last check."""
        return max((sum(generation.heads.values()) for generation in self.archive.generations),
                   default=0)

    # ---- checkpoints -----------------------------------------------------------------------

    def checkpoints(self):
        """Updates of the checkpoints that are whole, newest first, and the names of others."""
        whole, broken = [], []
        for path in glob.glob(os.path.join(self.run_dir, "checkpoints", "*")):
            name = os.path.basename(path)
            if name.isdigit():
                (whole if checkpoint_is_whole(path) else broken).append(int(name))
        return sorted(whole, reverse=True), broken


AS_WRITTEN = "number:"


def checkpoint_is_whole(path):
    try:
        with open(os.path.join(path, "MANIFEST.json"), encoding="utf-8") as file:
            manifest = json.load(file, parse_float=lambda digits: f"{AS_WRITTEN}{digits}")
        stored = manifest.pop("crc32c")
        text = json.dumps(manifest, separators=(",", ":"), ensure_ascii=False)
        # Numbers count as they stand there: 1.2594972740000001 is also 1.259497274.
        text = re.sub(rf'"{AS_WRITTEN}([^"]*)"', r"\1", text)
        if crc32c(text.encode()) != stored:
            return False
        for entry in manifest["files"]:
            with open(os.path.join(path, entry["name"]), "rb") as file:
                data = file.read()
            if len(data) != entry["bytes"] or crc32c(data) != entry["crc32c"]:
                return False
    except (OSError, ValueError, KeyError):
        return False
    return True
