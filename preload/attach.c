/* SPDX-License-Identifier: MIT */
/* attach.c - see attach.h. */
#include "attach.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>
#include <time.h>

#include "arena.h"
#include "look.h"
#include "memory.h"
#include "problem.h"
#include "recorder.h"
#include "sys.h"
#include "text.h"
#include "writer.h"

#include "inject.h"

#define TASK_SIZE UINT64_C(0x7ffffffff000)
#define LSM_MMAP_MIN_ADDR 65536 /* of the usual configuration; holds for those without CAP_SYS_RAWIO */
#define STACK_GUARD_GAP (256 * VMSC_PAGE_SIZE)
#define RANDOM_STACK_PAD (UINT64_C(0x3fffff) * VMSC_PAGE_SIZE)
#define MIN_GAP (UINT64_C(128) << 20)
#define NR_STAT_FIELDS 53

static char buffer[65536] = { 0 };
static struct vmsc_layout told_layout = { 0 };

/* Fields of /proc/self/stat, by their number in proc(5); those that are no numbers are 0. */
static void read_stat(uint64_t fields[NR_STAT_FIELDS])
{
	const char *at;
	int field = 3;

	memset(fields, 0, NR_STAT_FIELDS * sizeof(*fields));
	if (vmsc_sys_slurp("/proc/self/stat", buffer, sizeof(buffer)) <= 0)
		return;
	at = strrchr(buffer, ')');
	for (at = at ? at + 2 : ""; *at && field < NR_STAT_FIELDS; at++) {
		if (*at == ' ')
			field++;
		else if (*at >= '0' && *at <= '9' && field < NR_STAT_FIELDS)
			fields[field] = fields[field] * 10 + (*at - '0');
	}
}

uint64_t vmsc_attach_process_started(void)
{
	uint64_t fields[NR_STAT_FIELDS];

	read_stat(fields);
	return fields[22];
}

void vmsc_attach_fill_header(struct vmsc_trace_header *header)
{
	struct vmsc_trace_header whole; /* for the checksum: who dies before the magic is there has begun no trace */
	uint64_t magic;

	header->version = VMSC_TRACE_VERSION;
	header->header_size = VMSC_TRACE_HEADER_SIZE;
	header->endian = VMSC_TRACE_ENDIAN;
	header->block_size = VMSC_TRACE_BLOCK_SIZE;
	header->page_size = VMSC_PAGE_SIZE;
	header->started = vmsc_sys_clock(CLOCK_REALTIME);
	__atomic_store_n(&vmsc_rec.started, header->started, __ATOMIC_RELAXED);
	header->started_monotonic = vmsc_rec.started_monotonic;
	header->process_started = vmsc_attach_process_started();
	header->pid = sys_getpid();
	header->ppid = sys3(SYS_getppid, 0, 0, 0);
	header->capture_mode = vmsc_rec.capture_mode;
	header->capture_requested = vmsc_rec.options.capture;
	header->check_mode = vmsc_rec.options.check;
	header->stacks = vmsc_rec.options.stacks;
	memcpy(&whole, header, offsetof(struct vmsc_trace_header, crc)); /* what follows, other threads count already */
	memcpy(whole.magic, VMSC_TRACE_MAGIC, sizeof(whole.magic));
	header->crc = vmsc_crc32c(0, &whole, offsetof(struct vmsc_trace_header, crc));
	memcpy(&magic, whole.magic, sizeof(magic));
	__atomic_store_n((uint64_t *)(void *)header->magic, magic, __ATOMIC_RELEASE);
}

static void tell_link(enum vmsc_string what, const char *link)
{
	long length = sys6(SYS_readlinkat, AT_FDCWD, (uintptr_t)link, (uintptr_t)buffer, sizeof(buffer), 0, 0);

	if (length > 0)
		vmsc_writer_string(what, buffer, length);
}

static void write_rules(const char *names, size_t length, const char *source)
{
	vmsc_writer_string(VMSC_STRING_RULES, names, length);
	vmsc_writer_string(VMSC_STRING_RULES_SOURCE, source, strlen(source));
}

