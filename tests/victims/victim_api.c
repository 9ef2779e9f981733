/* SPDX-License-Identifier: MIT */
/* Speaks to the recorder. Prints what its functions returned. */
#include <stdio.h>
#include <sys/mman.h>

#include "vmascope/vmascope.h"

static void map_at(unsigned long at)
{
	mmap((void *)at, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

int main(void)
{
	int marked, paused, resumed, checked;

	map_at(0x200000000000);
	marked = vmsc_mark("before the pause");
	paused = vmsc_pause();
	map_at(0x210000000000);
	resumed = vmsc_resume();
	map_at(0x220000000000);
	checked = vmsc_check_now();
	printf("%d %d %d %d\n", marked, paused, resumed, checked);
	return 0;
}
