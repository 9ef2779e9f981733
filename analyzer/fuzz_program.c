/* SPDX-License-Identifier: MIT */
/*
 * fuzz_program.c - a sequence of steps as a program in C that stands alone, for people who have no vmascope.
 * Where steps belong to several processes, each of them walks through all steps and waits for its turn.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "callform.h"
#include "fuzz.h"
#include "names.h"
#include "script.h"
#include "vmaform.h"

static const char head[] =
	"#define _GNU_SOURCE\n"
	"#pragma GCC diagnostic ignored \"-Wunused-function\"\n#pragma GCC diagnostic ignored "
	"\"-Wunused-variable\"\n"
	"#include <errno.h>\n#include <fcntl.h>\n#include <setjmp.h>\n#include <signal.h>\n#include "
	"<stdint.h>\n"
	"#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/ioctl.h>\n#include "
	"<sys/ipc.h>\n"
	"#include <sys/mman.h>\n#include <sys/prctl.h>\n#include <sys/resource.h>\n#include <sys/shm.h>\n"
	"#include <sys/syscall.h>\n#include <sys/wait.h>\n#include <unistd.h>\n#include <linux/prctl.h>\n"
	"#include <linux/userfaultfd.h>\n\n"
	"static int me, others;\n"
	"static volatile int *turn; /* shared by all processes */\n"
	"static int fds[256];\n"
	"static uint64_t data[16];\n"
	"static jmp_buf back;\n\n"
	"static int mine(int step, int process)\n{\n"
	"\twhile (*turn < step)\n\t\tusleep(100);\n"
	"\treturn me == process;\n}\n\n"
	"static void did(int step, long result, long then)\n{\n"
	"\tprintf(\"%3d: %s0x%lx%s\\n\", step, result < 0 ? \"-\" : \"\", result < 0 ? -result : result,\n"
	"\t       result == then ? \"\" : \"   <- not so when it was found\");\n"
	"\tfflush(stdout);\n\t*turn = step + 1;\n}\n\n"
	"static long call(long nr, long a, long b, long c, long d, long e, long f)\n{\n"
	"\tlong result = syscall(nr, a, b, c, d, e, f);\n\n\treturn result == -1 ? -errno : result;\n}\n\n"
	"static void on_fault(int sig)\n{\n\t(void)sig;\n\tlongjmp(back, 1);\n}\n\n"
	"static long touch(long addr, int write)\n{\n"
	"\tsigset_t all;\n\n"
	"\tsignal(SIGSEGV, on_fault);\n\tsignal(SIGBUS, on_fault);\n"
	"\tsigemptyset(&all);\n\tsigprocmask(SIG_SETMASK, &all, NULL);\n"
	"\tif (setjmp(back))\n\t\treturn -EFAULT;\n"
	"\tif (write)\n\t\t*(volatile char *)addr = 1;\n\telse\n\t\t(void)*(volatile char *)addr;\n\treturn "
	"0;\n}\n\n"
	"static long poke(long addr)\n{\n"
	"\tint fd = open(\"/proc/self/mem\", O_RDWR);\n\tlong n = pwrite(fd, \"\\1\", 1, addr);\n\n"
	"\tclose(fd);\n\treturn n == 1 ? 0 : -EFAULT;\n}\n\n"
	"static int memory(int seals)\n{\n"
	"\tint fd = memfd_create(\"vmascope\", MFD_ALLOW_SEALING);\n\n"
	"\tif (ftruncate(fd, 1 << 30) || (seals && fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE)))\n"
	"\t\tperror(\"memfd\");\n\treturn fd;\n}\n\n"
	"static int disk(void)\n{\n"
	"\tchar path[] = \"/tmp/vmascope-XXXXXX\";\n\tint fd = mkstemp(path);\n\n"
	"\tunlink(path);\n\tif (ftruncate(fd, 1 << 30))\n\t\tperror(\"ftruncate\");\n\treturn fd;\n}\n\n"
	"static int secret(void)\n{\n"
	"\tint fd = syscall(447 /* memfd_secret */, 0);\n\n\tif (ftruncate(fd, 1 << "
	"30))\n\t\tperror(\"memfd_secret\");\n"
	"\treturn fd;\n}\n\n"
	"static int again(int fd, int flags)\n{\n"
	"\tchar path[32];\n\n\tsprintf(path, \"/proc/self/fd/%d\", fd);\n\treturn open(path, flags);\n}\n\n"
	"static int uffd(int id)\n{\n"
	"\tstatic int opened[4];\n"
	"\tstruct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_SIGBUS };\n\n"
	"\tif (!opened[id]) {\n\t\topened[id] = syscall(SYS_userfaultfd, O_NONBLOCK);\n"
	"\t\tioctl(opened[id], UFFDIO_API, &api);\n\t}\n\treturn opened[id];\n}\n\n"
	"static long attach(long size, long addr, long flags)\n{\n"
	"\tint id = shmget(IPC_PRIVATE, size, IPC_CREAT | 0700);\n"
	"\tlong result = call(SYS_shmat, id, addr, flags, 0, 0, 0);\n\n"
	"\tshmctl(id, IPC_RMID, NULL);\n\treturn result;\n}\n\n"
	"static long set(int resource, unsigned long value)\n{\n"
	"\tstruct rlimit limit;\n\n\tgetrlimit(resource, &limit);\n"
	"\tlimit.rlim_cur = value < limit.rlim_max ? value : limit.rlim_max;\n"
	"\treturn setrlimit(resource, &limit) ? -errno : 0;\n}\n\n"
	"/* Of this process, one range. */\n"
	"static long advise(unsigned long addr, unsigned long len, int advice, unsigned int flags)\n{\n"
	"\tint self = syscall(434 /* pidfd_open */, getpid(), 0);\n\tunsigned long range[2] = { addr, len "
	"};\n"
	"\tlong result = call(440 /* process_madvise */, self, (long)range, 1, advice, flags, 0);\n\n"
	"\tclose(self);\n\treturn result;\n}\n\n"
	"static void branch(int process)\n{\n"
	"\tif (!fork())\n\t\tme = process;\n\telse\n\t\tothers++;\n}\n\n"
	"/* The program break, put at @addr. */\n"
	"static void move_break(unsigned long addr)\n{\n"
	"\tstruct prctl_mm_map map = { .start_brk = addr, .brk = addr, .exe_fd = -1 };\n"
	"\tunsigned long *at = (unsigned long *)&map;\n\n"
	"\tfor (int i = 0; i < 4; i++)\n\t\tat[i] = 65536 + (i & 1);\n"
	"\tfor (int i = 6; i < 11; i++)\n\t\tat[i] = 65537;\n"
	"\tif (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0))\n\t\tperror(\"PR_SET_MM_MAP\");\n}\n\n"
	"static void show(unsigned long start, unsigned long end)\n{\n"
	"\tstatic char text[1 << 22];\n\tsize_t have = 0;\n\tssize_t n;\n\tunsigned long from, to;\n\tint "
	"inside = 0;\n"
	"\tint fd = open(\"/proc/self/smaps\", O_RDONLY);\n\n"
	"\twhile ((n = read(fd, text + have, sizeof(text) - 1 - have)) > 0)\n\t\thave += n;\n"
	"\tfor (char *line = strtok(text, \"\\n\"); line; line = strtok(NULL, \"\\n\")) {\n"
	"\t\tif (sscanf(line, \"%lx-%lx \", &from, &to) == 2)\n\t\t\tinside = from < end && to > start;\n"
	"\t\tif (inside && (strchr(line, '-') == line + 12 || !strncmp(line, \"VmFlags\", "
	"7)))\n\t\t\tputs(line);\n"
	"\t}\n\tfflush(stdout);\n}\n\n";

