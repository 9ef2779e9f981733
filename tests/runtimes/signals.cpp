/* SPDX-License-Identifier: MIT */
/*
 * Looks at frames of signals the ways that runtimes do: an exception thrown out of a handler, libgcc's
 * backtrace in one, and a handler that interrupts a handler.
 */
#include <csetjmp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <execinfo.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int depth, calls;

static long raw_map(void)
{
	long ret;
	register long r10 __asm__("r10") = MAP_PRIVATE | MAP_ANONYMOUS, r8 __asm__("r8") = -1,
			  r9 __asm__("r9") = 0;

	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(SYS_mmap), "D"(0), "S"(4096), "d"(PROT_READ), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	calls++;
	return ret;
}

static void on_fault(int, siginfo_t *info, void *)
{
	raw_map();
	sigset_t faults;
	sigemptyset(&faults);
	sigaddset(&faults, SIGSEGV);
	sigprocmask(SIG_UNBLOCK, &faults, nullptr);
	throw std::runtime_error(info->si_addr == (void *)8 ? "fault at 8" : "fault elsewhere");
}

__attribute__((noinline)) static int touch(int *at)
{
	return *at + 1;
}

static void on_signal(int signal)
{
	void *frames[64];

	if (signal == SIGUSR1) {
		raise(SIGUSR2);
		return;
	}
	raw_map();
	depth = backtrace(frames, 64);
}

int main()
{
	struct sigaction action = {};
	int caught = 0;

	action.sa_sigaction = on_fault;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &action, nullptr);
	for (volatile int i = 0; i < 100; i++) {
		try {
			touch(reinterpret_cast<int *>(8));
		} catch (const std::exception &what) {
			caught += what.what()[9] == '8';
		}
	}
	std::printf("caught %d\n", caught);
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	raise(SIGUSR1);
	std::printf("frames %d, calls %d\n", depth, calls);
	return 0;
}
