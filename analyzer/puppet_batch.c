/* SPDX-License-Identifier: MIT */
/*
 * puppet_batch.c - several acts in a row. To switch to a puppet and back takes longer than most system calls.
 * So a piece of code in the puppet does one after the other, and after each writes what came of it, and the
 * VMAs that there are then (vma_iter.h), to a file that we map.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

#include "puppet.h"

#define CODE_OFFSET UINT64_C(128) /* on the page of code, behind what puppet.c has there */
#define ACTS_OFFSET UINT64_C(1024)
/* On the page of data; at 64 is what came of an act, at 2048 the VMAs. */
#define DATA_ITER 128 /* the argument of BPF_ITER_CREATE, */
#define DATA_LINK 256 /* and of BPF_LINK_CREATE, */
#define LOG_BYTES (4 << 20)

/* rbp: the act, rbx: how many are left, r13: VMSC_PUPPET_DATA, r14: the log. Where an access fails we go on
 * at "told". */
extern const char vmsc_acts_code[], vmsc_acts_write[], vmsc_acts_read[], vmsc_acts_told[], vmsc_acts_end[];

__asm__(".pushsection .rodata\n"
	"vmsc_acts_code:\n"
	"	movups 64(%rbp), %xmm0\n"
	"	movups 80(%rbp), %xmm1\n"
	"	movups %xmm0, (%r13)\n"
	"	movups %xmm1, 16(%r13)\n"
	"	mov 16(%rbp), %rdi\n"
	"	mov 24(%rbp), %rsi\n"
	"	mov 32(%rbp), %rdx\n"
	"	mov 40(%rbp), %r10\n"
	"	mov 48(%rbp), %r8\n"
	"	mov 56(%rbp), %r9\n"
	"	mov 8(%rbp), %rax\n"
	"	mov (%rbp), %ecx\n"
	"	cmp $1, %ecx\n"
	"	je vmsc_acts_write\n"
	"	ja vmsc_acts_read\n"
	"	syscall\n"
	"	jmp vmsc_acts_told\n"
	"vmsc_acts_write:\n"
	"	movb $1, (%rdi)\n"
	"	jmp 1f\n"
	"vmsc_acts_read:\n"
	"	movb (%rdi), %al\n"
	"1:	xor %eax, %eax\n"
	"vmsc_acts_told:\n"
	"	mov %rax, 64(%r13)\n"
	"	mov (%r13), %rax\n"
	"	mov %rax, 72(%r13)\n"
	"	mov $1, %eax\n" /* write(log, head) */
	"	mov %r14, %rdi\n"
	"	lea 64(%r13), %rsi\n"
	"	mov $16, %edx\n"
	"	syscall\n"
	"	cmp $16, %rax\n"
	"	jne 3f\n"
	"	mov $321, %eax\n" /* bpf(BPF_ITER_CREATE) */
	"	mov $33, %edi\n"
	"	lea 128(%r13), %rsi\n"
	"	mov $8, %edx\n"
	"	syscall\n"
	"	mov %rax, %r12\n"
	"	test %eax, %eax\n"
	"	js 3f\n"
	"2:	xor %eax, %eax\n" /* read(iterator) */
	"	mov %r12, %rdi\n"
	"	lea 2048(%r13), %rsi\n"
	"	mov $1120, %edx\n"
	"	syscall\n"
	"	cmp $1120, %rax\n"
	"	jne 3f\n"
	"	mov $1, %eax\n" /* write(log, VMAs) */
	"	mov %r14, %rdi\n"
	"	lea 2048(%r13), %rsi\n"
	"	mov $1120, %edx\n"
	"	syscall\n"
	"	cmp $1120, %rax\n"
	"	jne 3f\n"
	"	cmpq $0, 2048 + 1120 - 48(%r13)\n" /* the end of the last: none, when that was all */
	"	jne 2b\n"
	"	mov $3, %eax\n" /* close(iterator) */
	"	mov %r12, %rdi\n"
	"	syscall\n"
	"	add $96, %rbp\n"
	"	dec %rbx\n"
	"	jnz vmsc_acts_code\n"
	"3:	int3\n"
	"vmsc_acts_end:\n"
	".popsection\n");

_Static_assert(sizeof(struct vmsc_puppet_act) == 96, "as the code has it");
_Static_assert(VMSC_VMA_CHUNK == 1120 && sizeof(struct vmsc_raw_vma) == 56, "as the code has it");
_Static_assert(SYS_bpf == 321 && BPF_ITER_CREATE == 33, "as the code has it");
_Static_assert(ACTS_OFFSET + VMSC_PUPPET_BATCH * sizeof(struct vmsc_puppet_act) <= VMSC_PAGE_SIZE,
	       "one page");

static int log_fd = -1;
static const char *log_bytes;

