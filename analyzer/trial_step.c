/* SPDX-License-Identifier: MIT */
/*
 * trial_step.c - one step, made by the kernel in a puppet. What a call's registers point to is put into the
 * puppet's data page first.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <linux/capability.h>
#include <linux/userfaultfd.h>

#include "trial.h"

#define OP_SET_VMA 0x53564d41

static int64_t call(struct vmsc_trial_process *process, const struct vmsc_step *step, const uint64_t *args)
{
	return vmsc_puppet_call(&process->puppet, step->thread, step->call.nr, args);
}

/* The segment is ours and lives as long as it is attached. */
static int64_t do_shmat(struct vmsc_trial_process *process, const struct vmsc_step *step, uint64_t *args)
{
	int id = shmget(IPC_PRIVATE, step->call.size, IPC_CREAT | 0600);
	int64_t result;

	if (id < 0)
		return -errno;
	args[0] = (uint64_t)id;
	result = call(process, step, args);
	shmctl(id, IPC_RMID, NULL);
	return result;
}

/* A fault where a userfaultfd would have to be asked is a SIGBUS: nobody is there to answer. */
static int uffd_of(struct vmsc_trial_process *process, const struct vmsc_step *step, uint32_t id)
{
	struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_SIGBUS};
	uint64_t args[6] = {04000 /* O_NONBLOCK */};
	int64_t fd;

	if (id < 1 || id > 2)
		return -1;
	if (process->uffds[id] >= 0)
		return process->uffds[id];
	fd = vmsc_puppet_call(&process->puppet, step->thread, SYS_userfaultfd, args);
	if (fd < 0 || !vmsc_puppet_put(&process->puppet, 0, &api, sizeof(api)))
		return -1;
	args[0] = (uint64_t)fd;
	args[1] = UFFDIO_API;
	args[2] = VMSC_PUPPET_DATA;
	if (vmsc_puppet_call(&process->puppet, step->thread, SYS_ioctl, args))
		return -1;
	return process->uffds[id] = (int)fd;
}

static int64_t do_ioctl(struct vmsc_trial_process *process, const struct vmsc_step *step, uint64_t *args)
{
	const struct vmsc_call *from = &step->call;
	struct uffdio_register request = {.range = {from->range_start, from->range_end - from->range_start},
					  .mode = from->mode};
	bool registers = (uint32_t)args[1] == (uint32_t)UFFDIO_REGISTER;

	if (!registers && (uint32_t)args[1] != (uint32_t)UFFDIO_UNREGISTER)
		return -ENOSYS;
	args[0] = (uint64_t)(int64_t)uffd_of(process, step, from->uffd);
	args[2] = VMSC_PUPPET_DATA;
	if (!vmsc_puppet_put(&process->puppet, 0, &request,
			     registers ? sizeof(request) : sizeof(request.range)))
		return -EFAULT;
	return call(process, step, args);
}

/* Names and policies are numbers in a step; which text and which nodes they are is our choice. */
static int64_t do_prctl(struct vmsc_trial_process *process, const struct vmsc_step *step, uint64_t *args)
{
	char name[] = "vmascope 0";

	if ((uint32_t)args[0] == OP_SET_VMA) {
		name[sizeof(name) - 2] = (char)('0' + step->call.name % 10);
		args[4] = step->call.name ? VMSC_PUPPET_DATA : 0;
		if (!vmsc_puppet_put(&process->puppet, 0, name, sizeof(name)))
			return -EFAULT;
	}
	return call(process, step, args);
}

/* Policy 1 is MPOL_PREFERRED, 2 MPOL_INTERLEAVE, 3 MPOL_BIND, each of node 0. */
static int64_t do_mbind(struct vmsc_trial_process *process, const struct vmsc_step *step, uint64_t *args)
{
	static const uint64_t modes[] = {0, 1, 3, 2};
	const uint64_t node = 1;

	args[2] = modes[step->call.policy % 4];
	args[3] = step->call.policy ? VMSC_PUPPET_DATA : 0;
	args[4] = step->call.policy ? 8 : 0;
	if (!vmsc_puppet_put(&process->puppet, 0, &node, sizeof(node)))
		return -EFAULT;
	return call(process, step, args);
}

/* A ring's address is its context's id, which the kernel writes. */
static int64_t do_io_setup(struct vmsc_trial_process *process, struct vmsc_step *step, uint64_t *args)
{
	uint64_t context = 0;
	int64_t result;

	if (!vmsc_puppet_put(&process->puppet, 0, &context, sizeof(context)))
		return -EFAULT;
	args[1] = VMSC_PUPPET_DATA;
	result = call(process, step, args);
	if (!result && vmsc_puppet_get(&process->puppet, 0, &context, sizeof(context)))
		step->call.range_start = context;
	return result;
}

