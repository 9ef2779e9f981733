/* SPDX-License-Identifier: MIT */
/* snapshot.c - see snapshot.h. */
#include "snapshot.h"

#include <errno.h>

#include "arena.h"
#include "look.h"
#include "module.h"
#include "own.h"
#include "recorder.h"
#include "writer.h"

#include "inject.h"

static int write_seen(void *ctx, const struct vmsc_seen_record *seen, const char *name, size_t length)
{
	struct vmsc_seen_record record = *seen;
	uint64_t *nr = ctx;

	record.traits = vmsc_own_contains(seen->start, seen->end) ? VMSC_VMA_OWN : 0;
	record.length = length;
	vmsc_writer_put(VMSC_RECORD_SEEN, 0, &record, sizeof(record), name, length);
	++*nr;
	return 0;
}

static int tell_module(void *ctx, const struct vmsc_seen_record *seen, const char *name, size_t length)
{
	(void)ctx;
	vmsc_module_tell(seen, name, length);
	return 0;
}

static void begin(enum vmsc_when when, uint64_t start, uint64_t end, bool flags)
{
	struct vmsc_snapshot_record record = { .when = when, .flags_known = flags, .start = start, .end = end };

	vmsc_writer_put(VMSC_RECORD_SNAPSHOT, 0, &record, sizeof(record), NULL, 0);
}

static void finish(uint64_t nr)
{
	struct vmsc_snapshot_end_record record = { .nr = nr };

	vmsc_writer_put(VMSC_RECORD_SNAPSHOT_END, 0, &record, sizeof(record), NULL, 0);
}

void vmsc_snapshot_all(enum vmsc_when when)
{
	uint64_t nr = 0;

	begin(when, 0, UINT64_MAX, true);
	if (vmsc_look_all(true, write_seen, &nr)) {
		vmsc_problem("a snapshot could not be read from /proc/self/smaps");
		nr++; /* tells the reader that it is incomplete */
	}
	finish(nr);
	if (when == VMSC_WHEN_ATTACH || when == VMSC_WHEN_FORK)
		vmsc_module_forget();
	(void)vmsc_look_all(false, tell_module, NULL); /* what can't be read now gives no names later, no more */
}

struct window {
	uint64_t start, end, nr;
};

static int write_within(void *ctx, const struct vmsc_seen_record *seen, const char *name, size_t length)
{
	struct window *window = ctx;

	if (seen->end <= window->start || seen->start >= window->end)
		return 0;
	return write_seen(&window->nr, seen, name, length);
}

void vmsc_snapshot_flags(enum vmsc_when when, uint64_t start, uint64_t end)
{
	struct window window = { start >= VMSC_PAGE_SIZE ? start - VMSC_PAGE_SIZE : 0, end + VMSC_PAGE_SIZE, 0 };

	begin(when, window.start, window.end, true);
	finish(vmsc_look_all(true, write_within, &window) ? window.nr + 1 : window.nr);
}

/* Does the model have a VMA that begins at @addr, or goes on there? */
static bool is_mapped(uint64_t addr)
{
	struct vmsc_vma vma;

	return !vmsc_rec.replay || (vmsc_mm_find(vmsc_replay_mm(vmsc_rec.replay), addr, &vma) && vma.start <= addr);
}

/*
 * A question is answered by the VMA at an address or the next one, which shows the hole before it too: the one that begins a
 * page below tells all of a range without neighbours. The page above is of interest where there should be something, or where
 * it is not known what should be.
 */
void vmsc_snapshot_around(enum vmsc_when when, uint64_t start, uint64_t end)
{
	struct vmsc_seen_record seen;
	uint64_t nr = 0, at;
	int err = 0;

	if (start >= VMSC_PAGE_SIZE)
		start -= VMSC_PAGE_SIZE;
	if (when != VMSC_WHEN_CALL || is_mapped(end))
		end += VMSC_PAGE_SIZE;
	begin(when, start, end, false);
	for (at = start; at < end && !(err = vmsc_look_vma(at, &seen)) && seen.start < end; at = seen.end)
		write_seen(&nr, &seen, NULL, 0);
	finish(err && err != -ENOENT ? nr + 1 : nr); /* not all could be looked at: incomplete */
}
