/* SPDX-License-Identifier: MIT */
/* Changes its root and goes on there: victim_chroot ROOT HOW PROGRAM. As PROGRAM in the root it is called
 * without arguments. */
#include <errno.h>
#include <sched.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Variables before and behind the one that may have to go. */
static char *const environment[] = {"FIRST=1", NULL, "LAST=1", NULL};

static int work(void)
{
	void *at = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED || munmap(at, 8192);
}

static int wait_for(pid_t child)
{
	int status = 0;

	return child < 0 || waitpid(child, &status, 0) != child || status;
}

static int enter(const char *root)
{
	if (chroot(root) && errno == EPERM && (unshare(CLONE_NEWUSER) || chroot(root)))
		exit(77);
	return chdir("/");
}

static int go_on(const char *how, char *program, char **env)
{
	char *const args[] = {program, NULL};
	pid_t child = 0;

	if (!strcmp(how, "exec"))
		return execve(program, args, env);
	if (!strcmp(how, "failing"))
		return execve("/there/is/none", args, env) != -1;
	if (!strcmp(how, "spawn"))
		return posix_spawn(&child, program, NULL, NULL, args, env) || wait_for(child);
	if (strncmp(how, "fork", 4))
		return 0;
	child = fork();
	if (child)
		return wait_for(child);
	if (!strcmp(how, "fork_exec"))
		execve(program, args, env);
	_exit(work());
}

int main(int argc, char **argv)
{
	char *env[4], *preload = getenv("LD_PRELOAD");

	if (argc < 4)
		return work() || preload || !getenv("FIRST") || !getenv("LAST");
	memcpy(env, environment, sizeof(env));
	env[1] = preload ? preload - strlen("LD_PRELOAD=") : env[0];
	return enter(argv[1]) || work() || go_on(argv[2], argv[3], env) || work();
}