/* A process may advise itself by a pidfd of its own. */
static int64_t do_process_madvise(struct vmsc_trial_process *process, const struct vmsc_step *step,
				  uint64_t *args)
{
	const struct vmsc_call *from = &step->call;
	const uint64_t range[2] = {from->range_start, from->range_end - from->range_start}, none[6] = {0};
	uint64_t self[6] = {0};
	int64_t result;

	self[0] = (uint64_t)vmsc_puppet_call(&process->puppet, step->thread, SYS_getpid, none);
	self[0] = (uint64_t)vmsc_puppet_call(&process->puppet, step->thread, SYS_pidfd_open, self);
	args[0] = self[0];
	args[1] = VMSC_PUPPET_DATA;
	args[2] = 1;
	if (!vmsc_puppet_put(&process->puppet, 0, range, sizeof(range)))
		return -EFAULT;
	result = call(process, step, args);
	vmsc_puppet_call(&process->puppet, step->thread, SYS_close, self);
	return result;
}

static struct vmsc_ring *ring_of(struct vmsc_trial_process *process, uint64_t context)
{
	for (size_t i = 0; i < VMSC_TRIAL_RINGS; i++)
		if (process->rings[i].context == context)
			return &process->rings[i];
	return NULL;
}

/* A context is destroyed with the memory that its ring had at first, wherever it lies now. */
static int64_t do_io_destroy(struct vmsc_trial_process *process, struct vmsc_step *step, uint64_t *args)
{
	struct vmsc_ring *ring = args[0] ? ring_of(process, args[0]) : NULL;
	int64_t result = call(process, step, args);

	step->call.range_start = step->call.range_end = 0;
	if (result || !ring)
		return result;
	step->call.range_start = ring->context;
	step->call.range_end = ring->context + ring->size;
	ring->context = 0;
	return result;
}

/* A ring that is moved takes its context's number along. */
static int64_t do_mremap(struct vmsc_trial_process *process, const struct vmsc_step *step,
			 const uint64_t *args)
{
	int64_t result = call(process, step, args);

	for (size_t i = 0; i < VMSC_TRIAL_RINGS && result > 0 && (uint64_t)result != args[0]; i++)
		if (process->rings[i].context && args[0] - process->rings[i].context < process->rings[i].size)
			process->rings[i].context = (uint64_t)result;
	return result;
}

static void find_ring(struct vmsc_trial_view *view, struct vmsc_trial_process *process,
		      struct vmsc_step *step)
{
	struct vmsc_ring *ring = ring_of(process, 0);
	uint64_t start = step->call.range_start, end = 0;
	int nr = step->result ? 0 : vmsc_puppet_look(&process->puppet, false, view->vmas, VMSC_TRIAL_SEEN);

	for (int i = 0; i < nr; i++)
		if (view->vmas[i].start == start)
			end = view->vmas[i].end;
	if (nr <= 0)
		return;
	step->call.range_end = end;
	step->call.size = end - start;
	process->has_rings = true;
	if (ring)
		*ring = (struct vmsc_ring){start, end - start};
}

static int64_t do_call(struct vmsc_trial_process *process, struct vmsc_step *step)
{
	uint64_t args[6];

	memcpy(args, step->call.args, sizeof(args));
	switch (step->call.nr) {
	case SYS_mmap: /* a descriptor of the file's, or one that is none */
		if (step->call.file && args[4] != VMSC_FILES_DUP_FD + step->call.file)
			args[4] = VMSC_FILES_FD + step->call.file;
		return call(process, step, args);
	case SYS_shmat:
		return do_shmat(process, step, args);
	case SYS_ioctl:
		return do_ioctl(process, step, args);
	case SYS_prctl:
		return do_prctl(process, step, args);
	case SYS_mbind:
		return do_mbind(process, step, args);
	case SYS_io_setup:
		return do_io_setup(process, step, args);
	case SYS_io_destroy:
		return do_io_destroy(process, step, args);
	case SYS_mremap:
		return do_mremap(process, step, args);
	case SYS_process_madvise:
		return do_process_madvise(process, step, args);
	case SYS_close: /* of a userfaultfd */
		args[0] = (uint64_t)(int64_t)uffd_of(process, step, step->call.uffd);
		process->uffds[step->call.uffd % 3] = -1;
		return call(process, step, args);
	default:
		return call(process, step, args);
	}
}

