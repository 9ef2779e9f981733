/* SPDX-License-Identifier: MIT */
/*
 * Everything at once, for as many seconds as are given: threads that change memory by libc's and by the
 * program's own instructions, on stacks and signal stacks, forks of both kinds, and a storm of signals, one in
 * as many microseconds as are given, whose handler does the same. Exit status 0: every call answered as it must.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rawcalls.h"

#define NR_THREADS  6
#define FORKING	    2 /* thread that forks by libc */
#define RAW_FORKING 3

static long next_place = 0x200000000000;
static volatile int stop = 0;

static long change_somewhere(void)
{
	long at = __atomic_fetch_add(&next_place, 0x100000, __ATOMIC_RELAXED);

	if (change_memory(raw6, at))
		_exit(3);
	raw6(SYS_munmap, at, 0x100000, 0, 0, 0, 0);
	return at;
}

static void handler(int signal)
{
	(void)signal;
	change_somewhere();
}

static void fork_and_change(long at, int raw)
{
	int status = -1;
	long pid = raw ? raw6(SYS_fork, 0, 0, 0, 0, 0, 0) : fork();

	if (!pid)
		_exit(change_memory(raw6, at) != 0);
	while (waitpid(pid, &status, 0) < 0)
		;
	if (status)
		_exit(4);
}

static void *work(void *arg)
{
	char alternate[32768];
	stack_t stack = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	long number = (long)arg;

	if (number & 1)
		sigaltstack(&stack, NULL);
	while (!stop) {
		long at = change_somewhere();

		munmap(mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 65536);
		free(malloc(200000));
		if (number == FORKING || number == RAW_FORKING)
			fork_and_change(at, number == RAW_FORKING);
	}
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART | SA_ONSTACK};
	const int period = argc > 2 ? atoi(argv[2]) : 500;
	const struct itimerval often = {{0, period}, {0, period}};
	struct timespec rest = {argc > 1 ? atoi(argv[1]) : 1, 0};
	pthread_t threads[NR_THREADS];

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (long i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	while (nanosleep(&rest, &rest))
		;
	stop = 1;
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
