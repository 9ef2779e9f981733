/* SPDX-License-Identifier: MIT */
/* Threads that map next to each other and write at once: the first page of one comes while another's call is
 * made. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "threads.h"

enum { PAGE = 4096, THREADS = 6, ROUNDS = 400 };

static void *work(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		char *at = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (at == MAP_FAILED)
			abort();
		*(volatile char *)at = 1;
		if (mprotect(at + PAGE, PAGE, PROT_READ) || munmap(at, (i % 3 + 2) * PAGE))
			abort();
	}
	return NULL;
}

int main(void)
{
	run_threads(THREADS, work);
	printf("mmap %d\nmprotect %d\nmunmap %d\n", THREADS * ROUNDS, THREADS * ROUNDS, THREADS * ROUNDS);
	return 0;
}
