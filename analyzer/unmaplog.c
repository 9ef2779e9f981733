/* SPDX-License-Identifier: MIT */
#include "unmaplog.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

static const uint64_t table_size[VMSC_NR_TABLE_LEVELS] = {VMSC_PMD_SIZE, VMSC_PUD_SIZE, VMSC_P4D_SIZE,
							  VMSC_PGD_SIZE};

static void *room_for_one(void *table, size_t nr, size_t *room, size_t size)
{
	if (nr < *room)
		return table;
	*room = *room ? *room * 2 : 16;
	return vmsc_grow(table, *room, size);
}

#define APPEND(table, nr, room, value)                                                                       \
	((table) = room_for_one((table), (nr), &(room), sizeof(*(table))), (table)[(nr)++] = (value))

void vmsc_unmap_log_event(struct vmsc_unmap_log *log, const struct vmsc_unmap_event *event)
{
	const struct vmsc_range range = {event->start, event->end};

	if (event->kind == VMSC_UNMAP_REMOVE)
		APPEND(log->removed, log->nr_removed, log->room_removed, range);
	else
		APPEND(log->events, log->nr_events, log->room_events, *event);
}

void vmsc_unmap_log_note(struct vmsc_unmap_log *log, const struct vmsc_unmap_note *note)
{
	struct vmsc_unmap_walked walk = {.note = *note, .to = log->nr_events};

	walk.from = log->nr_walks ? log->walks[log->nr_walks - 1].to : 0;
	APPEND(log->walks, log->nr_walks, log->room_walks, walk);
}

void vmsc_unmap_log_clear(struct vmsc_unmap_log *log)
{
	log->nr_events = log->nr_removed = log->nr_walks = 0;
}

void vmsc_unmap_log_free(struct vmsc_unmap_log *log)
{
	free(log->events);
	free(log->removed);
	free(log->walks);
	memset(log, 0, sizeof(*log));
}

/* One walk of a log, read event by event. */
struct reader {
	const struct vmsc_unmap_log *log;
	size_t at, to;
};

static struct reader read_walk(const struct vmsc_unmap_log *log, size_t walk)
{
	return (struct reader){log, log->walks[walk].from, log->walks[walk].to};
}

static const struct vmsc_unmap_event *next_of_kind(struct reader *reader, enum vmsc_unmap_event_kind kind)
{
	while (reader->at < reader->to) {
		const struct vmsc_unmap_event *event = &reader->log->events[reader->at++];

		if (event->kind == kind)
			return event;
	}
	return NULL;
}

static char *say_range(const char *what, uint64_t start, uint64_t end, const char *how)
{
	return vmsc_format("%s %" PRIx64 "-%" PRIx64 " %s", what, start, end, how);
}

/* The events of one kind, in their order. */
static char *order_differs(const struct vmsc_unmap_log *mine, const struct vmsc_unmap_log *other, size_t walk,
			   enum vmsc_unmap_event_kind kind, const char *what)
{
	struct reader a = read_walk(mine, walk), b = read_walk(other, walk);

	for (;;) {
		const struct vmsc_unmap_event *x = next_of_kind(&a, kind), *y = next_of_kind(&b, kind);

		if (!x && !y)
			return NULL;
		if (!y || (x && x->start < y->start))
			return say_range(what, x->start, x->end, "is left out");
		if (!x || x->start != y->start)
			return say_range(what, y->start, y->end, "is one too many");
		if (x->end != y->end)
			return say_range(what, y->start, y->end, "ends elsewhere");
		if (x->mm_wr_locked != y->mm_wr_locked)
			return say_range(what, y->start, y->end,
					 y->mm_wr_locked ? "with the lock for writing"
							 : "without the lock for writing");
	}
}

/* The ranges of freed tables of one level, clipped to where the VMAs that go can have tables. */
struct tables {
	struct reader vmas, frees;
	unsigned int level;
	struct vmsc_range vma, freed; /* the current ones */
};

static bool next_vma(struct tables *tables)
{
	const struct vmsc_unmap_event *event = next_of_kind(&tables->vmas, VMSC_UNMAP_UNLINK);
	uint64_t mask = table_size[tables->level] - 1;

	if (event)
		tables->vma = (struct vmsc_range){event->start & ~mask, (event->end + mask) & ~mask};
	return event;
}

static bool next_free(struct tables *tables)
{
	const struct vmsc_unmap_event *event;

	do
		event = next_of_kind(&tables->frees, VMSC_UNMAP_FREE);
	while (event && event->tables[tables->level].start == event->tables[tables->level].end);
	if (event)
		tables->freed = event->tables[tables->level];
	return event;
}

