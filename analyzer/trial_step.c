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

#include "trial_parts.h"

#define OP_SET_VMA 0x53564d41

static int64_t call(struct vmsc_trial_process *process, const struct vmsc_step *step, const uint64_t *args)
{
	return vmsc_puppet_call(&process->puppet, step->thread, step->call.nr, args);
}

/* The segment is ours and lives as long as it is attached. */
static int64_t do_shmat(struct vmsc_trial_process *process, const struct vmsc_step *step, uint64_t *args)
{
	int id = shmget(IPC_PRIVATE, step->call.size, IPC_CREAT | 0700); /* SHM_EXEC asks for all three */
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
	if (fd ==
	    -EPERM) { /* without CAP_SYS_PTRACE: for faults of the process's own only, which are all here */
		args[0] |= 1; /* UFFD_USER_MODE_ONLY */
		fd = vmsc_puppet_call(&process->puppet, step->thread, SYS_userfaultfd, args);
	}
	if (fd < 0 || !vmsc_puppet_put(&process->puppet, 0, &api, sizeof(api)))
		return -1;
	args[0] = (uint64_t)fd;
	args[1] = UFFDIO_API;
	args[2] = VMSC_PUPPET_DATA;
	if (vmsc_puppet_call(&process->puppet, step->thread, SYS_ioctl, args))
		return -1;
	return process->uffds[id] = (int)fd;
}

/* The userfaultfd is made when it is first needed. */
static void prepare_ioctl(const struct vmsc_trial_process *process, const struct vmsc_call *from,
			  struct vmsc_puppet_act *act)
{
	const struct uffdio_register request = {
		.range = {from->range_start, from->range_end - from->range_start}, .mode = from->mode};

	act->args[0] = from->uffd == 1 || from->uffd == 2 ? (uint64_t)(int64_t)process->uffds[from->uffd]
							  : (uint64_t)-1;
	act->args[2] = VMSC_PUPPET_DATA;
	memcpy(act->data, &request, sizeof(request));
}

/* Names and policies are numbers in a step; which text and which nodes they are is our choice. */
static void prepare_name(const struct vmsc_call *from, struct vmsc_puppet_act *act)
{
	char name[] = "vmascope 0";

	if ((uint32_t)act->args[0] != OP_SET_VMA)
		return;
	name[sizeof(name) - 2] = (char)('0' + from->name % 10);
	act->args[4] = from->name ? VMSC_PUPPET_DATA : 0;
	memcpy(act->data, name, sizeof(name));
}

/* Policy 1 is MPOL_PREFERRED, 2 MPOL_INTERLEAVE, 3 MPOL_BIND, each of node 0. */
static void prepare_policy(const struct vmsc_call *from, struct vmsc_puppet_act *act)
{
	static const uint64_t modes[] = {0, 1, 3, 2};

	act->args[2] = modes[from->policy % 4];
	act->args[3] = from->policy ? VMSC_PUPPET_DATA : 0;
	act->args[4] = from->policy ? 8 : 0;
	act->data[0] = 1;
}

static void prepare_call(const struct vmsc_trial_process *process, const struct vmsc_call *from,
			 struct vmsc_puppet_act *act)
{
	act->nr = from->nr;
	memcpy(act->args, from->args, sizeof(act->args));
	switch (from->nr) {
	case SYS_mmap: /* a descriptor of the file's, or one that is none */
		if (from->file && act->args[4] != VMSC_FILES_DUP_FD + from->file)
			act->args[4] = VMSC_FILES_FD + from->file;
		break;
	case SYS_ioctl:
		prepare_ioctl(process, from, act);
		break;
	case SYS_prctl:
		prepare_name(from, act);
		break;
	case SYS_mbind:
		prepare_policy(from, act);
		break;
	case SYS_io_setup: /* a ring's address is its context's id, which the kernel writes */
		act->args[1] = VMSC_PUPPET_DATA;
		break;
	case SYS_close: /* of a userfaultfd */
		act->args[0] = (uint64_t)(int64_t)process->uffds[from->uffd % 3];
		break;
	default:
		break;
	}
}

static void prepare(const struct vmsc_trial_process *process, const struct vmsc_step *step,
		    struct vmsc_puppet_act *act)
{
	memset(act, 0, sizeof(*act));
	if (step->kind == VMSC_STEP_CALL) {
		prepare_call(process, &step->call, act);
	} else {
		act->what = step->write ? VMSC_ACT_WRITE : VMSC_ACT_READ;
		act->args[0] = step->addr;
	}
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

/* Where the ring of io_setup() lies, whose address is @context, the kernel alone knows. */
static void find_ring(struct vmsc_trial_view *view, struct vmsc_trial_process *process,
		      struct vmsc_step *step, uint64_t context)
{
	int nr = vmsc_puppet_look(&process->puppet, false, view->vmas, VMSC_TRIAL_SEEN);

