/* SPDX-License-Identifier: MIT */
#include "heap.h"

#include <stdlib.h>

static void *take(void *ctx, size_t size)
{
	(void)ctx;
	return malloc(size);
}

static void give_back(void *ctx, void *ptr, size_t size)
{
	(void)ctx;
	(void)size;
	free(ptr);
}

const struct vmsc_allocator vmsc_heap = {.alloc = take, .free = give_back};
