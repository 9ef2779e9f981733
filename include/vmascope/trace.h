/* SPDX-License-Identifier: MIT */
/*
 * trace.h - the trace file: what the recorder writes and every reader reads. docs/trace-format.md tells it in prose.
 *
 *   file    = header (one page), blocks of header.block_size bytes
 *   block   = struct vmsc_block, then records back to back; a record never crosses a block's end
 *   record  = struct vmsc_record (type, size), fixed fields, then text or numbers of varying length; 8-byte aligned
 *
 * All numbers are in the byte order of the machine that wrote them (header.endian tells). The file is written through
 * MAP_SHARED, so that whatever happens to the process the bytes up to block.used of the last block can be read.
 */
#ifndef VMASCOPE_TRACE_H
#define VMASCOPE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmascope/model.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VMSC_TRACE_MAGIC "vmascope"
#define VMSC_TRACE_VERSION 3 /* of the format, not of the program; 1 has no TABLES, 2 no FORGET; they are read too */
#define VMSC_TRACE_ENDIAN 0x0102030405060708
#define VMSC_TRACE_HEADER_SIZE 4096
#define VMSC_TRACE_BLOCK_SIZE (1u << 20)
#define VMSC_BLOCK_MAGIC 0x6b636f6c62636d76 /* "vmcblock" */
#define VMSC_RECORD_MAX 65536 /* bytes, the largest record */
#define VMSC_STACK_MAX 128 /* frames */

enum vmsc_capture_mode {
	VMSC_CAPTURE_NONE,
	VMSC_CAPTURE_PLT,
	VMSC_CAPTURE_LIBC,
	VMSC_CAPTURE_FULL,
};

enum vmsc_ended {
	VMSC_ENDED_NOT, /* still running, or killed before anything could be written */
	VMSC_ENDED_EXIT,
	VMSC_ENDED_EXEC, /* another program took the process over */
	VMSC_ENDED_SIGNAL, /* abort, or a signal that the process sent to itself */
	VMSC_ENDED_STOPPED, /* recording stopped: struct vmsc_end_record.why says why */
};

/* The first page of the file. The fields from `ended` on change while the trace grows. */
struct vmsc_trace_header {
	char magic[8];
	uint32_t version, header_size;
	uint64_t endian;
	uint32_t block_size, page_size;
	uint64_t started; /* CLOCK_REALTIME at attach, ns */
	uint64_t started_monotonic; /* CLOCK_MONOTONIC at attach, ns: stamps count from it */
	uint64_t process_started; /* /proc/PID/stat field 22, to tell a reused pid */
	uint32_t pid, ppid;
	uint32_t capture_mode, capture_requested; /* enum vmsc_capture_mode */
	uint32_t check_mode; /* 0 off, 1 exit, 2 call */
	uint32_t stacks; /* 1: call stacks are recorded */
	uint32_t crc; /* of the bytes before this field */
	uint32_t ended; /* enum vmsc_ended */
	int32_t exit_status; /* as passed to exit_group, or the signal's number */
	uint32_t nr_blocks; /* begun so far */
	uint64_t calls, asked, lost, unordered; /* counts so far */
	uint64_t unwound; /* stacks that were not known without unwinding */
};

struct vmsc_block {
	uint64_t magic;
	uint32_t index; /* from 0 */
	uint32_t sealed; /* 1: nothing follows in this block and crc is right */
	uint32_t used; /* bytes of complete records after this header */
	uint32_t crc; /* CRC-32C of those bytes, once sealed */
	uint64_t first_call; /* number of the first call in this block */
};

enum vmsc_record_type {
	VMSC_RECORD_STRING = 1,
	VMSC_RECORD_LIMITS,
	VMSC_RECORD_LAYOUT,
	VMSC_RECORD_FILE,
	VMSC_RECORD_STACK,
	VMSC_RECORD_EXTRA,
	VMSC_RECORD_CALL,
	VMSC_RECORD_TOUCH,
	VMSC_RECORD_SNAPSHOT,
	VMSC_RECORD_SEEN,
	VMSC_RECORD_SNAPSHOT_END,
	VMSC_RECORD_VMA,
	VMSC_RECORD_NAME,
	VMSC_RECORD_MARK,
	VMSC_RECORD_SITE,
	VMSC_RECORD_OWN,
	VMSC_RECORD_END,
	VMSC_RECORD_TABLES,
	VMSC_RECORD_FORGET,
	VMSC_NR_RECORD_TYPES
};

