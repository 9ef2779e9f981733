/* SPDX-License-Identifier: MIT */
/* idtable.c - see idtable.h. */
#include "idtable.h"

#include <string.h>

#include "arena.h"

#include "inject.h"

#define LAST_ID UINT32_C(0x3fffffff) /* numbers above belong to the readers */
#define LEAST_ROOM 64u
#define LEAST_SWEEP 1024u

static struct vmsc_id_entry *head_at(const struct vmsc_id_table *table, uint32_t index)
{
	return vmsc_ids_at(table, index);
}

static uint32_t *chain_of(const struct vmsc_id_table *table, uint64_t key)
{
	return &table->chains[(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (table->room - 1)];
}

static void link_entry(struct vmsc_id_table *table, uint32_t index)
{
	struct vmsc_id_entry *head = head_at(table, index);
	uint32_t *chain = chain_of(table, head->key);

	head->older = *chain;
	*chain = index + 1;
}

static void link_all(struct vmsc_id_table *table)
{
	memset(table->chains, 0, table->room * sizeof(*table->chains));
	for (uint32_t i = 0; i < table->nr; i++)
		link_entry(table, i);
}

/* False: no memory, and nothing has changed. */
static bool resize(struct vmsc_id_table *table, uint32_t room)
{
	unsigned char *entries = vmsc_arena_alloc(room * table->size);
	uint32_t *chains = vmsc_arena_alloc(room * sizeof(*chains));

	if (!entries || !chains) {
		vmsc_arena_free(entries, room * table->size);
		vmsc_arena_free(chains, room * sizeof(*chains));
		return false;
	}
	if (table->entries) {
		memcpy(entries, table->entries, table->nr * table->size);
		vmsc_arena_free(table->entries, table->room * table->size);
		vmsc_arena_free(table->chains, table->room * sizeof(*chains));
	}
	table->entries = entries;
	table->chains = chains;
	table->room = room;
	link_all(table);
	return true;
}

void *vmsc_ids_add(struct vmsc_id_table *table, uint64_t key)
{
	struct vmsc_id_entry *head;

	if (table->last_id == LAST_ID)
		return NULL;
	if (table->nr == table->room && !resize(table, table->room ? table->room * 2 : LEAST_ROOM))
		return NULL;
	head = head_at(table, table->nr);
	memset(head, 0, table->size);
	head->key = key;
	head->id = ++table->last_id;
	link_entry(table, table->nr++);
	if (!table->sweep_at)
		table->sweep_at = LEAST_SWEEP;
	return head;
}

void *vmsc_ids_find(const struct vmsc_id_table *table, uint32_t id)
{
	uint32_t first = 0, end = table->nr;

	while (first < end) {
		uint32_t middle = first + (end - first) / 2;

		if (head_at(table, middle)->id < id)
			first = middle + 1;
		else
			end = middle;
	}
	return first < table->nr && head_at(table, first)->id == id ? head_at(table, first) : NULL;
}

/* From the entry at @index - 1 on, the first with @key. */
static void *first_in_chain(const struct vmsc_id_table *table, uint32_t index, uint64_t key)
{
	while (index && head_at(table, index - 1)->key != key)
		index = head_at(table, index - 1)->older;
	return index ? head_at(table, index - 1) : NULL;
}

void *vmsc_ids_youngest(const struct vmsc_id_table *table, uint64_t key)
{
	return table->room ? first_in_chain(table, *chain_of(table, key), key) : NULL;
}

void *vmsc_ids_older(const struct vmsc_id_table *table, const void *entry)
{
	const struct vmsc_id_entry *head = entry;

	return first_in_chain(table, head->older, head->key);
}

void vmsc_ids_use(struct vmsc_id_table *table, uint32_t id)
{
	struct vmsc_id_entry *head = vmsc_ids_find(table, id);

	if (head)
		head->in_use = 1;
}

void vmsc_ids_sweep(struct vmsc_id_table *table, uint32_t others, void (*drop)(void *entry))
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < table->nr; i++) {
		struct vmsc_id_entry *head = head_at(table, i);

		if (!head->in_use) {
			drop(head);
			continue;
		}
		head->in_use = 0;
		if (kept != i)
			memcpy(head_at(table, kept), head, table->size);
		kept++;
	}
	table->nr = kept;
	table->sweep_at = kept * 2 + others + LEAST_SWEEP;
	if (table->room > LEAST_ROOM && kept < table->room / 8 && resize(table, table->room / 4))
		return;
	if (table->room)
		link_all(table);
}

void vmsc_ids_forget(struct vmsc_id_table *table)
{
	table->entries = NULL;
	table->chains = NULL;
	table->nr = table->room = table->last_id = table->sweep_at = 0;
}
