/* SPDX-License-Identifier: MIT */
/* Moves the break up and down. Prints the number of brk calls. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	char line[] = "brk 100\n";

	for (int i = 0; i < 50; i++) {
		if (sbrk(8192) == (void *)-1)
			return 1;
	}
	for (int i = 0; i < 50; i++) {
		if (sbrk(-8192) == (void *)-1)
			return 1;
	}
	return write(1, line, sizeof(line) - 1) < 0;
}