static const struct vmsc_file *file_of(const struct vmsc_run *run, uint32_t id)
{
	const struct vmsc_files *files = run->config.files;

	for (size_t i = 0; i < files->nr; i++)
		if (files->file[i].id == id)
			return &files->file[i];
	return NULL;
}

static const char *access_text(uint32_t mode)
{
	return !(mode & VMSC_FILE_WRITE) ? "O_RDONLY" : mode & VMSC_FILE_READ ? "O_RDWR" : "O_WRONLY";
}

/* The first file told of that has this inode; for itself, or to be opened again. */
static uint32_t first_with_inode(const struct vmsc_run *run, const struct vmsc_file *file)
{
	const struct vmsc_files *files = run->config.files;

	for (size_t i = 0; i < files->nr; i++)
		if (files->file[i].inode == file->inode && files->file[i].dev_minor == file->dev_minor &&
		    files->file[i].kind == file->kind)
			return files->file[i].id;
	return file->id;
}

static void write_open(const struct vmsc_run *run, const struct vmsc_file *file, bool *opened, FILE *out)
{
	uint32_t first = first_with_inode(run, file);

	if (opened[file->id])
		return;
	opened[file->id] = true;
	if (file->mode & VMSC_FILE_NO_MMAP) {
		fprintf(out, "\tfds[%u] = open(\"/\", O_RDONLY);\n", file->id);
	} else if (file->kind == VMSC_FILE_DEV_ZERO) {
		fprintf(out, "\tfds[%u] = open(\"/dev/zero\", O_RDWR);\n", file->id);
	} else if (file->mode & VMSC_FILE_SECRET) {
		fprintf(out, "\tfds[%u] = secret();\n", file->id);
	} else if (first != file->id) {
		write_open(run, file_of(run, first), opened, out);
		fprintf(out, "\tfds[%u] = again(fds[%u], %s);\n", file->id, first, access_text(file->mode));
	} else if (file->kind == VMSC_FILE_SHMEM) {
		fprintf(out, "\tfds[%u] = memory(%d);\n", file->id, !!(file->mode & VMSC_FILE_SEAL_WRITE));
	} else {
		fprintf(out, "\tfds[%u] = disk();\n", file->id);
	}
}

