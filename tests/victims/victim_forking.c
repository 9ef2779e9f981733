/* SPDX-License-Identifier: MIT */
/*
 * Threads that call from ever other depths, so that each stack has to be unwound; meanwhile the first thread forks as often
 * as its argument says. A child that inherits a lock of somebody's hangs at its own first call, and so does this.
 */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_THREADS 4
#define PLACE 0x200000000000

static volatile int stop = 0;

static __attribute__((noinline)) int map_at_depth(unsigned int way, unsigned int depth, char *at)
{
	volatile char below[16];

	below[0] = 0;
	if (!depth) {
		if (mmap(at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
			_exit(5);
		return munmap(at, 4096) + below[0];
	}
	return (way & 2 ? map_at_depth(way * 5 + 1, depth - 1, at) : map_at_depth(way * 3 + 1, depth - 1, at)) + below[0];
}

static void *work(void *arg)
{
	unsigned int number = (unsigned int)(long)arg;

	while (!stop)
		map_at_depth(rand_r(&number), number % 40, (char *)PLACE + ((long)arg << 20));
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[NR_THREADS];
	int status = 0;

	for (long i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)(i + 1));
	for (int left = argc > 1 ? atoi(argv[1]) : 1; left > 0 && !status; left--) {
		pid_t pid = fork();

		if (!pid) {
			_exit(map_at_depth(1, 3, (char *)PLACE));
		}
		waitpid(pid, &status, 0);
	}
	stop = 1;
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	return status != 0;
}
