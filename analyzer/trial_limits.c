/* SPDX-License-Identifier: MIT */
/*
 * trial_limits.c - the limits of this machine, and what we may do beyond them.
 */
#include "trial_parts.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static uint64_t read_number(const char *path, uint64_t otherwise)
{
	FILE *in = fopen(path, "re");
	uint64_t number = otherwise;

	if (in && fscanf(in, "%" SCNu64, &number) != 1)
		number = otherwise;
	if (in)
		fclose(in);
	return number;
}

static uint64_t hard_limit(int resource)
{
	struct rlimit limit;

	return getrlimit(resource, &limit) || limit.rlim_max == RLIM_INFINITY ? UINT64_MAX : limit.rlim_max;
}

/* In a user namespace of one's own CAP_IPC_LOCK counts for nothing. */
static bool is_in_first_user_namespace(void)
{
	static const char first[] = "user:[4026531837]"; /* PROC_USER_INIT_INO */
	char name[sizeof(first)];
	ssize_t length = readlink("/proc/self/ns/user", name, sizeof(name));

	return length < 0 || (length == sizeof(first) - 1 && !memcmp(name, first, sizeof(first) - 1));
}

bool vmsc_trial_may_lock(void)
{
	uint64_t caps = 0;
	char line[128];
	FILE *in = fopen("/proc/self/status", "re");

	while (in && fgets(line, sizeof(line), in))
		if (sscanf(line, "CapEff: %" SCNx64, &caps) == 1)
			break;
	if (in)
		fclose(in);
	return caps >> 14 & 1 /* CAP_IPC_LOCK */ && is_in_first_user_namespace();
}

void vmsc_trial_keep_memory(struct vmsc_limits *limits, const struct vmsc_limits *machine)
{
	limits->overcommit = machine->overcommit;
	limits->commit_most = machine->commit_most;
	limits->huge_page_size = machine->huge_page_size;
}

/* A line of /proc/meminfo, in bytes; 0: there is none. */
static uint64_t meminfo(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	uint64_t kib = 0;

	return at && sscanf(at + strlen(name), ": %" SCNu64, &kib) == 1 ? kib << 10 : 0;
}

static const char *read_meminfo(void)
{
	static char text[8192];
	int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = '\0';
	return text;
}

/* A puppet has all capabilities that we have, but two. */
void vmsc_trial_ask_commit(struct vmsc_limits *limits)
{
	const char *text = read_meminfo();
	uint64_t kept = geteuid() ? read_number("/proc/sys/vm/admin_reserve_kbytes", 0) << 10 : 0;

	limits->commit_limit = meminfo(text, "CommitLimit") - kept;
	limits->committed = meminfo(text, "Committed_AS");
	limits->commit_reserve = read_number("/proc/sys/vm/user_reserve_kbytes", 0) << 10;
}

static void read_memory(struct vmsc_limits *limits)
{
	const char *text = read_meminfo();

	limits->commit_most = meminfo(text, "MemTotal") + meminfo(text, "SwapTotal");
	limits->huge_page_size = meminfo(text, "Hugepagesize");
}

void vmsc_trial_limits(struct vmsc_limits *limits)
{
	uint64_t own = read_number("/proc/sys/vm/mmap_min_addr", 65536);

	*limits = (struct vmsc_limits){
		.max_map_count = read_number("/proc/sys/vm/max_map_count", 65530),
		.as = hard_limit(RLIMIT_AS),
		.data = hard_limit(RLIMIT_DATA),
		.stack = 8 << 20,
		.memlock = hard_limit(RLIMIT_MEMLOCK),
		.ipc_lock = vmsc_trial_may_lock(),
		.overcommit = (uint32_t)read_number("/proc/sys/vm/overcommit_memory", 0),
		.mmap_min_addr =
			own > 65536 ? own : 65536, /* CONFIG_LSM_MMAP_MIN_ADDR of all distributions */
		.stack_guard_gap = 256 * VMSC_PAGE_SIZE,
		.fixed_min_addr = own, /* of a puppet, which has no CAP_SYS_RAWIO */
	};
	read_memory(limits);
}
