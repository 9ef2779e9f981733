/* SPDX-License-Identifier: MIT */
/*
 * What people bring: small programs, one function each that is to blame, `situations NAME [COUNT]`.
 *
 * Each function that makes the calls is to be found by its name in the report's first lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#ifdef __clang__
#define AT_FAULT __attribute__((noinline))
#else
#define AT_FAULT __attribute__((noinline, noclone))
#endif
#define HERE()	  __asm__ volatile("" ::: "memory") /* the call before is no tail call */
#define MEMORY	  (PROT_READ | PROT_WRITE)
#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static char *map(size_t size, int prot, int flags)
{
	char *at = mmap(NULL, size, prot, flags, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* --- a heap shredded by MADV_DONTDUMP on every other block (WebKit, bun) --- */

AT_FAULT static int decommit(char *block, size_t size)
{
	int err = madvise(block, size, MADV_DONTDUMP);

	HERE();
	return err;
}

static int dontdump(long count)
{
	char *heap = map((size_t)count * 8 * PAGE, MEMORY, ANONYMOUS | MAP_NORESERVE);
	long i;

	for (i = 0; heap && i < count; i++)
		if (decommit(heap + ((size_t)i * 8 + 4) * PAGE, 4 * PAGE))
			return errno == EAGAIN || errno == ENOMEM ? 0 : 2;
	return !heap;
}

/* --- a guard page below the stack of each fiber (tarantool, ClickHouse, Crystal) --- */

AT_FAULT static char *fiber_new(void)
{
	char *stack = map(16 * PAGE, MEMORY, ANONYMOUS | MAP_NORESERVE);

	if (stack && mprotect(stack, PAGE, PROT_NONE))
		stack = NULL;
	HERE();
	return stack;
}

static int fibers(long count)
{
	while (count-- > 0 && fiber_new())
		;
	return 0;
}

/* --- one file, page by page, in an order whose offsets don't follow (gVisor) --- */

AT_FAULT static void *map_chunk(char *at, int fd, off_t offset)
{
	void *mapped = mmap(at, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, offset);

	HERE();
	return mapped;
}

static int pgoff(long count)
{
	char *area = map((size_t)count * PAGE, PROT_NONE, ANONYMOUS | MAP_NORESERVE);
	int fd = memfd_create("chunks", 0);
	long i;

	if (!area || fd < 0 || ftruncate(fd, count * (off_t)PAGE))
		return 1;
	for (i = 0; i < count; i++)
		if (map_chunk(area + (size_t)i * PAGE, fd, (count - 1 - i) * (off_t)PAGE) == MAP_FAILED)
			return 1;
	return 0;
}

/* --- runs of two sizes in one arena (jemalloc with retain and decommit) --- */

AT_FAULT static int pages_decommit(char *at, size_t size)
{
	int failed = mmap(at, size, PROT_NONE, ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED;

	HERE();
	return failed;
}

static int jemalloc(long count)
{
	char *arena = map((size_t)count * 23 * PAGE, MEMORY, ANONYMOUS | MAP_NORESERVE);
	long i;

	for (i = 0; arena && i < count; i++)
		if (pages_decommit(arena + ((size_t)i * 23 + 21) * PAGE, 2 * PAGE))
			return 0;
	return !arena;
}

/* --- a name for each block --- */

AT_FAULT static int name_block(char *at, const char *name)
{
	int err = prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, PAGE, name);

	HERE();
	return err;
}

static int names(long count)
{
	char *area = map((size_t)count * PAGE, MEMORY, ANONYMOUS), name[32];
	long i;

	for (i = 0; area && i < count; i++) {
		snprintf(name, sizeof(name), "block %ld", i);
		if (name_block(area + (size_t)i * PAGE, name))
			return errno == EINVAL ? 77 : 1;
	}
	return !area;
}

/* --- every other page locked --- */

AT_FAULT static int lock_page(char *at)
{
	int err = mlock(at, PAGE);

	HERE();
	return err;
}

static int mlocks(long count)
{
	char *area = map((size_t)count * 2 * PAGE, MEMORY, ANONYMOUS);
	long i;

	for (i = 0; area && i < count; i++)
		if (lock_page(area + (size_t)i * 2 * PAGE))
			return 0;
	return !area;
}

/* --- huge pages allowed here, forbidden there (Go) --- */

AT_FAULT static int no_huge(char *at)
{
	int err = madvise(at, 16 * PAGE, MADV_NOHUGEPAGE);

	HERE();
	return err;
}

static int hugepage(long count)
{
	char *area = map((size_t)count * 32 * PAGE, MEMORY, ANONYMOUS | MAP_NORESERVE);
	long i;

	for (i = 0; area && i < count; i++)
		if (no_huge(area + (size_t)i * 32 * PAGE))
			return 77;
	return !area;
}

/* --- somebody watches: first many at once, then a few each 1/20 s --- */

static long at_once;

AT_FAULT static int take_slowly(long count)
{
	char *area = map((size_t)(count + at_once) * 2 * PAGE, MEMORY, ANONYMOUS | MAP_NORESERVE);
	long i;

	for (i = 0; area && i < count + at_once; i++) {
		if (mprotect(area + (size_t)i * 2 * PAGE, PAGE, PROT_READ))
			return 1;
		if (i >= at_once)
			usleep(50000);
	}
	return !area;
}

/* --- files that are gone, and still mapped (Lucene) --- */

AT_FAULT static char *open_segment(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *at;

	if (fd < 0 || ftruncate(fd, (off_t)PAGE))
		return NULL;
	at = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	HERE();
	close(fd);
	unlink(path);
	return at;
}

static int deleted(long count)
{
	char path[64];
	long i;

	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "segment-%ld.dvd", i);
		if (!open_segment(path))
			return 1;
	}
	return 0;
}

