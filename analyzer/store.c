/* SPDX-License-Identifier: MIT */
#include "store.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

#define CHUNK_SIZE ((size_t)32 << 10)

struct vmsc_store_chunk {
	struct vmsc_store_chunk *before;
	size_t used, size;
	uint64_t bytes[];
};

static struct vmsc_store_chunk *chunk_for(struct vmsc_store *store, size_t size)
{
	struct vmsc_store_chunk *chunk = store->chunk;

	if (chunk && chunk->size - chunk->used >= size)
		return chunk;
	chunk = vmsc_alloc(sizeof(*chunk) + (size > CHUNK_SIZE ? size : CHUNK_SIZE));
	chunk->size = size > CHUNK_SIZE ? size : CHUNK_SIZE;
	chunk->before = store->chunk;
	store->chunk = chunk;
	return chunk;
}

void *vmsc_store_copy(struct vmsc_store *store, const void *bytes, size_t size)
{
	const size_t whole = (size + 7) & ~(size_t)7;
	struct vmsc_store_chunk *chunk = chunk_for(store, whole);
	void *copy = (unsigned char *)chunk->bytes + chunk->used;

	chunk->used += whole;
	return memcpy(copy, bytes, size);
}

void vmsc_store_free(struct vmsc_store *store)
{
	struct vmsc_store_chunk *before;

	for (; store->chunk; store->chunk = before) {
		before = store->chunk->before;
		free(store->chunk);
	}
}
