/* SPDX-License-Identifier: MIT */
/*
 * layout_kernel.c - the running kernel's world: makes the calls of a plan in a forked child, in a part of the
 * address space where nothing else lies, and reads /proc/self/smaps without allocating. Entry point:
 * layout_kernel_run().
 */
#include "layout_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/prctl.h>
#include <linux/userfaultfd.h>

#define MAX_FILE_PAGES 4096
#define CHILD_SECONDS  20

#if defined(__SANITIZE_ADDRESS__)
static const bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
static const bool sanitized = true;
#else
static const bool sanitized;
#endif
#else
static const bool sanitized;
#endif

/* What the child tells. */
struct told {
	size_t done; /* steps */
	int64_t result;
	bool reached;
	int parse_error;
	struct layout_drawing before, after;
};

static int fds[LAYOUT_NR_FILES];
static int mem_fd = -1, uffds[3];
static struct told *told;
static char text[1 << 16];

static int reopen(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

static int memfd(unsigned int flags)
{
	int fd = memfd_create("vmascope-layout", MFD_CLOEXEC | flags);

	if (fd >= 0 && ftruncate(fd, MAX_FILE_PAGES * (off_t)VMSC_PAGE_SIZE)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int open_files(void)
{
	fds[LAYOUT_FILE_none] = -1;
	fds[LAYOUT_FILE_file] = memfd(0);
	fds[LAYOUT_FILE_file2] = memfd(0);
	fds[LAYOUT_FILE_same] = reopen(fds[LAYOUT_FILE_file], O_RDWR);
	fds[LAYOUT_FILE_ro] = reopen(fds[LAYOUT_FILE_file], O_RDONLY);
	fds[LAYOUT_FILE_wo] = reopen(fds[LAYOUT_FILE_file], O_WRONLY);
	fds[LAYOUT_FILE_sealed] = memfd(MFD_ALLOW_SEALING);
	fds[LAYOUT_FILE_zero] = open("/dev/zero", O_RDWR | O_CLOEXEC);
	fds[LAYOUT_FILE_dir] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds[LAYOUT_FILE_driver] = -1;
	for (int i = 1; i < LAYOUT_FILE_driver; i++)
		if (fds[i] < 0)
			return -1;
	return fcntl(fds[LAYOUT_FILE_sealed], F_ADD_SEALS, 0x10 /* F_SEAL_FUTURE_WRITE */);
}

/* Raw, so that nothing of libc stands between a row and the kernel; -errno as the kernel answers. */
static int64_t call_kernel(const struct vmsc_call *call, const uint64_t *args)
{
	long ret = syscall(call->nr, args[0], args[1], args[2], args[3], args[4], args[5]);

	return ret == -1 && errno ? -errno : ret;
}

static int64_t do_shmat(const struct vmsc_call *call)
{
	int id = shmget(IPC_PRIVATE, call->size, IPC_CREAT | 0700);
	int64_t result;
	uint64_t args[6] = {0};

	if (id < 0)
		return -errno;
	args[0] = (uint64_t)id;
	args[1] = call->args[1];
	args[2] = call->args[2];
	errno = 0;
	result = call_kernel(call, args);
	shmctl(id, IPC_RMID, NULL);
	return result;
}

static int64_t do_uffd(const struct vmsc_call *call)
{
	struct uffdio_range range = {call->range_start, call->range_end - call->range_start};
	struct uffdio_register reg = {.range = range, .mode = UFFDIO_REGISTER_MODE_MISSING};
	int err = call->mode ? ioctl(uffds[call->uffd], UFFDIO_REGISTER, &reg)
			     : ioctl(uffds[call->uffd], UFFDIO_UNREGISTER, &range);

	return err ? -errno : 0;
}

static int64_t do_call(const struct vmsc_call *call)
{
	static const char *const names[] = {NULL, "vmascope one", "vmascope two"};
	unsigned long node = 1;
	uint64_t args[6];

	memcpy(args, call->args, sizeof(args));
	errno = 0;
	switch (call->nr) {
	case SYS_mmap:
		args[4] = (uint64_t)(int64_t)(call->file ? fds[call->file] : -1);
		break;
	case SYS_shmat:
		return do_shmat(call);
	case SYS_ioctl:
		return do_uffd(call);
	case SYS_prctl:
		if (args[0] == 0x53564d41)
			args[4] = (uint64_t)(uintptr_t)names[call->name];
		break;
	case SYS_mbind: /* MPOL_DEFAULT, MPOL_PREFERRED, MPOL_INTERLEAVE of node 0 */
		args[2] = call->policy == 2 ? 3 : call->policy;
		args[3] = call->policy ? (uint64_t)(uintptr_t)&node : 0;
		args[4] = call->policy ? 8 : 0;
		break;
	default:
		break;
	}
	return call_kernel(call, args);
}

/* A page is written through /proc/self/mem: that needs no PROT_WRITE and cannot kill us. */
static int64_t write_page(uint64_t addr)
{
	char byte = 1;
	ssize_t nr = pwrite(mem_fd, &byte, 1, (off_t)addr);

	return nr == 1 ? 0 : -EFAULT;
}

static int64_t read_page(uint64_t addr)
{
	char byte;

	return pread(mem_fd, &byte, 1, (off_t)addr) == 1 ? 0 : -EFAULT;
}

/* The parent of a forked world stays only to pass on how its child ended. */
static int64_t do_fork(void)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid) {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
	}
	alarm(CHILD_SECONDS);
	close(mem_fd);
	mem_fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	return mem_fd < 0 ? -errno : 0;
}

int64_t layout_kernel_do(const struct layout_step *step)
{
	switch (step->kind) {
	case LAYOUT_CALL:
		return do_call(&step->call);
	case LAYOUT_FAULT:
		return write_page(step->addr);
	case LAYOUT_READ:
		return read_page(step->addr);
	case LAYOUT_FORK:
		return do_fork();
	default:
		return -ENOSYS;
	}
}

static uint64_t clip(uint64_t addr)
{
	if (addr < LAYOUT_BASE)
		return 0;
	if (addr > LAYOUT_END)
		return LAYOUT_PAGES;
	return (addr - LAYOUT_BASE) >> VMSC_PAGE_SHIFT;
}

static void see_flags(const char *codes, struct layout_piece *piece)
{
	uint64_t perms = piece->flags;

	piece->flags = 0;
	for (; codes[0] == ' ' && codes[1] > ' '; codes += 3) {
		if (codes[1] == '?') /* 6.1 has no code for VM_LOCKONFAULT */
			piece->flags |= piece->flags & VMSC_VM(LOCKED) ? VMSC_VM(LOCKONFAULT) : 0;
		else
			piece->flags |= vmsc_vm_flag_of_code(codes + 1);
	}
	if ((piece->flags ^ perms) & (VMSC_VM_ACCESS | VMSC_VM(MAYSHARE)))
		piece->flags |= UINT64_C(1) << 63; /* maps and VmFlags tell different things */
}

static bool is_header(const char *line)
{
	return strchr("0123456789abcdef", *line) && strchr(line, '-') &&
	       !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ", *line);
}

/* One line of smaps. True when the drawing's pages are behind us. */
static bool see_line(const char *line, struct layout_drawing *seen, struct layout_piece **current)
{
	char *rest;
	uint64_t start, end;

	if (!strncmp(line, "VmFlags:", 8) && *current)
		see_flags(line + 8, *current);
	if (!is_header(line))
		return false;
	*current = NULL;
	start = strtoull(line, &rest, 16);
	end = strtoull(rest + 1, &rest, 16);
	if (start >= LAYOUT_END)
		return true;
	if (end <= LAYOUT_BASE || seen->nr == LAYOUT_PAGES)
		return false;
	*current = &seen->piece[seen->nr++];
	**current = (struct layout_piece){.start = clip(start), .end = clip(end)};
	for (int i = 0; i < 3; i++)
		(*current)->flags |= (uint64_t)(rest[1 + i] != '-') << i;
	if (rest[4] == 's')
		(*current)->flags |= VMSC_VM(MAYSHARE);
	(*current)->pgoff = strtoull(rest + 6, NULL, 16) >> VMSC_PAGE_SHIFT;
	return false;
}

int layout_kernel_see(struct layout_drawing *seen)
{
	struct layout_piece *current = NULL;
	size_t have = 0;
	ssize_t nr;
	bool done = false;
	int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);

	seen->nr = 0;
	if (fd < 0)
		return -1;
	while (!done && (nr = read(fd, text + have, sizeof(text) - 1 - have)) > 0) {
		char *line = text, *newline;

		have += (size_t)nr;
		text[have] = 0;
		for (; !done && (newline = strchr(line, '\n')); line = newline + 1)
			done = see_line(line, seen, &current);
		have -= (size_t)(line - text);
		memmove(text, line, have);
	}
	close(fd);
	return 0;
}

