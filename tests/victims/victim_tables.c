/* SPDX-License-Identifier: MIT */
/*
 * Maps, touches and unmaps with and without neighbours in the same 2 MiB and 1 GiB. Prints the page tables that the
 * unmappings free, one number.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#define BASE ((char *)0x200000000000)
#define MB   (UINT64_C(1) << 20)
#define GB   (UINT64_C(1) << 30)

static char *map(uint64_t at, uint64_t length)
{
	char *place = mmap(BASE + at, length, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);

	return place == MAP_FAILED ? NULL : place;
}

int main(void)
{
	char *one, *two, *big;

	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	one = map(0, 4096);
	two = map(64 * 1024, 8192);
	if (!one || !two)
		return 1;
	*one = 1;
	*two = 1;
	munmap(two, 8192); /* none: one lies in the same 2 MiB */
	munmap(one, 4096); /* all three, though its own page is not the last that was there */
	big = map(GB, 16 * MB);
	if (!big)
		return 1;
	for (int i = 0; i < 8; i++)
		big[i * 2 * MB] = 1;
	munmap(big + MB, 6 * MB); /* the two whole ones */
	map(GB + 8 * MB, 4 * MB); /* two, mapped over */
	munmap(big, 16 * MB);	  /* four, the PMD and the PUD table */
	puts("13");
	return 0;
}
