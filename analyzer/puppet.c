/* SPDX-License-Identifier: MIT */
/*
 * The process begins as a program that is stopped before its first instruction; its address space is then
 * emptied by calls of its own.
 */
#include "puppet.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#include "vma_iter.h"

#define DYING_MS 10000 /* that a process may take to die where others have the processors */

/* What runs in the puppet. Each piece ends with int3, which brings us back. */
enum { CODE_CALL = 0, CODE_WRITE = 3, CODE_READ = 7, CODE_STRIPE = 10 };

static const unsigned char code[] = {
	0x0f, 0x05, 0xcc,				/* syscall */
	0xc6, 0x07, 0x01, 0xcc,				/* movb $1, (%rdi) */
	0x8a, 0x07, 0xcc,				/* mov (%rdi), %al */
	0xb8, 0x0a, 0x00, 0x00, 0x00,			/* again: mov $SYS_mprotect, %eax */
	0x0f, 0x05,					/* syscall */
	0x48, 0x81, 0xc7, 0x00, 0x20, 0x00, 0x00,	/* add $0x2000, %rdi */
	0x48, 0xff, 0xcb, 0x75, 0xed, 0xcc, 0x90, 0x90, /* dec %rbx; jnz again */
};

static void set_args(struct user_regs_struct *regs, const uint64_t *args)
{
	regs->rdi = args[0];
	regs->rsi = args[1];
	regs->rdx = args[2];
	regs->r10 = args[3];
	regs->r8 = args[4];
	regs->r9 = args[5];
}

/* What is left of the thread, if it has ended; @status as waitpid() told it, or 0: not asked yet. */
static bool bury(struct vmsc_puppet *puppet, int thread, int status)
{
	const pid_t tid = puppet->threads[thread];

	if (!tid || (!status && waitpid(tid, &status, __WALL | WNOHANG) != tid) || WIFSTOPPED(status))
		return false;
	if (WIFSIGNALED(status))
		puppet->killed = WTERMSIG(status);
	puppet->threads[thread] = 0;
	puppet->buried = !thread;
	return true;
}

/*
 * It is gone, or was killed while it stood still: by what? A process whose second thread nobody has asked for
 * does not tell of its own end.
 */
static int lose(struct vmsc_puppet *puppet, pid_t tid, int status)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	puppet->dead = true;
	for (int i = VMSC_PUPPET_THREADS - 1; i >= 0 && status; i--)
		if (puppet->threads[i] == tid)
			bury(puppet, i, status);
	for (int tries = 0; tries < DYING_MS && !puppet->buried; tries++) {
		for (int i = VMSC_PUPPET_THREADS - 1; i >= 0; i--)
			bury(puppet, i, 0);
		if (!puppet->buried)
			nanosleep(&moment, NULL);
	}
	return 0;
}

/* Lets @tid run to its next stop that is for us. The signal of the stop, 0: it is gone. */
static int run(struct vmsc_puppet *puppet, pid_t tid)
{
	int status = 0, sig;

	do {
		if (ptrace(PTRACE_CONT, tid, NULL, NULL) || waitpid(tid, &status, __WALL) != tid ||
		    !WIFSTOPPED(status))
			return lose(puppet, tid, status);
		sig = WSTOPSIG(status);
	} while (sig != SIGTRAP && sig != SIGSEGV && sig != SIGBUS);
	return sig;
}

bool vmsc_puppet_is_there(struct vmsc_puppet *puppet)
{
	struct user_regs_struct regs;

	if (!puppet->dead && ptrace(PTRACE_GETREGS, puppet->pid, NULL, &regs))
		lose(puppet, puppet->pid, 0);
	return !puppet->dead;
}

int vmsc_puppet_run(struct vmsc_puppet *puppet, unsigned int thread, struct user_regs_struct *regs)
{
	pid_t tid = thread < VMSC_PUPPET_THREADS && puppet->threads[thread] ? puppet->threads[thread]
									    : puppet->pid;
	int sig;

	regs->orig_rax = (unsigned long long)-1;
	if (puppet->dead || ptrace(PTRACE_SETREGS, tid, NULL, regs))
		return puppet->dead ? 0 : lose(puppet, tid, 0);
	sig = run(puppet, tid);
	return !sig || ptrace(PTRACE_GETREGS, tid, NULL, regs) ? 0 : sig;
}

