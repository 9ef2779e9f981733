/* SPDX-License-Identifier: MIT */
/*
 * init.c - the constructor. It runs before the program's and the other libraries' constructors, before libc
 * knows its environment, with one thread.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

#include "arena.h"
#include "attach.h"
#include "call.h"
#include "door.h"
#include "facts.h"
#include "fdtable.h"
#include "finish.h"
#include "libc.h"
#include "memo.h"
#include "own.h"
#include "patch.h"
#include "reach.h"
#include "recorder.h"
#include "report.h"
#include "snapshot.h"
#include "spare.h"
#include "stack.h"
#include "start.h"
#include "sys.h"
#include "trap.h"
#include "unwinder.h"
#include "writer.h"

#include "inject.h"

struct vmsc_recorder vmsc_rec = { 0 };
struct vmsc_names vmsc_names = { .appended = false };

static uint64_t find_vdso(char **envp)
{
	const Elf64_auxv_t *aux;

	while (*envp)
		envp++;
	for (aux = (const void *)(envp + 1); aux->a_type != AT_NULL; aux++) {
		if (aux->a_type == AT_SYSINFO_EHDR)
			return aux->a_un.a_val;
	}
	return 0;
}

/* Pages that a forked child finds zeroed. */
static int map_shared_state(void)
{
	const size_t size = (VMSC_SHARED_SIZE + VMSC_PAGE_SIZE - 1) & ~(VMSC_PAGE_SIZE - 1);
	long at = sys_mmap(vmsc_arena_base() + VMSC_OWN_STATE, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (sys_failed(at))
		return at;
	if (sys_madvise(at, size, MADV_WIPEONFORK)) {
		sys_munmap(at, size);
		return -EINVAL;
	}
	vmsc_rec.shared = (void *)at;
	vmsc_rec.pending_room = VMSC_NR_PENDING;
	vmsc_rec.shared->pid = sys_getpid();
	vmsc_set_state(VMSC_STATE_STARTING);
	return 0;
}

static void start_capture(void)
{
	vmsc_rec.capture_mode = VMSC_CAPTURE_PLT;
	if (vmsc_rec.options.capture == VMSC_CAPTURE_PLT || !vmsc_patch_all()) {
		if (vmsc_rec.options.capture != VMSC_CAPTURE_PLT)
			vmsc_problem("libc's system-call sites could not be patched; only calls by symbol "
				     "are seen");
		return;
	}
	vmsc_rec.capture_mode = VMSC_CAPTURE_LIBC;
	if (!vmsc_patch_prove())
		vmsc_problem("a patched libc function did not arrive at the recorder");
	if (vmsc_rec.options.capture != VMSC_CAPTURE_FULL)
		return;
	vmsc_door_build(vmsc_patch_is_complete() && !vmsc_rec.options.trap_all);
	if (vmsc_trap_prepare())
		vmsc_rec.capture_mode = VMSC_CAPTURE_FULL;
	else
		vmsc_problem("the kernel has no Syscall User Dispatch; calls from outside libc are not seen");
}

int vmsc_start_trace(void)
{
	int fd, err;

	__atomic_store_n(&vmsc_rec.started_monotonic, vmsc_sys_clock(CLOCK_MONOTONIC), __ATOMIC_RELAXED);
	fd = vmsc_naming_open(&vmsc_names);
	if (fd < 0)
		return fd;
	vmsc_fd_set_own(VMSC_OWN_FD_TRACE, fd);
	err = vmsc_writer_start(fd);
	if (err) {
		vmsc_fd_forget();
		sys6(SYS_unlinkat, AT_FDCWD, (uintptr_t)vmsc_names.trace, 0, 0, 0, 0);
		vmsc_writer_forget();
		return err;
	}
	vmsc_attach_fill_header(vmsc_rec.header);
	return 0;
}

void vmsc_start_from_maps(void)
{
	vmsc_attach_new_model();
	vmsc_attach_tell_process();
	vmsc_attach_tell_limits();
	vmsc_attach_tell_layout();
	vmsc_own_tell();
	vmsc_facts_tell(NULL);
	vmsc_patch_tell();
	vmsc_snapshot_all(VMSC_WHEN_ATTACH);
}

/* A process that may have few descriptors gets them all: it was never to notice. */
void vmsc_start_recording(void)
{
	if (vmsc_state() != VMSC_STATE_STARTING)
		return;
	if (!vmsc_sys_has_few_fds()) {
		vmsc_set_state(VMSC_STATE_ACTIVE);
		return;
	}
	vmsc_writer_stop("the hard limit of descriptors leaves none for the recorder");
	vmsc_writer_close();
	vmsc_fd_forget();
}

void vmsc_start_again(void)
{
	vmsc_set_state(VMSC_STATE_STARTING);
	sys_close(vmsc_fd_own(VMSC_OWN_FD_TRACE));
	vmsc_fd_set_own(VMSC_OWN_FD_TRACE, -1);
	vmsc_writer_forget();
	vmsc_stack_forget();
	if (vmsc_rec.replay)
		vmsc_replay_free(vmsc_rec.replay);
	vmsc_rec.replay = NULL;
	if (vmsc_start_trace()) {
		vmsc_set_state(VMSC_STATE_OFF);
		return;
	}
	vmsc_problem("an exec failed after its image's report was written; the trace begins anew");
	vmsc_start_from_maps();
	vmsc_start_recording();
}

static int start_recorder(void)
{
	int err = vmsc_arena_start();

	if (err)
		return err;
	vmsc_own_add(vmsc_arena_base(), vmsc_arena_base() + VMSC_OWN_SIZE);
	return map_shared_state();
}

static bool load_unwinder(int argc, char **argv, char **envp)
{
	bool is_loaded;

	if (!vmsc_libc_begin(argc, argv, envp))
		return false;
	vmsc_rec.loading = true;
	is_loaded = vmsc_unwinder_load();
	vmsc_rec.loading = false;
	if (!is_loaded)
		return false;
	vmsc_unwinder_warm_up();
	vmsc_memo_start();
	return true;
}

static void start_stacks(int argc, char **argv, char **envp)
{
	if (vmsc_sys_has_few_fds()) /* it has some of its own */
		vmsc_rec.options.stacks = false;
	if (!vmsc_rec.options.stacks || load_unwinder(argc, argv, envp))
		return;
	vmsc_problem("libunwind.so.8 could not be loaded; no call stacks are recorded");
	vmsc_rec.options.stacks = false;
}

/* Valgrind makes the program's calls from its own text: it would be trapped, and our patches would not be
 * seen to run. To the processor, this does nothing. */
static bool is_under_valgrind(void)
{
	const uint64_t request[6] = { 0x1001 }; /* how deep? */
	uint64_t depth = 0;

	__asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\trolq $61, %%rdi\n\trolq $51, %%rdi\n\txchgq "
			 "%%rbx, %%rbx"
			 : "+d"(depth)
			 : "a"(request)
			 : "cc", "memory");
	return depth;
}

