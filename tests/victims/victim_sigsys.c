/* SPDX-License-Identifier: MIT */
/*
 * What a program may do with SIGSYS and with masks that have it, while it makes system calls of its own:
 * victim_sigsys HOW. Exit status 0: all is as without a recorder; otherwise the number of the first line that
 * was not.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "rawcalls.h"

#define BASE 0x200000000000
#define MUST(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			_exit(__LINE__ % 250 + 1);                                                           \
	} while (0)

static volatile sig_atomic_t ran = 0;
static long place = BASE + 0x10000000000; /* of the handlers, however often they run */
static sigjmp_buf back;

static void count(int signal)
{
	(void)signal;
	ran++;
	place += 0x100000;
	MUST(!change_memory(raw6, place));
}

static void handle(int signal, void (*handler)(int), int flags, int fill)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	if (fill)
		sigfillset(&action.sa_mask);
	MUST(!sigaction(signal, &action, NULL));
}

static void own_action(void)
{
	struct sigaction action;

	MUST(!sigaction(SIGSYS, NULL, &action) && action.sa_handler == SIG_DFL && !action.sa_flags);
	handle(SIGSYS, count, SA_NODEFER, 0);
	MUST(!sigaction(SIGSYS, NULL, &action) && action.sa_handler == count);
	raise(SIGSYS);
	raw6(SYS_tgkill, getpid(), gettid(), SIGSYS, 0, 0, 0);
	MUST(ran == 2);
	handle(SIGSYS, count, SA_RESETHAND, 0);
	raise(SIGSYS);
	MUST(ran == 3 && !sigaction(SIGSYS, NULL, &action) && action.sa_handler == SIG_DFL);
	handle(SIGUSR1, count, 0, 1);
	MUST(!sigaction(SIGUSR1, NULL, &action) && sigismember(&action.sa_mask, SIGSYS) == 1);
	handle(SIGUSR1, count, 0, 0);
	MUST(!sigaction(SIGUSR1, NULL, &action) && sigismember(&action.sa_mask, SIGSYS) == 0);
	MUST(raw6(SYS_rt_sigaction, SIGSYS, 8, 0, 8, 0, 0) == -EFAULT);
	MUST(raw6(SYS_rt_sigaction, SIGKILL, (long)&action, 0, 8, 0, 0) == -EINVAL);
}

static void own_mask(void)
{
	sigset_t all, some, seen;

	sigfillset(&all);
	sigemptyset(&some);
	sigaddset(&some, SIGSYS);
	handle(SIGSYS, count, 0, 0);
	MUST(!sigprocmask(SIG_BLOCK, &all, &seen) && !sigismember(&seen, SIGSYS));
	MUST(!change_memory(raw6, BASE));
	MUST(!sigprocmask(SIG_BLOCK, NULL, &seen) && sigismember(&seen, SIGSYS));
	raise(SIGSYS);
	MUST(!ran && !sigpending(&seen) && sigismember(&seen, SIGSYS));
	MUST(!sigprocmask(SIG_UNBLOCK, &some, NULL) && ran == 1);
	MUST(!raw6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&some, (long)&seen, 8, 0, 0));
	MUST(sigismember(&seen, SIGUSR1) && !sigismember(&seen, SIGSYS));
	raise(SIGSYS);
	MUST(ran == 1);
	MUST(!raw6(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&seen, 8, 0, 0) && sigismember(&seen, SIGSYS));
	MUST(!raw6(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&all, 0, 8, 0, 0) && ran == 2);
	MUST(raw6(SYS_rt_sigprocmask, SIG_BLOCK, 8, 0, 8, 0, 0) == -EFAULT);
	MUST(raw6(SYS_rt_sigprocmask, 7, (long)&all, 0, 8, 0, 0) == -EINVAL);
}

static void *send_later(void *arg)
{
	usleep(20000);
	pthread_kill(*(pthread_t *)arg, SIGUSR1);
	return NULL;
}

