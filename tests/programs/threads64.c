/* SPDX-License-Identifier: MIT */
/* 64 threads with a heap of their own each: blocks of all sizes are taken, written and given back in no order. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 64, BLOCKS = 64, ROUNDS = 2000, LARGEST = 300000 };

static void *work(void *arg)
{
	uint32_t random = (uint32_t)(uintptr_t)arg * 2654435761u + 1;
	char *blocks[BLOCKS] = { NULL };

	for (int i = 0; i < ROUNDS; i++) {
		char **block = &blocks[(random >> 8) % BLOCKS];
		size_t size = (random >> 3) % LARGEST + 1;

		free(*block);
		*block = malloc(size);
		if (!*block)
			abort();
		memset(*block, 1, size < 5000 ? size : 5000);
		random = random * 1103515245 + 12345;
	}
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, work, (void *)i))
			abort();
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
