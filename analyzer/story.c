/* SPDX-License-Identifier: MIT */
#include "story.h"

#include <stdlib.h>
#include <string.h>

#include "table.h"

enum { NR_MMAP = 9, NR_MREMAP = 25 };

const char *vmsc_event_name(unsigned int kind)
{
	static const char *const names[] = {
#define X(name, text) text,
		VMSC_EVENTS(X)
#undef X
	};

	return kind < VMSC_NR_EVENTS ? names[kind] : "unknown";
}

void vmsc_story_begin(struct vmsc_story *story, uint64_t addr)
{
	memset(story, 0, sizeof(*story));
	story->addr = addr;
}

void vmsc_story_free(struct vmsc_story *story)
{
	free(story->events);
}

static void look(struct vmsc_story *story, const struct vmsc_mm *mm)
{
	struct vmsc_vma vma;

	story->has = vmsc_mm_find(mm, story->addr, &vma) && vma.start <= story->addr;
	story->has_prev = story->has_next = false;
	if (!story->has)
		return;
	story->vma = vma;
	story->has_prev = vmsc_mm_prev(mm, vma.start, &story->prev);
	story->has_next = vmsc_mm_find(mm, vma.end, &story->next);
}

static void add(struct vmsc_story *story, const struct vmsc_story *old, enum vmsc_event_kind kind,
		uint64_t call)
{
	struct vmsc_event event = {.kind = kind,
				   .call = call,
				   .had = old->has,
				   .has = story->has,
				   .before = old->vma,
				   .after = story->vma};

	APPEND(story->events, story->nr_events, event);
}

/* Did this call put fresh memory over the address? */
static bool is_replaced(const struct vmsc_story *story, const struct vmsc_record *record)
{
	const struct vmsc_call_record *call = (const void *)record;
	const uint64_t *args = vmsc_record_tail(record, sizeof(*call));
	uint64_t start;

	if (record->type != VMSC_RECORD_CALL || (call->result < 0 && call->result >= -4095))
		return false;
	start = (uint64_t)call->result;
	if (call->nr == NR_MMAP && call->nr_args > 1)
		return story->addr >= start && story->addr - start < args[1];
	return call->nr == NR_MREMAP && call->nr_args > 2 && start != args[0] && story->addr >= start &&
	       story->addr - start < args[2];
}

/* One end of the VMA has moved. @neighbour: who was there before, or is there now, at that end. */
static void follow_end(struct vmsc_story *story, const struct vmsc_story *old, bool grew, bool was_neighbour,
		       bool is_neighbour, uint64_t call)
{
	if (grew)
		add(story, old, was_neighbour ? VMSC_EVENT_MERGED : VMSC_EVENT_GREW, call);
	else
		add(story, old, is_neighbour ? VMSC_EVENT_SPLIT : VMSC_EVENT_CUT, call);
}

static void follow_range(struct vmsc_story *story, const struct vmsc_story *old, uint64_t call)
{
	if (story->vma.start != old->vma.start)
		follow_end(story, old, story->vma.start < old->vma.start,
			   old->has_prev && old->prev.end == old->vma.start,
			   story->has_prev && story->prev.end == story->vma.start, call);
	if (story->vma.end != old->vma.end)
		follow_end(story, old, story->vma.end > old->vma.end,
			   old->has_next && old->next.start == old->vma.end,
			   story->has_next && story->next.start == story->vma.end, call);
}

static void follow_attributes(struct vmsc_story *story, const struct vmsc_story *old, uint64_t call)
{
	uint64_t bits = story->vma.vm_flags ^ old->vma.vm_flags;

	if (bits & VMSC_VM_ACCESS)
		add(story, old, VMSC_EVENT_PROTECTED, call);
	else if (bits & ~VMSC_VM(SOFTDIRTY) || story->vma.name != old->vma.name ||
		 story->vma.policy != old->vma.policy || story->vma.uffd != old->vma.uffd)
		add(story, old, VMSC_EVENT_CHANGED, call);
	if (story->vma.anon_vma && !old->vma.anon_vma)
		add(story, old, VMSC_EVENT_TOUCHED, call);
}

void vmsc_story_follow(struct vmsc_story *story, const struct vmsc_record *record, const struct vmsc_mm *mm,
		       uint64_t calls)
{
	struct vmsc_story old = *story;
	bool called = record->type == VMSC_RECORD_CALL;

	if (!called && record->type != VMSC_RECORD_SNAPSHOT_END && record->type != VMSC_RECORD_TOUCH &&
	    record->type != VMSC_RECORD_VMA)
		return;
	look(story, mm);
	if (!old.has && !story->has)
		return;
	if (!old.has)
		add(story, &old, called ? VMSC_EVENT_MAPPED : VMSC_EVENT_SEEN, calls);
	else if (!story->has)
		add(story, &old, VMSC_EVENT_UNMAPPED, calls);
	else if (is_replaced(story, record))
		add(story, &old, VMSC_EVENT_MAPPED, calls);
	else {
		follow_range(story, &old, calls);
		follow_attributes(story, &old, calls);
	}
}

uint64_t vmsc_story_unmapped_by(const struct vmsc_story *story)
{
	const struct vmsc_event *last = story->nr_events ? &story->events[story->nr_events - 1] : NULL;

	return last && last->kind == VMSC_EVENT_UNMAPPED ? last->call : 0;
}
