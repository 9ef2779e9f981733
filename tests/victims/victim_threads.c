/* SPDX-License-Identifier: MIT */
/* 64 threads that map, unmap and allocate at once. Prints how many mmap and munmap calls it made itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "threads.h"

enum { THREADS = 64, ROUNDS = 50 };

static void *work(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		char *block = malloc(1000 + i * 5000);

		if (page == MAP_FAILED || !block)
			abort();
		page[0] = 1;
		memset(block, 1, 1000);
		free(block);
		if (munmap(page, 4096))
			abort();
	}
	return NULL;
}

int main(void)
{
	run_threads(THREADS, work);
	printf("mmap %d\nmunmap %d\n", THREADS * ROUNDS, THREADS * ROUNDS);
	return 0;
}
