/* SPDX-License-Identifier: MIT */
/*
 * replay.h - records into the model: steps the calls, compares with what the kernel showed, and counts.
 *
 * The recorder inside the traced process and the analyzer run this same code over the same records; so they say the same.
 */
#ifndef VMASCOPE_REPLAY_H
#define VMASCOPE_REPLAY_H

#include "vmascope/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VMSC_NR_SYSCALLS 512

/* How a modelled and an observed VMA differ. */
#define VMSC_DIFFERENCES(X)                                                                                            \
	X(MISSING, "missing") /* modelled, not there */                                                                \
	X(EXTRA, "extra") /* there, not modelled */                                                                    \
	X(BOUNDARY, "boundary") /* the same memory, cut elsewhere */                                                   \
	X(PERMS, "perms")                                                                                              \
	X(OFFSET, "offset")                                                                                            \
	X(FILE, "file")                                                                                                \
	X(FLAGS, "flags")

enum vmsc_difference_kind {
#define X(name, text) VMSC_DIFFERENCE_##name,
	VMSC_DIFFERENCES(X)
#undef X
	VMSC_NR_DIFFERENCES
};

const char *vmsc_difference_name(unsigned int kind);

struct vmsc_difference {
	enum vmsc_difference_kind kind;
	bool outside; /* no call recorded since all was last seen explains it; otherwise a misprediction */
	bool has_modeled, has_actual;
	struct vmsc_vma modeled;
	const struct vmsc_seen_record *actual; /* its name follows it */
	uint64_t call; /* the latest call that worked on the memory where they differ, 0: none did */
};

struct vmsc_checkpoint {
	enum vmsc_when when;
	uint64_t call; /* calls before it */
	uint64_t modeled, actual; /* VMAs, the recorder's own not counted */
	uint64_t differences;
	uint64_t kernel_made; /* differences that the kernel makes by itself: stack growth */
	bool complete;
};

/*
 * Page tables that unmappings freed, in pages of VmPTE, against what VmPTE showed. A table is known to exist where memory was
 * populated; where none is, one may be left of memory that was discarded since.
 */
struct vmsc_tables_tally {
	uint64_t asked; /* calls around which VmPTE was read; the others had nothing to free, or could not be asked */
	uint64_t exact; /* freed as predicted */
	uint64_t undetermined; /* more were freed than were known, fewer than possible */
	uint64_t disturbed; /* not compared: other threads were running */
	uint64_t wrong, first_wrong; /* neither; the call */
	uint64_t predicted, observed; /* pages; of the calls that were compared */
};

struct vmsc_tally {
	uint64_t calls, failed, by_call[VMSC_NR_SYSCALLS];
	uint64_t predicted; /* calls that the model stepped */
	uint64_t mispredicted, undetermined, probed;
	uint64_t addresses_asked, addresses_predicted;
	uint64_t outside, kernel_made, unordered, lost;
	uint64_t checkpoints, differing; /* snapshots compared, and those with a difference */
	uint64_t merges_attempted, merges, merges_by[VMSC_NR_MERGE_CALLERS], refused[VMSC_NR_REFUSALS];
	uint64_t unmaps, unmapped_vmas, unmapped_pages; /* exit_mmap not counted */
	uint64_t tables[VMSC_NR_TABLE_LEVELS]; /* page-table pages that went with them if they existed */
	uint64_t tables_freed[VMSC_NR_TABLE_LEVELS]; /* of those, the ones known to have existed */
	struct vmsc_tables_tally tables_seen;
	bool has_last_tables;
	uint64_t last_tables; /* VmPTE at the end, in KiB */
	uint64_t peak, peak_call; /* VMAs at most, and the call that made it so */
	uint64_t own_vmas, own_bytes;
	bool has_exit;
	struct vmsc_unmap_note exit_mmap;
};

