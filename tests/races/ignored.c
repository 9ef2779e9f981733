/* SPDX-License-Identifier: MIT */
/*
 * ignored.c - what ThreadSanitizer must not look at; not instrumented itself.
 *
 * A thread that its runtime does not know yet, or no more: what libc calls for it is made and not recorded.
 *
 * A forked child: the recorder finds its lock open, in pages that the kernel has zeroed, and goes over what
 * the parent's threads were at. That is no race, as the child has one thread; but to ThreadSanitizer, whose
 * memory was copied, the others seem to be there. Its own runtime ignores such children, too, only later.
 *
 * With capture in full, the runtime's own system calls: they trap, in its midst, where no instrumented code
 * may run.
 */
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "slots.h"
#include "door.h"
#include "sys.h"

#define HERE	      __FILE__, __LINE__
#define SET_DISPATCH  59 /* PR_SET_SYSCALL_USER_DISPATCH */
#define USER_DISPATCH 2	 /* si_code SYS_USER_DISPATCH */
#define SIGSYS_BIT    (UINT64_C(1) << (SIGSYS - 1))

typedef void (*handler_fn)(int, siginfo_t *, void *);

/* ThreadSanitizer's. */
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
void AnnotateIgnoreSyncBegin(const char *file, int line);
void AnnotateIgnoreSyncEnd(const char *file, int line);

/* The linker's: what one file calls of another's goes through the second of each (--wrap). */
long __real_vmsc_call_raw(uint32_t nr, const uint64_t args[6]);
long __wrap_vmsc_call_raw(uint32_t nr, const uint64_t args[6]);
long __real_vmsc_gate(struct vmsc_regs *regs);
long __wrap_vmsc_gate(struct vmsc_regs *regs);
long __real_vmsc_gate_in_place(struct vmsc_regs *regs);
long __wrap_vmsc_gate_in_place(struct vmsc_regs *regs);
bool __real_vmsc_sigsys_begin(handler_fn handler);
bool __wrap_vmsc_sigsys_begin(handler_fn handler);

/* Told by racing.c, of the calling thread. */
__attribute__((visibility("default"))) void races_know(bool known);

static __thread bool is_known = false;
static uint64_t runtime_start = 0, runtime_end = 0;
static handler_fn handle = NULL;

void races_know(bool known)
{
	is_known = known;
}

/* The one that is there at the beginning. Before the recorder's constructor. */
__attribute__((constructor(101))) static void know_first(void)
{
	is_known = true;
}

static void ignore(bool on)
{
	if (on) {
		AnnotateIgnoreReadsBegin(HERE);
		AnnotateIgnoreWritesBegin(HERE);
		AnnotateIgnoreSyncBegin(HERE);
	} else {
		AnnotateIgnoreSyncEnd(HERE);
		AnnotateIgnoreWritesEnd(HERE);
		AnnotateIgnoreReadsEnd(HERE);
	}
}

static bool forks(uint32_t nr)
{
	return nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3;
}

/* Begun by the parent: the child could wait for a lock of ThreadSanitizer's that another thread had. */
long __wrap_vmsc_call_raw(uint32_t nr, const uint64_t args[6])
{
	long ret;

	if (forks(nr))
		ignore(true);
	ret = __real_vmsc_call_raw(nr, args);
	if (forks(nr) && ret)
		ignore(false);
	return ret;
}

/* SIGSYS stays open: it is the recorder's. */
static long call_quietly(long nr, const uint64_t args[6])
{
	uint64_t mask;

	if (nr != SYS_rt_sigprocmask || !args[1] || args[0] == SIG_UNBLOCK)
		return sys6(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	mask = *(const uint64_t *)(uintptr_t)args[1] & ~SIGSYS_BIT;
	return sys6(nr, args[0], (uintptr_t)&mask, args[2], args[3], 0, 0);
}

long __wrap_vmsc_gate(struct vmsc_regs *regs)
{
	const uint64_t args[6] = {regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9};

	return is_known ? __real_vmsc_gate(regs) : call_quietly((long)regs->rax, args);
}

long __wrap_vmsc_gate_in_place(struct vmsc_regs *regs)
{
	return is_known ? __real_vmsc_gate_in_place(regs) : 0;
}

static int find_runtime(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size;
	(void)ctx;
	if (!strstr(info->dlpi_name, "/libtsan.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
			continue;
		runtime_start = info->dlpi_addr + segment->p_vaddr;
		runtime_end = runtime_start + segment->p_memsz;
	}
	return 1;
}

static bool is_runtimes(const greg_t *regs)
{
	return (uint64_t)regs[REG_RIP] >= runtime_start && (uint64_t)regs[REG_RIP] < runtime_end;
}

/* The handler's end puts its frame's mask in force: a change of the mask is one of the frame's. */
static void make_quietly(greg_t *regs, sigset_t *frames)
{
	const uint64_t args[6] = {regs[REG_RDI], regs[REG_RSI], regs[REG_RDX],
				  regs[REG_R10], regs[REG_R8],	regs[REG_R9]};
	const bool is_mask = regs[REG_RAX] == SYS_rt_sigprocmask;
	uint64_t handlers, mask;

	if (!is_mask) {
		regs[REG_RAX] = call_quietly(regs[REG_RAX], args);
		return;
	}
	memcpy(&mask, frames, sizeof(mask));
	sys6(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)&mask, (uintptr_t)&handlers, sizeof(mask), 0, 0);
	regs[REG_RAX] = call_quietly(SYS_rt_sigprocmask, args);
	sys6(SYS_rt_sigprocmask, SIG_SETMASK, (uintptr_t)&handlers, (uintptr_t)&mask, sizeof(mask), 0, 0);
	memcpy(frames, &mask, sizeof(mask));
}

/* One that was sent takes the place of a trap's, whose call was not made then. It is lost to the program. */
static bool is_trap_lost(const greg_t *regs)
{
	const unsigned char *next = (const unsigned char *)regs[REG_RIP];

	return regs[REG_RCX] == regs[REG_RIP] && next[-2] == 0x0f && next[-1] == 0x05;
}

static void handle_quietly(const siginfo_t *info, ucontext_t *context)
{
	greg_t *regs = context->uc_mcontext.gregs;

	if (info->si_code == USER_DISPATCH) {
		regs[REG_RCX] = 0;
		make_quietly(regs, &context->uc_sigmask);
	} else if (is_trap_lost(regs)) {
		regs[REG_RIP] -= 2;
	}
}

static void trap(bool on)
{
	sys6(SYS_prctl, SET_DISPATCH, on, on ? vmsc_dispatch.start : 0, on ? vmsc_dispatch.size : 0, 0, 0);
}

/* While the handler runs SIGSYS is blocked, and what the runtime calls then would be the end. */
static void handle_known(int signal, siginfo_t *info, void *data)
{
	ucontext_t *context = data;

	if (!is_known || is_runtimes(context->uc_mcontext.gregs)) {
		handle_quietly(info, context);
		return;
	}
	trap(false);
	handle(signal, info, data);
	trap(vmsc_dispatch.on);
}

bool __wrap_vmsc_sigsys_begin(handler_fn handler)
{
	dl_iterate_phdr(find_runtime, NULL);
	handle = handler;
	return __real_vmsc_sigsys_begin(handle_known);
}
