/* SPDX-License-Identifier: MIT */
/*
 * HOW: Locks more than the limit allows, which root may, and again after that right is gone, by capset(), setuid(),
 * in one thread only, or by a user namespace of its own.
 */
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE (1 << 20)

static int lock(void)
{
	char *area = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int good = area != MAP_FAILED && !mlock(area, SIZE);

	return munmap(area, SIZE) ? -1 : good;
}

static int drop(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return 0;
	data[0].effective &= ~(1u << CAP_IPC_LOCK);
	return !syscall(SYS_capset, &header, data);
}

static void *in_a_thread(void *result)
{
	*(int *)result = drop() && !lock();
	return result;
}

int main(int argc, char **argv)
{
	struct rlimit limit = { 65536, 65536 };
	const char *how = argc > 1 ? argv[1] : "";
	pthread_t thread;
	int good = 0;

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || lock() != 1)
		return 77; /* not root */
	if (!strcmp(how, "capset"))
		good = drop() && !lock();
	else if (!strcmp(how, "setuid"))
		good = !setuid(65534) && !lock();
	else if (!strcmp(how, "namespace"))
		good = unshare(CLONE_NEWUSER) ? _exit(77), 0 : !lock();
	else if (!strcmp(how, "thread"))
		good = !pthread_create(&thread, NULL, in_a_thread, &good) && !pthread_join(thread, NULL) && good && lock() == 1;
	return good != 1;
}