/* A wait with all signals blocked but one, by libc and by the program's own instruction. */
static void wait_one(int which, const sigset_t *mask)
{
	struct {
		const sigset_t *set;
		size_t size;
	} pair = {mask, 8};
	struct epoll_event event;
	int ready = epoll_create1(0);
	long ret = -1;

	errno = 0;
	switch (which) {
	case 0:
		ret = sigsuspend(mask);
		break;
	case 1:
		ret = ppoll(NULL, 0, NULL, mask);
		break;
	case 2:
		ret = pselect(0, NULL, NULL, NULL, NULL, mask);
		break;
	case 3:
		ret = epoll_pwait(ready, &event, 1, -1, mask);
		break;
	case 4:
		errno = -raw6(SYS_rt_sigsuspend, (long)mask, 8, 0, 0, 0, 0);
		break;
	case 5:
		errno = -raw6(SYS_ppoll, 0, 0, 0, (long)mask, 8, 0);
		break;
	case 6:
		errno = -raw6(SYS_pselect6, 0, 0, 0, 0, 0, (long)&pair);
		break;
	case 7:
		errno = -raw6(SYS_epoll_pwait, ready, (long)&event, 1, -1, (long)mask, 8);
		break;
	case 8:
		ret = syscall(SYS_ppoll, NULL, 0, NULL, mask, 8);
		break;
	}
	MUST(ret == -1 && errno == EINTR);
	close(ready);
}

static void waits(void)
{
	pthread_t self = pthread_self(), sender;
	sigset_t one, mask;

	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &one, NULL);
	handle(SIGUSR1, count, 0, 0);
	for (int which = 0; which <= 8; which++) {
		sigfillset(&mask);
		sigdelset(&mask, SIGUSR1);
		pthread_create(&sender, NULL, send_later, &self);
		wait_one(which, &mask);
		pthread_join(sender, NULL);
		MUST(ran == which + 1 && sigismember(&mask, SIGSYS));
	}
}

static void jump(int signal)
{
	count(signal);
	siglongjmp(back, 1);
}

static void jumps(void)
{
	handle(SIGUSR1, jump, 0, 1);
	for (int i = 0; i < 20; i++) {
		if (!sigsetjmp(back, 1))
			raise(SIGUSR1);
		MUST(!change_memory(raw6, BASE + 0x40000000l + i * 0x100000l));
	}
	MUST(ran == 20);
}

/* A way back from handlers that is not libc's. */
void own_restorer(void);
__asm__(".text\nown_restorer:\n\tmov $15, %eax\n\tsyscall\n");

static void restorer(void)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		unsigned long mask;
	} action = {
		count,
		0x04000000,
		own_restorer,
		~0ul,
	};

	MUST(!raw6(SYS_rt_sigaction, SIGUSR1, (long)&action, 0, 8, 0, 0));
	for (int i = 0; i < 20; i++)
		raise(SIGUSR1);
	MUST(ran == 20 && !change_memory(raw6, BASE));
}

static void edit(int signal, siginfo_t *info, void *context)
{
	ucontext_t *interrupted = context;

	(void)info;
	count(signal);
	sigfillset(&interrupted->uc_sigmask);
	MUST(!change_memory(raw6, place + 0x40000));
}

/* All signals are blocked now, and with that the program's own calls must go on. */
static void blocked_by_frame(int nr)
{
	sigset_t seen;

	place += 0x100000;
	MUST(ran == nr && !change_memory(raw6, place));
	MUST(!sigprocmask(SIG_BLOCK, NULL, &seen) && sigismember(&seen, SIGSYS) &&
	     sigismember(&seen, SIGUSR2));
	raise(SIGSYS);
	MUST(ran == nr && !sigpending(&seen) && sigismember(&seen, SIGSYS));
	sigemptyset(&seen);
	MUST(!sigprocmask(SIG_SETMASK, &seen, NULL) && ran == nr + 1);
}

/* A handler that blocks signals by its frame, with libc's way back and with one of the program's. */
static void edits(int own)
{
	struct sigaction action = {.sa_sigaction = edit, .sa_flags = SA_SIGINFO};
	struct {
		void (*handler)(int, siginfo_t *, void *);
		unsigned long flags;
		void (*restorer)(void);
		unsigned long mask;
	} raw = {edit, SA_SIGINFO | 0x04000000, own_restorer, 0};

	handle(SIGSYS, count, 0, 0);
	if (own)
		MUST(!raw6(SYS_rt_sigaction, SIGUSR1, (long)&raw, 0, 8, 0, 0));
	else
		MUST(!sigaction(SIGUSR1, &action, NULL));
	for (int nr = 0; nr < 20; nr += 2) {
		raise(SIGUSR1);
		blocked_by_frame(nr + 1);
	}
}

