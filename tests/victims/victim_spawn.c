/* SPDX-License-Identifier: MIT */
/* Children that share memory until they exec: vfork, posix_spawn, system. Then one mmap of its own. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(void)
{
	char *const args[] = { "true", NULL };
	int status;
	pid_t pid;

	for (volatile int i = 0; i < 3; i++) {
		pid = vfork();
		if (!pid) {
			execve("/nonexistent", args, environ);
			execve("/bin/true", args, environ);
			_exit(1);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			return 1;
		pid = vfork();
		if (!pid)
			_exit(5);
		if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 5)
			return 2;
		if (posix_spawn(&pid, "/bin/true", NULL, NULL, args, environ))
			return 3;
		if (waitpid(pid, &status, 0) != pid || status)
			return 4;
	}
	if (system("exit 9") >> 8 != 9)
		return 5;
	if (mmap((void *)0x200000000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
		return 6;
	puts("mmap 1");
	return 0;
}
