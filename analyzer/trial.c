/* SPDX-License-Identifier: MIT */
/*
 * The model of a forked child is the parent's, got by making all its steps again.
 */
#include "trial.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/prctl.h>

#include "heap.h"
#include "say.h"

#define STEP_SECONDS 30
#define NO_BRK	     UINT64_C(0x500000000000) /* where nothing else is tried */

static volatile sig_atomic_t watched; /* the process that is killed when a step never returns */
static volatile sig_atomic_t was_late;

static void on_alarm(int sig)
{
	(void)sig;
	was_late = 1;
	if (watched > 0)
		kill((pid_t)watched, SIGKILL);
}

static void watch(pid_t pid)
{
	struct sigaction action = {.sa_handler = on_alarm}; /* a waiting waitpid() returns */

	was_late = 0;
	watched = pid;
	sigaction(SIGALRM, &action, NULL);
	alarm(pid ? STEP_SECONDS : 0);
}

/* --- the model's side --- */

static bool may_lock(void);

static bool insert_own(struct vmsc_mm *mm)
{
	const uint64_t may = VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC);
	const struct vmsc_vma own[] = {
		{.start = VMSC_PUPPET_STUB,
		 .end = VMSC_PUPPET_DATA,
		 .anon_vma = 1,
		 .vm_flags = may | VMSC_VM(READ) | VMSC_VM(EXEC),
		 .pgoff = VMSC_PUPPET_STUB >> VMSC_PAGE_SHIFT},
		{.start = VMSC_PUPPET_DATA,
		 .end = VMSC_PUPPET_TOP,
		 .anon_vma = 2,
		 .vm_flags = may | VMSC_VM(READ) | VMSC_VM(WRITE) | VMSC_VM(ACCOUNT),
		 .pgoff = VMSC_PUPPET_DATA >> VMSC_PAGE_SHIFT},
	};

	return !vmsc_mm_insert(mm, &own[0]) && !vmsc_mm_insert(mm, &own[1]);
}

static struct vmsc_mm *make_model(const struct vmsc_trial *trial)
{
	const struct vmsc_trial_config *from = &trial->config;
	const struct vmsc_puppet *puppet = &trial->processes[0].puppet;
	struct vmsc_mm_config config = {.rules = from->rules, .limits = from->limits};
	struct vmsc_mm *mm;

	if (trial->max_map_count)
		config.limits.max_map_count = trial->max_map_count;
	config.layout.task_size = VMSC_PUPPET_TOP;
	config.layout.mmap_base = puppet->mmap_base;
	config.layout.legacy_base = puppet->randomized ? 0 : UINT64_C(0x2aaaaaaab000);
	config.layout.randomized = puppet->randomized;
	config.layout.start_brk = from->start_brk;
	config.layout.brk = from->brk;
	mm = vmsc_mm_new(&vmsc_heap, &config);
	if (!mm || !insert_own(mm))
		vmsc_out_of_memory();
	for (size_t i = 0; i < from->files->nr; i++)
		if (vmsc_mm_set_file(mm, &from->files->file[i]))
			vmsc_out_of_memory();
	return mm;
}

/* The huge zero page is an anonymous page of its VMA's. It comes where huge pages are wished for. */
static bool reads_huge(const struct vmsc_vma *vma, uint64_t addr)
{
	uint64_t start = addr & ~(VMSC_PMD_SIZE - 1);

	return (vma->vm_flags & VMSC_VM(HUGEPAGE)) && !vma->file && start >= vma->start &&
	       start + VMSC_PMD_SIZE <= vma->end;
}