/* The same by contexts and jumps whose mask has all signals. */
static void masks_in_contexts(void)
{
	static ucontext_t there, here;
	static volatile int stage = 0;
	sigset_t all;

	handle(SIGSYS, count, 0, 0);
	MUST(!getcontext(&there));
	if (!stage++) {
		sigfillset(&there.uc_sigmask);
		setcontext(&there);
	}
	if (stage == 2) {
		blocked_by_frame(0);
		MUST(!swapcontext(&here, &there));
	}
	if (stage == 3) {
		blocked_by_frame(1);
		stage = 4;
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (!sigsetjmp(back, 1)) {
		sigemptyset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		siglongjmp(back, 1);
	}
	blocked_by_frame(ran);
	MUST(ran == 3);
}

/* What lies below the small stacks must stay as it is. */
static struct {
	char below[65536];
	char stack[8192];
} small __attribute__((aligned(4096)));

static long by_libc(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret = syscall(nr, a, b, c, d, e, f);

	return ret == -1 ? -errno : ret;
}

static void in_context(int libc)
{
	for (int i = 0; i < 10; i++)
		MUST(!change_memory(libc ? by_libc : raw6, BASE + i * 0x100000l + libc * 0x10000000l));
	ran++;
}

/* Everything on a stack of @size bytes. */
static void context(size_t size, int libc)
{
	static ucontext_t caller, callee;

	memset(small.below, 0x5a, sizeof(small.below));
	by_libc(SYS_getppid, 0, 0, 0, 0, 0, 0); /* the loader needs more stack to find it than we do */
	getcontext(&callee);
	callee.uc_stack.ss_sp = small.stack;
	callee.uc_stack.ss_size = size;
	callee.uc_link = &caller;
	makecontext(&callee, (void (*)(void))in_context, 1, libc);
	MUST(!swapcontext(&caller, &callee) && ran == 1);
	for (size_t i = 0; i < sizeof(small.below); i++)
		MUST(small.below[i] == 0x5a);
}

/* A handler on a small stack of its own makes calls while a storm of signals goes on. */
static void storm(void)
{
	const struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
	stack_t stack = {.ss_sp = small.stack, .ss_size = sizeof(small.stack)};

	MUST(!sigaltstack(&stack, NULL));
	handle(SIGALRM, count, SA_ONSTACK | SA_RESTART, 0);
	setitimer(ITIMER_REAL, &often, NULL);
	for (long i = 0; i < 2000; i++)
		MUST(!change_memory(raw6, BASE + 0x100000000l + i * 0x100000l));
	setitimer(ITIMER_REAL, &never, NULL);
	MUST(ran > 0);
}

static volatile int stop = 0;

static void *send_often(void *arg)
{
	while (!stop) {
		usleep(100);
		pthread_kill(*(pthread_t *)arg, SIGSYS);
	}
	return NULL;
}

static void count_only(int signal)
{
	(void)signal;
	ran++;
}

/* SIGSYS from outside, while handlers of another signal make calls on a stack of their own, and libc does. */
static void sent_storm(void)
{
	static char room[32768];
	const struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
	stack_t stack = {.ss_sp = room, .ss_size = sizeof(room)};
	pthread_t self = pthread_self(), sender;
	sigset_t alarm;
	int sent;

	MUST(!sigaltstack(&stack, NULL));
	handle(SIGSYS, count_only, SA_RESTART, 0);
	handle(SIGALRM, count, SA_ONSTACK | SA_RESTART, 0);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, NULL); /* one thread at a time in count() */
	pthread_create(&sender, NULL, send_often, &self);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (long i = 0; i < 2000; i++) {
		MUST(!change_memory(raw6, BASE + 0x100000000l + i * 0x100000l));
		MUST(!change_memory(by_libc, BASE + 0x200000000l + i * 0x100000l));
	}
	setitimer(ITIMER_REAL, &never, NULL);
	stop = 1;
	pthread_join(sender, NULL);
	sent = ran;
	raise(SIGSYS);
	MUST(ran == sent + 1);
}

/* The clock of the vdso, as it is where the processor's counter is no good: it makes a system call. */
static void slow_clock(void)
{
	static const unsigned char code[] = {0xb8, SYS_clock_gettime, 0, 0, 0, 0x0f, 0x05, 0xc3};
	void *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
	void *clock = vdso ? dlsym(vdso, "__vdso_clock_gettime") : NULL;
	int fd = open("/proc/self/mem", O_RDWR);

	if (!clock || pwrite(fd, code, sizeof(code), (long)clock) != sizeof(code))
		_exit(77);
	close(fd);
	storm();
}

/* The program can read no counter, so that the vdso's clock would be its end. */
static void no_counter(void)
{
	MUST(!prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0));
	for (long i = 0; i < 100; i++) {
		MUST(!change_memory(raw6, BASE + i * 0x100000l));
		MUST(!change_memory(by_libc, BASE + 0x100000000l + i * 0x100000l));
	}
}

static void inherit(char *self)
{
	sigset_t some;

	signal(SIGSYS, SIG_IGN);
	raise(SIGSYS);
	MUST(!change_memory(raw6, BASE));
	sigemptyset(&some);
	sigaddset(&some, SIGSYS);
	sigprocmask(SIG_BLOCK, &some, NULL);
	execl(self, self, "inherited", NULL);
	MUST(0);
}