/* Field @nr of /proc/self/stat, counted from 1 as proc(5) does. */
static uint64_t stat_field(const char *stat, int nr)
{
	const char *at = strrchr(stat, ')');

	for (int i = 2; at && i < nr; i++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* Puts the program break at @addr, all else of the mm as it is. */
int layout_kernel_brk(uint64_t addr)
{
	char stat[1024];
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t nr = read(fd, stat, sizeof(stat) - 1);
	struct prctl_mm_map map = {.start_brk = addr, .brk = addr, .exe_fd = (uint32_t)-1};

	close(fd);
	stat[nr > 0 ? nr : 0] = 0;
	map.start_code = stat_field(stat, 26);
	map.end_code = stat_field(stat, 27);
	map.start_stack = stat_field(stat, 28);
	map.start_data = stat_field(stat, 45);
	map.end_data = stat_field(stat, 46);
	map.arg_start = stat_field(stat, 48);
	map.arg_end = stat_field(stat, 49);
	map.env_start = stat_field(stat, 50);
	map.env_end = stat_field(stat, 51);
	return syscall(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0) ? -errno : 0;
}

/* In a fresh child, before its first step. */
int layout_kernel_child(unsigned int needs)
{
	alarm(CHILD_SECONDS);
	mem_fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	if (mem_fd < 0)
		return -1;
	for (int i = 1; i < 3 && (needs & LAYOUT_NEEDS_UFFD); i++) {
		struct uffdio_api api = {.api = UFFD_API};

		uffds[i] = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		if (uffds[i] < 0 || ioctl(uffds[i], UFFDIO_API, &api))
			return -1;
	}
	return needs & LAYOUT_NEEDS_BRK ? layout_kernel_brk(LAYOUT_BASE) : 0;
}

static bool do_steps(const struct layout_plan *plan, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		told->result = layout_kernel_do(&plan->step[i]);
		if (!layout_result_ok(&plan->step[i], told->result))
			return false;
		told->done++;
	}
	return true;
}

static void run_child(const struct layout_plan *plan)
{
	bool ok;

	if (layout_kernel_child(plan->needs))
		_exit(2);
	ok = do_steps(plan, 0, plan->nr_setup);
	if (layout_kernel_see(&told->before))
		_exit(2);
	if (!ok || layout_differs(plan, &plan->before, &told->before, false))
		_exit(0);
	told->reached = true;
	do_steps(plan, plan->nr_setup, plan->nr);
	_exit(layout_kernel_see(&told->after) ? 2 : 0);
}

static const char *judge(const struct layout_plan *plan, struct layout_drawing *seen, char *problem,
			 size_t size)
{
	const char *what;

	*seen = told->reached ? told->after : told->before;
	if (told->done < plan->nr && (told->reached || told->done < plan->nr_setup)) {
		bool setup = told->done < plan->nr_setup;

		snprintf(problem, size, "%s %zu: wrong result (%lld)", setup ? "set-up" : "operation",
			 setup ? told->done + 1 : told->done + 1 - plan->nr_setup, (long long)told->result);
		return problem;
	}
	if (told->reached)
		return layout_differs(plan, &plan->after, seen, false);
	what = layout_differs(plan, &plan->before, seen, false);
	snprintf(problem, size, "\"before\" is not reached: %s", what ? what : "?");
	return problem;
}

int layout_kernel_run(const struct layout_plan *plan, struct layout_drawing *seen, char *problem, size_t size)
{
	const char *what;
	pid_t pid;
	int status;

	memset(told, 0, sizeof(*told));
	seen->nr = 0;
	fflush(NULL);
	pid = fork();
	if (!pid)
		run_child(plan);
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		snprintf(problem, size, "no child: %s", strerror(errno));
		return -1;
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		snprintf(problem, size, "the child died (%#x) after %zu steps", (unsigned int)status,
			 told->done);
		return -1;
	}
	what = judge(plan, seen, problem, size);
	if (what && what != problem)
		snprintf(problem, size, "%s", what);
	return what ? -1 : 0;
}