/* A file of ours alone that nobody else can have written. Returns: its length in buffer, or -errno. */
static long read_kept(const char *at)
{
	struct stat stat;
	long fd = sys_open(at, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0), length;

	if (fd < 0)
		return fd;
	length = sys3(SYS_fstat, fd, (uintptr_t)&stat, 0);
	if (!length && S_ISREG(stat.st_mode) && stat.st_uid == sys3(SYS_geteuid, 0, 0, 0) && !(stat.st_mode & 022))
		length = sys_read(fd, buffer, VMSC_KEPT_RULES_MAX);
	sys_close(fd);
	return length;
}

/* What a launcher found out for this very kernel. Returns: false when there is nothing of the kind. */
static bool tell_kept_rules(const struct utsname *kernel)
{
	static char name[VMSC_KEPT_RULES_MAX] = { 0 }, at[PATH_MAX] = { 0 };
	struct vmsc_text path = vmsc_text_in(at, sizeof(at));
	struct vmsc_kept_rules kept;
	long length;

	if (!vmsc_rec.options.cache[0])
		return false;
	vmsc_kept_rules_name(name, kernel->release, kernel->version);
	vmsc_text_put(&path, vmsc_rec.options.cache);
	vmsc_text_char(&path, '/');
	vmsc_text_put(&path, name);
	length = path.cut ? -ENAMETOOLONG : read_kept(at);
	if (length <= 0 || !vmsc_kept_rules_parse(&kept, name, buffer, length))
		return false;
	write_rules(kept.names, kept.names_length, "experiment");
	return true;
}

static void tell_rules_of_release(const char *release)
{
	struct vmsc_text text = vmsc_text_in(buffer, sizeof(buffer));
	vmsc_rules_t rules = 0;

	if (vmsc_rules_of_string(release, &rules))
		vmsc_problem("the kernel's release could not be read; the model's rules may be wrong");
	for (unsigned int rule = 0; rule < VMSC_NR_RULES; rule++) {
		if (!vmsc_has_rule(rules, rule))
			continue;
		if (text.length)
			vmsc_text_char(&text, ' ');
		vmsc_text_put(&text, vmsc_rule_name(rule));
	}
	write_rules(text.at, text.length, "release");
}

static void tell_rules(const struct utsname *kernel)
{
	const struct vmsc_options *options = &vmsc_rec.options;

	if (options->rules[0])
		write_rules(options->rules, strlen(options->rules), options->rules_source);
	else if (!tell_kept_rules(kernel))
		tell_rules_of_release(kernel->release);
}

static void read_line(const char *from, char *to, size_t size)
{
	long length = vmsc_sys_slurp(from, to, size);

	to[length > 1 ? length - 1 : 0] = '\0';
}

static void find_kernel(struct utsname *name)
{
	memset(name, 0, sizeof(*name));
	if (!sys3(SYS_uname, (uintptr_t)name, 0, 0))
		return;
	read_line("/proc/sys/kernel/osrelease", name->release, sizeof(name->release));
	read_line("/proc/sys/kernel/version", name->version, sizeof(name->version));
}

void vmsc_attach_tell_process(void)
{
	struct utsname name;
	long length;

	find_kernel(&name);
	tell_rules(&name);
	vmsc_writer_string(VMSC_STRING_RELEASE, name.release, strlen(name.release));
	length = vmsc_sys_slurp("/proc/self/comm", buffer, sizeof(buffer));
	if (length > 1)
		vmsc_writer_string(VMSC_STRING_COMM, buffer, length - 1);
	tell_link(VMSC_STRING_EXE, "/proc/self/exe");
	length = vmsc_sys_slurp("/proc/self/cmdline", buffer, VMSC_RECORD_MAX - 64);
	if (length > 0)
		vmsc_writer_string(VMSC_STRING_ARGV, buffer, length);
	tell_link(VMSC_STRING_CWD, "/proc/self/cwd");
	vmsc_problem_tell();
}

