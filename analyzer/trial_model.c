/* SPDX-License-Identifier: MIT */
/*
 * trial_model.c - the model's side of a trial. The model of a forked child is its parent's, got by making all
 * steps again.
 */
#include "trial_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "heap.h"
#include "say.h"

/* The corpus is told of machines whose memory and swap are less than that. */
#define CORPUS_MEMORY (UINT64_C(1) << 40)

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

struct vmsc_mm *vmsc_trial_model_new(const struct vmsc_trial *trial)
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
		limits->ipc_lock = vmsc_trial_may_lock();
	}
	err = vmsc_mm_grow_stack(mm, end, step->addr & ~(VMSC_PAGE_SIZE - 1));
	*limits = kept;
	return err;
}

void vmsc_trial_model_fault(struct vmsc_mm *mm, uint64_t addr)
{
	if (vmsc_mm_fault(mm, addr) == -ENOMEM)
		vmsc_out_of_memory();
}

/* The anon_vma is there before a userfaultfd is asked, and before a private file says that it ends earlier;
 * but not before a guard page, which nobody may have met. */
static bool comes_before_failure(const struct vmsc_vma *vma)
{
	if (vma->vm_flags & (VMSC_VM(MAYSHARE) | VMSC_VM(MAYBE_GUARD)))
		return false;
	return vma->file || (vma->vm_flags & VMSC_VM(UFFD_MISSING));
}

bool vmsc_trial_is_guard_or_not(const struct vmsc_mm *mm, const struct vmsc_step *step)
{
	const uint64_t writable = VMSC_VM(WRITE) | VMSC_VM(MAYWRITE);
	struct vmsc_vma vma;

	if ((step->kind != VMSC_STEP_TOUCH && step->kind != VMSC_STEP_POKE) || step->result != -EFAULT)
		return false;
	if (step->kind == VMSC_STEP_TOUCH && !step->write) /* a read gives none, wherever it comes to */
		return false;
	if (!vmsc_mm_find(mm, step->addr, &vma) || vma.start > step->addr || vma.anon_vma)
		return false;
	return (vma.vm_flags & VMSC_VM(MAYBE_GUARD)) && (vma.vm_flags & writable) &&
	       !(vma.vm_flags & VMSC_VM(MAYSHARE)) && (vma.file || (vma.vm_flags & VMSC_VM(UFFD_MISSING)));
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
		vmsc_trial_model_fault(mm, step->addr);
	allowed = vma.vm_flags & (step->kind == VMSC_STEP_POKE ? VMSC_VM(MAYWRITE) : VMSC_VM(WRITE));
	if (writes && (!step->result || (comes_before_failure(&vma) && allowed)))
		vmsc_trial_model_fault(mm, step->addr);
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

void vmsc_trial_model_limits(const struct vmsc_trial *trial, struct vmsc_mm *mm,
			     const struct vmsc_limits *limits)
{
	bool ipc_lock = vmsc_mm_config(mm)->limits.ipc_lock;

	if (trial->max_map_count)
		model_fill(trial, mm, limits);
	vmsc_mm_config(mm)->limits = *limits;
	vmsc_trial_keep_memory(&vmsc_mm_config(mm)->limits, &trial->config.limits);
	vmsc_mm_config(mm)->limits.ipc_lock = ipc_lock && limits->ipc_lock; /* never had again */
	if (trial->max_map_count)
		vmsc_mm_config(mm)->limits.max_map_count = trial->max_map_count;
}

/* What the model says to the step. */
int64_t vmsc_trial_model_step(struct vmsc_trial *trial, struct vmsc_mm *mm, const struct vmsc_step *step)
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
		vmsc_trial_model_fault(mm, step->addr);
		return 0;
	case VMSC_STEP_LIMITS:
		vmsc_trial_model_limits(trial, mm, &step->limits);
		return 0;
	default:
		return step->result;
	}
}

void vmsc_trial_remember(struct vmsc_trial *trial, const struct vmsc_step *step)
{
	if (trial->nr_steps == trial->room) {
		trial->room = trial->room ? 2 * trial->room : 256;
		trial->history = vmsc_grow(trial->history, trial->room, sizeof(*trial->history));
	}
	trial->history[trial->nr_steps++] = *step;
}

/* The child's model: its parent's up to the fork, step @fork; what was found then to be inherited; then the
 * fork. */
static struct vmsc_mm *fork_model(struct vmsc_trial *trial, uint8_t parent, size_t fork)
{
	size_t all = trial->nr_steps;
	struct vmsc_mm *mm;

	trial->nr_steps = fork;
	mm = vmsc_trial_model_again(trial, parent);
	trial->nr_steps = all;
	for (size_t i = fork + 1;
	     i < all && trial->history[i].kind == VMSC_STEP_FOUND && trial->history[i].value; i++)
		vmsc_trial_model_fault(mm, trial->history[i].addr);
	if (vmsc_mm_fork(mm))
		vmsc_out_of_memory();
	return mm;
}

struct vmsc_mm *vmsc_trial_model_again(struct vmsc_trial *trial, uint8_t process)
{
	struct vmsc_mm *mm = process ? NULL : vmsc_trial_model_new(trial);

	for (size_t i = 0; i < trial->nr_steps; i++) {
		const struct vmsc_step *step = &trial->history[i];

		if (step->kind == VMSC_STEP_FORK && step->value == process && !step->result)
			mm = fork_model(trial, step->process, i);
		else if (mm && (step->process == process || step->kind == VMSC_STEP_LIMITS) &&
			 !(step->kind == VMSC_STEP_FOUND && step->value))
			(void)vmsc_trial_model_step(trial, mm, step);
	}
	return mm;
}

/* --- without a kernel --- */

/* What is touched is there, unless there is nothing. */
static void predict_step(struct vmsc_trial *trial, struct vmsc_step *step)
{
	struct vmsc_trial_process *process = &trial->processes[step->process];
	int64_t said = vmsc_trial_model_step(trial, process->mm, step);

	step->result = step->kind == VMSC_STEP_FORK ? 0 : said;
	vmsc_trial_remember(trial, step);
	if (step->kind == VMSC_STEP_FORK)
		trial->processes[step->value].mm = vmsc_trial_model_again(trial, (uint8_t)step->value);
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
	vmsc_trial_keep_memory(&trial->config.limits, &(struct vmsc_limits){.commit_most = CORPUS_MEMORY});
	trial->processes[0].puppet.mmap_base = VMSC_PUPPET_FILL - (UINT64_C(1) << 20);
	trial->processes[0].mm = vmsc_trial_model_new(trial);
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