/* Runs the piece of code at @rip. The signal that ended it. */
static int execute(struct vmsc_puppet *puppet, unsigned int thread, uint64_t rip, uint64_t nr, uint64_t rbx,
		   const uint64_t *args, int64_t *result)
{
	struct user_regs_struct regs = puppet->regs;
	int sig;

	set_args(&regs, args);
	regs.rip = rip;
	regs.rax = nr;
	regs.rbx = rbx;
	sig = vmsc_puppet_run(puppet, thread, &regs);
	*result = (int64_t)regs.rax;
	return sig;
}

int64_t vmsc_puppet_call(struct vmsc_puppet *puppet, unsigned int thread, uint64_t nr, const uint64_t *args)
{
	int64_t result = -EFAULT;

	if (execute(puppet, thread, VMSC_PUPPET_STUB + CODE_CALL, nr, 0, args, &result) == SIGTRAP)
		return result;
	puppet->dead = true;
	return -EFAULT;
}

int64_t vmsc_puppet_touch(struct vmsc_puppet *puppet, uint64_t addr, bool write)
{
	const uint64_t args[6] = {addr};
	int64_t result;
	int sig =
		execute(puppet, 0, VMSC_PUPPET_STUB + (write ? CODE_WRITE : CODE_READ), 0, 0, args, &result);

	return sig == SIGTRAP ? 0 : -EFAULT;
}

int64_t vmsc_puppet_stripe(struct vmsc_puppet *puppet, uint64_t addr, uint64_t pages)
{
	const uint64_t args[6] = {addr, VMSC_PAGE_SIZE, PROT_READ};
	int64_t result = 0;

	if (pages &&
	    execute(puppet, 0, VMSC_PUPPET_STUB + CODE_STRIPE, 0, (pages + 1) / 2, args, &result) != SIGTRAP)
		puppet->dead = true;
	return result;
}

int64_t vmsc_puppet_poke(struct vmsc_puppet *puppet, uint64_t addr)
{
	char byte = 1;

	return pwrite(puppet->mem, &byte, 1, (off_t)addr) == 1 ? 0 : -EFAULT;
}

bool vmsc_puppet_put(struct vmsc_puppet *puppet, size_t offset, const void *bytes, size_t size)
{
	return pwrite(puppet->mem, bytes, size, (off_t)(VMSC_PUPPET_DATA + offset)) == (ssize_t)size;
}

bool vmsc_puppet_get(struct vmsc_puppet *puppet, size_t offset, void *bytes, size_t size)
{
	return pread(puppet->mem, bytes, size, (off_t)(VMSC_PUPPET_DATA + offset)) == (ssize_t)size;
}

/* --- beginning and end --- */

static int64_t fork_with(struct vmsc_puppet *puppet, struct vmsc_puppet *child, uint64_t flags);

static void become_puppet(bool keep_ipc_lock)
{
	char *const argv[] = {(char *)"vmascope-puppet", NULL}, *const envp[] = {NULL};
	struct rlimit limit;

	if (!getrlimit(RLIMIT_STACK, &limit)) {
		limit.rlim_cur = VMSC_PUPPET_STACK < limit.rlim_max ? VMSC_PUPPET_STACK : limit.rlim_max;
		setrlimit(RLIMIT_STACK, &limit);
	}
	if (!keep_ipc_lock)
		prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0);
	prctl(PR_CAPBSET_DROP, CAP_SYS_RAWIO, 0, 0, 0); /* may map below mmap_min_addr */
	personality(ADDR_NO_RANDOMIZE);
	signal(SIGALRM, SIG_DFL);
	if (!ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		execve("/proc/self/exe", argv, envp);
	_exit(127);
}

static int open_proc(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, flags | O_CLOEXEC);
}

