/* SPDX-License-Identifier: MIT */
/*
 * Calls from two places that a recorder could take for each other. Between place and call lie two rooms of
 * alloca(), whose sizes differ from call to call, but not their sum: where one place's return address was, it
 * still lies as rubbish when the other one calls. Only the saved frame pointer tells; in the loop it is but a
 * variable. Built with optimisation. Prints the two return addresses; the first maps and unmaps one page, the
 * second two.
 */
#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define PAGE 4096L
#define ROOM 192 /* bytes in both frames */

static void *returned[2];

static __attribute__((noinline)) void map(size_t length)
{
	char *at = mmap((char *)0x200000000000, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			-1, 0);

	if (at == MAP_FAILED || munmap(at, length))
		abort();
}

static __attribute__((noinline)) void between(size_t room, int who)
{
	volatile char *bytes = alloca(room + 1);

	bytes[room] = 1;
	returned[who] = __builtin_return_address(0);
	map((who + 1) * PAGE);
	bytes[room] = 2;
}

static __attribute__((noinline)) void first(size_t room)
{
	volatile char *bytes = alloca(room + 1);

	bytes[room] = 1;
	between(ROOM - room, 0);
	bytes[room] = 2;
}

static __attribute__((noinline)) void second(size_t room)
{
	volatile char *bytes = alloca(room + 1);

	bytes[room] = 3;
	between(ROOM - room, 1);
	bytes[room] = 4;
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1000;

	for (long i = 0; i < count; i++) {
		void (*volatile place)(size_t room) = i * i % 11 < 5 ? first : second; /* from one call */

		place(i * 7 / 3 % 2 ? ROOM / 2 : 0);
	}
	printf("%lu %lu\n", (unsigned long)returned[0], (unsigned long)returned[1]);
	return 0;
}
