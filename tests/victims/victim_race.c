/* SPDX-License-Identifier: MIT */
/* Threads that map next to each other and write at once: the first page of one comes while another's call is made. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

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
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, work, NULL))
			abort();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("mmap %d\nmprotect %d\nmunmap %d\n", THREADS * ROUNDS, THREADS * ROUNDS, THREADS * ROUNDS);
	return 0;
}
