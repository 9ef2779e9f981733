/* SPDX-License-Identifier: MIT */
/*
 * One thread's madvise() waits for a page that a userfaultfd shall give; the others go on mapping. The page
 * comes when they are done: with a recorder that lets them wait for it, never. With "populate" the one maps
 * and populates much memory, again and again, as long as the others map. With "advise" the others also advise
 * the same pages, and what merges in the end shows who was the last.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE	       4096ul
#define POPULATED      (256ul << 20)
#define POPULATE_WRITE 23 /* MADV_POPULATE_WRITE */

enum { PAGES = 4, ROUNDS = 1300, THREADS = 3, COMMON = 24 }; /* 15,600 calls at most */

static char *area, *common;
static atomic_int waits, seeds;

static void *wait_for_pages(void *arg)
{
	waits = 1;
	return madvise(area, PAGES * PAGE, POPULATE_WRITE) ? area : arg;
}

static void *populate(void *arg)
{
	while (waits < 2) {
		char *at = mmap(NULL, POPULATED, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		waits = waits ? waits : 1;
		if (at == MAP_FAILED || munmap(at, POPULATED))
			return area;
	}
	return arg;
}

static int advise_somewhere(unsigned int *seed)
{
	static const int advice[] = {MADV_NORMAL, MADV_RANDOM,	 MADV_SEQUENTIAL, MADV_DONTFORK,
				     MADV_DOFORK, MADV_DONTDUMP, MADV_DODUMP};
	long page = rand_r(seed) % COMMON;

	return madvise(common + page * PAGE, PAGE,
		       advice[(size_t)rand_r(seed) % (sizeof(advice) / sizeof(advice[0]))]);
}

static int advise_all(void)
{
	for (int i = 0; i < COMMON; i++)
		if (madvise(common + i * PAGE, PAGE, MADV_DONTFORK))
			return 1;
	return 0;
}

static void *map(void *arg)
{
	unsigned int seed = (unsigned int)atomic_fetch_add(&seeds, 1);

	for (int i = 0; i < ROUNDS; i++) {
		char *at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (common && advise_somewhere(&seed))
			return area;
		if (at == MAP_FAILED || mprotect(at, PAGE, PROT_READ) || munmap(at, 2 * PAGE))
			return area;
	}
	return arg;
}

static int watch(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {.range = {(uintptr_t)area, PAGES * PAGE},
					.mode = UFFDIO_REGISTER_MODE_MISSING};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	return fd >= 0 && !ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &range) ? fd : -1;
}

static int give_pages(int fd)
{
	struct uffdio_zeropage pages = {.range = {(uintptr_t)area, PAGES * PAGE}};

	return ioctl(fd, UFFDIO_ZEROPAGE, &pages);
}

static int map_in_threads(void)
{
	pthread_t mapping[THREADS];
	void *failed = NULL, *one;

	for (int i = 0; i < THREADS; i++)
		pthread_create(&mapping[i], NULL, map, NULL);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(mapping[i], &one);
		failed = one ? one : failed;
	}
	return failed != NULL;
}

int main(int argc, char **argv)
{
	const struct timespec nap = {0, 50000000};
	bool populates = argc > 1 && argv[1][0] == 'p';
	void *failed = NULL;
	pthread_t waiting;
	int fd, ret;

	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (argc > 1 && argv[1][0] == 'a')
		common =
			mmap(NULL, COMMON * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd = populates ? 0 : watch();
	if (fd < 0)
		return 77;
	pthread_create(&waiting, NULL, populates ? populate : wait_for_pages, NULL);
	while (!waits)
		;
	nanosleep(&nap, NULL);
	ret = map_in_threads();
	if (populates)
		waits = 2;
	else if (ret || give_pages(fd))
		return 1;
	pthread_join(waiting, &failed);
	if (common && advise_all())
		return 1;
	printf("mmap %d\nmunmap %d\nmprotect %d\n", THREADS * ROUNDS, THREADS * ROUNDS, THREADS * ROUNDS);
	return ret || failed;
}