/* A call tried in a child; its result. */
static int64_t try_in_child(int64_t (*probe)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(probe() ? 1 : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return !WIFEXITED(status) || WEXITSTATUS(status);
}

static int64_t map_page(void)
{
	return syscall(SYS_mmap, LAYOUT_BASE, VMSC_PAGE_SIZE, 3,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (long)LAYOUT_BASE;
}

static int64_t probe_names(void)
{
	return map_page() || syscall(SYS_prctl, 0x53564d41, 0, LAYOUT_BASE, VMSC_PAGE_SIZE, "vmascope");
}

static int64_t probe_uffd(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	return fd < 0 || ioctl(fd, UFFDIO_API, &api);
}

static int64_t probe_numa(void)
{
	unsigned long node = 1;

	return map_page() || syscall(SYS_mbind, LAYOUT_BASE, VMSC_PAGE_SIZE, 1, &node, 8, 0);
}

static int64_t probe_brk(void)
{
	return layout_kernel_brk(LAYOUT_BASE);
}

static int64_t probe_shm(void)
{
	int id = shmget(IPC_PRIVATE, VMSC_PAGE_SIZE, IPC_CREAT | 0600);

	return id < 0 || shmctl(id, IPC_RMID, NULL);
}

static int64_t probe_ksm(void)
{
	return map_page() || syscall(SYS_madvise, LAYOUT_BASE, VMSC_PAGE_SIZE, MADV_MERGEABLE);
}

static int64_t probe_thp(void)
{
	return map_page() || syscall(SYS_madvise, LAYOUT_BASE, VMSC_PAGE_SIZE, MADV_HUGEPAGE);
}

/* Installing a guard page shows in the flags. */
static int64_t probe_sticky(void)
{
	struct layout_drawing seen;

	if (map_page() || syscall(SYS_madvise, LAYOUT_BASE, VMSC_PAGE_SIZE, 102) || layout_kernel_see(&seen))
		return 1;
	return seen.nr != 1 || !(seen.piece[0].flags & VMSC_VM(MAYBE_GUARD));
}

static unsigned int find_lacks(void)
{
	/* clang-format off */
	static const struct { unsigned int need; int64_t (*probe)(void); } probes[] = {
		{ LAYOUT_NEEDS_NAMES, probe_names }, { LAYOUT_NEEDS_UFFD, probe_uffd }, { LAYOUT_NEEDS_NUMA, probe_numa },
		{ LAYOUT_NEEDS_BRK, probe_brk }, { LAYOUT_NEEDS_SHM, probe_shm }, { LAYOUT_NEEDS_KSM, probe_ksm },
		{ LAYOUT_NEEDS_THP, probe_thp },
	};
	/* clang-format on */
	unsigned int lacks = LAYOUT_NEEDS_MODEL | (sanitized ? LAYOUT_NEEDS_SMALL : 0);

	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		if (try_in_child(probes[i].probe))
			lacks |= probes[i].need;
	return lacks;
}

int layout_kernel_open(struct layout_kernel *kernel)
{
	struct utsname name;

	if (uname(&name) ||
	    sscanf(name.release, "%u.%u", &kernel->release.major, &kernel->release.minor) != 2 ||
	    vmsc_rules_of_string(name.release, &kernel->rules))
		return -1;
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED || open_files() || try_in_child(map_page))
		return -1;
	kernel->lacks = find_lacks();
	if (!try_in_child(probe_sticky)) {
		kernel->rules |= VMSC_RULE_BIT(VMSC_RULE_STICKY_GUARD);
		if (kernel->release.major == 6 && kernel->release.minor < 19)
			kernel->release.minor = 19; /* a backport: its rows hold here */
	}
	return 0;
}
