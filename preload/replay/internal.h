/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of the replay share: the snapshot that is being gathered, and the prototypes by file.
 */
#ifndef VMSC_REPLAY_INTERNAL_H
#define VMSC_REPLAY_INTERNAL_H

#include <errno.h>
#include <string.h>

#include "vmascope/replay.h"

/* Ids of files that were seen in maps, but whose open file description no call showed: [FIRST_SEEN_FILE, 2^31). */
#define FIRST_SEEN_FILE UINT32_C(0x40000000)
#define LAST_SEEN_FILE UINT32_C(0x7fffffff)

#define KERNEL_HALF (UINT64_C(1) << 63) /* [vsyscall] lies there; it is no VMA, and no VMA reaches into it */

/* An array that grows. */
struct vmsc_buffer {
	unsigned char *data;
	size_t used, room; /* bytes */
};

/* A file that was seen in maps. */
struct vmsc_seen_file {
	uint64_t inode;
	uint32_t dev_major, dev_minor;
	uint32_t id; /* 0: empty slot */
};

/* Files by device and inode: open addressing, a power of two of slots. */
struct vmsc_seen_files {
	struct vmsc_seen_file *slots;
	size_t nr, nr_slots;
	size_t sweep_at; /* so many make it worth while to look which are still mapped */
	uint32_t next;
};

/* What the kernel showed, gathered until its end record comes. */
struct vmsc_snapshot {
	struct vmsc_snapshot_record head;
	struct vmsc_buffer seen; /* struct vmsc_seen_record with their names, back to back */
	uint64_t nr, nr_own, own_bytes;
	uint64_t last_end;
	bool open, sane;
};

/* Page tables around the next call. */
struct vmsc_tables {
	struct vmsc_tables_record record; /* nr ranges were told to the model */
	bool pending;
	uint64_t least, most; /* pages of VmPTE that the call frees: known, possible */
};

struct vmsc_replay {
	struct vmsc_replay_config config;
	struct vmsc_mm *mm;
	struct vmsc_tally tally;
	struct vmsc_outcome last;
	struct vmsc_extra_record extra; /* for the next call */
	struct vmsc_tables tables;
	struct vmsc_snapshot snapshot;
	struct vmsc_seen_files files;
	struct vmsc_buffer vmas; /* struct vmsc_vma: what the model takes over */
	uint64_t known_until; /* number of the last call before the last whole snapshot */
	uint64_t printed; /* vm_flags that smaps can show */
	bool rules_told;
	bool blind; /* the beginning was not seen: calls are counted, nothing is predicted */
};

/* replay.c */
int vmsc_buffer_reserve(struct vmsc_replay *replay, struct vmsc_buffer *buffer, size_t size) VMSC_MUST_CHECK;

/* seen.c */
bool vmsc_seen_is_special(const char *name, size_t length);
int vmsc_seen_file(struct vmsc_replay *replay, const struct vmsc_seen_record *seen, uint32_t *id) VMSC_MUST_CHECK;
void vmsc_seen_to_vma(const struct vmsc_replay *replay, const struct vmsc_seen_record *seen, struct vmsc_vma *vma);
void vmsc_seen_sweep(struct vmsc_replay *replay);
void vmsc_seen_reserve_ids(struct vmsc_replay *replay, uint32_t file);

/* snapshot.c */
void vmsc_snapshot_begin(struct vmsc_replay *replay, const struct vmsc_snapshot_record *record);
int vmsc_snapshot_add(struct vmsc_replay *replay, const struct vmsc_seen_record *record) VMSC_MUST_CHECK;
int vmsc_snapshot_finish(struct vmsc_replay *replay, const struct vmsc_snapshot_end_record *record) VMSC_MUST_CHECK;

/* tables.c */
int vmsc_tables_take(struct vmsc_replay *replay, const struct vmsc_tables_record *record) VMSC_MUST_CHECK;
void vmsc_tables_note(struct vmsc_replay *replay, const struct vmsc_unmap_note *note);
void vmsc_tables_compare(struct vmsc_replay *replay);

/* compare.c */
int vmsc_compare(struct vmsc_replay *replay, struct vmsc_checkpoint *checkpoint) VMSC_MUST_CHECK;

/* The record that follows @seen in the snapshot's buffer. */
static inline const struct vmsc_seen_record *vmsc_seen_next(const struct vmsc_seen_record *seen)
{
	return (const void *)((const char *)seen + seen->head.size);
}

static inline const struct vmsc_seen_record *vmsc_seen_first(const struct vmsc_snapshot *snapshot)
{
	return (const void *)snapshot->seen.data;
}

static inline const struct vmsc_seen_record *vmsc_seen_end(const struct vmsc_snapshot *snapshot)
{
	return snapshot->seen.data ? (const void *)(snapshot->seen.data + snapshot->seen.used) : NULL;
}

#endif
