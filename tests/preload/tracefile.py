#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second, independent reader of the trace format, for the recorder's tests.

As a program: prints the records of the traces given, one a line."""
import struct
import sys

KINDS = ["", "STRING", "LIMITS", "LAYOUT", "FILE", "STACK", "EXTRA", "CALL", "TOUCH", "SNAPSHOT", "SEEN",
         "SNAPSHOT_END", "VMA", "NAME", "MARK", "SITE", "OWN", "END", "TABLES", "FORGET"]
STRINGS = ["", "comm", "exe", "argv", "release", "rules", "rules_source", "cwd", "problem", "module"]
WHENS = ["attach", "fork", "exit", "exec", "signal", "request", "resume", "call", "undetermined"]
ENDED = ["not", "exit", "exec", "signal", "stopped"]
NRS = {3: "close", 9: "mmap", 10: "mprotect", 11: "munmap", 12: "brk", 16: "ioctl", 25: "mremap", 28: "madvise",
       30: "shmat", 56: "clone", 57: "fork", 67: "shmdt", 135: "personality", 149: "mlock", 150: "munlock",
       151: "mlockall", 152: "munlockall", 157: "prctl", 160: "setrlimit", 206: "io_setup", 207: "io_destroy",
       216: "remap_file_pages", 237: "mbind", 302: "prlimit64", 323: "userfaultfd", 325: "mlock2",
       329: "pkey_mprotect", 330: "pkey_alloc", 331: "pkey_free", 440: "process_madvise", 462: "mseal"}
UNORDERED, VFORK_CHILD = 1, 2


class Record:
    def __init__(self, kind, flags, **fields):
        self.kind, self.flags = kind, flags
        self.__dict__.update(fields)

    def __str__(self):
        if self.kind == "CALL":
            args = ", ".join("%#x" % a for a in self.args)
            return "CALL %s(%s) = %s tid=%d stack=%d flags=%d" % (
                self.name, args, self.result if -4096 < self.result < 4096 else "%#x" % self.result, self.tid,
                self.stack, self.flags)
        fields = {k: v for k, v in self.__dict__.items() if k not in ("kind", "flags")}
        return self.kind + " " + " ".join(
            "%s=%s" % (k, ("%#x" % v if isinstance(v, int) and v > 9 else v)) for k, v in fields.items())


def text(data, at, length):
    return data[at:at + length].decode("utf-8", "replace")


def decode(kind, flags, data, at):
    def get(form, offset=8):
        return struct.unpack_from("<" + form, data, at + offset)

    if kind == "STRING":
        what, length = get("II")
        return Record(kind, flags, what=STRINGS[what], text=text(data, at + 16, length))
    if kind == "LIMITS":
        names = "max_map_count as_ data stack memlock ipc_lock overcommit mmap_min_addr guard_gap".split()
        return Record(kind, flags, **dict(zip(names, get("QQQQQIIQQ"))))
    if kind == "LAYOUT":
        names = "task_size mmap_base legacy_base legacy randomized start_brk brk start_data end_data start_stack"
        return Record(kind, flags, **dict(zip(names.split(), get("QQQIIQQQQQ"))))
    if kind == "FILE":
        names = "id file_kind mode dev_major dev_minor length inode learned_flags huge".split()
        record = Record(kind, flags, **dict(zip(names, get("IIIIIIQQQ"))))
        record.path = text(data, at + 56, record.length)
        return record
    if kind == "STACK":
        ident, nr = get("II")
        return Record(kind, flags, id=ident, frames=struct.unpack_from("<%dQ" % nr, data, at + 16))
    if kind == "EXTRA":
        names = "file name policy uffd size_ range_start range_end mode".split()
        return Record(kind, flags, **dict(zip(names, get("IIIIQQQQ"))))
    if kind == "CALL":
        nr, nr_args, tid, stack, _, stamp, result = get("HHIIIQq")
        args = struct.unpack_from("<%dQ" % nr_args, data, at + 40)
        if flags & 8:  # mmap without a file
            args += (2**64 - 1,)
        return Record(kind, flags, nr=nr, name=NRS.get(nr, str(nr)), tid=tid, stack=stack, stamp=stamp,
                      result=result, args=args)
    if kind == "TOUCH":
        return Record(kind, flags, addr=get("Q")[0])
    if kind == "SNAPSHOT":
        when, known, start, end = get("IIQQ")
        return Record(kind, flags, when=WHENS[when], flags_known=known, start=start, end=end)
    if kind == "SEEN":
        names = "start end offset inode vm_flags dev_major dev_minor traits length".split()
        record = Record(kind, flags, **dict(zip(names, get("QQQQQIIII"))))
        record.name = text(data, at + 64, record.length)
        return record
    if kind == "SNAPSHOT_END":
        return Record(kind, flags, nr=get("Q")[0])
    if kind == "VMA":
        names = "start end vm_flags pgoff born file anon_vma policy uffd name traits".split()
        return Record(kind, flags, **dict(zip(names, get("QQQQQIIIIII"))))
    if kind == "NAME":
        ident, length = get("II")
        return Record(kind, flags, id=ident, text=text(data, at + 16, length))
    if kind == "MARK":
        stamp, tid, length = get("QII")
        return Record(kind, flags, stamp=stamp, tid=tid, text=text(data, at + 24, length))
    if kind == "SITE":
        addr, nr, patched, length = get("QHHI")
        return Record(kind, flags, addr=addr, nr=nr, patched=patched, module=text(data, at + 24, length))
    if kind == "OWN":
        start, end = get("QQ")
        return Record(kind, flags, start=start, end=end)
    if kind == "END":
        ended, status, calls, lost, length = get("IiQQI")
        return Record(kind, flags, ended=ENDED[ended], status=status, calls=calls, lost=lost,
                      why=text(data, at + 40, length))
    if kind == "TABLES":
        before, after, threads, nr = get("QQII")
        return Record(kind, flags, before=before, after=after, threads=threads,
                      edges=struct.unpack_from("<%dQ" % nr, data, at + 32))
    if kind == "FORGET":
        nr, _ = get("II")
        return Record(kind, flags, ids=struct.unpack_from("<%dI" % nr, data, at + 16))
    raise ValueError("record type %s" % kind)


class Trace:
    """header fields as attributes, records as a list."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        if data[:8] != b"vmascope":
            raise ValueError("not a trace")
        (self.version, self.header_size, self.endian, self.block_size, self.page_size, self.started,
         self.started_monotonic, self.process_started, self.pid, self.ppid, self.capture_mode,
         self.capture_requested, self.check_mode, self.stacks, self.crc, ended, self.exit_status,
         self.nr_blocks, self.calls, self.asked, self.lost, self.unordered, self.unwound) = struct.unpack_from(
             "<IIQIIQQQIIIIIIIIiIQQQQQ", data, 8)
        self.ended = ENDED[ended]
        self.records = list(self.read_blocks(data))

    def read_blocks(self, data):
        at = self.header_size
        while at + 40 <= len(data):
            magic, _, _, used, _, _ = struct.unpack_from("<QIIIIQ", data, at)
            if magic != 0x6b636f6c62636d76:
                return
            record = at + 32
            end = record + used
            while record < end:
                kind, flags, size = struct.unpack_from("<HHI", data, record)
                if not kind or size < 8:
                    raise ValueError("bad record at %#x" % record)
                yield decode(KINDS[kind], flags, data, record)
                record += size
            at += self.block_size

    def of(self, kind, **fields):
        return [r for r in self.records
                if r.kind == kind and all(getattr(r, k) == v for k, v in fields.items())]

    def strings(self, what):
        return [r.text for r in self.of("STRING", what=what)]

    def snapshot(self, when):
        """SEEN records of the last snapshot of that kind, None: there is none."""
        found, inside = None, False
        for r in self.records:
            if r.kind == "SNAPSHOT":
                inside = r.when == when
                if inside:
                    found = []
            elif inside and r.kind == "SEEN":
                found.append(r)
        return found


def main():
    for path in sys.argv[1:]:
        trace = Trace(path)
        print("# %s pid=%d ended=%s status=%d calls=%d asked=%d lost=%d unordered=%d" % (
            path, trace.pid, trace.ended, trace.exit_status, trace.calls, trace.asked, trace.lost,
            trace.unordered))
        for record in trace.records:
            print(record)


if __name__ == "__main__":
    main()
