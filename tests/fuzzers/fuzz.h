/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - what the targets share. A target takes any bytes; what must not be ends it.
 */
#ifndef VMASCOPE_TESTS_FUZZ_H
#define VMASCOPE_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(good, what)                                                                                  \
	do {                                                                                                 \
		if (!(good)) {                                                                               \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, what);                            \
			abort();                                                                             \
		}                                                                                            \
	} while (0)

/* An allocator that counts, can fail once, and has an end. */
struct fuzz_memory {
	size_t used, most;
	uint64_t allocations, fail_at; /* 0: never */
	bool failed;
};

static inline void *fuzz_alloc(void *ctx, size_t size)
{
	struct fuzz_memory *memory = ctx;
	void *ptr;

	if (++memory->allocations == memory->fail_at) {
		memory->failed = true;
		return NULL;
	}
	memory->used += size;
	REQUIRE(memory->used <= memory->most, "more memory than such an input may take");
	ptr = malloc(size);
	REQUIRE(ptr, "no memory");
	memset(ptr, 0xa5, size);
	return ptr;
}

static inline void fuzz_free(void *ctx, void *ptr, size_t size)
{
	struct fuzz_memory *memory = ctx;

	if (ptr) {
		REQUIRE(memory->used >= size, "more is freed than was allocated");
		memory->used -= size;
	}
	free(ptr);
}

#endif