struct vmsc_record {
	uint16_t type; /* enum vmsc_record_type */
	uint16_t flags;
	uint32_t size; /* bytes, this header included; a multiple of 8 */
};

enum vmsc_string {
	VMSC_STRING_COMM = 1,
	VMSC_STRING_EXE,
	VMSC_STRING_ARGV, /* arguments, each ended by NUL */
	VMSC_STRING_RELEASE, /* uname -r */
	VMSC_STRING_RULES, /* names of the rules in force, blanks between */
	VMSC_STRING_RULES_SOURCE, /* "experiment", "release", "given" */
	VMSC_STRING_CWD,
	VMSC_STRING_PROBLEM, /* something of the recorder's that failed, one sentence each; see VMSC_NOT_RECORDED */
	VMSC_STRING_MODULE, /* build-id in hex, blank, path: of a file that maps show, in the order in which they were seen */
};

/* So begins a problem by which something is missing that should have been recorded: the verdict is "incomplete". */
#define VMSC_NOT_RECORDED "not recorded: "

/* Text of @length bytes follows; not ended by NUL unless its bytes say so. */
struct vmsc_string_record {
	struct vmsc_record head;
	uint32_t what; /* enum vmsc_string */
	uint32_t length;
};

struct vmsc_limits_record {
	struct vmsc_record head;
	uint64_t max_map_count, as, data, stack, memlock;
	uint32_t ipc_lock, overcommit;
	uint64_t mmap_min_addr, stack_guard_gap;
};

/*
 * What may follow a LIMITS record's fixed fields, in bytes; 0: not known. Older traces have it not, and older readers pass
 * over it. The last three are only told where vm.overcommit_memory is 2, before a call that was refused for memory.
 */
struct vmsc_memory_tail {
	uint64_t huge_page_size; /* the default one */
	uint64_t commit_most; /* MemTotal and SwapTotal */
	uint64_t commit_limit, committed, commit_reserve; /* as in struct vmsc_limits */
};

struct vmsc_layout_record {
	struct vmsc_record head;
	uint64_t task_size, mmap_base, legacy_base;
	uint32_t legacy, randomized;
	uint64_t start_brk, brk, start_data, end_data, start_stack;
};

/* Path of @length bytes follows (0: not known). Comes before the first call that names @id. */
struct vmsc_file_record {
	struct vmsc_record head;
	uint32_t id, kind, mode, dev_major, dev_minor;
	uint32_t length;
	uint64_t inode, learned_flags, huge_page_size;
};

/* @nr ids of files follow, each uint32_t: no VMA has them, and no call will name them again. */
struct vmsc_forget_record {
	struct vmsc_record head;
	uint32_t nr, reserved;
};

/* @nr return addresses follow, innermost first, each uint64_t. */
struct vmsc_stack_record {
	struct vmsc_record head;
	uint32_t id, nr;
};

/* What the next call's registers only point to. */
struct vmsc_extra_record {
	struct vmsc_record head;
	uint32_t file, name, policy, uffd;
	uint64_t size, range_start, range_end, mode;
};

enum {
	VMSC_CALL_UNORDERED = 1, /* its place among the others is not certain: the lock was not had in time */
	VMSC_CALL_VFORK_CHILD = 2, /* made by a vfork child in this address space */
	VMSC_CALL_OUT_OF_LIBC = 4, /* caught otherwise than at a patched site */
	VMSC_CALL_RACED = 16, /* another thread wrote the first page of a VMA on which the call's outcome hangs, meanwhile */
	VMSC_CALL_NO_FILE = 8, /* the fifth argument was -1: it and the sixth, 0, are left out (mmap without a file) */
};

