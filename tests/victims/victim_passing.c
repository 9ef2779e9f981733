/* SPDX-License-Identifier: MIT */
/*
 * Files, names and policies that come and go, so many as the argument says: shared memory, memfds, files of /tmp, one page
 * each; the last KEPT stay mapped. Half way a child is forked, which goes on from there. What was there before all of them
 * is still known afterwards: two files, one mapped and one only open, get a second page each, which joins the first.
 * Each process prints the most bytes of the recorder's own that it saw in its maps.
 * With "stacks" as a second argument: so many calls, 99,000 in a row from different stacks.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096L
#define KEPT 300
#define BASE 0x200000000000L

enum { SHARED, MEMFD, PLAIN, SEGMENT, NAMED, POLICY, NR_KINDS };

static char *place(long number)
{
	return (char *)BASE + number % KEPT * 3 * PAGE;
}

static int open_plain(void)
{
	char name[] = "/tmp/vmascope-passing-XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	return fd;
}

static int map_file(char *at, int fd)
{
	int bad = fd < 0 || ftruncate(fd, 4 * PAGE) ||
		  mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != at;

	return close(fd) || bad;
}

static int map_segment(char *at)
{
	int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
	void *got = shmat(id, at, SHM_REMAP);

	return shmctl(id, IPC_RMID, NULL) || got != at;
}

static int map_named(char *at, long number)
{
	char name[40];

	snprintf(name, sizeof(name), "number %ld", number);
	if (mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
		return 1;
	prctl(0x53564d41, 0, at, PAGE, name); /* not in every kernel */
	return 0;
}

/* The nodes are of no machine's, but one: the policy is new each time all the same. */
static int map_policy(char *at, long number)
{
	unsigned long nodes[16] = { 1 };

	nodes[15] = (unsigned long)number << 8;
	if (mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at)
		return 1;
	syscall(SYS_mbind, at, PAGE, 1 /* MPOL_PREFERRED */, nodes, 1024, 0);
	return 0;
}

static int map_one(char *at, long number)
{
	switch (number % NR_KINDS) {
	case SHARED:
		return mmap(at, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != at;
	case MEMFD:
		return map_file(at, memfd_create("passing", 0));
	case PLAIN:
		return map_file(at, open_plain());
	case SEGMENT:
		return map_segment(at);
	case NAMED:
		return map_named(at, number);
	default:
		return map_policy(at, number);
	}
}

static long own_bytes(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end, sum = 0;

	while (fscanf(maps, "%lx-%lx%*[^\n]", &start, &end) == 2)
		sum += start >= 0x3e0000000000 && end < 0x3f0000000000 ? end - start : 0;
	fclose(maps);
	return (long)sum;
}

static int map_page(long where, int fd, long page)
{
	char *at = (char *)BASE + 0x100000000 + (where << 20) + page * PAGE;

	return mmap(at, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, page * PAGE) != at;
}

static void (*volatile dig)(long number, int depth);

/* Which of two ways down is taken is a digit of the number. */
static void dig_down(long number, int depth)
{
	if (!depth) {
		munmap((char *)BASE, PAGE);
	} else if (number & 1) {
		dig(number >> 1, depth - 1);
		__asm__ volatile("nop"); /* what follows makes the calls two, and no jumps */
	} else {
		dig(number >> 1, depth - 1);
		__asm__ volatile("nop; nop");
	}
}

static int call_from_stacks(long number)
{
	dig = dig_down;
	for (long i = 0; i < number; i++)
		dig(i % 99000, 20);
	printf("%ld\n", own_bytes());
	return 0;
}

int main(int argc, char **argv)
{
	long number = argc > 1 ? atol(argv[1]) : 1000, most = 0, now;
	int mapped = open_plain(), opened = open_plain(), status = 0;
	pid_t pid = -1;

	if (argc > 2)
		return call_from_stacks(number);
	if (ftruncate(mapped, 8 * PAGE) || ftruncate(opened, 8 * PAGE) || map_page(0, mapped, 0) || map_page(1, opened, 0))
		return 2;
	munmap((char *)BASE + 0x100100000, PAGE);
	for (long i = 0; i < number; i++) {
		if (i == number / 2)
			pid = fork();
		if (map_one(place(i), i))
			return 3;
		now = i % 1000 ? 0 : own_bytes();
		most = now > most ? now : most;
	}
	if (map_page(0, mapped, 1) || map_page(1, opened, 0) || map_page(1, opened, 1))
		return 4;
	if (pid > 0 && (wait(&status) != pid || status))
		return 5;
	printf("%ld\n", most);
	return 0;
}
