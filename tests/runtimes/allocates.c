/* SPDX-License-Identifier: MIT */
/* Work for an allocator: threads that allocate, pass on to each other, and free, and a fork in the midst. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_THREADS 4
#define NR_BLOCKS  512
#define ROUNDS	   20000

static char *blocks[NR_BLOCKS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *arg)
{
	unsigned int seed = (unsigned long)arg;
	long bytes = 0;

	for (int i = 0; i < ROUNDS; i++) {
		unsigned int which = rand_r(&seed) % NR_BLOCKS, size = 1u << rand_r(&seed) % 17;
		char *block = malloc(size), *other;

		memset(block, i, size);
		pthread_mutex_lock(&lock);
		other = blocks[which];
		blocks[which] = block;
		pthread_mutex_unlock(&lock);
		bytes += size;
		free(other);
	}
	return (void *)bytes;
}

int main(void)
{
	pthread_t threads[NR_THREADS];
	long bytes = 0;
	int status = 0;

	for (long i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)(i + 1));
#ifndef ALONE /* a sanitizer's locks are not forked well: such a child hangs now and then */
	pid_t child;

	pthread_mutex_lock(&lock);
	child = fork();
	pthread_mutex_unlock(&lock);
	if (!child)
		_exit(work((void *)9) ? 5 : 6);
	waitpid(child, &status, 0);
#endif
	for (int i = 0; i < NR_THREADS; i++) {
		void *got;

		pthread_join(threads[i], &got);
		bytes += (long)got;
	}
	printf("%ld bytes, child %d\n", bytes, WEXITSTATUS(status));
	return 0;
}
