/* SPDX-License-Identifier: MIT */
/*
 * spinner PROGRESS ROUNDS [children|bomb|exec]: calls without end (ROUNDS 0) or so many, by two threads; how many have
 * returned stands in the file PROGRESS, for whoever kills it. children: instead ROUNDS processes, at most LIVE at a
 * time, each with a few calls. bomb: the same, but every process forks as many as it can. exec: instead it executes
 * itself ROUNDS times.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, THREADS = 2, LIVE = 64, BOMB_LIVE = 250, NR_PROGRESS = 4, STARTED, ALIVE };

static volatile uint64_t *progress;
static unsigned long rounds;

static char *place(long thread)
{
	return (char *)0x200000000000 + (thread << 32);
}

static int calls_of(long thread)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;

	if (mmap(place(thread), 4 * PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) != place(thread))
		return 0;
	__atomic_add_fetch(&progress[thread], 1, __ATOMIC_SEQ_CST);
	if (munmap(place(thread), 4 * PAGE))
		return 0;
	__atomic_add_fetch(&progress[thread], 1, __ATOMIC_SEQ_CST);
	return 1;
}

static void *spin(void *thread)
{
	for (unsigned long i = 0; !rounds || i < rounds; i++)
		if (!calls_of((long)thread))
			return thread;
	return NULL;
}

static int run_threads(void)
{
	pthread_t threads[THREADS];
	int good = 1;
	void *bad;

	for (long i = 0; i < THREADS; i++)
		good &= !pthread_create(&threads[i], NULL, spin, (void *)i);
	for (int i = 0; i < THREADS; i++)
		good &= !pthread_join(threads[i], &bad) && !bad;
	return good;
}

/* All have counted when all are gone; each is alone in what it maps. */
static int run_children(void)
{
	unsigned long live = 0, good = 0;
	int how;

	for (unsigned long i = 0; i < rounds || live; live--, good += !how) {
		for (; i < rounds && live < LIVE; i++, live++) {
			pid_t pid = fork();

			if (pid < 0)
				return 0;
			if (!pid)
				_exit(!calls_of(2));
		}
		if (wait(&how) <= 0)
			return 0;
	}
	return good == rounds;
}

/* One process more, if there may be. Returns: fork's answer, -1 also where there are too many. */
static pid_t start_one(void)
{
	pid_t pid = -1;

	if (__atomic_add_fetch(&progress[ALIVE], 1, __ATOMIC_SEQ_CST) <= BOMB_LIVE &&
	    __atomic_add_fetch(&progress[STARTED], 1, __ATOMIC_SEQ_CST) <= rounds)
		pid = fork();
	if (pid < 0)
		__atomic_sub_fetch(&progress[ALIVE], 1, __ATOMIC_SEQ_CST);
	return pid;
}

static int wait_for_one(void)
{
	int how = 1;

	if (wait(&how) <= 0)
		return -1;
	__atomic_sub_fetch(&progress[ALIVE], 1, __ATOMIC_SEQ_CST);
	return how;
}

/* Each process of the bomb: some calls, then children as long as there may be more, and then until all of its own are gone. */
static int run_bomb(int is_root)
{
	long live = 0;
	int good = is_root || calls_of(2), how;

	do {
		pid_t pid = start_one();

		if (!pid)
			_exit(!run_bomb(0));
		live += pid > 0;
		if (pid > 0)
			continue;
		how = live ? wait_for_one() : 0;
		good &= !how;
		live -= live > 0;
	} while (live || (is_root && progress[STARTED] < rounds));
	return good && calls_of(2);
}

static int run_exec(char **argv)
{
	char text[24];

	if (!calls_of(3))
		return 0;
	if (!rounds)
		return 1;
	snprintf(text, sizeof(text), "%lu", rounds - 1);
	argv[2] = text;
	execv("/proc/self/exe", argv);
	return 0;
}

int main(int argc, char **argv)
{
	int fd = argc > 2 ? open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1, good;

	if (fd < 0 || ftruncate(fd, PAGE))
		return 2;
	progress = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	rounds = strtoul(argv[2], NULL, 10);
	if (argc > 3 && !strcmp(argv[3], "exec"))
		good = run_exec(argv);
	else
		good = argc > 3 ? !strcmp(argv[3], "bomb") ? run_bomb(1) : run_children() : run_threads();
	if (good && puts("all is well") < 0)
		return 2;
	return good ? 4 : 1;
}
