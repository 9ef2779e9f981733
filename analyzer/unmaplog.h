/* SPDX-License-Identifier: MIT */
/*
 * unmaplog.h - what unmapping did, step by step, kept so that two implementations can be compared.
 *
 * Compared is what matters: which memory is zapped, which VMAs are unlinked and removed, in which order and
 * under which lock, and which page tables go of those that a VMA can have. How many calls of free_pgd_range()
 * that takes and where the iterator is left before it is set anew may differ; it is counted as "on paper".
 */
#ifndef VMSC_ANALYZER_UNMAPLOG_H
#define VMSC_ANALYZER_UNMAPLOG_H

#include "vmascope/model.h"

/* The walk of one unmapping: events [from, to) of the log. */
struct vmsc_unmap_walked {
	struct vmsc_unmap_note note;
	size_t from, to;
};

struct vmsc_unmap_log {
	struct vmsc_unmap_event *events; /* but those of the kind VMSC_UNMAP_REMOVE */
	size_t nr_events, room_events;
	struct vmsc_range *removed;
	size_t nr_removed, room_removed;
	struct vmsc_unmap_walked *walks;
	size_t nr_walks, room_walks;
};

void vmsc_unmap_log_event(struct vmsc_unmap_log *log, const struct vmsc_unmap_event *event);
void vmsc_unmap_log_note(struct vmsc_unmap_log *log, const struct vmsc_unmap_note *note);
void vmsc_unmap_log_clear(struct vmsc_unmap_log *log); /* keeps its memory */
void vmsc_unmap_log_free(struct vmsc_unmap_log *log);

/* How often two ways differed where it does not matter. */
struct vmsc_on_paper {
	uint64_t iterator; /* left elsewhere by one of the walks */
	uint64_t runs;	   /* another number of calls of free_pgd_range() */
};

/* Where @other first parts from @mine, in a sentence that the caller frees; NULL: nowhere. */
char *vmsc_unmap_log_differs(const struct vmsc_unmap_log *mine, const struct vmsc_unmap_log *other,
			     struct vmsc_on_paper *paper);

#endif
