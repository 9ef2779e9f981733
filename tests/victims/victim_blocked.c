/* SPDX-License-Identifier: MIT */
/*
 * One thread's madvise() waits for a page that a userfaultfd shall give; the others go on mapping. The page
 * comes when they are done: with a recorder that lets them wait for it, never.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE	       4096ul
#define POPULATE_WRITE 23 /* MADV_POPULATE_WRITE */

enum { PAGES = 4, ROUNDS = 1600, THREADS = 3 }; /* 14,400 calls */

static char *area;
static atomic_int waits;

static void *wait_for_pages(void *arg)
{
	waits = 1;
	return madvise(area, PAGES * PAGE, POPULATE_WRITE) ? area : arg;
}

static void *map(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		char *at = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

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

int main(void)
{
	const struct timespec nap = {0, 50000000};
	pthread_t waiting, mapping[THREADS];
	void *failed = NULL;
	int fd;

	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd = watch();
	if (fd < 0)
		return 77;
	pthread_create(&waiting, NULL, wait_for_pages, NULL);
	while (!waits)
		;
	nanosleep(&nap, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&mapping[i], NULL, map, NULL);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(mapping[i], &failed);
		if (failed)
			return 1;
	}
	if (give_pages(fd))
		return 1;
	pthread_join(waiting, &failed);
	printf("mmap %d\nmunmap %d\nmprotect %d\n", THREADS * ROUNDS, THREADS * ROUNDS, THREADS * ROUNDS);
	return failed != NULL;
}
