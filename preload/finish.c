/* SPDX-License-Identifier: MIT */
/* finish.c - see finish.h. */
#include "finish.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#include "call.h"
#include "lock.h"
#include "problem.h"
#include "report.h"
#include "snapshot.h"
#include "start.h"
#include "sys.h"
#include "tables.h"
#include "writer.h"

#include "inject.h"

#define LOCK_TRIES 10 /* of about 100 ms */
#define OTHER_TRIES 3000 /* of 10 ms: how long a second thread waits for the first to end the trace */
#define NR_DEFAULT_SIGNALS 32

/* The kernel's struct sigaction. */
struct kernel_action {
	uint64_t handler, flags, restorer, mask;
};

bool vmsc_finish_is_foreign(void)
{
	return vmsc_self.vfork || vmsc_rec.shared->pid != sys_getpid();
}

static bool lock_patiently(void)
{
	uint32_t tid = vmsc_tid();

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (vmsc_lock_try(tid))
			return true;
		if (__atomic_load_n(&vmsc_shared()->lock, __ATOMIC_RELAXED) == tid)
			return false;
	}
	return false;
}

static void wait_for_other(void)
{
	const struct timespec nap = { 0, 10000000 };

	for (int i = 0; i < OTHER_TRIES && vmsc_state() == VMSC_STATE_ENDING; i++)
		sys3(SYS_nanosleep, (uintptr_t)&nap, 0, 0);
}

/* Is it for this thread to end the trace? */
static bool claim_end(void)
{
	uint32_t nobody = 0;

	if (__atomic_compare_exchange_n(&vmsc_shared()->ending_tid, &nobody, vmsc_tid(), false, __ATOMIC_SEQ_CST,
					__ATOMIC_RELAXED))
		return true;
	if (nobody != vmsc_tid())
		wait_for_other();
	return false;
}

static void write_end(enum vmsc_ended ended, int status)
{
	static const enum vmsc_when whens[] = {
		[VMSC_ENDED_EXIT] = VMSC_WHEN_EXIT,
		[VMSC_ENDED_EXEC] = VMSC_WHEN_EXEC,
		[VMSC_ENDED_SIGNAL] = VMSC_WHEN_SIGNAL,
	};

	vmsc_problem_tell();
	if (vmsc_state() == VMSC_STATE_ACTIVE)
		vmsc_snapshot_all(whens[ended]);
	if (vmsc_state() == VMSC_STATE_ACTIVE)
		vmsc_tables_at_end();
	vmsc_writer_end(ended, status, NULL);
}

static void end_trace(enum vmsc_ended ended, int status)
{
	struct vmsc_trace_header *header;
	bool locked = lock_patiently();

	if (locked) {
		/* once through the lock, so that calls left for its owner are written */
		vmsc_lock_release(vmsc_call_drain);
		locked = lock_patiently();
	}
	if (locked) {
		write_end(ended, status);
		vmsc_set_state(VMSC_STATE_ENDING);
		vmsc_writer_close();
		vmsc_lock_release(NULL);
	} else if ((header = __atomic_load_n(&vmsc_rec.header, __ATOMIC_RELAXED))) {
		__atomic_store_n(&header->exit_status, status, __ATOMIC_RELAXED);
		__atomic_store_n(&header->ended, ended, __ATOMIC_RELAXED);
		vmsc_set_state(VMSC_STATE_ENDING);
	}
	if (!vmsc_rec.options.is_root)
		vmsc_report_write();
	vmsc_set_state(VMSC_STATE_OFF);
}

static bool has_trace(void)
{
	uint32_t state = vmsc_state();

	return state == VMSC_STATE_ACTIVE || state == VMSC_STATE_PAUSED || state == VMSC_STATE_STOPPED;
}

long vmsc_finish_exit(uint32_t nr, const uint64_t args[6])
{
	if (vmsc_state() == VMSC_STATE_ENDING && !claim_end())
		return vmsc_call_raw(nr, args);
	if (has_trace() && claim_end())
		end_trace(VMSC_ENDED_EXIT, args[0]);
	return vmsc_call_raw(nr, args);
}