/* The next piece of a table range that lies under a VMA, @range; pieces may touch or repeat. */
static bool next_piece(struct tables *tables, struct vmsc_range *range)
{
	for (;;) {
		if (tables->freed.end <= tables->vma.start) {
			if (!next_free(tables))
				return false;
			continue;
		}
		if (tables->freed.start >= tables->vma.end) {
			if (!next_vma(tables))
				return false;
			continue;
		}
		range->start =
			tables->freed.start > tables->vma.start ? tables->freed.start : tables->vma.start;
		range->end = tables->freed.end < tables->vma.end ? tables->freed.end : tables->vma.end;
		tables->freed.start = range->end; /* the rest is for the next piece */
		if (tables->freed.start == tables->freed.end)
			tables->freed = (struct vmsc_range){0, 0};
		return true;
	}
}

/* The same, with what touches made one. @ahead is the piece that was read too far. */
static bool next_tables(struct tables *tables, struct vmsc_range *ahead, struct vmsc_range *range)
{
	*range = *ahead;
	*ahead = (struct vmsc_range){0, 0};
	if (!range->end && !next_piece(tables, range))
		return false;
	while (next_piece(tables, ahead)) {
		if (ahead->start > range->end)
			return true;
		if (ahead->end > range->end)
			range->end = ahead->end;
		*ahead = (struct vmsc_range){0, 0};
	}
	*ahead = (struct vmsc_range){0, 0};
	return true;
}

static struct tables tables_of(const struct vmsc_unmap_log *vmas, const struct vmsc_unmap_log *frees,
			       size_t walk, unsigned int level)
{
	return (struct tables){
		.vmas = read_walk(vmas, walk), .frees = read_walk(frees, walk), .level = level};
}

static char *level_differs(const struct vmsc_unmap_log *mine, const struct vmsc_unmap_log *other, size_t walk,
			   unsigned int level)
{
	struct tables a = tables_of(mine, mine, walk, level), b = tables_of(mine, other, walk, level);
	struct vmsc_range ahead_a = {0, 0}, ahead_b = {0, 0}, x, y;
	char *ranges, *text;

	for (;;) {
		bool has_x = next_tables(&a, &ahead_a, &x), has_y = next_tables(&b, &ahead_b, &y);

		if (!has_x && !has_y)
			return NULL;
		if (has_x && has_y && x.start == y.start && x.end == y.end)
			continue;
		if (!has_x)
			x = (struct vmsc_range){0, 0};
		if (!has_y)
			y = (struct vmsc_range){0, 0};
		ranges = vmsc_format("%" PRIx64 "-%" PRIx64 " instead of %" PRIx64 "-%" PRIx64, y.start,
				     y.end, x.start, x.end);
		text = vmsc_format("%s tables are freed in %s", vmsc_table_level_name(level), ranges);
		free(ranges);
		return text;
	}
}

static char *walk_differs(const struct vmsc_unmap_log *mine, const struct vmsc_unmap_log *other, size_t walk)
{
	const struct vmsc_unmap_note *a = &mine->walks[walk].note, *b = &other->walks[walk].note;
	char *why = order_differs(mine, other, walk, VMSC_UNMAP_ZAP, "the zapping of");

	if (!why)
		why = order_differs(mine, other, walk, VMSC_UNMAP_UNLINK, "the unlinking of");
	for (unsigned int level = 0; !why && level < VMSC_NR_TABLE_LEVELS; level++) {
		why = level_differs(mine, other, walk, level);
		if (!why && a->freed[level] != b->freed[level])
			why = vmsc_format("%" PRIu64 " known %s tables are freed instead of %" PRIu64,
					  b->freed[level], vmsc_table_level_name(level), a->freed[level]);
	}
	return why;
}

static char *removal_differs(const struct vmsc_unmap_log *mine, const struct vmsc_unmap_log *other)
{
	size_t nr = mine->nr_removed < other->nr_removed ? mine->nr_removed : other->nr_removed;

	for (size_t i = 0; i < nr; i++)
		if (memcmp(&mine->removed[i], &other->removed[i], sizeof(*mine->removed)))
			return say_range("the removal of", other->removed[i].start, other->removed[i].end,
					 "is out of order");
	if (mine->nr_removed == other->nr_removed)
		return NULL;
	return vmsc_format("%zu VMAs are removed instead of %zu", other->nr_removed, mine->nr_removed);
}

char *vmsc_unmap_log_differs(const struct vmsc_unmap_log *mine, const struct vmsc_unmap_log *other,
			     struct vmsc_on_paper *paper)
{
	if (mine->nr_walks != other->nr_walks)
		return vmsc_format("%zu unmappings instead of %zu", other->nr_walks, mine->nr_walks);
	for (size_t i = 0; i < mine->nr_walks; i++) {
		const struct vmsc_unmap_note *a = &mine->walks[i].note, *b = &other->walks[i].note;
		char *why = walk_differs(mine, other, i);

		if (why)
			return why;
		paper->iterator += a->left[0] != b->left[0] || a->left[1] != b->left[1];
		paper->runs += a->runs != b->runs;
	}
	return removal_differs(mine, other);
}
