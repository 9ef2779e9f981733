/* SPDX-License-Identifier: MIT */
/*
 * calls.c - one kind of call over and over; prints the nanoseconds that each took.
 *
 *   calls WHAT [--count=N] [--depth=FRAMES] [--threads=N] [--vmas=N]
 *
 * WHAT: pair (mmap and munmap of a page at a hint where nothing else is), protect, brk, getppid, read, futex,
 * touch, malloc.
 * --vmas puts that many more VMAs into the address space before. Times are of the slowest thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096 };

typedef void action(void *place, int fd);

struct bench {
	action *act;
	long count, depth, threads, vmas;
};

struct thread {
	const struct bench *bench;
	pthread_t id;
	void *place;
	double ns;
};

static void act_pair(void *place, int fd)
{
	void *at = mmap(place, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)fd;
	if (at == MAP_FAILED || munmap(at, PAGE))
		abort();
}

static void act_protect(void *place, int fd)
{
	(void)fd;
	if (mprotect(place, PAGE, PROT_READ) || mprotect(place, PAGE, PROT_READ | PROT_WRITE))
		abort();
}

static void act_brk(void *place, int fd)
{
	(void)place;
	(void)fd;
	if (sbrk(PAGE) == (void *)-1 || sbrk(-PAGE) == (void *)-1)
		abort();
}

static void act_getppid(void *place, int fd)
{
	(void)place;
	(void)fd;
	(void)!getppid();
}

static void act_read(void *place, int fd)
{
	char byte;

	(void)place;
	if (read(fd, &byte, 1) != 1)
		abort();
}

static void act_futex(void *place, int fd)
{
	uint32_t word = 0;

	(void)place;
	(void)fd;
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* A fresh page is written and given back: page faults, and a call that records nothing new. */
static void act_touch(void *place, int fd)
{
	(void)fd;
	*(volatile char *)place = 1;
	madvise(place, PAGE, MADV_DONTNEED);
}

static void act_malloc(void *place, int fd)
{
	char *large = malloc(1 << 20), *small = malloc(100);

	(void)place;
	(void)fd;
	large[0] = small[0] = 1;
	free(small);
	free(large);
}

static const struct {
	const char *name;
	action *act;
} actions[] = {
	{"pair", act_pair}, {"protect", act_protect}, {"brk", act_brk},	    {"getppid", act_getppid},
	{"read", act_read}, {"futex", act_futex},     {"touch", act_touch}, {"malloc", act_malloc},
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void repeat(struct thread *thread)
{
	const struct bench *bench = thread->bench;
	int fd = open("/dev/zero", O_RDONLY);
	double begin;

	for (long i = 0; i < bench->count / 100 + 10; i++)
		bench->act(thread->place, fd);
	begin = now();
	for (long i = 0; i < bench->count; i++)
		bench->act(thread->place, fd);
	thread->ns = (now() - begin) / (double)bench->count;
	close(fd);
}

/* @depth frames more below the call. */
static __attribute__((noinline)) void descend(struct thread *thread, long depth)
{
	volatile char keep = 0;

	if (depth > 0)
		descend(thread, depth - 1);
	else
		repeat(thread);
	(void)keep;
}

static void *run(void *arg)
{
	struct thread *thread = arg;

	descend(thread, thread->bench->depth);
	return NULL;
}

/* An address range with no neighbour, so that nothing merges; for protect and touch there is something there.
 */
static void *make_place(const struct bench *bench, long index)
{
	char *place = (char *)(UINT64_C(0x100000000000) + (uint64_t)index * (UINT64_C(1) << 32));

	if (bench->act == act_pair)
		return place;
	place = mmap(place, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (place == MAP_FAILED)
		abort();
	return place + PAGE;
}

static void make_vmas(long nr)
{
	char *base;

	if (!nr)
		return;
	base = mmap((void *)0x200000000000, (size_t)nr * 2 * PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (long i = 0; i < nr; i += 2) {
		if (base == MAP_FAILED || mprotect(base + (size_t)i * 2 * PAGE, PAGE, PROT_READ)) {
			perror("mprotect");
			exit(1);
		}
	}
}

static long option(int argc, char **argv, const char *name, long otherwise)
{
	size_t length = strlen(name);

	for (int i = 2; i < argc; i++) {
		if (!strncmp(argv[i], name, length) && argv[i][length] == '=')
			return atol(argv[i] + length + 1);
	}
	return otherwise;
}

int main(int argc, char **argv)
{
	struct bench bench = {
		.count = option(argc, argv, "--count", 100000),
		.depth = option(argc, argv, "--depth", 20),
		.threads = option(argc, argv, "--threads", 1),
		.vmas = option(argc, argv, "--vmas", 0),
	};
	struct thread *threads = calloc((size_t)bench.threads, sizeof(*threads));
	double slowest = 0;

	for (size_t i = 0; argc > 1 && i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (!strcmp(argv[1], actions[i].name))
			bench.act = actions[i].act;
	}
	if (!bench.act || !threads) {
		fprintf(stderr, "usage: calls WHAT [--count=N] [--depth=N] [--threads=N] [--vmas=N]\n");
		return 2;
	}
	make_vmas(bench.vmas);
	for (long i = 0; i < bench.threads; i++) {
		threads[i].bench = &bench;
		threads[i].place = make_place(&bench, i);
		if (i && pthread_create(&threads[i].id, NULL, run, &threads[i]))
			abort();
	}
	run(&threads[0]);
	for (long i = 0; i < bench.threads; i++) {
		if (i)
			pthread_join(threads[i].id, NULL);
		if (threads[i].ns > slowest)
			slowest = threads[i].ns;
	}
	printf("%.1f\n", slowest);
	return 0;
}