static void write_call(const struct vmsc_call *call, FILE *out)
{
	const uint64_t *args = call->args;

	fprintf(out, "call(%u", call->nr);
	for (int i = 0; i < 6; i++) {
		if (call->nr == SYS_mmap && i == 4 && call->file)
			fprintf(out, ", fds[%u]", call->file);
		else if (call->nr == SYS_prctl && i == 4 && call->name)
			fprintf(out, ", (long)\"vmascope %u\"", call->name % 10);
		else if ((call->nr == SYS_ioctl && i == 2) || (call->nr == SYS_io_setup && i == 1))
			fprintf(out, ", (long)data");
		else if ((call->nr == SYS_ioctl || call->nr == SYS_close) && !i)
			fprintf(out, ", uffd(%u)", call->uffd);
		else
			fprintf(out, args[i] < 10 ? ", %" PRIu64 : ", 0x%" PRIx64, args[i]);
	}
	fprintf(out, ")");
}

/* What the registers point to. */
static void write_data(const struct vmsc_call *call, FILE *out)
{
	static const unsigned int modes[] = {0, 1, 3, 2};

	if (call->nr == SYS_ioctl)
		fprintf(out,
			"\t\tdata[0] = 0x%" PRIx64 ";\n\t\tdata[1] = 0x%" PRIx64 ";\n\t\tdata[2] = %" PRIu64
			";\n",
			call->range_start, call->range_end - call->range_start, call->mode);
	if (call->nr == SYS_io_setup)
		fprintf(out, "\t\tdata[0] = 0;\n");
	if (call->nr == SYS_mbind)
		fprintf(out, "\t\tdata[0] = 1; /* MPOL mode %u of node 0 */\n", modes[call->policy % 4]);
}

static void write_mbind(const struct vmsc_call *call, FILE *out)
{
	static const unsigned int modes[] = {0, 1, 3, 2};

	fprintf(out, "call(SYS_mbind, 0x%" PRIx64 ", 0x%" PRIx64 ", %u, %s, %d, 0)", call->args[0],
		call->args[1], modes[call->policy % 4], call->policy ? "(long)data" : "0",
		call->policy ? 8 : 0);
}

static void write_what(const struct vmsc_step *step, FILE *out)
{
	const struct vmsc_call *call = &step->call;

	if (step->kind == VMSC_STEP_TOUCH)
		fprintf(out, "touch(0x%" PRIx64 ", %d)", step->addr, step->write);
	else if (step->kind == VMSC_STEP_POKE)
		fprintf(out, "poke(0x%" PRIx64 ")", step->addr);
	else if (call->nr == SYS_shmat)
		fprintf(out, "attach(0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ")", call->size, call->args[1],
			call->args[2]);
	else if (call->nr == SYS_process_madvise)
		fprintf(out, "advise(0x%" PRIx64 ", 0x%" PRIx64 ", %u, %u)", call->range_start,
			call->range_end - call->range_start, (uint32_t)call->args[3],
			(uint32_t)call->args[4]);
	else if (call->nr == SYS_mbind)
		write_mbind(call, out);
	else
		write_call(call, out);
}