/* @nr_args arguments follow, each uint64_t: see vmsc_call_args(). Calls are numbered from 1 in file order. */
struct vmsc_call_record {
	struct vmsc_record head; /* flags: VMSC_CALL_… */
	uint16_t nr, nr_args;
	uint32_t tid;
	uint32_t stack; /* id, 0: none */
	uint32_t reserved;
	uint64_t stamp; /* ns after header.started_monotonic, when the call had returned */
	int64_t result;
};

/* An anonymous page was found at @addr when asked before the next call. */
struct vmsc_touch_record {
	struct vmsc_record head;
	uint64_t addr;
};

enum {
	VMSC_TABLES_COMPLETE = 1, /* all populated memory that the next call unmaps is listed */
	VMSC_TABLES_AT_END = 2, /* not of a call: what the process had last */
	VMSC_TABLES_ONLY_RANGES = 4, /* VmPTE was not read: the call frees no table */
};

/*
 * Page tables around the next call, which may free some: VmPTE of /proc/self/status, and where the memory that the call
 * unmaps was populated. @nr numbers follow, start and end of each range.
 */
struct vmsc_tables_record {
	struct vmsc_record head; /* flags: VMSC_TABLES_… */
	uint64_t before, after; /* KiB */
	uint32_t threads; /* of the process: others make tables meanwhile */
	uint32_t nr;
};

enum vmsc_when {
	VMSC_WHEN_ATTACH,
	VMSC_WHEN_FORK, /* first thing in a forked child, after its VMA records */
	VMSC_WHEN_EXIT,
	VMSC_WHEN_EXEC,
	VMSC_WHEN_SIGNAL,
	VMSC_WHEN_REQUEST,
	VMSC_WHEN_RESUME, /* after a pause: the model starts anew from it */
	VMSC_WHEN_CALL, /* around the range of the call before, --check=call */
	VMSC_WHEN_UNDETERMINED, /* the same, because the model could not know */
	VMSC_NR_WHENS
};

const char *vmsc_when_name(unsigned int when);

/* VMAs as the kernel shows them in [start, end): SEEN records follow in address order, then SNAPSHOT_END. */
struct vmsc_snapshot_record {
	struct vmsc_record head;
	uint32_t when; /* enum vmsc_when */
	uint32_t flags_known; /* 1: vm_flags were read (smaps) */
	uint64_t start, end;
};

struct vmsc_seen_record {
	struct vmsc_record head;
	uint64_t start, end, offset, inode;
	uint64_t vm_flags; /* from smaps; the VMSC_VM_ACCESS and MAYSHARE bits from maps otherwise */
	uint32_t dev_major, dev_minor;
	uint32_t traits; /* VMSC_VMA_OWN */
	uint32_t length; /* of the name that follows */
};

struct vmsc_snapshot_end_record {
	struct vmsc_record head;
	uint64_t nr; /* SEEN records; fewer were found: the snapshot is incomplete */
};

/* One VMA of the parent's model, in a forked child's trace. */
struct vmsc_vma_record {
	struct vmsc_record head;
	struct vmsc_vma vma;
};

struct vmsc_name_record {
	struct vmsc_record head;
	uint32_t id, length;
};

/* The program's own remark (vmsc_mark). */
struct vmsc_mark_record {
	struct vmsc_record head;
	uint64_t stamp;
	uint32_t tid, length;
};

/* A system-call instruction that is not captured though it could change the address space. Module's path follows. */
struct vmsc_site_record {
	struct vmsc_record head;
	uint64_t addr;
	uint16_t nr; /* 0xffff: any number */
	uint16_t patched; /* 1: captured */
	uint32_t length;
};

/* A range that belongs to the recorder. */
struct vmsc_own_record {
	struct vmsc_record head;
	uint64_t start, end;
};

struct vmsc_end_record {
	struct vmsc_record head;
	uint32_t ended; /* enum vmsc_ended */
	int32_t status;
	uint64_t calls, lost;
	uint32_t length, reserved; /* why recording stopped, text */
};

