/* SPDX-License-Identifier: MIT */
#include "groups.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) vmsc_out_of_memory()
#include "say.h"
#include <uthash.h>

struct entry {
	struct vmsc_group group;
	UT_hash_handle hh;
};

struct vmsc_groups {
	struct entry *entries;
	struct vmsc_group *sorted;
};

struct vmsc_groups *vmsc_groups_new(void)
{
	return vmsc_alloc(sizeof(struct vmsc_groups));
}

void vmsc_groups_free(struct vmsc_groups *groups)
{
	struct entry *entry, *next;

	HASH_ITER(hh, groups->entries, entry, next)
	{
		HASH_DEL(groups->entries, entry);
		free(entry->group.name);
		free(entry);
	}
	free(groups->sorted);
	free(groups);
}

void vmsc_groups_add(struct vmsc_groups *groups, char *name, uint64_t count, uint64_t bytes)
{
	struct entry *entry;

	HASH_FIND_STR(groups->entries, name, entry);
	if (entry) {
		free(name);
	} else {
		entry = vmsc_alloc(sizeof(*entry));
		entry->group.name = name;
		HASH_ADD_KEYPTR(hh, groups->entries, name, strlen(name), entry);
	}
	entry->group.count += count;
	entry->group.bytes += bytes;
}

size_t vmsc_groups_nr(const struct vmsc_groups *groups)
{
	return HASH_COUNT(groups->entries);
}

static int compare(const void *left, const void *right)
{
	const struct vmsc_group *a = left, *b = right;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	return strcmp(a->name, b->name);
}

const struct vmsc_group *vmsc_groups_sorted(struct vmsc_groups *groups)
{
	size_t nr = vmsc_groups_nr(groups), i = 0;
	struct entry *entry;

	groups->sorted = vmsc_grow(groups->sorted, nr + 1, sizeof(*groups->sorted));
	for (entry = groups->entries; entry; entry = entry->hh.next)
		groups->sorted[i++] = entry->group;
	qsort(groups->sorted, nr, sizeof(*groups->sorted), compare);
	return groups->sorted;
}