	for (int i = 0; i < nr; i++) {
		if (view->vmas[i].start != context)
			continue;
		step->call.range_start = context;
		step->call.range_end = view->vmas[i].end;
		step->call.size = view->vmas[i].end - context;
	}
}

/* What a step's result says of the process; @data is what there is at VMSC_PUPPET_DATA now. */
static void finish(struct vmsc_trial *trial, struct vmsc_trial_process *process, struct vmsc_step *step,
		   uint64_t data)
{
	if (step->kind == VMSC_STEP_CALL && step->call.nr == SYS_io_setup && !step->result)
		find_ring(&trial->view, process, step, data);
}

static bool needs_uffd(const struct vmsc_step *step)
{
	return step->kind == VMSC_STEP_CALL && (step->call.nr == SYS_ioctl || step->call.nr == SYS_close);
}

static bool is_known_request(const struct vmsc_step *step)
{
	uint32_t request = (uint32_t)step->call.args[1];

	return step->call.nr != SYS_ioctl || request == (uint32_t)UFFDIO_REGISTER ||
	       request == (uint32_t)UFFDIO_UNREGISTER;
}

static int64_t do_call(struct vmsc_trial *trial, struct vmsc_trial_process *process, struct vmsc_step *step)
{
	static const uint64_t nothing[4];
	struct vmsc_puppet_act act;
	uint64_t data = 0;

	if (!is_known_request(step))
		return -ENOSYS;
	if (needs_uffd(step))
		(void)uffd_of(process, step, step->call.uffd);
	prepare(process, step, &act);
	if (step->call.nr == SYS_shmat)
		return do_shmat(process, step, act.args);
	if (step->call.nr == SYS_process_madvise)
		return do_process_madvise(process, step, act.args);
	if (step->call.nr == SYS_close)
		process->uffds[step->call.uffd % 3] = -1;
	if ((memcmp(act.data, nothing, sizeof(nothing)) || step->call.nr == SYS_io_setup) &&
	    !vmsc_puppet_put(&process->puppet, 0, act.data, sizeof(act.data)))
		return -EFAULT;
	step->result = call(process, step, act.args);
	if (step->call.nr == SYS_io_setup)
		(void)vmsc_puppet_get(&process->puppet, 0, &data, sizeof(data));
	finish(trial, process, step, data);
	return step->result;
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
		step->result = do_call(trial, process, step);
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
	case VMSC_STEP_FOUND:
		break;
	}
}

/* --- several steps --- */

/* Steps that take more than a piece of code in one process. */
bool vmsc_trial_is_large(const struct vmsc_step *step)
{
	if (step->kind != VMSC_STEP_CALL)
		return step->kind != VMSC_STEP_TOUCH;
	return step->call.nr == SYS_shmat || step->call.nr == SYS_process_madvise;
}

static bool is_like(const struct vmsc_trial_process *process, const struct vmsc_step *step,
		    const struct vmsc_step *first)
{
	return step->process == first->process && step->thread == first->thread &&
	       !vmsc_trial_is_large(step) && vmsc_trial_can(step) && is_known_request(step) &&
	       (!needs_uffd(step) || (step->call.uffd - 1 < 2 && process->uffds[step->call.uffd] >= 0));
}

size_t vmsc_trial_do_many(struct vmsc_trial *trial, struct vmsc_step *steps, size_t nr,
			  struct vmsc_puppet_done *done)
{
	struct vmsc_trial_process *process = &trial->processes[steps[0].process % VMSC_TRIAL_PROCESSES];
	struct vmsc_puppet_act acts[VMSC_PUPPET_BATCH];
	size_t many = 0;

	if (trial->config.asks || trial->config.limits.overcommit == 2 || !process->alive ||
	    !process->puppet.acts || (steps[0].thread && !process->puppet.threads[1]))
		return 0;
	for (; many < nr && many < VMSC_PUPPET_BATCH && is_like(process, &steps[many], &steps[0]); many++) {
		prepare(process, &steps[many], &acts[many]);
		if (steps[many].kind == VMSC_STEP_CALL && steps[many].call.nr == SYS_close)
			process->uffds[steps[many].call.uffd] = -1;
	}
	if (!many || !vmsc_puppet_batch(&process->puppet, steps[0].thread, acts, (int)many, done))
		process->puppet.dead = process->puppet.dead || many;
	for (size_t i = 0; i < many; i++)
		steps[i].result = done[i].result;
	return many;
}

void vmsc_trial_did(struct vmsc_trial *trial, struct vmsc_step *step, const struct vmsc_puppet_done *done)
{
	finish(trial, &trial->processes[step->process], step, done->data);
}