static bool open_views(struct vmsc_puppet *puppet)
{
	puppet->mem = open_proc(puppet->pid, "mem", O_RDWR);
	puppet->smaps = open_proc(puppet->pid, "smaps", O_RDONLY);
	puppet->pagemap = open_proc(puppet->pid, "pagemap", O_RDONLY);
	puppet->iter = vmsc_vma_iter_link(puppet->pid, VMSC_PUPPET_FILL);
	return puppet->mem >= 0 && puppet->smaps >= 0 && puppet->pagemap >= 0;
}

/* A call before the stub is there, by instructions put over the program's own. */
static int64_t call_at(struct vmsc_puppet *puppet, uint64_t rip, uint64_t nr, const uint64_t *args)
{
	int64_t result = -EFAULT;

	if (execute(puppet, 0, rip, nr, 0, args, &result) != SIGTRAP)
		puppet->dead = true;
	return result;
}

static int64_t map_stub_page(struct vmsc_puppet *puppet, uint64_t rip, uint64_t addr, uint64_t prot)
{
	const uint64_t args[6] = {addr, VMSC_PAGE_SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				  (uint64_t)-1};

	return call_at(puppet, rip, SYS_mmap, args);
}

static void unmap(struct vmsc_puppet *puppet, uint64_t start, uint64_t end)
{
	const uint64_t args[6] = {start, end - start};

	if (vmsc_puppet_call(puppet, 0, SYS_munmap, args))
		puppet->dead = true;
}

/* The first mapping of an empty address space lies right below mmap_base. */
static uint64_t find_mmap_base(struct vmsc_puppet *puppet)
{
	const uint64_t args[6] = {0, VMSC_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1};
	int64_t addr = vmsc_puppet_call(puppet, 0, SYS_mmap, args);

	if (addr <= 0)
		return 0;
	unmap(puppet, (uint64_t)addr, (uint64_t)addr + VMSC_PAGE_SIZE);
	return (uint64_t)addr + VMSC_PAGE_SIZE;
}

static bool empty(struct vmsc_puppet *puppet)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, puppet->pid, NULL, &regs) ||
	    pwrite(puppet->mem, code, sizeof(code), (off_t)regs.rip) != sizeof(code))
		return false;
	puppet->regs = regs;
	if (map_stub_page(puppet, regs.rip, VMSC_PUPPET_STUB, PROT_READ | PROT_EXEC) !=
		    (int64_t)VMSC_PUPPET_STUB ||
	    map_stub_page(puppet, regs.rip, VMSC_PUPPET_DATA, PROT_READ | PROT_WRITE) !=
		    (int64_t)VMSC_PUPPET_DATA ||
	    pwrite(puppet->mem, code, sizeof(code), (off_t)VMSC_PUPPET_STUB) != sizeof(code) ||
	    !vmsc_puppet_write_acts(puppet) || vmsc_puppet_poke(puppet, VMSC_PUPPET_DATA))
		return false;
	unmap(puppet, 0, VMSC_PUPPET_STUB);
	puppet->mmap_base = find_mmap_base(puppet);
	return !puppet->dead && puppet->mmap_base;
}

static bool prepare(struct vmsc_puppet *puppet)
{
	const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE;
	int status;

	puppet->threads[0] = puppet->pid;
	if (waitpid(puppet->pid, &status, 0) != puppet->pid || !WIFSTOPPED(status)) {
		lose(puppet, puppet->pid, status);
		errno = ENOEXEC;
		return false;
	}
	return !ptrace(PTRACE_SETOPTIONS, puppet->pid, NULL, (void *)options) && open_views(puppet) &&
	       empty(puppet);
}

static void clear(struct vmsc_puppet *puppet)
{
	memset(puppet, 0, sizeof(*puppet));
	puppet->mem = puppet->smaps = puppet->pagemap = puppet->iter = -1;
}

static bool make_template(struct vmsc_puppet *puppet, bool keep_ipc_lock)
{
	int err;

	clear(puppet);
	vmsc_puppet_open_log();
	puppet->pid = fork();
	if (!puppet->pid)
		become_puppet(keep_ipc_lock);
	if (puppet->pid < 0)
		return false;
	errno = 0;
	if (prepare(puppet)) {
		puppet->randomized = puppet->mmap_base != VMSC_PUPPET_FILL - (UINT64_C(1) << 20);
		return true;
	}
	err = errno ? errno : EPERM;
	vmsc_puppet_end(puppet);
	errno = err;
	return false;
}

