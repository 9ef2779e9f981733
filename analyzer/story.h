/* SPDX-License-Identifier: MIT */
/*
 * story.h - what happened to the memory at one address, event by event.
 */
#ifndef VMSC_ANALYZER_STORY_H
#define VMSC_ANALYZER_STORY_H

#include "analysis.h"

#define VMSC_EVENTS(X)                                                                                       \
	X(MAPPED, "mapped") /* there was nothing before, or something else */                                \
	X(SEEN, "seen")	    /* the kernel's maps show it; no call explains it */                             \
	X(UNMAPPED, "unmapped")                                                                              \
	X(SPLIT, "split")	  /* its VMA became smaller, and the rest is still there */                  \
	X(CUT, "cut")		  /* its VMA became smaller, and the rest is gone */                         \
	X(MERGED, "merged")	  /* with a VMA that was there before */                                     \
	X(GREW, "grew")		  /* a new range joined */                                                   \
	X(PROTECTED, "protected") /* other access rights */                                                  \
	X(CHANGED, "changed")	  /* other flags, name, policy or userfaultfd context */                     \
	X(TOUCHED, "touched")	  /* found to have anonymous pages: got an anon_vma */

enum vmsc_event_kind {
#define X(name, text) VMSC_EVENT_##name,
	VMSC_EVENTS(X)
#undef X
		VMSC_NR_EVENTS
};

const char *vmsc_event_name(unsigned int kind);

struct vmsc_event {
	enum vmsc_event_kind kind;
	uint64_t call; /* 0: before the first */
	bool had, has; /* a VMA before and after */
	struct vmsc_vma before, after;
};

struct vmsc_story {
	uint64_t addr;
	bool has;
	bool has_prev, has_next;
	struct vmsc_vma vma, prev, next; /* that holds the address, and its neighbours */
	struct vmsc_event *events;
	size_t nr_events;
};

void vmsc_story_begin(struct vmsc_story *story, uint64_t addr);
void vmsc_story_free(struct vmsc_story *story);
/* After each record; @calls were made so far. */
void vmsc_story_follow(struct vmsc_story *story, const struct vmsc_record *record, const struct vmsc_mm *mm,
		       uint64_t calls);

/* The call that unmapped the address for good; 0: it is mapped, or never was. */
uint64_t vmsc_story_unmapped_by(const struct vmsc_story *story);

#endif