/* What follows a record's fixed fields: text or numbers. Call only on a record that vmsc_record_check() passed. */
static inline const void *vmsc_record_tail(const struct vmsc_record *record, size_t fixed)
{
	return (const char *)record + fixed;
}

/* NULL: it tells nothing more. */
static inline const struct vmsc_memory_tail *vmsc_memory_tail_of(const struct vmsc_limits_record *record)
{
	const void *tail = vmsc_record_tail(&record->head, sizeof(*record));

	return record->head.size >= sizeof(*record) + sizeof(struct vmsc_memory_tail) ? (const struct vmsc_memory_tail *)tail : NULL;
}

/* All six arguments: those that were left out at the end were 0. */
void vmsc_call_args(const struct vmsc_call_record *record, uint64_t args[6]);

static inline size_t vmsc_record_size(size_t fixed, size_t tail)
{
	return (fixed + tail + 7) & ~(size_t)7;
}

/*
 * Is there a complete, sane record in the @left bytes at @record: known type, size that holds its fixed fields and what
 * they promise to follow, text lengths inside? 0, -ENODATA for none (type 0: the end), -EBADMSG with *what set.
 */
int vmsc_record_check(const struct vmsc_record *record, size_t left, const char **what) VMSC_MUST_CHECK;

/* Is this the header of a trace that this program reads? 0, or -EBADMSG with *what set to a sentence. */
int vmsc_header_check(const struct vmsc_trace_header *header, size_t size, const char **what) VMSC_MUST_CHECK;

/* CRC-32C of @size bytes at @data, continuing @crc (0 to begin with). */
uint32_t vmsc_crc32c(uint32_t crc, const void *data, size_t size);

/*
 * Walks the records of a trace that lies in memory. vmsc_trace_next returns NULL at the end; then `problem` says what
 * was wrong (NULL: nothing) and `offset` where. Without `truncated` a problem is damage: something was changed or cut off
 * after it had been written. It ends the walk: what came before stays good.
 */
struct vmsc_trace {
	const unsigned char *data;
	size_t size;
	size_t offset; /* of the next record */
	size_t block; /* offset of the current block */
	uint64_t calls; /* CALL records so far */
	const char *problem;
	bool truncated; /* ends without an END record, as a process leaves it that is killed or still runs */
	/* To be set after vmsc_trace_open() where the trace lies in memory in parts only: the block at @offset, of which
	 * nothing was looked at yet, and the one before are to be there until the next one is entered. NULL: all is. */
	void (*enter)(void *ctx, size_t offset);
	void *ctx;
};

int vmsc_trace_open(struct vmsc_trace *trace, const void *data, size_t size) VMSC_MUST_CHECK;
const struct vmsc_record *vmsc_trace_next(struct vmsc_trace *trace);

static inline const struct vmsc_trace_header *vmsc_trace_header(const struct vmsc_trace *trace)
{
	return (const struct vmsc_trace_header *)(const void *)trace->data;
}

/*
 * Reads /proc/PID/smaps (or maps) text piece by piece, without memory of its own beyond the struct. Feed bytes as they
 * come; each complete VMA is handed to @emit (name not ended by NUL). Lines that are no maps or VmFlags lines are passed
 * over. vmsc_smaps_finish hands out the last one. Returns 0, -EBADMSG for text that is not of this kind, or what emit
 * returned.
 */
struct vmsc_smaps {
	int (*emit)(void *ctx, const struct vmsc_seen_record *seen, const char *name, size_t length);
	void *ctx;
	struct vmsc_seen_record seen;
	bool pending, flags_known;
	size_t line_length, name_length;
	char line[4608], name[4104];
};

void vmsc_smaps_begin(struct vmsc_smaps *smaps,
		      int (*emit)(void *ctx, const struct vmsc_seen_record *seen, const char *name, size_t length),
		      void *ctx);
int vmsc_smaps_feed(struct vmsc_smaps *smaps, const char *text, size_t length) VMSC_MUST_CHECK;
int vmsc_smaps_finish(struct vmsc_smaps *smaps) VMSC_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif
