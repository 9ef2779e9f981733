/* SPDX-License-Identifier: MIT */
/*
 * File descriptors that are reused. Maps, in this order and at 0x200000000000 + i MiB: twice one open file; a second open of
 * the same path on the same number; a duplicate of it; another file on the same number. Prints which are the same file.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void map_file(int fd)
{
	static unsigned long at = 0x200000000000;

	if (mmap((void *)at, 4096, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
		abort();
	at += 1 << 20;
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		abort();
	return fd;
}

int main(void)
{
	int fd = open_file("/proc/self/exe"), second, other;

	map_file(fd);
	map_file(fd);
	close(fd);
	second = open_file("/proc/self/exe");
	if (second != fd)
		return 1;
	map_file(second);
	map_file(dup(second));
	other = open_file("/etc/passwd");
	dup2(other, second);
	map_file(second);
	map_file(other);
	puts("0 0 1 1 2 2");
	return 0;
}