__attribute__((constructor)) static void start(int argc, char **argv, char **envp)
{
	const char *library;

	if (is_under_valgrind())
		return;
	if (getauxval(AT_SECURE)) /* whoever set the environment has fewer rights than the program: it is not
				     read */
		return;
	vmsc_options_read(&vmsc_rec.options, envp);
	vmsc_naming_begin();
	vmsc_sys_find_clock(find_vdso(envp));
	library = vmsc_own_find_library();
	if (library) {
		vmsc_report_prepare(library, envp);
		vmsc_reach_begin(library);
	}
	if (library && !vmsc_rec.options.follow)
		vmsc_options_forget(envp, library);
	if (start_recorder())
		return;
	vmsc_spare_start((uintptr_t)envp);
	start_capture();
	start_stacks(argc, argv, envp);
	if (vmsc_start_trace()) {
		vmsc_fd_forget();
		vmsc_set_state(VMSC_STATE_OFF);
		return;
	}
	vmsc_start_from_maps();
	vmsc_start_recording();
	if (vmsc_rec.capture_mode == VMSC_CAPTURE_FULL)
		vmsc_trap_begin();
}

/* Where libc's _exit is not patched, this is the last that is seen of the process. */
__attribute__((destructor)) static void stop(void)
{
	if (vmsc_rec.shared && vmsc_rec.capture_mode == VMSC_CAPTURE_PLT)
		vmsc_finish_at_exit();
}
