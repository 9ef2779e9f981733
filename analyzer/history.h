/* SPDX-License-Identifier: MIT */
/*
 * history.h - what happened to the address space while the calls were replayed: how many VMAs there were
 * after each call, which call sites held them, which call set two neighbours apart, and why calls failed.
 */
#ifndef VMSC_ANALYZER_HISTORY_H
#define VMSC_ANALYZER_HISTORY_H

#include <stddef.h>

#include "borders.h"
#include "causes.h"
#include "origins.h"

#define VMSC_SITE_FRAMES 3

/* A place in the program that makes one kind of system call: its caller and that one's callers, since the
 * innermost is often a wrapper that all share. */
struct vmsc_site {
	const struct vmsc_frame *frames[VMSC_SITE_FRAMES];
	size_t nr_frames; /* 0: no stack was recorded */
	uint32_t stack;	  /* an example, id; 0: none */
	uint16_t nr;
	uint64_t calls, failed;
	size_t failures; /* its last kind of failure, a place in the history's + 1; 0: none */
	int64_t vmas;	 /* that it holds now */
	uint64_t first_call;
};

enum { VMSC_SITE_BEFORE, VMSC_SITE_RECORDER, VMSC_SITE_NONE = UINT32_MAX };

/* A change of how many VMAs a site holds; a great one is several. Nearly every call makes one, so it is
 * small. */
struct vmsc_site_change {
	uint32_t call; /* 0: before the first */
	uint32_t site : 24;
	int32_t vmas : 8;
};

#define VMSC_SITES_MAX	(1u << 24)
#define VMSC_CHANGE_MAX 127

/* Failures of one site with one errno and one cause. */
struct vmsc_failures {
	struct vmsc_failure first;
	uint32_t site;
	int32_t error; /* 0: brk */
	uint64_t count, last_call;
	size_t next; /* another kind of the same site's, as vmsc_site's */
};

struct vmsc_history {
	struct vmsc_origins *origins;
	struct vmsc_borders *borders;
	struct vmsc_site *sites;
	size_t nr_sites;
	uint32_t *count; /* [call]: VMAs after it, the recorder's too; [0]: at attach */
	uint32_t *site;	 /* [call] */
	size_t nr_calls;
	struct vmsc_site_change *changes;
	size_t nr_changes;
	struct vmsc_failures *failures; /* in the order of their first ones */
	size_t nr_failures;
	uint64_t peak, peak_call; /* the recorder's VMAs too: they count against the limit */
	struct vmsc_known_site *known;
};

void vmsc_history_begin(struct vmsc_history *history, struct vmsc_origins *origins);
void vmsc_history_free(struct vmsc_history *history);

/* After the step of a call. */
void vmsc_history_call(struct vmsc_history *history, struct vmsc_mm *mm, const struct vmsc_call *call,
		       uint32_t stack, const struct vmsc_outcome *outcome);
/* The VMAs of [start, end) may have been taken over from what the kernel showed. */
void vmsc_history_look(struct vmsc_history *history, const struct vmsc_mm *mm, uint64_t start, uint64_t end);

/* The site of call @seq; VMSC_SITE_BEFORE for 0. */
uint32_t vmsc_history_site(const struct vmsc_history *history, uint64_t seq);
/* The border at @addr, NULL: no VMA begins there. */
const struct vmsc_border *vmsc_history_border(const struct vmsc_history *history, uint64_t addr);

#endif
