/* SPDX-License-Identifier: MIT */
/*
 * victim_ended N: N times eight threads that end: those that call at their very end only, and those that map from many places
 * before.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "threads.h"

enum { THREADS = 8, PLACES = 40 };

static __attribute__((noinline)) int map_below(int frames)
{
	void *page;

	if (frames)
		return map_below(frames - 1) + 1;
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || munmap(page, 4096))
		abort();
	return 0;
}

static void *work(void *arg)
{
	for (int i = 0; (uintptr_t)arg % 2 && i < PLACES; i++) {
		if (map_below(i) != i)
			abort();
	}
	return NULL;
}

int main(int argc, char **argv)
{
	for (int i = 0; i < (argc > 1 ? atoi(argv[1]) : 0); i++)
		run_threads(THREADS, work);
	return 0;
}