void vmsc_puppet_open_log(void)
{
	if (log_fd >= 0 || vmsc_vma_iter_program(VMSC_PUPPET_FILL) < 0)
		return;
	log_fd = memfd_create("vmascope-log", 0);
	if (log_fd < 0 || ftruncate(log_fd, LOG_BYTES))
		return;
	log_bytes = mmap(NULL, LOG_BYTES, PROT_READ, MAP_SHARED, log_fd, 0);
	if (log_bytes == MAP_FAILED)
		log_bytes = NULL;
}

bool vmsc_puppet_write_acts(struct vmsc_puppet *puppet)
{
	size_t size = (size_t)(vmsc_acts_end - vmsc_acts_code);

	return CODE_OFFSET + size <= ACTS_OFFSET &&
	       pwrite(puppet->mem, vmsc_acts_code, size, (off_t)(VMSC_PUPPET_STUB + CODE_OFFSET)) ==
		       (ssize_t)size;
}

/* A link of its own, to itself. */
void vmsc_puppet_prepare_acts(struct vmsc_puppet *puppet)
{
	struct {
		union bpf_attr attr;
		union bpf_iter_link_info info;
	} data;
	const uint64_t args[6] = {BPF_LINK_CREATE, VMSC_PUPPET_DATA + DATA_LINK, sizeof(data.attr)};
	uint64_t iter = 0;
	int64_t link;

	puppet->acts = false;
	if (!log_bytes)
		return;
	memset(&data, 0, sizeof(data));
	data.info.task.tid = (uint32_t)puppet->pid;
	data.attr.link_create.prog_fd = (uint32_t)vmsc_vma_iter_program(VMSC_PUPPET_FILL);
	data.attr.link_create.attach_type = BPF_TRACE_ITER;
	data.attr.link_create.iter_info = VMSC_PUPPET_DATA + DATA_LINK + sizeof(data.attr);
	data.attr.link_create.iter_info_len = sizeof(data.info);
	if (!vmsc_puppet_put(puppet, DATA_LINK, &data, sizeof(data)))
		return;
	link = vmsc_puppet_call(puppet, 0, SYS_bpf, args);
	iter = (uint64_t)link;
	puppet->acts = link >= 0 && vmsc_puppet_put(puppet, DATA_ITER, &iter, sizeof(iter));
}

/* What the log says of one act; the rest of the log. NULL: it says nothing of it. */
static const char *read_done(const char *at, struct vmsc_puppet_done *done)
{
	const int per_chunk = VMSC_VMA_CHUNK / sizeof(struct vmsc_raw_vma);

	if (log_bytes + LOG_BYTES - at < 16 + VMSC_VMA_CHUNK)
		return NULL;
	memcpy(&done->result, at, sizeof(done->result));
	memcpy(&done->data, at + 8, sizeof(done->data));
	done->vmas = (const void *)(at + 16);
	for (done->nr = 0; done->nr % per_chunk || !done->nr || done->vmas[done->nr - 1].end; done->nr++)
		if ((const char *)&done->vmas[done->nr + 1] > log_bytes + LOG_BYTES)
			return NULL;
	at = (const char *)&done->vmas[done->nr];
	while (done->nr && !done->vmas[done->nr - 1].end)
		done->nr--;
	return at;
}

/* An access that is answered by a signal has failed. False: it was no access. */
static bool go_on(struct user_regs_struct *regs)
{
	uint64_t at = regs->rip - VMSC_PUPPET_STUB - CODE_OFFSET;

	if (at != (uint64_t)(vmsc_acts_write - vmsc_acts_code) &&
	    at != (uint64_t)(vmsc_acts_read - vmsc_acts_code))
		return false;
	regs->rax = (uint64_t)-EFAULT;
	regs->rip = VMSC_PUPPET_STUB + CODE_OFFSET + (uint64_t)(vmsc_acts_told - vmsc_acts_code);
	return true;
}

bool vmsc_puppet_batch(struct vmsc_puppet *puppet, unsigned int thread, const struct vmsc_puppet_act *acts,
		       int nr, struct vmsc_puppet_done *done)
{
	struct user_regs_struct regs = puppet->regs;
	size_t size = (size_t)nr * sizeof(*acts);
	const char *at = log_bytes;
	int sig;

	if (!puppet->acts || nr > VMSC_PUPPET_BATCH || lseek(log_fd, 0, SEEK_SET) ||
	    pwrite(puppet->mem, acts, size, (off_t)(VMSC_PUPPET_STUB + ACTS_OFFSET)) != (ssize_t)size)
		return false;
	regs.rip = VMSC_PUPPET_STUB + CODE_OFFSET;
	regs.rbp = VMSC_PUPPET_STUB + ACTS_OFFSET;
	regs.rbx = (uint64_t)nr;
	regs.r13 = VMSC_PUPPET_DATA;
	regs.r14 = (uint64_t)log_fd;
	while ((sig = vmsc_puppet_run(puppet, thread, &regs)) == SIGSEGV || sig == SIGBUS)
		if (!go_on(&regs))
			return false;
	for (int i = 0; i < nr && at; i++)
		at = sig == SIGTRAP && !regs.rbx ? read_done(at, &done[i]) : NULL;
	return at;
}