/* --- one call that each limit refuses; RLIMIT_… are set by who starts it --- */

/* It was granted. Said with another status than prlimit's own, which ends with 1 when it can't set a limit.
 */
static int granted(const char *at, int resource)
{
	struct rlimit limit = {0, 0};

	getrlimit(resource, &limit);
	fprintf(stderr, "granted at %p, with a limit of %llu\n", (const void *)at,
		(unsigned long long)limit.rlim_cur);
	return 5;
}

AT_FAULT static int over_as(void)
{
	char *at = map((size_t)2 << 30, PROT_NONE, ANONYMOUS | MAP_NORESERVE);

	return at ? granted(at, RLIMIT_AS) : 0;
}

AT_FAULT static int over_own_limit(void)
{
	const struct rlimit limit = {(rlim_t)1 << 30, (rlim_t)1 << 30};

	return setrlimit(RLIMIT_AS, &limit) || over_as();
}

AT_FAULT static int over_data(void)
{
	char *at = map((size_t)128 << 20, MEMORY, ANONYMOUS | MAP_NORESERVE);

	return at ? granted(at, RLIMIT_DATA) : 0;
}

AT_FAULT static int over_memlock(void)
{
	char *at = map((size_t)2 << 20, MEMORY, ANONYMOUS);

	return at && mlock(at, (size_t)2 << 20) ? 0 : 1;
}

AT_FAULT static int over_space(void)
{
	return map((size_t)1 << 47, PROT_NONE, ANONYMOUS | MAP_NORESERVE) ? 1 : 0;
}

AT_FAULT static int over_commit(void)
{
	return map((size_t)1 << 44, MEMORY, ANONYMOUS) ? 1 : 0;
}

AT_FAULT static int over_heap(void)
{
	return sbrk(64 << 20) == (void *)-1 ? 0 : 1;
}

AT_FAULT static int misaligned(void)
{
	char *at = map(4 * PAGE, MEMORY, ANONYMOUS);

	return at && mprotect(at + 100, PAGE, PROT_READ) ? 0 : 1;
}

AT_FAULT static int hole(void)
{
	char *at = map(4 * PAGE, MEMORY, ANONYMOUS);

	if (!at || munmap(at + PAGE, PAGE))
		return 1;
	return mprotect(at, 4 * PAGE, PROT_READ) ? 0 : 1;
}

AT_FAULT static int occupied(void)
{
	char *at = map(4 * PAGE, MEMORY, ANONYMOUS);

	return mmap(at, PAGE, MEMORY, ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ? 0 : 1;
}

/* Behind the first of two pages that are one VMA no more. */
AT_FAULT static int in_the_way(void)
{
	char *at = map(2 * PAGE, MEMORY, ANONYMOUS);

	if (!at || mprotect(at + PAGE, PAGE, PROT_NONE))
		return 1;
	return mremap(at, PAGE, 2 * PAGE, 0) == MAP_FAILED ? 0 : 1;
}

AT_FAULT static int no_huge_pages(void)
{
	return map((size_t)1 << 40, MEMORY, ANONYMOUS | MAP_HUGETLB) ? 77 : 0;
}

AT_FAULT static int sealed(void)
{
	char *at = map(4 * PAGE, MEMORY, ANONYMOUS);

	if (!at || syscall(462, at, 4 * PAGE, 0))
		return 77;
	return munmap(at, PAGE) ? 0 : 1;
}

AT_FAULT static int rights(void)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	return mmap(NULL, PAGE, MEMORY, MAP_SHARED, fd, 0) == MAP_FAILED ? 0 : 1;
}

static const struct {
	const char *name;
	int (*run)(long count);
	int (*refused)(void);
} situations[] = {
	{"dontdump", dontdump, NULL},
	{"fibers", fibers, NULL},
	{"pgoff", pgoff, NULL},
	{"jemalloc", jemalloc, NULL},
	{"names", names, NULL},
	{"mlocks", mlocks, NULL},
	{"hugepage", hugepage, NULL},
	{"deleted", deleted, NULL},
	{"slowly", take_slowly, NULL},
	{"over_as", NULL, over_as},
	{"over_own_limit", NULL, over_own_limit},
	{"over_data", NULL, over_data},
	{"over_memlock", NULL, over_memlock},
	{"over_space", NULL, over_space},
	{"over_commit", NULL, over_commit},
	{"over_heap", NULL, over_heap},
	{"misaligned", NULL, misaligned},
	{"hole", NULL, hole},
	{"occupied", NULL, occupied},
	{"in_the_way", NULL, in_the_way},
	{"no_huge_pages", NULL, no_huge_pages},
	{"sealed", NULL, sealed},
	{"rights", NULL, rights},
};

int main(int argc, char **argv)
{
	size_t i;

	at_once = argc > 3 ? atol(argv[3]) : 0;
	for (i = 0; argc > 1 && i < sizeof(situations) / sizeof(situations[0]); i++)
		if (!strcmp(argv[1], situations[i].name))
			return situations[i].run ? situations[i].run(argc > 2 ? atol(argv[2]) : 1000)
						 : situations[i].refused();
	return 3;
}
