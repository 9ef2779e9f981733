/* SPDX-License-Identifier: MIT */
/* tables.c - see tables.h. */
#include "tables.h"

#include "fdtable.h"
#include "look.h"
#include "recorder.h"
#include "sys.h"
#include "writer.h"

#include "inject.h"

#define NR_RANGES 64

static struct vmsc_tables_record seen = { 0 };
static struct vmsc_range ranges[NR_RANGES] = { { 0, 0 } };
static size_t nr_ranges = 0;
static bool is_pending = false;
static char text[4096] = { 0 };

static bool starts_with(const char *at, const char *word)
{
	while (*word && *at == *word) {
		at++;
		word++;
	}
	return !*word;
}

/* The number behind @key at the start of a line of @text; false: there is none. */
static bool find_number(const char *key, uint64_t *number)
{
	const char *at = text;

	while (*at && !starts_with(at, key)) {
		while (*at && *at != '\n')
			at++;
		at += *at == '\n';
	}
	if (!*at)
		return false;
	while (*at && (*at < '0' || *at > '9'))
		at++;
	for (*number = 0; *at >= '0' && *at <= '9'; at++)
		*number = *number * 10 + (uint64_t)(*at - '0');
	return true;
}

static bool read_vmpte(uint64_t *vmpte, uint32_t *threads)
{
	long got = sys_pread(vmsc_fd_own(VMSC_OWN_FD_STATUS), text, sizeof(text) - 1, 0);
	uint64_t number = 0;

	if (got <= 0)
		return false;
	text[got] = '\0';
	if (!find_number("Threads:", &number))
		return false;
	*threads = (uint32_t)number;
	return find_number("VmPTE:", vmpte);
}

/* Returns: is all populated memory in @range in the list now? */
static bool look(const struct vmsc_range *range)
{
	bool complete = true;

	if (range->start < range->end)
		nr_ranges += vmsc_look_populated(range->start, range->end, ranges + nr_ranges, NR_RANGES - nr_ranges,
						 &complete);
	return complete;
}

void vmsc_tables_before(const struct vmsc_call *call)
{
	struct vmsc_table_asks asks;
	bool complete, frees;

	is_pending = false;
	if (!vmsc_rec.options.tables)
		return;
	vmsc_mm_table_asks(vmsc_replay_mm(vmsc_rec.replay), call, &asks);
	frees = asks.freed.start < asks.freed.end;
	if (!frees && asks.kept[0].start >= asks.kept[0].end && asks.kept[1].start >= asks.kept[1].end)
		return;
	vmsc_rec.header->asked++;
	nr_ranges = 0;
	look(&asks.kept[0]);
	look(&asks.kept[1]);
	complete = look(&asks.freed);
	seen = (struct vmsc_tables_record){ .nr = (uint32_t)nr_ranges * 2 };
	seen.head.flags = (complete ? VMSC_TABLES_COMPLETE : 0) | (frees ? 0 : VMSC_TABLES_ONLY_RANGES);
	is_pending = frees ? read_vmpte(&seen.before, &seen.threads) : seen.nr > 0;
}

void vmsc_tables_after(void)
{
	uint32_t threads;

	if (is_pending && !(seen.head.flags & VMSC_TABLES_ONLY_RANGES))
		is_pending = read_vmpte(&seen.after, &threads);
}

void vmsc_tables_write(void)
{
	if (is_pending)
		vmsc_writer_put(VMSC_RECORD_TABLES, seen.head.flags, &seen, sizeof(seen), ranges,
				seen.nr * sizeof(uint64_t));
	is_pending = false;
}

void vmsc_tables_at_end(void)
{
	struct vmsc_tables_record last = { .nr = 0 };

	if (read_vmpte(&last.before, &last.threads)) {
		last.after = last.before;
		vmsc_writer_put(VMSC_RECORD_TABLES, VMSC_TABLES_AT_END, &last, sizeof(last), NULL, 0);
	}
}