long vmsc_finish_kill(uint32_t nr, const uint64_t args[6])
{
	if (has_trace() && claim_end())
		end_trace(VMSC_ENDED_SIGNAL, nr == SYS_tgkill ? args[2] : args[1]);
	return vmsc_call_raw(nr, args);
}

/* The lock, while calls are recorded: another thread may end that meanwhile. */
static bool lock_recording(void)
{
	if (vmsc_state() != VMSC_STATE_ACTIVE || !lock_patiently())
		return false;
	if (vmsc_state() == VMSC_STATE_ACTIVE)
		return true;
	vmsc_lock_release(vmsc_call_drain);
	return false;
}

static bool can_exec(uint32_t nr, const uint64_t args[6])
{
	if (nr == SYS_execve)
		return !sys6(SYS_faccessat, AT_FDCWD, args[0], 1 /* X_OK */, 0, 0, 0);
	return true;
}

/* No launcher will see to this image's report: it is written now, and recording begins anew if the exec fails. */
static long exec_alone(uint32_t nr, const uint64_t args[6])
{
	long ret;

	vmsc_writer_close();
	vmsc_report_write_last();
	ret = vmsc_call_raw(nr, args);
	vmsc_start_again();
	return ret;
}

static long exec_launched(uint32_t nr, const uint64_t args[6])
{
	long ret;

	vmsc_writer_shrink();
	ret = vmsc_call_raw(nr, args);
	vmsc_writer_undo_end();
	return ret;
}

long vmsc_finish_exec(uint32_t nr, const uint64_t args[6])
{
	bool is_launched = vmsc_rec.options.is_root || vmsc_rec.options.session[0];
	long ret;

	if (!can_exec(nr, args) || !lock_recording())
		return vmsc_call_raw(nr, args);
	write_end(VMSC_ENDED_EXEC, 0);
	ret = is_launched ? exec_launched(nr, args) : exec_alone(nr, args);
	vmsc_lock_release(vmsc_call_drain);
	return ret;
}

static bool ends_by_default(uint64_t signal)
{
	const uint32_t survived = 1u << (SIGCHLD - 1) | 1u << (SIGURG - 1) | 1u << (SIGWINCH - 1) |
				  1u << (SIGCONT - 1) | 1u << (SIGSTOP - 1) | 1u << (SIGTSTP - 1) |
				  1u << (SIGTTIN - 1) | 1u << (SIGTTOU - 1);

	return signal && signal < NR_DEFAULT_SIGNALS && !(survived >> (signal - 1) & 1);
}

bool vmsc_finish_is_fatal(uint32_t nr, const uint64_t args[6])
{
	uint64_t signal = nr == SYS_tgkill ? args[2] : args[1];
	uint64_t target = args[0];
	struct kernel_action action = { 0, 0, 0, 0 };
	uint64_t blocked = 0;

	if (!ends_by_default(signal) || vmsc_finish_is_foreign())
		return false;
	if (target != (nr == SYS_tkill ? sys_gettid() : vmsc_rec.shared->pid))
		return false;
	if (sys6(SYS_rt_sigaction, signal, 0, (uintptr_t)&action, sizeof(action.mask), 0, 0) || action.handler)
		return false;
	sys6(SYS_rt_sigprocmask, SIG_BLOCK, 0, (uintptr_t)&blocked, sizeof(blocked), 0, 0);
	return !(blocked >> (signal - 1) & 1);
}

void vmsc_finish_stop(const char *why)
{
	if (vmsc_finish_is_foreign() || !lock_recording())
		return;
	vmsc_problem_tell();
	vmsc_snapshot_all(VMSC_WHEN_REQUEST);
	vmsc_writer_stop(why);
	vmsc_set_state(VMSC_STATE_OFF);
	/* children inherit what stopped it */
	__atomic_store_n(&vmsc_rec.options.follow, false, __ATOMIC_RELAXED);
	vmsc_lock_release(NULL);
}

void vmsc_finish_at_exit(void)
{
	if (!vmsc_finish_is_foreign() && has_trace() && claim_end())
		end_trace(VMSC_ENDED_EXIT, 0);
}