static int64_t do_fork(struct vmsc_trial *trial, struct vmsc_step *step)
{
	struct vmsc_trial_process *child;

	if (!step->value || step->value >= VMSC_TRIAL_PROCESSES || trial->processes[step->value].alive)
		return -EAGAIN;
	child = &trial->processes[step->value];
	child->uffds[1] = child->uffds[2] = -1;
	child->fill = trial->processes[step->process].fill;
	memcpy(child->seen_files, trial->processes[step->process].seen_files, sizeof(child->seen_files));
	child->has_rings = trial->processes[step->process].has_rings;
	child->nr_seen_files = trial->processes[step->process].nr_seen_files;
	step->result = vmsc_puppet_fork(&trial->processes[step->process].puppet, &child->puppet);
	child->alive = step->result > 0;
	return child->alive ? 0 : step->result;
}

static void set_limit(pid_t pid, int resource, uint64_t value)
{
	struct rlimit limit;

	if (prlimit(pid, resource, NULL, &limit))
		return;
	limit.rlim_cur = value < limit.rlim_max ? value : limit.rlim_max;
	(void)prlimit(pid, resource, &limit, NULL);
}

/* max_map_count is the machine's; what it is too great by, VMAs far above all others use up: each a page. */
static void fill_up(struct vmsc_trial *trial, struct vmsc_trial_process *process, uint64_t max_map_count)
{
	uint64_t pages = max_map_count < trial->max_map_count ? trial->max_map_count - max_map_count : 0;
	uint64_t from = process->fill < pages ? process->fill : pages, to = process->fill + pages - from;
	const uint64_t args[6] = {VMSC_PUPPET_FILL + (from << VMSC_PAGE_SHIFT),
				  (to - from) << VMSC_PAGE_SHIFT, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, (uint64_t)-1};

	if (pages < process->fill)
		vmsc_puppet_call(&process->puppet, 0, SYS_munmap, args);
	else if (pages == process->fill || vmsc_puppet_call(&process->puppet, 0, SYS_mmap, args) < 0)
		return; /* what fails here fails on the model too */
	else
		vmsc_puppet_stripe(&process->puppet, VMSC_PUPPET_FILL + (from + from % 2) * VMSC_PAGE_SIZE,
				   to - from - from % 2);
	process->fill = pages;
}

/* CAP_IPC_LOCK goes for good. */
static void drop_ipc_lock(struct vmsc_puppet *puppet)
{
	const struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = {0};
	const uint64_t args[6] = {VMSC_PUPPET_DATA, VMSC_PUPPET_DATA + sizeof(header)};

	if (!vmsc_puppet_put(puppet, 0, &header, sizeof(header)) ||
	    vmsc_puppet_call(puppet, 0, SYS_capget, args) ||
	    !vmsc_puppet_get(puppet, sizeof(header), caps, sizeof(caps)))
		return; /* what it can still lock differs from the model */
	caps[0].effective &= ~CAP_TO_MASK(CAP_IPC_LOCK);
	if (vmsc_puppet_put(puppet, sizeof(header), caps, sizeof(caps)))
		(void)vmsc_puppet_call(puppet, 0, SYS_capset, args);
}

static void do_limits(struct vmsc_trial *trial, const struct vmsc_limits *limits)
{
	for (size_t i = 0; i < VMSC_TRIAL_PROCESSES; i++) {
		struct vmsc_trial_process *process = &trial->processes[i];

		if (!process->alive)
			continue;
		fill_up(trial, process, limits->max_map_count);
		set_limit(process->puppet.pid, RLIMIT_AS, limits->as);
		set_limit(process->puppet.pid, RLIMIT_DATA, limits->data);
		set_limit(process->puppet.pid, RLIMIT_STACK, limits->stack);
		set_limit(process->puppet.pid, RLIMIT_MEMLOCK, limits->memlock);
		if (!limits->ipc_lock)
			drop_ipc_lock(&process->puppet);
	}
}

void vmsc_trial_do(struct vmsc_trial *trial, struct vmsc_step *step)
{
	struct vmsc_trial_process *process = &trial->processes[step->process];

	if (step->thread && !process->puppet.threads[1])
		(void)vmsc_puppet_thread(&process->puppet);
	switch (step->kind) {
	case VMSC_STEP_CALL:
		step->result = do_call(process, step);
		if (step->call.nr == SYS_io_setup)
			find_ring(&trial->view, process, step);
		break;
	case VMSC_STEP_TOUCH:
		step->result = vmsc_puppet_touch(&process->puppet, step->addr, step->write);
		break;
	case VMSC_STEP_POKE:
		step->result = vmsc_puppet_poke(&process->puppet, step->addr);
		break;
	case VMSC_STEP_FORK:
		step->result = do_fork(trial, step);
		break;
	case VMSC_STEP_LIMITS:
		do_limits(trial, &step->limits);
		step->result = 0;
		break;
	}
}
