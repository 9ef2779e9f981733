/* SPDX-License-Identifier: MIT */
/* Gives everything that it can name a name that would command a terminal. Its argument: a folder to write to.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "vmascope/vmascope.h"

#define EVIL                                                                                                 \
	"\033]0;owned\007\x9b"                                                                               \
	"31m\xc2\x9b"                                                                                        \
	"32m\xe2\x80\xae\b\r\177"

/* Its symbol is renamed after compiling. */
__attribute__((noinline)) void evil_symbol(int fd)
{
	mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	__asm__ volatile("");
}

int main(int argc, char **argv)
{
	char path[4096];
	int fd;

	prctl(PR_SET_NAME, "\033[31m\tx\n%n");
	vmsc_mark(EVIL);
	snprintf(path, sizeof(path), "%s/" EVIL, argc > 1 ? argv[1] : ".");
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, 4096))
		return 1;
	evil_symbol(fd);
	return fork() < 0;
}
