/* SPDX-License-Identifier: MIT */
/*
 * store.h - copies of what a walk gave, kept until all of them go.
 */
#ifndef VMSC_ANALYZER_STORE_H
#define VMSC_ANALYZER_STORE_H

#include <stdlib.h>

#include "say.h"

#define obstack_chunk_alloc malloc
#define obstack_chunk_free  free
#include <obstack.h>

static inline void vmsc_store_open(struct obstack *store)
{
	obstack_alloc_failed_handler = vmsc_out_of_memory;
	obstack_init(store);
}

static inline void vmsc_store_close(struct obstack *store)
{
	obstack_free(store, NULL);
}

#endif
