/* SPDX-License-Identifier: MIT */
/*
 * Threads that are cancelled where they wait, with signal masks that have everything in them, and while they
 * map and unmap: every one must run its clean-up handler. Exit status 0: all did.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NR_THREADS 60

static int cleaned = 0;
static sigset_t all;

static void clean(void *arg)
{
	(void)arg;
	__atomic_fetch_add(&cleaned, 1, __ATOMIC_RELAXED);
}

static void wait_somehow(long how)
{
	char byte;
	int pipe_ends[2];

	switch (how) {
	case 0:
		sigsuspend(&all);
		break;
	case 1:
		ppoll(NULL, 0, NULL, &all);
		break;
	case 2:
		pselect(0, NULL, NULL, NULL, NULL, &all);
		break;
	case 3:
		if (!pipe(pipe_ends) && read(pipe_ends[0], &byte, 1))
			pause();
		break;
	case 4:
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
		for (;;)
			syscall(SYS_getppid);
	case 5:
		for (;;) {
			munmap(mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 65536);
			usleep(300); /* which is where it is cancelled */
		}
	}
}

static void *work(void *arg)
{
	pthread_cleanup_push(clean, NULL);
	for (;;)
		wait_somehow((long)arg % 6);
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	pthread_t threads[NR_THREADS];
	void *result;
	int wrong = 0;

	sigfillset(&all);
	for (long i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	usleep(50000);
	for (int i = 0; i < NR_THREADS; i++) {
		pthread_cancel(threads[i]);
		wrong += pthread_join(threads[i], &result) || result != PTHREAD_CANCELED;
	}
	return wrong || cleaned != NR_THREADS;
}
