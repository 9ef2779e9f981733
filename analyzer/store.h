/* SPDX-License-Identifier: MIT */
/*
 * store.h - copies of what a walk gave, kept until all of them go.
 */
#ifndef VMSC_ANALYZER_STORE_H
#define VMSC_ANALYZER_STORE_H

#include <stddef.h>

struct vmsc_store_chunk;

/* Zeros: an empty one. */
struct vmsc_store {
	struct vmsc_store_chunk *chunk; /* that is being filled */
};

/* Aligned as the trace's records are, to eight bytes. */
void *vmsc_store_copy(struct vmsc_store *store, const void *bytes, size_t size);
/* It is empty then. */
void vmsc_store_free(struct vmsc_store *store);

#endif