static uint64_t soft_limit(int resource)
{
	struct rlimit limit;

	return getrlimit(resource, &limit) || limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

/* The limits that count are those of who makes the access: ours, where it is made from outside. */
static int grow_stack(struct vmsc_mm *mm, const struct vmsc_step *step, uint64_t end)
{
	struct vmsc_limits *limits = &vmsc_mm_config(mm)->limits, kept = *limits;
	int err;

	if (step->kind == VMSC_STEP_POKE) {
		limits->as = soft_limit(RLIMIT_AS);
		limits->data = soft_limit(RLIMIT_DATA);
		limits->stack = soft_limit(RLIMIT_STACK);
		limits->memlock = soft_limit(RLIMIT_MEMLOCK);
		limits->ipc_lock = may_lock();
	}
	err = vmsc_mm_grow_stack(mm, end, step->addr & ~(VMSC_PAGE_SIZE - 1));
	*limits = kept;
	return err;
}

static void model_fault(struct vmsc_mm *mm, uint64_t addr)
{
	if (vmsc_mm_fault(mm, addr) == -ENOMEM)
		vmsc_out_of_memory();
}

/* The anon_vma is there before a userfaultfd is asked, and before a private file says that it ends earlier.
 */
static bool comes_before_failure(const struct vmsc_vma *vma)
{
	if (vma->vm_flags & VMSC_VM(UFFD_MISSING))
		return true;
	return vma->file && !(vma->vm_flags & (VMSC_VM(MAYSHARE) | VMSC_VM(MAYBE_GUARD)));
}

/* The stack grows before the access is judged; otherwise only an access that worked tells something. */
static int64_t model_touch(struct vmsc_mm *mm, const struct vmsc_step *step, bool untold)
{
	bool writes = step->write || step->kind == VMSC_STEP_POKE;
	struct vmsc_vma vma;
	uint64_t allowed;

	if (!vmsc_mm_find(mm, step->addr, &vma))
		return -EFAULT;
	if (vma.start > step->addr) {
		int err = vma.vm_flags & VMSC_VM(GROWSDOWN) ? grow_stack(mm, step, vma.end) : -EFAULT;

		return err ? -EFAULT : step->result; /* what it grew to may still not be accessible */
	}
	/* What a debugger does nobody expects; and where a fault fails, no page tells of the anon_vma. */
	if (untold && step->kind == VMSC_STEP_TOUCH && !comes_before_failure(&vma))
		return step->result;
	if (!writes && !step->result && reads_huge(&vma, step->addr))
		model_fault(mm, step->addr);
	allowed = vma.vm_flags & (step->kind == VMSC_STEP_POKE ? VMSC_VM(MAYWRITE) : VMSC_VM(WRITE));
	if (writes && (!step->result || (comes_before_failure(&vma) && allowed)))
		model_fault(mm, step->addr);
	return step->result;
}

static uint64_t fill_pages(const struct vmsc_trial *trial, const struct vmsc_limits *limits)
{
	return limits->max_map_count < trial->max_map_count ? trial->max_map_count - limits->max_map_count
							    : 0;
}

static int64_t model_call(struct vmsc_mm *mm, uint16_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct vmsc_call call = {.nr = nr, .args = {a, b, c, d, (uint64_t)-1}};
	struct vmsc_outcome out;

	if (vmsc_mm_step(mm, &call, &out))
		vmsc_out_of_memory();
	return out.predicted;
}

/* As trial_step.c does it. */
static void model_fill(const struct vmsc_trial *trial, struct vmsc_mm *mm, const struct vmsc_limits *limits)
{
	uint64_t pages = fill_pages(trial, limits), old = 0;
	const uint64_t flags = 0x4032; /* MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED|MAP_NORESERVE */
	struct vmsc_vma last;

	if (vmsc_mm_prev(mm, VMSC_PUPPET_STUB, &last) && last.end > VMSC_PUPPET_FILL)
		old = (last.end - VMSC_PUPPET_FILL) >> VMSC_PAGE_SHIFT;
	if (pages < old)
		model_call(mm, SYS_munmap, VMSC_PUPPET_FILL + (pages << VMSC_PAGE_SHIFT),
			   (old - pages) << VMSC_PAGE_SHIFT, 0, 0);
	if (pages <= old)
		return;
	if (model_call(mm, SYS_mmap, VMSC_PUPPET_FILL + (old << VMSC_PAGE_SHIFT),
		       (pages - old) << VMSC_PAGE_SHIFT, 0, flags) < 0)
		return;
	for (uint64_t i = old + old % 2; i < pages; i += 2)
		model_call(mm, SYS_mprotect, VMSC_PUPPET_FILL + (i << VMSC_PAGE_SHIFT), VMSC_PAGE_SIZE, 1, 0);
}

static void model_limits(const struct vmsc_trial *trial, struct vmsc_mm *mm, const struct vmsc_limits *limits)
{
	bool ipc_lock = vmsc_mm_config(mm)->limits.ipc_lock;

	if (trial->max_map_count)
		model_fill(trial, mm, limits);
	vmsc_mm_config(mm)->limits = *limits;
	vmsc_mm_config(mm)->limits.ipc_lock = ipc_lock && limits->ipc_lock; /* never had again */
	if (trial->max_map_count)
		vmsc_mm_config(mm)->limits.max_map_count = trial->max_map_count;
}

/* What the model says to the step. */
static int64_t model_step(struct vmsc_trial *trial, struct vmsc_mm *mm, struct vmsc_step *step)
{
	memset(&trial->out, 0, sizeof(trial->out));
	switch (step->kind) {
	case VMSC_STEP_CALL:
		if (step->call.nr == SYS_io_destroy) /* reads the ring */
			(void)model_touch(mm, &(struct vmsc_step){.addr = step->call.args[0]}, false);
		if (vmsc_mm_step(mm, &step->call, &trial->out))
			vmsc_out_of_memory();
		return trial->out.predicted;
	case VMSC_STEP_TOUCH:
	case VMSC_STEP_POKE:
		return model_touch(mm, step, trial->config.asks);
	case VMSC_STEP_FOUND:
		model_fault(mm, step->addr);
		return 0;
	case VMSC_STEP_LIMITS:
		model_limits(trial, mm, &step->limits);
		return 0;
	default:
		return step->result;
	}
}

static struct vmsc_mm *model_again(struct vmsc_trial *trial, uint8_t process);

/* The child's model: its parent's up to the fork, step @fork; what was found then to be inherited; then the
 * fork. */
static struct vmsc_mm *fork_model(struct vmsc_trial *trial, uint8_t parent, size_t fork)
{
	size_t all = trial->nr_steps;
	struct vmsc_mm *mm;

	trial->nr_steps = fork;
	mm = model_again(trial, parent);
	trial->nr_steps = all;
	for (size_t i = fork + 1;
	     i < all && trial->history[i].kind == VMSC_STEP_FOUND && trial->history[i].value; i++)
		model_fault(mm, trial->history[i].addr);
	if (vmsc_mm_fork(mm))
		vmsc_out_of_memory();
	return mm;
}

static struct vmsc_mm *model_again(struct vmsc_trial *trial, uint8_t process)
{
	struct vmsc_mm *mm = process ? NULL : make_model(trial);

	for (size_t i = 0; i < trial->nr_steps; i++) {
		struct vmsc_step *step = &trial->history[i];

		if (step->kind == VMSC_STEP_FORK && step->value == process && !step->result)
			mm = fork_model(trial, step->process, i);
		else if (mm && (step->process == process || step->kind == VMSC_STEP_LIMITS) &&
			 !(step->kind == VMSC_STEP_FOUND && step->value))
			(void)model_step(trial, mm, step);
	}
	return mm;
}

/* --- a step --- */

static bool is_own(uint64_t start, uint64_t len)
{
	return len && start + len > VMSC_PUPPET_FILL && start < VMSC_PUPPET_TOP;
}

bool vmsc_trial_can(const struct vmsc_step *step)
{
	const uint64_t *args = step->call.args;

	if (step->kind == VMSC_STEP_TOUCH || step->kind == VMSC_STEP_POKE)
		return step->addr < VMSC_PUPPET_FILL;
	if (step->kind != VMSC_STEP_CALL)
		return true;
	switch (step->call.nr) {
	case SYS_mremap:
		return !is_own(args[0], args[1]) && !is_own(args[4], args[2]);
	case SYS_prctl:
		return args[0] != PR_SET_VMA || !is_own(args[2], args[3]);
	case SYS_shmat:
		return !is_own(args[1], step->call.size);
	case SYS_ioctl:
	case SYS_process_madvise:
		return !is_own(step->call.range_start, step->call.range_end - step->call.range_start);
	case SYS_mlockall:
	case SYS_munlockall:
	case SYS_brk:
	case SYS_close:
	case SYS_io_setup:
	case SYS_io_destroy:
	case SYS_shmdt:
		return true;
	default:
		return !is_own(args[0], args[1]);
	}
}

/* What may be committed is not modelled: so much, an mremap that shrinks by it too, can be refused. */
static bool is_huge(const struct vmsc_call *call)
{
	const uint64_t *args = call->args;

	return (call->nr == SYS_mmap && args[1] >> 30) ||
	       (call->nr == SYS_mremap && (args[1] | args[2]) >> 30);
}

/* Which results is the model given even when it must predict: modes and masks are not decoded, how far a
 * population came is not known. */
static bool is_given(const struct vmsc_trial *trial, const struct vmsc_step *step)
{
	const struct vmsc_call *call = &step->call;

	if (trial->config.told || call->nr == SYS_io_setup || call->nr == SYS_io_destroy)
		return true;
	if (call->nr == SYS_mremap && step->result == -EINVAL && trial->processes[step->process].has_rings)
		return true; /* a ring whose context is another process's */
	if (call->nr == SYS_remap_file_pages && step->result == -EINVAL)
		return true; /* the segment may be gone */
	if (call->nr == SYS_brk && call->args[0] >= trial->config.start_brk &&
	    (call->args[0] - trial->config.start_brk) >> 30)
		return true; /* so much may not be committed */
	if (step->result >= 0)
		return trial->processes[0].puppet.randomized && step->result > 4096;
	if (step->result == -ENOMEM && is_huge(call))
		return true;
	if (call->nr == SYS_process_madvise)
		return call->args[3] >= 22 && call->args[3] <= 25;
	if (call->nr == SYS_madvise) /* populate, collapse; what a file's driver says to MADV_REMOVE */
		return (call->args[2] >= 22 && call->args[2] <= 25) || step->result == -ENODEV;
	return call->nr == SYS_mbind || call->nr == SYS_ioctl || call->nr == 450 || call->nr == SYS_mlock ||
	       call->nr == SYS_mlock2;
}

/* How far a failed population came can't be known, nor a refusal to commit memory be told from others. */
static bool is_unknown(const struct vmsc_step *step, int64_t said)
{
	if (step->kind != VMSC_STEP_CALL || step->result >= 0)
		return false;
	if (step->result == -ENOMEM &&
	    (is_huge(&step->call) || step->call.nr == SYS_mbind || step->call.nr == SYS_ioctl))
		return true;
	if (step->call.nr == 450) /* set_mempolicy_home_node: the VMAs before the refusal are changed */
		return true;
	if (step->call.nr == SYS_madvise)
		return (step->call.args[2] == 22 || step->call.args[2] == 23) && step->result == -EFAULT;
	return (step->call.nr == SYS_mlock || step->call.nr == SYS_mlock2) && step->result != said;
}

static void remember(struct vmsc_trial *trial, const struct vmsc_step *step)
{
	if (trial->nr_steps == trial->room) {
		trial->room = trial->room ? 2 * trial->room : 256;
		trial->history = vmsc_grow(trial->history, trial->room, sizeof(*trial->history));
	}
	trial->history[trial->nr_steps++] = *step;
}

static bool results_differ(struct vmsc_trial *trial, const struct vmsc_step *step, int64_t said)
{
	const struct vmsc_outcome *out = &trial->out;

	if (step->kind == VMSC_STEP_CALL) {
		trial->calls++;
		trial->undetermined += out->undetermined != VMSC_HIDDEN_NOTHING;
		trial->unasked += out->undetermined == VMSC_HIDDEN_ANON_VMA;
		if (out->address_asked && step->result >= 0) {
			trial->addresses_asked++;
			trial->addresses_predicted +=
				out->address_predicted == (step->call.nr == SYS_io_setup
								   ? step->call.range_start
								   : (uint64_t)step->result);
		}
		if (out->undetermined)
			return out->wrong;
		if (out->address_asked && step->result >= 0 && step->call.nr != SYS_io_setup &&
		    out->address_predicted != (uint64_t)step->result)
			return true;
	}
	return said != step->result || (step->call.has_result && out->wrong);
}

static enum vmsc_trial_verdict failed(struct vmsc_trial *trial, const char *what)
{
	snprintf(trial->why, sizeof(trial->why), "%s", what);
	return VMSC_TRIAL_FAILED;
}

/* What a machine without time or memory does to a process is no word of its kernel's about the call. */
static enum vmsc_trial_verdict died(struct vmsc_trial *trial, const struct vmsc_puppet *puppet)
{
	trial->interrupted = was_late || puppet->killed == SIGKILL;
	watched = 0;
	if (was_late)
		snprintf(trial->why, sizeof(trial->why),
			 "no answer in %d seconds: the machine is busy, or the call never returns",
			 STEP_SECONDS);
	else if (puppet->killed)
		snprintf(trial->why, sizeof(trial->why), "the process died of signal %d%s", puppet->killed,
			 trial->interrupted ? ": out of memory?" : "");
	else
		return failed(trial, "the process died");
	return VMSC_TRIAL_FAILED;
}

/* A process that was killed meanwhile has no VMAs. */
static enum vmsc_trial_verdict differs(struct vmsc_trial *trial, struct vmsc_trial_process *process)
{
	if (trial->again)
		return VMSC_TRIAL_AGAIN;
	return vmsc_puppet_is_there(&process->puppet) ? VMSC_TRIAL_DIFFERS : died(trial, &process->puppet);
}

static enum vmsc_trial_verdict judge(struct vmsc_trial *trial, struct vmsc_step *step, int64_t said)
{
	struct vmsc_trial_process *process = &trial->processes[step->process];
	bool differ = results_differ(trial, step, said);

	if (is_unknown(step, said) && !(differ && !trial->out.undetermined))
		return VMSC_TRIAL_UNKNOWN;
	if (trial->config.asks && trial->out.undetermined == VMSC_HIDDEN_ANON_VMA)
		return VMSC_TRIAL_UNKNOWN; /* a recorder would look at maps now */
	if (vmsc_trial_compare(trial, process, false))
		return differs(trial, process);
	if (step->kind == VMSC_STEP_FORK && !step->result &&
	    vmsc_trial_compare(trial, &trial->processes[step->value], false))
		return differs(trial, &trial->processes[step->value]);
	if (!differ)
		return VMSC_TRIAL_SAME;
	if (trial->out.undetermined && !trial->out.wrong)
		return VMSC_TRIAL_UNKNOWN;
	snprintf(trial->why, sizeof(trial->why), "result: kernel %s0x%" PRIx64 ", model %s0x%" PRIx64,
		 step->result < 0 ? "-" : "", (uint64_t)(step->result < 0 ? -step->result : step->result),
		 said < 0 ? "-" : "", (uint64_t)(said < 0 ? -said : said));
	return VMSC_TRIAL_DIFFERS;
}

enum { MOST_ASKS = 64 };

/* What the model must know before the call is answered from the pages that there are, and kept for copies of
 * it. */
static void answer(struct vmsc_trial *trial, uint8_t process, struct vmsc_mm *mm,
		   const struct vmsc_call *call)
{
	struct vmsc_step found = {
		.kind = VMSC_STEP_FOUND, .process = process, .value = call->nr == SYS_clone};
	struct vmsc_range asks[MOST_ASKS];
	size_t nr = vmsc_mm_asks(mm, call, asks, MOST_ASKS);

	trial->asked += nr;
	for (size_t i = 0; i < nr && i < MOST_ASKS; i++)
		if (vmsc_puppet_has_page(&trial->processes[process].puppet, asks[i].start, asks[i].end,
					 &found.addr)) {
			model_fault(mm, found.addr);
			remember(trial, &found);
		}
}

/* A child asks for what it inherits as long as it is all there. */
static void answer_child(struct vmsc_trial *trial, const struct vmsc_step *fork)
{
	struct vmsc_mm *parents = model_again(trial, fork->process);

	answer(trial, (uint8_t)fork->value, parents, &(struct vmsc_call){.nr = SYS_clone});
	vmsc_mm_free(parents);
}

/* The kernel has made it: now the model, and do they agree? */
static enum vmsc_trial_verdict settle(struct vmsc_trial *trial, struct vmsc_step *step)
{
	int64_t said;

	step->call.seq = trial->nr_steps + 1;
	step->call.has_result = step->kind == VMSC_STEP_CALL && is_given(trial, step);
	step->call.result = step->call.has_result ? step->result : 0;
	said = model_step(trial, trial->processes[step->process].mm, step);
	remember(trial, step);
	if (step->kind == VMSC_STEP_LIMITS)
		for (uint8_t i = 0; i < VMSC_TRIAL_PROCESSES; i++)
			if (i != step->process && trial->processes[i].alive)
				model_limits(trial, trial->processes[i].mm, &step->limits);
	if (step->kind == VMSC_STEP_FORK && !step->result) {
		if (trial->config.asks)
			answer_child(trial, step);
		trial->processes[step->value].mm = model_again(trial, (uint8_t)step->value);
	}
	return judge(trial, step, said);
}

enum vmsc_trial_verdict vmsc_trial_step(struct vmsc_trial *trial, struct vmsc_step *step)
{
	struct vmsc_trial_process *process;

	if (step->process >= VMSC_TRIAL_PROCESSES || !trial->processes[step->process].alive)
		return failed(trial, "a step of a process that is not there");
	if (!vmsc_trial_can(step))
		return failed(trial, "a step in the memory that the trial needs for itself");
	process = &trial->processes[step->process];
	watch(process->puppet.pid);
	if (trial->config.asks && step->kind == VMSC_STEP_CALL)
		answer(trial, step->process, process->mm, &step->call);
	vmsc_trial_do(trial, step);
	return process->puppet.dead ? died(trial, &process->puppet) : settle(trial, step);
}

size_t vmsc_trial_steps(struct vmsc_trial *trial, struct vmsc_step *steps, size_t nr,
			enum vmsc_trial_verdict *verdict)
{
	struct vmsc_puppet_done done[VMSC_PUPPET_BATCH];
	struct vmsc_puppet *puppet = &trial->processes[steps[0].process % VMSC_TRIAL_PROCESSES].puppet;
	size_t many, i = 0;

	watch(puppet->pid);
	many = vmsc_trial_do_many(trial, steps, nr, done);
	if (!many)
		*verdict = vmsc_trial_step(trial, &steps[0]);
	else if (puppet->dead)
		*verdict = died(trial, puppet);
	else
		do {
			puppet->shown = &done[i];
			vmsc_trial_did(trial, &steps[i], &done[i]);
			*verdict = settle(trial, &steps[i]);
		} while (++i < many && *verdict == VMSC_TRIAL_SAME);
	puppet->shown = NULL;
	return i ? i : 1;
}

enum vmsc_trial_verdict vmsc_trial_check(struct vmsc_trial *trial)
{
	for (size_t i = 0; i < VMSC_TRIAL_PROCESSES; i++)
		if (trial->processes[i].alive && vmsc_trial_compare(trial, &trial->processes[i], true))
			return differs(trial, &trial->processes[i]);
	return VMSC_TRIAL_SAME;
}

/* --- beginning and end --- */

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

static bool may_lock(void)
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

void vmsc_trial_limits(struct vmsc_limits *limits)
{
	uint64_t own = read_number("/proc/sys/vm/mmap_min_addr", 65536);

	*limits = (struct vmsc_limits){
		.max_map_count = read_number("/proc/sys/vm/max_map_count", 65530),
		.as = hard_limit(RLIMIT_AS),
		.data = hard_limit(RLIMIT_DATA),
		.stack = 8 << 20,
		.memlock = hard_limit(RLIMIT_MEMLOCK),
		.ipc_lock = may_lock(),
		.overcommit = (uint32_t)read_number("/proc/sys/vm/overcommit_memory", 0),
		.mmap_min_addr =
			own > 65536 ? own : 65536, /* CONFIG_LSM_MMAP_MIN_ADDR of all distributions */
		.stack_guard_gap = 256 * VMSC_PAGE_SIZE,
		.fixed_min_addr = own, /* of a puppet, which has no CAP_SYS_RAWIO */
	};
}

/* prctl(PR_SET_MM, PR_SET_MM_MAP): all of an empty process's fields may be the same place. */
static bool set_brk(struct vmsc_trial_process *process, const struct vmsc_trial_config *config)
{
	const uint64_t low = 65536;
	struct prctl_mm_map map = {.start_code = low,
				   .end_code = low + 1,
				   .start_data = low,
				   .end_data = low,
				   .start_brk = config->start_brk,
				   .brk = config->brk,
				   .start_stack = low,
				   .arg_start = low,
				   .arg_end = low,
				   .env_start = low,
				   .env_end = low,
				   .exe_fd = (uint32_t)-1};
	const uint64_t args[6] = {PR_SET_MM, PR_SET_MM_MAP, VMSC_PUPPET_DATA, sizeof(map)};

	return vmsc_puppet_put(&process->puppet, 0, &map, sizeof(map)) &&
	       !vmsc_puppet_call(&process->puppet, 0, SYS_prctl, args);
}

bool vmsc_trial_begin(struct vmsc_trial *trial, const struct vmsc_trial_config *config)
{
	struct vmsc_trial_process *first = &trial->processes[0];
	struct vmsc_limits machine;
	struct vmsc_step limits = {.kind = VMSC_STEP_LIMITS, .limits = config->limits};

	memset(trial, 0, sizeof(*trial));
	trial->config = *config;
	vmsc_trial_limits(&machine);
	trial->max_map_count = machine.max_map_count;
	trial->config.limits.ipc_lock = config->limits.ipc_lock && machine.ipc_lock;
	trial->config.limits.fixed_min_addr = machine.fixed_min_addr;
	if (!config->start_brk)
		trial->config.start_brk = trial->config.brk = NO_BRK;
	first->uffds[1] = first->uffds[2] = -1;
	if (!vmsc_puppet_start(&first->puppet, trial->config.limits.ipc_lock)) {
		snprintf(trial->why, sizeof(trial->why), "no process can be controlled: %s", strerror(errno));
		trial->interrupted = first->puppet.killed == SIGKILL;
		return false;
	}
	first->alive = true;
	trial->has_brk = set_brk(first, &trial->config);
	first->mm = make_model(trial);
	if (vmsc_trial_step(trial, &limits) == VMSC_TRIAL_SAME)
		return true;
	vmsc_trial_end(trial);
	return false;
}

void vmsc_trial_end(struct vmsc_trial *trial)
{
	watch(0);
	for (int i = VMSC_TRIAL_PROCESSES - 1; i >= 0; i--) {
		if (trial->processes[i].alive)
			vmsc_puppet_end(&trial->processes[i].puppet);
		vmsc_mm_free(trial->processes[i].mm);
		trial->processes[i].mm = NULL;
		trial->processes[i].alive = false;
	}
	free(trial->history);
	trial->history = NULL;
}

/* --- without a kernel --- */

/* What is touched is there, unless there is nothing. */
static void predict_step(struct vmsc_trial *trial, struct vmsc_step *step)
{
	struct vmsc_trial_process *process = &trial->processes[step->process];
	int64_t said = model_step(trial, process->mm, step);

	step->result = step->kind == VMSC_STEP_FORK ? 0 : said;
	remember(trial, step);
	if (step->kind == VMSC_STEP_FORK)
		trial->processes[step->value].mm = model_again(trial, (uint8_t)step->value);
}

static size_t list_vmas(const struct vmsc_mm *mm, struct vmsc_vma *vmas, size_t max)
{
	struct vmsc_vma vma = {.end = 0};
	size_t nr = 0;

	while (vmsc_mm_find(mm, vma.end, &vma) && vma.start < VMSC_PUPPET_FILL) {
		if (nr < max)
			vmas[nr] = vma;
		nr++;
	}
	return nr;
}

size_t vmsc_trial_predict(const struct vmsc_trial_config *config, const struct vmsc_step *steps, size_t nr,
			  int64_t *results, struct vmsc_vma *vmas, size_t max)
{
	struct vmsc_trial *trial = vmsc_alloc(sizeof(*trial));
	struct vmsc_step step = {.kind = VMSC_STEP_LIMITS, .limits = config->limits};
	size_t i, found;

	memset(trial, 0, sizeof(*trial));
	trial->config = *config;
	trial->processes[0].puppet.mmap_base = VMSC_PUPPET_FILL - (UINT64_C(1) << 20);
	trial->processes[0].mm = make_model(trial);
	predict_step(trial, &step);
	for (i = 0; i < nr; i++) {
		step = steps[i];
		step.result = 0;
		step.call.has_result = false;
		step.call.seq = i + 1;
		predict_step(trial, &step);
		results[i] = step.result;
	}
	found = list_vmas(trial->processes[step.kind == VMSC_STEP_FORK ? step.value : step.process].mm, vmas,
			  max);
	for (i = 0; i < VMSC_TRIAL_PROCESSES; i++)
		vmsc_mm_free(trial->processes[i].mm);
	free(trial->history);
	free(trial);
	return found;
}