/* To make a program of its own of each puppet takes longer than a hundred calls, so they are copies of these.
 */
static struct vmsc_puppet templates[2];
static pid_t templates_of; /* the process that controls them */

void vmsc_puppet_begin(void)
{
	for (size_t i = 0; i < 2; i++)
		if (templates[i].pid && templates_of == getpid())
			vmsc_puppet_end(&templates[i]);
	memset(templates, 0, sizeof(templates));
	templates_of = getpid();
}

bool vmsc_puppet_start(struct vmsc_puppet *puppet, bool keep_ipc_lock)
{
	struct vmsc_puppet *template = &templates[keep_ipc_lock];

	if (templates_of != getpid())
		vmsc_puppet_begin();
	if (template->pid && fork_with(template, puppet, CLONE_PARENT | SIGCHLD) > 0)
		return true;
	if (template->pid) /* it may have been killed */
		vmsc_puppet_end(template);
	return make_template(template, keep_ipc_lock) &&
	       fork_with(template, puppet, CLONE_PARENT | SIGCHLD) > 0;
}

void vmsc_puppet_end(struct vmsc_puppet *puppet)
{
	int status, fds[] = {puppet->mem, puppet->smaps, puppet->pagemap, puppet->iter};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (puppet->pid <= 0 || puppet->buried)
		return;
	kill(puppet->pid, SIGKILL);
	for (int i = VMSC_PUPPET_THREADS - 1; i >= 0; i--)
		while (puppet->threads[i] &&
		       (waitpid(puppet->threads[i], &status, __WALL) == puppet->threads[i]
				? WIFSTOPPED(status)
				: errno == EINTR))
			;
	if (!puppet->threads[0])
		waitpid(puppet->pid, &status, __WALL);
	puppet->pid = 0;
}

/* --- forks --- */

/* The child of a traced fork stops by itself, with SIGSTOP. */
static bool catch_child(struct vmsc_puppet *child)
{
	int status;

	child->threads[0] = child->pid;
	return waitpid(child->pid, &status, __WALL) == child->pid && WIFSTOPPED(status) && open_views(child);
}

/* Runs clone() up to its event, then to the int3 behind it. */
static int64_t clone_with(struct vmsc_puppet *puppet, const uint64_t *args)
{
	unsigned long made = 0;
	int64_t result = -EFAULT;

	if (execute(puppet, 0, VMSC_PUPPET_STUB + CODE_CALL, SYS_clone, 0, args, &result) != SIGTRAP)
		return -EFAULT;
	if (ptrace(PTRACE_GETEVENTMSG, puppet->pid, NULL, &made) || !made)
		return result < 0 ? result : -EFAULT;
	return run(puppet, puppet->pid) == SIGTRAP ? (int64_t)made : -EFAULT;
}

static int64_t fork_with(struct vmsc_puppet *puppet, struct vmsc_puppet *child, uint64_t flags)
{
	const uint64_t args[6] = {flags};
	int64_t pid = clone_with(puppet, args);

	clear(child);
	if (pid <= 0)
		return pid ? pid : -EFAULT;
	child->pid = (pid_t)pid;
	child->regs = puppet->regs;
	child->mmap_base = puppet->mmap_base;
	child->randomized = puppet->randomized;
	if (catch_child(child)) {
		vmsc_puppet_prepare_acts(child);
		return pid;
	}
	vmsc_puppet_end(child);
	errno = ECHILD;
	return -ECHILD;
}

int64_t vmsc_puppet_fork(struct vmsc_puppet *puppet, struct vmsc_puppet *child)
{
	return fork_with(puppet, child, SIGCHLD);
}

int64_t vmsc_puppet_thread(struct vmsc_puppet *puppet)
{
	const uint64_t args[6] = {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD};
	int64_t tid = clone_with(puppet, args);
	int status;

	if (tid <= 0)
		return tid ? tid : -EFAULT;
	puppet->threads[1] = (pid_t)tid;
	return waitpid((pid_t)tid, &status, __WALL) == (pid_t)tid && WIFSTOPPED(status) ? 0 : -ECHILD;
}