static void inherited(void)
{
	struct sigaction action;
	sigset_t seen;

	MUST(!sigaction(SIGSYS, NULL, &action) && action.sa_handler == SIG_IGN);
	MUST(!sigprocmask(SIG_BLOCK, NULL, &seen) && sigismember(&seen, SIGSYS));
	MUST(!change_memory(raw6, BASE));
}

static int is_pending(void)
{
	sigset_t pending;

	MUST(!sigpending(&pending));
	return sigismember(&pending, SIGSYS);
}

static int take_one(int raw)
{
	const struct timespec now = {0, 0};
	siginfo_t info = {.si_code = 99};
	sigset_t some;
	long got;

	sigemptyset(&some);
	sigaddset(&some, SIGSYS);
	sigaddset(&some, SIGUSR2);
	got = raw ? raw6(SYS_rt_sigtimedwait, (long)&some, (long)&info, (long)&now, 8, 0, 0)
		  : sigtimedwait(&some, &info, &now);
	MUST(got != SIGSYS || (info.si_signo == SIGSYS && info.si_pid == getpid()));
	return got == SIGSYS ? info.si_code : 77;
}

static void *take_in_thread(void *arg)
{
	sigset_t some;

	sigemptyset(&some);
	sigaddset(&some, SIGSYS);
	if (arg) {
		raise(SIGSYS);
		MUST(take_one(1) == SI_TKILL);
	} else {
		MUST(take_one(0) == SI_USER);
	}
	return NULL;
}

/* One that was sent while it was blocked, and what then becomes of it. */
static void sent_before(char *self)
{
	pthread_t thread;
	sigset_t some;
	pid_t child;
	int status;

	sigemptyset(&some);
	sigaddset(&some, SIGSYS);
	sigprocmask(SIG_BLOCK, &some, NULL);
	for (int raw = 0; raw < 2; raw++) {
		MUST(take_one(raw) == 77 && !is_pending());
		kill(getpid(), SIGSYS);
		kill(getpid(), SIGSYS);
		MUST(!change_memory(raw6, place += 0x100000) && is_pending());
		MUST(take_one(raw) == SI_USER && take_one(raw) == 77 && !is_pending());
	}
	raise(SIGSYS);
	pthread_create(&thread, NULL, take_in_thread, &some);
	pthread_join(thread, NULL);
	MUST(is_pending() && take_one(1) == SI_TKILL);
	kill(getpid(), SIGSYS);
	pthread_create(&thread, NULL, take_in_thread, NULL);
	pthread_join(thread, NULL);
	MUST(!is_pending());
	kill(getpid(), SIGSYS);
	child = fork();
	if (!child)
		_exit(is_pending());
	MUST(waitpid(child, &status, 0) == child && !status && is_pending());
	signal(SIGSYS, SIG_IGN);
	MUST(!is_pending());
	signal(SIGSYS, SIG_DFL);
	kill(getpid(), SIGSYS);
	execl("/there/is/none", self, NULL);
	MUST(is_pending());
	execl(self, self, "sent_before_exec", NULL);
	MUST(0);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	if (!strcmp(how, "action"))
		own_action();
	else if (!strcmp(how, "mask"))
		own_mask();
	else if (!strcmp(how, "waits"))
		waits();
	else if (!strcmp(how, "jumps"))
		jumps();
	else if (!strcmp(how, "restorer"))
		restorer();
	else if (!strcmp(how, "edits"))
		edits(0);
	else if (!strcmp(how, "edits_own"))
		edits(1);
	else if (!strcmp(how, "contexts"))
		masks_in_contexts();
	else if (!strcmp(how, "context"))
		context(sizeof(small.stack), 0);
	else if (!strcmp(how, "context_libc"))
		context(4096, 1);
	else if (!strcmp(how, "storm"))
		storm();
	else if (!strcmp(how, "sent_storm"))
		sent_storm();
	else if (!strcmp(how, "slow_clock"))
		slow_clock();
	else if (!strcmp(how, "no_counter"))
		no_counter();
	else if (!strcmp(how, "inherit"))
		inherit(argv[0]);
	else if (!strcmp(how, "inherited"))
		inherited();
	else if (!strcmp(how, "sent_before"))
		sent_before(argv[0]);
	else if (!strcmp(how, "sent_before_exec"))
		MUST(is_pending() && take_one(1) == SI_USER && !is_pending());
	else if (!strcmp(how, "default"))
		raise(SIGSYS);
	return 0;
}
