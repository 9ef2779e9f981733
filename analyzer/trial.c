/* SPDX-License-Identifier: MIT */
/*
 * trial.c - each step is made by the kernel, then by the model, and judged.
 */
#include "trial_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/prctl.h>

#define STEP_SECONDS 30
#define NO_BRK	     UINT64_C(0x500000000000) /* where nothing else is tried */

/* 2 minutes of processor time, which an emulated processor counts while it waits: what a process may have had
 * that only waits for more. */
#define STEP_TICKS 12000

static volatile sig_atomic_t watched; /* the process that is killed when a step never returns */
static volatile sig_atomic_t was_late;
static volatile sig_atomic_t was_running; /* all the time */
static volatile sig_atomic_t seconds;	  /* since it was looked at whether it runs */

/* The process's state, and the processor time that it has had. */
static char state_of(pid_t pid, uint64_t *ticks)
{
	char path[32], text[512], *at;
	unsigned long user = 0, kernel = 0;
	ssize_t length = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[length > 0 ? length : 0] = '\0';
	at = strrchr(text, ')');
	if (!at || sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) != 2)
		return 0;
	*ticks = user + kernel;
	return at[2];
}

/* What only waits for a processor, or for us, goes on. */
static bool is_slow(void)
{
	uint64_t ticks = 0;
	char state = state_of((pid_t)watched, &ticks);

	was_running = was_running || ticks >= STEP_TICKS;
	return (state == 'R' || state == 't') && !was_running;
}

static void on_alarm(int sig);

/* At the next alarm waitpid() returns. */
static void end_wait(void)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = 0};

	sigaction(SIGALRM, &action, NULL);
	alarm(1);
}

/*
 * Each second. A process of two threads that is killed while its first one runs does not tell of its end
 * before somebody asks for the second: nobody would.
 */
static void on_alarm(int sig)
{
	uint64_t ticks;

	(void)sig;
	if (watched > 0 && state_of((pid_t)watched, &ticks) == 'Z') {
		end_wait();
		return;
	}
	if (watched > 0 && ++seconds < STEP_SECONDS) {
		alarm(1);
		return;
	}
	seconds = 0;
	if (watched > 0 && is_slow()) {
		alarm(1);
		return;
	}
	was_late = 1;
	if (watched > 0)
		kill((pid_t)watched, SIGKILL);
	end_wait();
}

static void watch(pid_t pid)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	was_late = 0;
	was_running = 0;
	seconds = 0;
	watched = pid;
	sigaction(SIGALRM, &action, NULL);
	alarm(pid ? 1 : 0);
}

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

/* Of io_setup() the place is not its result. */
static uint64_t address_of(const struct vmsc_step *step)
{
	return step->call.nr == SYS_io_setup ? step->call.range_start : (uint64_t)step->result;
}

static void count_call(struct vmsc_trial *trial, const struct vmsc_step *step)
{
	const struct vmsc_outcome *out = &trial->out;

	trial->calls++;
	trial->undetermined += out->undetermined != VMSC_HIDDEN_NOTHING;
	trial->unasked += out->undetermined == VMSC_HIDDEN_ANON_VMA;
	if (!out->address_asked || step->result < 0)
		return;
	trial->addresses_asked++;
	trial->addresses_predicted += out->address_predicted == address_of(step);
}

static bool do_results_differ(const struct vmsc_trial *trial, const struct vmsc_step *step, int64_t said)
{
	const struct vmsc_outcome *out = &trial->out;

	if (step->kind == VMSC_STEP_CALL) {
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
	trial->endless = was_late && was_running;
	watched = 0;
	if (trial->endless)
		snprintf(trial->why, sizeof(trial->why), "no answer in %d seconds of processor time",
			 STEP_TICKS / 100);
	else if (was_late)
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
	bool differ = do_results_differ(trial, step, said);

	if (step->kind == VMSC_STEP_CALL)
		count_call(trial, step);
	if (vmsc_trial_is_guard_or_not(process->mm, step))
		return VMSC_TRIAL_UNKNOWN;
	if (vmsc_trial_is_unknown(step, said) && !(differ && !trial->out.undetermined))
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
			vmsc_trial_model_fault(mm, found.addr);
			vmsc_trial_remember(trial, &found);
		}
}

static void answer_vma(struct vmsc_trial *trial, const struct vmsc_step *by, const struct vmsc_vma *vma)
{
	struct vmsc_trial_process *process = &trial->processes[by->process];
	struct vmsc_step found = {.kind = VMSC_STEP_FOUND, .process = by->process};

	if (vma->anon_vma || !vmsc_puppet_has_page(&process->puppet, vma->start, vma->end, &found.addr))
		return;
	vmsc_trial_model_fault(process->mm, found.addr);
	vmsc_trial_remember(trial, &found);
}

/* A debugger's write is told to the model, though nobody expects it: whose anon_vma it gives hangs on whether
 * what lies beside was touched before. */
static void answer_poke(struct vmsc_trial *trial, const struct vmsc_step *poke)
{
	struct vmsc_mm *mm = trial->processes[poke->process].mm;
	struct vmsc_vma vma, beside;

	if (!vmsc_mm_find(mm, poke->addr, &vma))
		return;
	if (vmsc_mm_find(mm, vma.end, &beside) && beside.start == vma.end)
		answer_vma(trial, poke, &beside);
	if (vmsc_mm_find(mm, vma.start - 1, &beside) && beside.end == vma.start)
		answer_vma(trial, poke, &beside);
}

/* A child asks for what it inherits as long as it is all there. */
static void answer_child(struct vmsc_trial *trial, const struct vmsc_step *fork)
{
	struct vmsc_mm *parents = vmsc_trial_model_again(trial, fork->process);

	answer(trial, (uint8_t)fork->value, parents, &(struct vmsc_call){.nr = SYS_clone});
	vmsc_mm_free(parents);
}

/* The kernel has made it: now the model, and do they agree? */
static enum vmsc_trial_verdict settle(struct vmsc_trial *trial, struct vmsc_step *step)
{
	int64_t said;

	step->call.seq = trial->nr_steps + 1;
	if (vmsc_trial_is_commit_open(trial, step))
		vmsc_trial_ask_commit(&vmsc_mm_config(trial->processes[step->process].mm)->limits);
	step->call.has_result = step->kind == VMSC_STEP_CALL && vmsc_trial_is_given(trial, step);
	step->call.result = step->call.has_result ? step->result : 0;
	said = vmsc_trial_model_step(trial, trial->processes[step->process].mm, step);
	vmsc_trial_remember(trial, step);
	if (step->kind == VMSC_STEP_LIMITS)
		for (size_t i = 0; i < VMSC_TRIAL_PROCESSES; i++)
			if (i != step->process && trial->processes[i].alive)
				vmsc_trial_model_limits(trial, trial->processes[i].mm, &step->limits);
	if (step->kind == VMSC_STEP_FORK && !step->result) {
		if (trial->config.asks)
			answer_child(trial, step);
		trial->processes[step->value].mm = vmsc_trial_model_again(trial, (uint8_t)step->value);
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
	if (trial->config.asks && step->kind == VMSC_STEP_POKE)
		answer_poke(trial, step);
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
	vmsc_trial_keep_memory(&trial->config.limits, &machine);
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
	first->mm = vmsc_trial_model_new(trial);
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