/* Outside it, what capget() says of a namespace of one's own counts for nothing in mm. */
static bool is_in_first_user_namespace(void)
{
	static const char first[] = "user:[4026531837]"; /* PROC_USER_INIT_INO */
	char name[sizeof(first)];
	long length = sys6(SYS_readlinkat, AT_FDCWD, (uintptr_t) "/proc/self/ns/user", (uintptr_t)name, sizeof(name), 0, 0);

	return length < 0 || (length == sizeof(first) - 1 && !memcmp(name, first, sizeof(first) - 1));
}

static bool has_capability(unsigned int capability)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

	if (sys3(SYS_capget, (uintptr_t)&header, (uintptr_t)data, 0) || !is_in_first_user_namespace())
		return false;
	return data[capability / 32].effective >> (capability % 32) & 1;
}

static uint64_t limit_of(int resource)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	sys_getrlimit(resource, &limit);
	return limit.rlim_cur;
}

/* The greater of the administrator's and, without CAP_SYS_RAWIO, the security module's. */
static uint64_t min_addr(void)
{
	uint64_t value = vmsc_sys_number("/proc/sys/vm/mmap_min_addr", LSM_MMAP_MIN_ADDR);

	if (value < LSM_MMAP_MIN_ADDR && !has_capability(CAP_SYS_RAWIO))
		value = LSM_MMAP_MIN_ADDR;
	return value;
}

static bool may_lock = false; /* as told */
static uint32_t overcommit = 0;
static uint64_t commit_most = 0;

static uint32_t overcommit_now(void)
{
	return (uint32_t)vmsc_sys_number("/proc/sys/vm/overcommit_memory", 0);
}

static void tell_limits(const struct vmsc_memory_tail *memory)
{
	struct vmsc_limits_record limits = {
		.max_map_count = vmsc_sys_number("/proc/sys/vm/max_map_count", 65530),
		.as = limit_of(RLIMIT_AS), .data = limit_of(RLIMIT_DATA), .stack = limit_of(RLIMIT_STACK),
		.memlock = limit_of(RLIMIT_MEMLOCK), .ipc_lock = has_capability(CAP_IPC_LOCK),
		.overcommit = overcommit_now(),
		.mmap_min_addr = min_addr(), .stack_guard_gap = STACK_GUARD_GAP,
	};

	may_lock = limits.ipc_lock;
	overcommit = limits.overcommit;
	commit_most = memory->commit_most;
	vmsc_writer_put(VMSC_RECORD_LIMITS, 0, &limits, sizeof(limits), memory, sizeof(*memory));
}

void vmsc_attach_tell_limits(void)
{
	struct vmsc_memory_tail memory;

	vmsc_memory_look(&memory, false, true);
	tell_limits(&memory);
}

void vmsc_attach_retell_memory(void)
{
	const uint32_t now = overcommit_now();
	struct vmsc_memory_tail memory;

	vmsc_memory_look(&memory, now == 2, now == 2 && has_capability(CAP_SYS_ADMIN));
	if (now == 2 || now != overcommit || memory.commit_most != commit_most)
		tell_limits(&memory);
}

void vmsc_attach_retell_rights(void)
{
	if (has_capability(CAP_IPC_LOCK) != may_lock)
		vmsc_attach_tell_limits();
}

/* The first mapping of a process ends at mmap_base; nothing but the stack's neighbourhood lies above. */
struct below_stack {
	uint64_t start_stack, highest, candidate;
};

static int find_below_stack(void *ctx, const struct vmsc_seen_record *seen, const char *name, size_t length)
{
	struct below_stack *search = ctx;

	(void)name;
	(void)length;
	if (seen->start <= search->start_stack && search->start_stack <= seen->end)
		search->highest = search->candidate;
	search->candidate = seen->end;
	return 0;
}