/* Told while records are replayed. Any may be NULL. */
struct vmsc_replay_listener {
	void (*difference)(void *ctx, const struct vmsc_difference *difference);
	void (*checkpoint)(void *ctx, const struct vmsc_checkpoint *checkpoint);
	/* after each call; record is NULL when it came from elsewhere than a trace */
	void (*call)(void *ctx, const struct vmsc_call *call, const struct vmsc_call_record *record,
		     const struct vmsc_outcome *outcome);
	void (*merge)(void *ctx, const struct vmsc_merge_note *note);
	void (*unmap)(void *ctx, const struct vmsc_unmap_note *note);
	void (*unmap_event)(void *ctx, const struct vmsc_unmap_event *event);
	/* asked: the number of the latest call that worked on [start, end), 0 for none; NULL: the births of VMAs tell */
	uint64_t (*latest_call)(void *ctx, uint64_t start, uint64_t end);
	void *ctx;
};

struct vmsc_replay_config {
	struct vmsc_allocator allocator;
	vmsc_rules_t rules;
	enum vmsc_unmap_way unmap_way;
	enum vmsc_merge_way merge_way;
	bool rules_given; /* use rules, whatever the trace says (what would another kernel have done) */
	bool vmas_only; /* merges and unmaps are neither counted nor told, page tables not followed */
	struct vmsc_replay_listener listener;
};

struct vmsc_replay;

struct vmsc_replay *vmsc_replay_new(const struct vmsc_replay_config *config); /* NULL: out of memory */
void vmsc_replay_free(struct vmsc_replay *replay);

/*
 * One record, checked by vmsc_record_check() before. Records of kinds that the model has no use for are passed over.
 * Returns 0 or -ENOMEM.
 */
int vmsc_replay_record(struct vmsc_replay *replay, const struct vmsc_record *record) VMSC_MUST_CHECK;

/* The end of the trace: exit_mmap where the process ended by exit. */
void vmsc_replay_finish(struct vmsc_replay *replay, enum vmsc_ended ended);

struct vmsc_mm *vmsc_replay_mm(struct vmsc_replay *replay);
const struct vmsc_tally *vmsc_replay_tally(const struct vmsc_replay *replay);
/* Could the beginning not be read? Then nothing is predicted until all is seen once. */
bool vmsc_replay_is_blind(const struct vmsc_replay *replay);

const struct vmsc_outcome *vmsc_replay_last(const struct vmsc_replay *replay); /* of the last call */

/* The call that record and the extra before it (NULL: none) tell, as the model takes it. */
void vmsc_call_from_record(struct vmsc_call *call, const struct vmsc_call_record *record,
			   const struct vmsc_extra_record *extra);

/* Parses rule names with blanks between; unknown ones are passed over and counted in *unknown. */
vmsc_rules_t vmsc_rules_of_names(const char *names, size_t length, size_t *unknown);

/*
 * Rules that were found by experiment are kept in a file of the user's cache folder, one per build of the kernel and of
 * this program: "vmascope rules 1\n", the rules' names with blanks between, the experiments that there were (hexadecimal),
 * and a checksum, a line each.
 */
#define VMSC_KEPT_RULES_HEAD "vmascope rules 1\n"
#define VMSC_KEPT_RULES_MAX 4096 /* bytes of such a file, and of its name */

/* The file's name for a kernel as uname() tells it; name has room for VMSC_KEPT_RULES_MAX bytes. */
void vmsc_kept_rules_name(char *name, const char *release, const char *version);

/* The checksum of what stands in file @name before it. */
uint32_t vmsc_kept_rules_check(const char *name, const char *text, size_t length);

/* Where in the @length bytes of file @name the rules' names stand, and the experiments; false: not such a file. */
struct vmsc_kept_rules {
	const char *names;
	size_t names_length;
	uint32_t experiments;
};
bool vmsc_kept_rules_parse(struct vmsc_kept_rules *kept, const char *name, const char *text, size_t length);

#ifdef __cplusplus
}
#endif

#endif