static void write_limits(const struct vmsc_step *step, size_t index, FILE *out)
{
	fprintf(out,
		"\tif (mine(%zu, %u)) { /* with vm.max_map_count such that %" PRIu64 " VMAs are allowed */\n"
		"\t\tset(RLIMIT_AS, %" PRIu64 "ul);\n\t\tset(RLIMIT_DATA, %" PRIu64 "ul);\n"
		"\t\tset(RLIMIT_STACK, %" PRIu64 "ul);\n\t\tset(RLIMIT_MEMLOCK, %" PRIu64
		"ul);\n\t\tdid(%zu, 0, 0);\n\t}\n",
		index, step->process, step->limits.max_map_count, step->limits.as, step->limits.data,
		step->limits.stack, step->limits.memlock, index);
}

static void write_step(const struct vmsc_step *step, size_t index, FILE *out)
{
	char *text = vmsc_step_to_text(step);

	fprintf(out, "\n\t/* %s */\n", text);
	free(text);
	if (step->kind == VMSC_STEP_LIMITS) {
		write_limits(step, index, out);
		return;
	}
	fprintf(out, "\tif (mine(%zu, %u)) {\n", index, step->process);
	if (step->kind == VMSC_STEP_FORK) {
		fprintf(out, "\t\tbranch(%" PRIu64 ");\n\t\tif (me == %u)\n\t\t\tdid(%zu, 0, 0);\n\t}\n",
			step->value, step->process, index);
		return;
	}
	if (step->kind == VMSC_STEP_CALL)
		write_data(&step->call, out);
	fprintf(out, "\t\tdid(%zu, ", index);
	write_what(step, out);
	fprintf(out, ", %" PRId64 ");\n\t}\n", step->result);
}

/* The kernel's view in a comment, so that the program says what is to be seen. */
static void write_view(const struct vmsc_run *run, FILE *out)
{
	fprintf(out, "/*\n * %s\n *\n * What the kernel showed at the end:\n", run->why);
	for (size_t i = 0; i < run->view.nr; i++) {
		const struct vmsc_seen_record *vma = &run->view.vmas[i];
		char perms[5], *flags = vmsc_flags_text(vma->vm_flags);

		vmsc_perms_text(vma->vm_flags, perms);
		fprintf(out, " *   %" PRIx64 "-%" PRIx64 " %s %08" PRIx64 "  %s\n", vma->start, vma->end,
			perms, vma->offset, flags);
		free(flags);
	}
	fprintf(out, " */\n");
}

void vmsc_run_write_program(const struct vmsc_run *run, FILE *out)
{
	bool opened[VMSC_FILES_MAX] = {false}, has_brk = false;

	write_view(run, out);
	fputs(head, out);
	fprintf(out,
		"int main(void)\n{\n\tstatic char buffer[4096];\n\n\tsetvbuf(stdout, buffer, _IOFBF, "
		"sizeof(buffer));\n"
		"\tturn = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);\n");
	for (size_t i = 0; i < run->nr; i++) {
		const struct vmsc_file *file = file_of(run, run->steps[i].call.file);

		has_brk = has_brk || run->steps[i].call.nr == SYS_brk;
		if (file && run->steps[i].kind == VMSC_STEP_CALL)
			write_open(run, file, opened, out);
	}
	if (has_brk)
		fprintf(out, "\tmove_break(0x%" PRIx64 ");\n", run->config.start_brk);
	for (size_t i = 0; i < run->nr; i++)
		write_step(&run->steps[i], i, out);
	fprintf(out,
		"\n\twhile (*turn < %zu)\n\t\tusleep(100);\n\tprintf(\"process %%d:\\n\", "
		"me);\n\tshow(0x%" PRIx64 ", 0x%" PRIx64
		");\n\tfflush(stdout);\n\twhile (others--)\n\t\twait(NULL);\n\t_exit(0);\n}\n",
		run->nr, VMSC_FUZZ_BASE - (UINT64_C(16) << 20), VMSC_FUZZ_BASE + (UINT64_C(16) << 20));
}