/* Top-down and bottom-up bases are moved by the same random distance. 0: does not come out. */
static uint64_t legacy_base_of(uint64_t mmap_base, bool randomized)
{
	uint64_t pad = STACK_GUARD_GAP + (randomized ? RANDOM_STACK_PAD : 0);
	uint64_t stack = limit_of(RLIMIT_STACK);
	uint64_t gap = stack + pad < stack ? stack : stack + pad;
	uint64_t base = (TASK_SIZE / 3 + VMSC_PAGE_SIZE - 1) & ~(VMSC_PAGE_SIZE - 1);
	uint64_t top;

	if (gap < MIN_GAP)
		gap = MIN_GAP;
	if (gap > TASK_SIZE / 6 * 5)
		gap = TASK_SIZE / 6 * 5;
	top = (TASK_SIZE - gap + VMSC_PAGE_SIZE - 1) & ~(VMSC_PAGE_SIZE - 1);
	if (!mmap_base || top < mmap_base || (!randomized && top != mmap_base))
		return 0;
	return base + (top - mmap_base);
}

void vmsc_attach_tell_layout(void)
{
	uint64_t fields[NR_STAT_FIELDS];
	struct below_stack search = { 0, 0, 0 };
	uint32_t persona = sys3(SYS_personality, 0xffffffff, 0, 0);
	struct vmsc_layout layout;

	read_stat(fields);
	memset(&layout, 0, sizeof(layout));
	search.start_stack = fields[28];
	if (!vmsc_look_all(false, find_below_stack, &search))
		layout.mmap_base = search.highest;
	layout.task_size = TASK_SIZE;
	layout.legacy = persona & ADDR_COMPAT_LAYOUT || vmsc_sys_number("/proc/sys/vm/legacy_va_layout", 0);
	layout.randomized = !(persona & ADDR_NO_RANDOMIZE) &&
			    vmsc_sys_number("/proc/sys/kernel/randomize_va_space", 2);
	layout.legacy_base = legacy_base_of(layout.mmap_base, layout.randomized);
	layout.start_brk = fields[47];
	layout.brk = sys3(SYS_brk, 0, 0, 0);
	layout.start_data = fields[45];
	layout.end_data = fields[46];
	layout.start_stack = fields[28];
	if (layout.legacy) {
		layout.mmap_base = 0;
		layout.legacy_base = 0;
	}
	vmsc_attach_write_layout(&layout);
}

void vmsc_attach_retell_layout(void)
{
	uint64_t fields[NR_STAT_FIELDS];
	struct vmsc_layout layout = told_layout;

	read_stat(fields);
	layout.start_brk = fields[47];
	layout.brk = sys3(SYS_brk, 0, 0, 0);
	layout.start_data = fields[45];
	layout.end_data = fields[46];
	layout.start_stack = fields[28];
	vmsc_attach_write_layout(&layout);
}

void vmsc_attach_write_layout(const struct vmsc_layout *layout)
{
	struct vmsc_layout_record record = {
		.task_size = layout->task_size, .mmap_base = layout->mmap_base, .legacy_base = layout->legacy_base,
		.legacy = layout->legacy, .randomized = layout->randomized,
		.start_brk = layout->start_brk, .brk = layout->brk, .start_data = layout->start_data,
		.end_data = layout->end_data, .start_stack = layout->start_stack,
	};

	told_layout = *layout;
	vmsc_writer_put(VMSC_RECORD_LAYOUT, 0, &record, sizeof(record), NULL, 0);
}

static void *give(void *ctx, size_t size)
{
	(void)ctx;
	return vmsc_arena_alloc(size);
}

static void take_back(void *ctx, void *ptr, size_t size)
{
	(void)ctx;
	vmsc_arena_free(ptr, size);
}

void vmsc_attach_new_model(void)
{
	const struct vmsc_replay_config config = {
		.allocator = { give, take_back, NULL },
		.vmas_only = !vmsc_rec.options.tables, /* nothing else is asked of it; the report counts anew */
	};

	vmsc_rec.replay = NULL;
	if (vmsc_rec.options.check == VMSC_CHECK_OFF)
		return;
	vmsc_rec.replay = vmsc_replay_new(&config);
	if (!vmsc_rec.replay)
		vmsc_problem("no memory for the live model");
}
