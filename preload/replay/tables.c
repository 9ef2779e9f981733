/* SPDX-License-Identifier: MIT */
/*
 * tables.c - page tables that unmappings free, as predicted and as VmPTE shows.
 */
#include "internal.h"

#define TABLE_KB      4
#define POPULATED_MAX (UINT64_C(64) << 30) /* bytes in one record: more would be work for a hostile trace */

/* What was populated is known to the model from here on; what was seen waits for the call. */
int vmsc_tables_take(struct vmsc_replay *replay, const struct vmsc_tables_record *record)
{
	const uint64_t *edges = vmsc_record_tail(&record->head, sizeof(*record));
	uint64_t left = POPULATED_MAX;

	if (record->head.flags & VMSC_TABLES_AT_END) {
		replay->tally.has_last_tables = true;
		replay->tally.last_tables = record->before;
		return 0;
	}
	for (uint32_t i = 0; i + 1 < record->nr; i += 2) {
		uint64_t start = edges[i], end = edges[i + 1];

		if (start >= end || end - start > left)
			continue;
		left -= end - start;
		if (vmsc_mm_populate(replay->mm, start, end) == -ENOMEM)
			return -ENOMEM;
	}
	replay->tables = (struct vmsc_tables){.record = *record,
					      .pending = !(record->head.flags & VMSC_TABLES_ONLY_RANGES)};
	return 0;
}

/* VmPTE does not count P4D tables. */
static uint64_t in_vmpte(const uint64_t tables[VMSC_NR_TABLE_LEVELS])
{
	return tables[VMSC_TABLE_PTE] + tables[VMSC_TABLE_PMD] + tables[VMSC_TABLE_PUD];
}

void vmsc_tables_note(struct vmsc_replay *replay, const struct vmsc_unmap_note *note)
{
	replay->tables.least += in_vmpte(note->freed);
	replay->tables.most += in_vmpte(note->tables);
}

/* @freed pages of tables are gone; other threads may have made some meanwhile. */
static void count_seen(struct vmsc_replay *replay, int64_t freed)
{
	const struct vmsc_tables *tables = &replay->tables;
	struct vmsc_tables_tally *seen = &replay->tally.tables_seen;
	bool complete = tables->record.head.flags & VMSC_TABLES_COMPLETE;
	bool possible = freed >= (int64_t)tables->least && freed <= (int64_t)tables->most;

	seen->asked++;
	if (complete && freed == (int64_t)tables->least) {
		seen->exact++;
	} else if (tables->record.threads > 1) {
		seen->disturbed++;
		return;
	} else if (possible) {
		seen->undetermined++;
	} else {
		if (!seen->wrong++)
			seen->first_wrong = replay->tally.calls;
		return;
	}
	seen->predicted += tables->least;
	seen->observed += (uint64_t)freed;
}

/* The call has been stepped. */
void vmsc_tables_compare(struct vmsc_replay *replay)
{
	const struct vmsc_tables *tables = &replay->tables;
	int64_t freed = (int64_t)(tables->record.before - tables->record.after) / TABLE_KB;

	if (tables->pending)
		count_seen(replay, freed);
	memset(&replay->tables, 0, sizeof(replay->tables));
}
