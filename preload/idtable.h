/* SPDX-License-Identifier: MIT */
/*
 * idtable.h - things that the trace calls by number: each has the next number, is found by it and by a key of its own, and
 * goes when a sweep finds that nothing names it. Numbers are never given twice. Needs the recorder's lock.
 */
#ifndef VMSC_IDTABLE_H
#define VMSC_IDTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What every entry begins with. */
struct vmsc_id_entry {
	uint64_t key; /* not unique */
	uint32_t id;
	uint32_t older : 31; /* index + 1 of the next entry in the chain, 0: none */
	uint32_t in_use : 1; /* the sweep that is under way found it named */
};

struct vmsc_id_table {
	const size_t size; /* bytes of an entry */
	unsigned char *entries; /* in the order of their numbers */
	uint32_t *chains; /* by key: index + 1 of the youngest; as many as there is room */
	uint32_t nr, room; /* a power of two */
	uint32_t last_id;
	uint32_t sweep_at; /* so many entries make a sweep worth while */
};

/* A zeroed entry with the next number; NULL without memory or numbers. Other entries may move. */
void *vmsc_ids_add(struct vmsc_id_table *table, uint64_t key);

void *vmsc_ids_find(const struct vmsc_id_table *table, uint32_t id);

/* The youngest with @key, and the next older one with the same; NULL for none. */
void *vmsc_ids_youngest(const struct vmsc_id_table *table, uint64_t key);
void *vmsc_ids_older(const struct vmsc_id_table *table, const void *entry);

/* The entry at @index, below table->nr. */
static inline void *vmsc_ids_at(const struct vmsc_id_table *table, uint32_t index)
{
	return table->entries + index * table->size;
}

/* The sweep found the number named; 0 and unknown ones are passed over. */
void vmsc_ids_use(struct vmsc_id_table *table, uint32_t id);

/*
 * Drops what was not marked since the last sweep, after @drop has seen it. The next is worth while when as many have come as
 * there are now, and not before @others: what else a sweep has to look at.
 */
void vmsc_ids_sweep(struct vmsc_id_table *table, uint32_t others, void (*drop)(void *entry));

static inline bool vmsc_ids_is_due(const struct vmsc_id_table *table)
{
	return table->nr && table->nr >= table->sweep_at;
}

/* Empty, and numbered from 1 again: for a trace that begins with nothing. */
void vmsc_ids_forget(struct vmsc_id_table *table);

#endif
