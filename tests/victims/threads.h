/* SPDX-License-Identifier: MIT */
/* threads.h - threads that all do the same at once; each is told its number. Ends with the last of them. */
#include <pthread.h>
#include <stdlib.h>

enum { THREADS_MAX = 64 };

static void run_threads(long nr, void *(*work)(void *))
{
	pthread_t threads[THREADS_MAX];

	for (long i = 0; i < nr; i++) {
		if (nr > THREADS_MAX || pthread_create(&threads[i], NULL, work, (void *)i))
			abort();
	}
	for (long i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}
